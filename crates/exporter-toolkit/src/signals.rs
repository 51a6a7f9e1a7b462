//! The signals that stop the program or reload its configuration.

use tokio::signal::unix::{SignalKind, signal};

/// Returns a future that ends with the first SIGTERM or SIGINT, for [`Server::serve`](crate::Server::serve). A second one
/// exits the process at once. SIGHUP, which service managers send to reload, calls `reload`.
///
/// # Errors
/// If the signal handlers cannot be installed.
///
/// # Panics
/// Outside a tokio runtime.
pub fn stop(reload: impl Fn()) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut stop = async move || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    Ok(async move {
        loop {
            tokio::select! {
                signal = stop() => break tracing::info!(signal, "stopping"),
                _ = hangup.recv() => reload(),
            }
        }
        tokio::spawn(async move {
            let signal = stop().await;
            tracing::warn!(signal, "exiting at once");
            std::process::exit(1)
        });
    })
}
