//! Scrapes once as the exporter does, then repeats each call separately to measure it.

use super::access::User;
use super::reply_size::ReplySize;
use super::report::{CollectorReport, MeasuredCall, Report, Server, Socket};
use super::text;
use crate::collectors::schema::{Call, Collector};
use crate::collectors::{ALL, UPTIME};
use crate::instance::Settings;
use crate::outbound::{Client, Protocol, Target};
use crate::scrape::diagnosis::{self, CollectorState, Summary};
use crate::scrape::external_page;
use crate::scrape::memory_budget::MemoryBudget;
use crate::scrape::plan::{Plan, PlannedCall};
use crate::scrape::{self, Preparation, Scrape, ScrapeRequest};
use futures_util::FutureExt as _;
use kamailio_binrpc::{Arg, Error, Members, Target as Address, Value};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Checks a Kamailio. Calls `progress` with the number of calls made and the number of calls in total.
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
        .map(|(_, url)| external_page::fetch(url.clone(), settings.max_series, deadline).boxed().shared());
    let request = ScrapeRequest {
        allow: None,
        target,
        configured: &settings.selection,
        selection: &settings.selection,
        max_series: settings.max_series,
        deadline,
        budget: &MemoryBudget::new(),
        page: page.as_ref(),
        observer: &Mutex::default(),
    };
    let scrape = scrape::run(request, Preparation::default()).await;
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
    if let Address::Unix(path) | Address::UnixDatagram(path) = target.address() {
        report.socket = socket(path, user, &scrape, &mut report.problems);
    }
    if scrape.responded {
        report.duration_warning(timeout);
    } else {
        report.problems.insert(0, unreachable(target, scrape.error.as_ref()));
    }
    let mut measured = Vec::new();
    if let Some(capabilities) = scrape.preparation.capabilities.as_ref().filter(|_| scrape.responded) {
        let plan = Plan::new(&settings.selection, capabilities);
        let mut server = Server::default();
        if let Err(error) = measure(target, timeout, plan, &mut server, &mut measured, progress).await {
            report.warnings.push(format!("Not every call could be measured: {error}."));
        }
        report.kamailio = Some(server);
    }
    let summary = Summary::of(&scrape, target);
    for (index, collector) in ALL.iter().enumerate() {
        let (state, reason) = summary.state(index, &settings.selection);
        let calls =
            measured.iter().filter(|(call, _)| call.readers.iter().any(|reader| reader.collector == index));
        let calls = calls.map(|(_, measured)| measured.clone()).collect();
        let Collector { name, method, module, .. } = **collector;
        report.collectors.push(CollectorReport { name, method, module, state, reason, calls });
    }
    if scrape.responded {
        report.failures();
        report.findings(&scrape, settings);
        let grows = |call: &&(PlannedCall, MeasuredCall)| !is_split(&call.0, settings);
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
            let message =
                |obstacle| format!("The user {} cannot connect to the socket. {obstacle}", user.name);
            problems.extend(obstacle.map(message));
            (user.name.clone(), allowed)
        }
        // The scrape has shown whether the current user can connect.
        None => (User::current(), !scrape.error.as_ref().is_some_and(denied)),
    };
    path.exists().then(|| Socket { description: diagnosis::description(path), user, allowed })
}

fn unreachable(target: &Target, error: Option<&Error>) -> String {
    let advice = error.and_then(|error| diagnosis::advice(target, error)).unwrap_or_default();
    let error = error.map_or_else(|| "Kamailio did not respond".to_owned(), ToString::to_string);
    format!("{error}. {advice}").trim_end().to_owned()
}

