//! `kamailio_exporter`: Prometheus exporter for the SIP server Kamailio.

use kamailio_binrpc::Target;
use kamailio_exporter::cli::{self, Action, Exit, Options, Serve};
use kamailio_exporter::instance::Exporter;
use kamailio_exporter::support::{build_info, log, terminal};
use kamailio_exporter::web::{Probes, Server, Site};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> ExitCode {
    let options = match cli::parse(std::env::args_os()) {
        Ok(options) => options,
        Err(Exit::Print(text)) => {
            return match terminal::print(&text) {
                Ok(()) => ExitCode::SUCCESS,
                Err(sentence) => {
                    terminal::complain(&sentence);
                    ExitCode::FAILURE
                }
            };
        }
        Err(Exit::Usage(sentence)) => {
            terminal::complain(&format!("{sentence}, try --help"));
            return ExitCode::FAILURE;
        }
    };
    if let Some((level, format)) = options.log {
        log::start(level, format);
    }
    let Options { target, timeout, action, .. } = options;
    match action {
        Action::Serve(options) => {
            end("http server failed", block_on(serve(target, timeout, *options)).map(|()| true))
        }
        Action::Push(push) => {
            let run = async {
                let stop = stop_signal(|| {
                    tracing::info!(signal = "SIGHUP", "nothing to reload: the files are read for each push");
                })?;
                push.run(target, timeout, stop).await
            };
            end("pushing failed", block_on(run).map(|()| true))
        }
        Action::Once(once) => end("no metrics", block_on(once.run(target, timeout))),
        Action::Call(call) => call.run(&target, timeout),
        Action::Check(check) => check.run(&target, timeout),
    }
}

/// The exit code: 0 if all went well.
fn end(failure: &str, result: anyhow::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// One thread is enough for what is mostly waiting, and leaves the others to Kamailio.
fn block_on<T>(action: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(action);
    // A resolver that does not answer has a thread of its own, which nobody waits for any more.
    runtime.shutdown_background();
    result
}

async fn serve(target: Target, timeout: Duration, options: Serve) -> anyhow::Result<()> {
    tracing::info!(version = build_info::info(), "Starting kamailio_exporter");
    tracing::info!(build_context = build_info::context(), "Build context");
    let probes = options.allow.map(|allow| Probes::new(allow, &options.settings, options.max_probes));
    let exporter = Exporter::new(target, Arc::new(options.settings));
    let site = Site::new(exporter, options.paths, timeout, options.max_requests).with_probes(probes);
    let server = Server::new(site, options.web_config, options.limits)?;
    let stop = stop_signal({
        let server = server.clone();
        move || {
            tracing::info!(signal = "SIGHUP", "reloading");
            // Whether it worked is in the log already.
            drop(server.reload());
        }
    })?;
    server.serve(&options.listen, stop).await
}

/// Waits for SIGTERM or SIGINT; the next one ends the program, whatever it still does. SIGHUP, with which service units
/// reload, is no end.
fn stop_signal(reload: impl Fn()) -> std::io::Result<impl Future<Output = ()>> {
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
