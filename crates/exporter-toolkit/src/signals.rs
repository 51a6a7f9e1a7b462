//! The signals that end the program or reload its configuration.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT; the next one ends the program, whatever it still does. SIGHUP, with which service units
/// reload, is no end.
pub fn stop(reload: impl Fn()) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut end = async move || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    Ok(async move {
        loop {
            tokio::select! {
                signal = end() => break tracing::info!(signal, "stopping"),
                _ = hangup.recv() => reload(),
            }
        }
        tokio::spawn(async move {
            let signal = end().await;
            tracing::warn!(signal, "stopping at once");
            std::process::exit(1)
        });
    })
}
