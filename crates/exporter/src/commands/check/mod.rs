//! Examines a Kamailio and tells what the exporter gets from it, what it does not, and why.

mod access;
mod examine;
mod json;
mod report;
mod room;
mod text;

use crate::instance::Settings;
use crate::support::terminal;
use access::User;
use kamailio_binrpc::Target;
use report::Verdict;
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// What to examine.
#[derive(Debug)]
pub(crate) struct Check {
    /// What Kamailio is asked for.
    pub settings: Settings,
    /// The user that the exporter runs as; `None` is the one who asks.
    pub user: Option<String>,
    /// Whether the report is for programs.
    pub json: bool,
}

impl Check {
    /// Examines a Kamailio and prints the report. The exit code is 0 if all is well, 1 if there are warnings, 2 if the
    /// exporter, as that user, cannot scrape.
    pub(crate) fn run(self, target: &Target, timeout: Duration) -> ExitCode {
        match self.examine(target, timeout) {
            Ok(Verdict::Ok) => ExitCode::SUCCESS,
            Ok(Verdict::Warnings) => ExitCode::from(WARNINGS),
            Ok(Verdict::Failed) => ExitCode::from(FAILED),
            Err(sentence) => {
                terminal::complain(&sentence);
                ExitCode::from(FAILED)
            }
        }
    }

    fn examine(self, target: &Target, timeout: Duration) -> Result<Verdict, String> {
        let Self { settings, user, json } = self;
        let user = user.as_deref().map(User::named).transpose()?;
        let shows_progress = std::io::stderr().is_terminal();
        let progress = |done: usize, count: usize| {
            if shows_progress {
                let _ = write!(std::io::stderr(), "{CLEAR_LINE}call {} of {count}", done + 1);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("cannot start: {error}"))?;
        let report = runtime.block_on(examine::examine(target, timeout, &settings, user.as_ref(), progress));
        // A resolver that does not answer has a thread of its own, which nobody waits for any more.
        runtime.shutdown_background();
        if shows_progress {
            let _ = write!(std::io::stderr(), "{CLEAR_LINE}");
        }
        let text = if json {
            json::write(&report)
        } else {
            text::write(&report, terminal::has_colours(&std::io::stdout()))
        };
        terminal::print(text.as_bytes())?;
        Ok(report.verdict())
    }
}

const WARNINGS: u8 = 1;
const FAILED: u8 = 2;
/// To the line's beginning, and away with what is on it.
const CLEAR_LINE: &str = "\r\x1b[K";
