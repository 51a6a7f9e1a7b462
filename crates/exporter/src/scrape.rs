//! One scrape: one connection, one write with all calls, replies mapped as they come, closed after.

use crate::catalogue::catalogue;
use crate::collectors::{ALL, UPTIME};
use crate::metric::Samples;
use crate::plan::{Inventory, Plan, PlannedCall, Selection};
use crate::walk::{Findings, walk};
use kamailio_binrpc::tokio::Client;
use kamailio_binrpc::{Arg, Cookie, Error, Members, Reply, Target};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a scrape brought.
pub struct Scrape {
    /// Kamailio's numbers.
    pub samples: Samples,
    /// One for each collector of the plan, in the order of [`ALL`].
    pub outcomes: Vec<Outcome>,
    /// Whether Kamailio gave at least one valid reply; a fault is one.
    pub answered: bool,
    /// Why the exchange ended before its last reply.
    pub error: Option<Error>,
    /// What the server has; `None` if it did not come to that.
    pub inventory: Option<Arc<Inventory>>,
    /// When Kamailio says that it was started.
    pub up_since: Option<Vec<u8>>,
}

/// How a collector fared.
pub struct Outcome {
    /// The collector, by its place in [`ALL`].
    pub collector: usize,
    /// Why it failed: a sentence.
    pub failure: Option<String>,
    /// From the end of the reply before (or from the start) until its replies were read.
    pub duration: Duration,
    /// What was wrong in its replies.
    pub findings: Findings,
}

impl Scrape {
    /// Whether Kamailio did not answer, or a collector failed.
    pub fn failed(&self) -> bool {
        !self.answered || self.outcomes.iter().any(|outcome| outcome.failure.is_some())
    }
}

/// Scrapes `target`. Without `inventory` the server is asked first what it has. Whatever happens, what has arrived by
/// the deadline is in the result.
pub async fn run(
    target: &Target,
    selection: &Selection,
    inventory: Option<Arc<Inventory>>,
    deadline: Instant,
) -> Scrape {
    let mut run = Run {
        scrape: Scrape {
            samples: Samples::default(),
            outcomes: Vec::new(),
            answered: false,
            error: None,
            inventory,
            up_since: None,
        },
        mark: Instant::now(),
    };
    if let Err(error) = run.exchange(target, selection, deadline).await {
        run.fail_rest(selection, &error);
        run.scrape.error = Some(error);
    }
    run.scrape
}

struct Run {
    scrape: Scrape,
    /// When the last reply was done.
    mark: Instant,
}

/// The calls that have no reply yet, in the order in which they were sent, which is that of the replies.
struct Pending {
    calls: std::vec::IntoIter<(Cookie, PlannedCall)>,
}

impl Run {
    async fn exchange(
        &mut self,
        target: &Target,
        selection: &Selection,
        deadline: Instant,
    ) -> Result<(), Error> {
        let mut client = Client::connect(target, deadline).await?;
        let inventory = match self.scrape.inventory.clone() {
            Some(inventory) => inventory,
            None => Arc::new(self.first_contact(&mut client).await?),
        };
        self.scrape.inventory = Some(inventory.clone());

        let plan = Plan::new(selection, &inventory);
        self.begin(&plan);
        let mut calls = Vec::with_capacity(plan.calls.len());
        for call in plan.calls {
            let args: Vec<Arg<'_>> = call.args.iter().map(|arg| Arg::Str(arg.as_bytes())).collect();
            calls.push((client.send(ALL[call.collector].name, &args)?, call));
        }
        self.mark = Instant::now();
        let mut pending = Pending { calls: calls.into_iter() };
        loop {
            match client.receive().await {
                Ok(None) => return Ok(()),
                Ok(Some(reply)) => {
                    if let Some(call) = pending.answered_by(&reply) {
                        self.take(&call, &reply);
                    }
                }
                Err(error) => {
                    let sentence = error.to_string();
                    for (_, call) in pending.calls {
                        self.outcome(call.collector, |outcome| outcome.fail(sentence.clone()));
                    }
                    self.scrape.error = Some(error);
                    return Ok(());
                }
            }
        }
    }

