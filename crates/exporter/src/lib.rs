//! The program `kamailio_exporter`.
//!
//! Its directories, each of which uses only those after it: `cli`, `commands`, `site`, `instance`, `scrape`, `outbound`,
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
use exporter_toolkit::signals;
use std::process::ExitCode;
use support::{log, terminal};

/// Parts that the tests, benchmarks and fuzz targets of this repository take apart. They change without notice.
#[doc(hidden)]
pub mod internals {
    pub use crate::cli::command;
    pub use crate::collectors::catalogue::{CollectorFamilies, catalogue};
    pub use crate::collectors::exporter::FAMILIES;
    pub use crate::collectors::schema::{
        Call, Collector, Cost, EachKey, Field, Key, Label, LabelValue, Listing, Table,
    };
    pub use crate::collectors::{ALL, UPTIME};
    pub use crate::commands::call::json;
    pub use crate::instance::self_metrics::Counters;
    pub use crate::instance::single_flight::{Run, SingleFlight};
    pub use crate::instance::{Instance, Settings};
    pub use crate::outbound::allow_list::AllowList;
    pub use crate::outbound::http::Url;
    pub use crate::scrape::bodies::Bodies;
    pub use crate::scrape::capabilities::{Capabilities, Question};
    pub use crate::scrape::extraction::{Answered, Findings, extract};
    pub use crate::scrape::memory_budget::Share;
    pub use crate::scrape::plan::Plan;
    pub use crate::scrape::selection::Selection;
    pub use crate::scrape::{Known, Outcome, Scrape, join_page};
    pub use crate::site::{Options as SiteOptions, Paths, Site};
    pub use crate::support::build_info;
}

/// Parses the arguments, sets up the log, and runs the command.
pub fn main() -> ExitCode {
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
                let stop = signals::stop(|| {
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
