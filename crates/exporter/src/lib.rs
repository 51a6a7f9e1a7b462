//! The program `kamailio_exporter`.
//!
//! Directories, each of which imports only those that follow it: `cli`, `commands`, `site`, `instance`, `scrape`, `outbound`,
//! `collectors`, `support`.

mod cli;
mod collectors;
mod commands;
mod instance;
mod outbound;
mod scrape;
mod site;
mod support;

use cli::{Action, Exit, Options};
use commands::{call, check, healthcheck};
use exporter_toolkit::signals;
use std::process::ExitCode;
use support::{log, terminal};

/// Internals for the tests, benchmarks and fuzz targets of this repository. They change without notice.
#[doc(hidden)]
pub mod internals {
    pub use crate::cli::command;
    pub use crate::collectors::catalogue::{CollectorFamilies, catalogue};
    pub use crate::collectors::exporter::FAMILIES;
    pub use crate::collectors::schema::{
        Call, Collector, Cost, EqualRows, Field, Key, Label, LabelValue, Listing, NameMatcher, Table,
    };
    pub use crate::collectors::{ALL, UPTIME};
    pub use crate::commands::call::json;
    pub use crate::instance::self_metrics::Counters;
    pub use crate::instance::single_flight::{Flight, SingleFlight};
    pub use crate::instance::{Deadline, Instance, Settings};
    pub use crate::outbound::allow_list::AllowList;
    pub use crate::outbound::http::Url;
    pub use crate::outbound::{Target, jsonrpc_reply};
    pub use crate::scrape::capabilities::{Capabilities, CapabilityQuery, Discovery};
    pub use crate::scrape::extraction::{CallContext, extract};
    pub use crate::scrape::local::{Listed, ListedProcess, Observer};
    pub use crate::scrape::plan::Plan;
    pub use crate::scrape::selection::Selection;
    pub use crate::scrape::{CollectorResult, Omissions, Scrape, merge_page};
    pub use crate::site::{Options as SiteOptions, Paths, Site};
    pub use crate::support::build_info;
}

/// Parses the arguments, starts the log, and runs the command.
pub fn main() -> ExitCode {
    let options = match cli::parse(std::env::args_os()) {
        Ok(options) => options,
        Err(Exit::Print(text)) => return print(&text),
        Err(Exit::Healthcheck(url)) => {
            return match block_on(healthcheck::run(&url)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    terminal::print_error(&format!("{error:#}"));
                    ExitCode::FAILURE
                }
            };
        }
        Err(Exit::Usage(message)) => return usage_error(&message, ExitCode::FAILURE),
        Err(Exit::CallUsage(message)) => return usage_error(&message, call::USAGE.into()),
        Err(Exit::CheckUsage(message)) => return usage_error(&message, check::UNKNOWN.into()),
        Err(Exit::PluginUsage(message)) => return check::unknown(&message),
    };
    if let Some((level, format)) = options.log {
        log::start(level, format);
    }
    let Options { target, timeout, action, warnings, .. } = options;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    match action {
        Action::Serve(serve) => finish("failed to serve", block_on(serve.run(target)).map(|()| true)),
        Action::Push(push) => {
            let run = async {
                let stop = signals::stop(|| {
                    tracing::info!(signal = "SIGHUP", "nothing to reload: files are read before each push");
                })?;
                push.run(target, timeout, stop).await
            };
            finish("failed to push", block_on(run).map(|()| true))
        }
        Action::Once(once) => finish("failed to write the metrics", block_on(once.run(target, timeout))),
        Action::Call(call) => call.run(&target, timeout),
        Action::Check(check) => check.run(&target, timeout),
    }
}

fn print(text: &[u8]) -> ExitCode {
    match terminal::print(text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            terminal::print_error(&message);
            ExitCode::FAILURE
        }
    }
}

fn usage_error(message: &str, code: ExitCode) -> ExitCode {
    terminal::print_error(&format!("{message}, try --help"));
    code
}

/// Logs an error, and returns the exit code: 0 for `Ok(true)`.
fn finish(failure: &str, result: anyhow::Result<bool>) -> ExitCode {
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command on one thread: the work is mostly waiting, and the other cores belong to Kamailio.
fn block_on<T>(action: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(action);
    // A hung name lookup blocks a thread, which we do not wait for.
    runtime.shutdown_background();
    result
}