    /// Asks for the methods and the groups of statistics in one round trip.
    async fn first_contact(&mut self, client: &mut Client) -> Result<Inventory, Error> {
        let mut inventory = Inventory::default();
        let methods = client.send(Inventory::METHODS, &[])?;
        client.send(Inventory::GROUPS, &[])?;
        while let Some(reply) = client.receive().await? {
            let records = reply.records();
            self.scrape.answered |= is_answer(&records);
            match records {
                Ok(records) if reply.cookie() == methods => inventory.take_methods(records),
                Ok(records) => inventory.take_groups(records),
                // Without the list every method is tried, without the groups all of them at once.
                Err(error) => tracing::debug!(error = %error, "no inventory"),
            }
        }
        Ok(inventory)
    }

    fn begin(&mut self, plan: &Plan) {
        self.scrape.outcomes = plan.collectors.iter().map(|collector| Outcome::new(*collector)).collect();
        for collector in &plan.lacking {
            let (name, module) = (ALL[*collector].name, ALL[*collector].module);
            self.outcome(*collector, |outcome| {
                outcome.fail(format!(
                    "Kamailio has no method {name}: load its module {module}, or take {name} out of \
                     --kamailio.methods"
                ));
            });
        }
    }

    fn take(&mut self, call: &PlannedCall, reply: &Reply<'_>) {
        let collector = ALL[call.collector];
        let records = reply.records();
        self.scrape.answered |= is_answer(&records);
        if let Ok(records) = &records
            && std::ptr::eq(collector, UPTIME)
        {
            let up_since = records.first().and_then(|record| record.get("up_since")?.bytes());
            self.scrape.up_since = up_since.map(<[u8]>::to_vec);
        }
        if !call.export {
            return;
        }
        let (findings, failure) = match records {
            Ok(records) => {
                let fields = catalogue().fields(call.collector);
                let findings = walk(collector, fields, records, &mut self.scrape.samples);
                let empty = call.expects_rows
                    && records.first().and_then(|r| r.members()).is_none_or(Members::is_empty);
                let failure = match findings.first_unreadable {
                    Some(name) => Some(format!(
                        "{} of its values could not be read, the first of them for {name}",
                        findings.unreadable
                    )),
                    None if empty => Some(format!(
                        "Kamailio has no statistics in the group {}; `kamcmd cnt.list_groups` shows those that it has",
                        call.args.join(" ").trim_end_matches(':')
                    )),
                    None => None,
                };
                (findings, failure)
            }
            Err(Error::Fault { reason, .. }) if collector.none_configured.contains(&reason.as_str()) => {
                (Findings::default(), None)
            }
            Err(error) => (Findings::default(), Some(error.to_string())),
        };
        let now = Instant::now();
        let duration = now - std::mem::replace(&mut self.mark, now);
        self.outcome(call.collector, |outcome| {
            outcome.duration += duration;
            outcome.findings.add(findings);
            if let Some(failure) = failure {
                outcome.fail(failure);
            }
        });
    }

    fn outcome(&mut self, collector: usize, change: impl FnOnce(&mut Outcome)) {
        if let Some(outcome) = self.scrape.outcomes.iter_mut().find(|outcome| outcome.collector == collector)
        {
            change(outcome);
        }
    }

    /// The exchange ended early. Before there was a plan only those are known to be wanted that were named.
    fn fail_rest(&mut self, selection: &Selection, error: &Error) {
        if self.scrape.outcomes.is_empty() {
            let plan = Plan::new(selection, &Inventory::of_nothing());
            self.scrape.outcomes = plan.collectors.iter().map(|collector| Outcome::new(*collector)).collect();
        }
        for outcome in &mut self.scrape.outcomes {
            outcome.fail(error.to_string());
        }
    }
}

impl Pending {
    /// The call that a reply answers. Every call has its reply, if only to say that there is none, and in order.
    fn answered_by(&mut self, reply: &Reply<'_>) -> Option<PlannedCall> {
        self.calls.find(|(cookie, _)| *cookie == reply.cookie()).map(|(_, call)| call)
    }
}

impl Outcome {
    fn new(collector: usize) -> Self {
        Self { collector, failure: None, duration: Duration::ZERO, findings: Findings::default() }
    }

    /// The first failure is the one to tell.
    fn fail(&mut self, failure: String) {
        self.failure.get_or_insert(failure);
    }
}

fn is_answer(records: &Result<Members<'_>, Error>) -> bool {
    matches!(records, Ok(_) | Err(Error::Fault { .. }))
}
