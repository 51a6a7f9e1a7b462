//! `kamailio_exporter`: Prometheus exporter for the SIP server Kamailio.

use kamailio_exporter::cli::{self, Action, Exit, Options};
use kamailio_exporter::support::{log, terminal};
use std::process::ExitCode;

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
        Action::Serve(serve) => end("http server failed", block_on(serve.run(target)).map(|()| true)),
        Action::Push(push) => {
            let run = async {
                let stop = exporter_toolkit::signals::stop(|| {
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