/// Makes the calls of the plan one at a time, after those that identify the server.
async fn measure(
    target: &Target,
    timeout: Duration,
    plan: Plan,
    server: &mut Server,
    measured: &mut Vec<(PlannedCall, MeasuredCall)>,
    progress: impl Fn(usize, usize),
) -> Result<(), Error> {
    let mut client = Client::connect(target, None, Instant::now() + timeout).await?;
    server.version = query(&mut client, "core.version", |records| {
        let text = String::from_utf8_lossy(records.first()?.as_bytes()?).trim().to_owned();
        Some(text)
    })
    .await?;
    server.uptime = query(&mut client, UPTIME.method, |records| {
        records.first()?.get("uptime").and_then(Value::as_u64).map(Duration::from_secs)
    })
    .await?;
    server.processes = query(&mut client, "core.psx", |records| Some(records.iter().count())).await?;
    let count = plan.calls.len();
    for (index, call) in plan.calls.into_iter().enumerate() {
        progress(index, count);
        let args: Vec<Arg<'_>> = call.args.iter().map(|arg| scrape::argument(arg, call.numbers)).collect();
        let start = Instant::now();
        client.set_deadline(start + timeout);
        let reply = client.call(call.method, &args).await?;
        let result = MeasuredCall {
            method: call.method,
            arguments: call.args.clone(),
            duration: start.elapsed(),
            bytes: reply.received,
            // Module jsonrpcs has no buffers for structs.
            size: match (reply.records, target.protocol()) {
                (Ok(records), Protocol::Binrpc) => ReplySize::of(records),
                _ => ReplySize::default(),
            },
        };
        measured.push((call, result));
    }
    Ok(())
}

async fn query<T>(
    client: &mut Client,
    method: &str,
    read: impl FnOnce(Members<'_>) -> Option<T>,
) -> Result<Option<T>, Error> {
    Ok(client.call(method, &[]).await?.records.ok().and_then(read))
}

/// Returns whether the exporter itself splits the request so that no reply becomes too large.
fn is_split(call: &PlannedCall, settings: &Settings) -> bool {
    let all = settings.selection.groups.iter().any(|group| group == "all");
    call.readers.iter().all(|reader| match ALL[reader.collector].call {
        Call::AllGroups => true,
        Call::NamedGroups => all,
        _ => false,
    })
}

impl Report {
    fn duration_warning(&mut self, timeout: Duration) {
        if self.duration * 2 > timeout {
            self.warnings.push(format!(
                "The scrape took {}, more than half of the {} that --kamailio.timeout allows.",
                text::duration(self.duration),
                text::duration(timeout)
            ));
        }
    }

    fn failures(&mut self) {
        let failed = self.collectors.iter().filter(|collector| collector.state == CollectorState::Failed);
        let warnings =
            failed.map(|CollectorReport { name, reason, .. }| match diagnosis::too_large(reason) {
                Some(advice) => format!("{name} failed: {reason}. {advice}"),
                None => format!("{name} failed: {reason}."),
            });
        self.warnings.extend(warnings);
    }

    fn findings(&mut self, scrape: &Scrape, settings: &Settings) {
        for outcome in &scrape.results {
            let name = ALL[outcome.collector].name;
            let (duplicates, over_limit) = (outcome.omissions.duplicates, outcome.omissions.over_limit);
            if duplicates > 0 {
                self.warnings.push(format!(
                    "{name}: {} dropped, because earlier samples have the same labels.",
                    text::count(duplicates, "sample")
                ));
            }
            if over_limit > 0 {
                self.warnings.push(format!(
                    "{name}: {} dropped, because --collector.max-series limits a metric to {}.",
                    text::count(over_limit, "sample"),
                    settings.max_series
                ));
            }
        }
    }

    fn sizes<'m>(&mut self, calls: impl Iterator<Item = &'m MeasuredCall>) {
        for MeasuredCall { method, arguments, size, .. } in calls {
            if let Some(advice) = size.warning() {
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
    fn a_scrape_that_takes_more_than_half_of_its_timeout_is_a_warning() {
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
        report.duration = Duration::from_micros(12_345);
        report.duration_warning(Duration::from_millis(20));
        let expected = [("2.0 s", "3.0 s"), ("12.3 ms", "20.0 ms")].map(|(took, timeout)| {
            format!("The scrape took {took}, more than half of the {timeout} that --kamailio.timeout allows.")
        });
        assert_eq!(report.warnings, expected);
    }
}
