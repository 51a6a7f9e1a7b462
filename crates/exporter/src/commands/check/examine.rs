//! Scrapes once as the exporter does, then makes the same calls one at a time to measure them.

use super::access::User;
use super::report::{Examined, Measured, Report, Server, Socket};
use super::room::Room;
use crate::collectors::schema::{Call, Collector};
use crate::collectors::{ALL, UPTIME};
use crate::instance::Settings;
use crate::scrape::diagnosis::{self, State};
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::page;
use crate::scrape::plan::{Plan, PlannedCall};
use crate::scrape::{self, Job, Known, Scrape};
use futures_util::FutureExt as _;
use kamailio_binrpc::tokio::Client;
use kamailio_binrpc::{Arg, Error, Members, Target, Value};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

/// Examines a Kamailio. `progress` is told how many of how many calls were made.
pub(super) async fn examine(
    target: &Target,
    timeout: Duration,
    settings: &Settings,
    user: Option<&User>,
    progress: impl Fn(usize, usize),
) -> Report {
    let start = Instant::now();
    let deadline = start + timeout;
    let page = settings
        .selection
        .page()
        .map(|(_, url)| page::fetch(url.clone(), settings.max_series, deadline).boxed().shared());
    let job = Job {
        allow: None,
        target,
        configured: &settings.selection,
        selection: &settings.selection,
        limit: settings.max_series,
        deadline,
        budget: &MemoryBudget::new(),
        page: page.as_ref(),
    };
    let scrape = scrape::run(job, Known::default()).await;
    let mut report = Report {
        target: target.to_string(),
        socket: None,
        kamailio: None,
        duration: start.elapsed(),
        series: scrape.samples.len() + scrape.samples.external_len(),
        collectors: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    if let Target::Unix(path) | Target::UnixDatagram(path) = target {
        report.socket = socket(path, user, &scrape, &mut report.problems);
    }
    if scrape.answered {
        report.duration_warning(timeout);
    } else {
        report.problems.insert(0, unreachable(target, scrape.error.as_ref()));
    }
    let mut measured = Vec::new();
    if let Some(capabilities) = scrape.known.capabilities.as_ref().filter(|_| scrape.answered) {
        let plan = Plan::new(&settings.selection, capabilities);
        let mut server = Server::default();
        if let Err(error) = measure(target, timeout, plan, &mut server, &mut measured, progress).await {
            report.warnings.push(format!("The calls could not all be made one at a time: {error}."));
        }
        report.kamailio = Some(server);
    }
    for (place, collector) in ALL.iter().enumerate() {
        let (state, reason) = diagnosis::condition(place, &settings.selection, &scrape);
        let calls =
            measured.iter().filter(|(call, _)| call.readers.iter().any(|reader| reader.collector == place));
        let calls = calls.map(|(_, measured)| measured.clone()).collect();
        let Collector { name, method, module, .. } = **collector;
        report.collectors.push(Examined { name, method, module, state, reason, calls });
    }
    if scrape.answered {
        report.failures();
        report.findings(&scrape, settings);
        let grows = |call: &&(PlannedCall, Measured)| !is_split(&call.0, settings);
        report.sizes(measured.iter().filter(grows).map(|(_, measured)| measured));
    }
    report
}

fn socket(path: &Path, user: Option<&User>, scrape: &Scrape, problems: &mut Vec<String>) -> Option<Socket> {
    let denied = |error: &Error| matches!(error, Error::Io(e) if e.kind() == ErrorKind::PermissionDenied);
    let (user, allowed) = match user {
        Some(user) => {
            let obstacle = user.obstacle(path);
            let allowed = obstacle.is_none();
            problems
                .extend(obstacle.map(|obstacle| format!("{} may not use the socket. {obstacle}", user.name)));
            (user.name.clone(), allowed)
        }
        // Who has tried needs no modes to know.
        None => (User::current(), !scrape.error.as_ref().is_some_and(denied)),
    };
    path.exists().then(|| Socket { description: diagnosis::owner(path), user, allowed })
}

fn unreachable(target: &Target, error: Option<&Error>) -> String {
    let advice = error.and_then(|error| diagnosis::advice(target, error)).unwrap_or_default();
    let error = error.map_or_else(|| "Kamailio did not answer".to_owned(), ToString::to_string);
    format!("{error}. {advice}").trim_end().to_owned()
}

/// Makes the calls of the plan, and those that tell which Kamailio this is.
async fn measure(
    target: &Target,
    timeout: Duration,
    plan: Plan,
    server: &mut Server,
    measured: &mut Vec<(PlannedCall, Measured)>,
    progress: impl Fn(usize, usize),
) -> Result<(), Error> {
    let mut client = Client::connect(target, Instant::now() + timeout).await?;
    server.version = ask(&mut client, "core.version", |records| {
        let text = String::from_utf8_lossy(records.first()?.bytes()?).trim().to_owned();
        Some(text)
    })
    .await?;
    server.uptime = ask(&mut client, UPTIME.method, |records| {
        records.first()?.get("uptime").and_then(Value::unsigned).map(Duration::from_secs)
    })
    .await?;
    server.processes = ask(&mut client, "core.psx", |records| Some(records.iter().count())).await?;
    let count = plan.calls.len();
    for (place, call) in plan.calls.into_iter().enumerate() {
        progress(place, count);
        let args: Vec<Arg<'_>> = call.args.iter().map(|arg| scrape::argument(arg, call.numbers)).collect();
        let start = Instant::now();
        client.set_deadline(start + timeout);
        let reply = client.call(call.method, &args).await?;
        let result = Measured {
            method: call.method,
            arguments: call.args.clone(),
            duration: start.elapsed(),
            bytes: reply.packet().len(),
            room: reply.records().map(Room::of).unwrap_or_default(),
        };
        measured.push((call, result));
    }
    Ok(())
}

async fn ask<T>(
    client: &mut Client,
    method: &str,
    read: impl FnOnce(Members<'_>) -> Option<T>,
) -> Result<Option<T>, Error> {
    Ok(client.call(method, &[]).await?.records().ok().and_then(read))
}

/// Whether the exporter itself sees to it that a reply does not become too large.
fn is_split(call: &PlannedCall, settings: &Settings) -> bool {
    let all = settings.selection.groups.iter().any(|group| group == "all");
    call.readers.iter().all(|reader| match ALL[reader.collector].call {
        Call::EveryGroup => true,
        Call::EachGroup => all,
        _ => false,
    })
}

impl Report {
    fn duration_warning(&mut self, timeout: Duration) {
        if self.duration * 2 > timeout {
            self.warnings.push(format!(
                "The scrape took {:.1} s of the {:.1} s that --kamailio.timeout gives it.",
                self.duration.as_secs_f64(),
                timeout.as_secs_f64()
            ));
        }
    }

    fn failures(&mut self) {
        let failed = self.collectors.iter().filter(|collector| collector.state == State::Failed);
        let warnings = failed.map(|Examined { name, reason, .. }| match diagnosis::too_large(reason) {
            Some(advice) => format!("{name} failed: {reason}. {advice}"),
            None => format!("{name} failed: {reason}."),
        });
        self.warnings.extend(warnings);
    }

    fn findings(&mut self, scrape: &Scrape, settings: &Settings) {
        for outcome in &scrape.outcomes {
            let name = ALL[outcome.collector].name;
            let (duplicates, over_limit) = (outcome.findings.duplicates, outcome.findings.over_limit);
            if duplicates > 0 {
                self.warnings.push(format!(
                    "{name}: {duplicates} samples are left out, because an earlier one has the same labels."
                ));
            }
            if over_limit > 0 {
                self.warnings.push(format!(
                    "{name}: {over_limit} samples are left out, because a family may have {} of them \
                     (--collector.max-series).",
                    settings.max_series
                ));
            }
        }
    }

    fn sizes<'m>(&mut self, calls: impl Iterator<Item = &'m Measured>) {
        for Measured { method, arguments, room, .. } in calls {
            if let Some(advice) = room.near_limit() {
                let call = [&[(*method).to_owned()], &arguments[..]].concat().join(" ");
                self.warnings.push(format!("{call}: {advice}."));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_that_takes_most_of_its_time_is_a_warning() {
        let mut report = Report {
            target: String::new(),
            socket: None,
            kamailio: None,
            duration: Duration::from_secs(2),
            series: 0,
            collectors: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        report.duration_warning(Duration::from_secs(4));
        assert_eq!(report.warnings, [""; 0]);
        report.duration_warning(Duration::from_secs(3));
        assert_eq!(report.warnings, ["The scrape took 2.0 s of the 3.0 s that --kamailio.timeout gives it."]);
    }
}
