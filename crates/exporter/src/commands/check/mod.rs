//! Diagnoses a Kamailio: which collectors work, which do not, and why.

mod access;
mod examine;
mod json;
mod nagios;
mod reply_size;
mod report;
mod text;

use crate::instance::Settings;
use crate::outbound::Target;
use crate::support::terminal;
use access::User;
use report::{Report, Verdict};
use std::io::{IsTerminal, Write as _};
use std::process::ExitCode;
use std::time::Duration;

/// The options of `check`.
#[derive(Debug)]
pub(crate) struct Check {
    /// The settings for the scrape.
    pub settings: Settings,
    /// The user that the exporter runs as; `None` is the current user.
    pub user: Option<String>,
    /// The format of the report.
    pub format: Format,
}

/// The format of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For Nagios, Icinga and compatible monitoring systems.
    Nagios,
}

/// The exit code if nothing is known about Kamailio, also for an invalid command line. All exit codes are those of Nagios
/// plugins.
pub(crate) const UNKNOWN: u8 = 3;

impl Check {
    /// Checks a Kamailio and prints the report. The exit code is 0 if there are no problems, 1 if there are warnings, 2 if
    /// the exporter cannot scrape, and 3 if the check itself failed.
    pub(crate) fn run(self, target: &Target, timeout: Duration) -> ExitCode {
        let format = self.format;
        match self.examine(target, timeout) {
            Ok(Verdict::Ok) => ExitCode::SUCCESS,
            Ok(Verdict::Warnings) => ExitCode::from(WARNING),
            Ok(Verdict::Failed) => ExitCode::from(CRITICAL),
            Err(message) if format == Format::Nagios => unknown(&message),
            Err(message) => {
                terminal::print_error(&message);
                ExitCode::from(UNKNOWN)
            }
        }
    }

    fn examine(self, target: &Target, timeout: Duration) -> Result<Verdict, String> {
        let Self { settings, user, format } = self;
        let user = user.as_deref().map(User::named).transpose()?;
        let shows_progress = std::io::stderr().is_terminal();
        let progress = |done: usize, count: usize| {
            if shows_progress {
                let _ = write!(std::io::stderr(), "{CLEAR_LINE}call {} of {count}", done + 1);
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("failed to start: {error}"))?;
        let report = runtime.block_on(examine::examine(target, timeout, &settings, user.as_ref(), progress));
        // A hung name lookup blocks a thread, which we do not wait for.
        runtime.shutdown_background();
        if shows_progress {
            let _ = write!(std::io::stderr(), "{CLEAR_LINE}");
        }
        terminal::print(format.write(&report, timeout).as_bytes())?;
        Ok(report.verdict())
    }
}

impl Format {
    fn write(self, report: &Report, timeout: Duration) -> String {
        match self {
            Self::Text => text::write(report, terminal::has_colours(&std::io::stdout())),
            Self::Json => json::write(report),
            Self::Nagios => nagios::write(report, timeout),
        }
    }
}

/// Reports, as a plugin does, that nothing is known about Kamailio.
pub(crate) fn unknown(message: &str) -> ExitCode {
    if let Err(message) = terminal::print(nagios::unknown(message).as_bytes()) {
        terminal::print_error(&message);
    }
    ExitCode::from(UNKNOWN)
}

const WARNING: u8 = 1;
const CRITICAL: u8 = 2;
/// Moves the cursor to the beginning of the line, and clears the line.
const CLEAR_LINE: &str = "\r\x1b[K";
