//! One scrape: one connection, one write with all calls, replies mapped as they come, closed after.

use crate::collectors::catalogue::catalogue;
use crate::collectors::{ALL, UPTIME};
use crate::outbound::allow_list::AllowList;
use crate::scrape::bodies::Bodies;
use crate::scrape::capabilities::{Capabilities, Question};
use crate::scrape::extraction::{Answered, Findings, extract};
use crate::scrape::memory_budget::{MemoryBudget, Share};
use crate::scrape::page::{self, FetchedPage, PageRun};
use crate::scrape::plan::{Plan, PlannedCall, Reader};
use crate::scrape::selection::Selection;
use kamailio_binrpc::tokio::Client;
use kamailio_binrpc::{Arg, Cookie, Error, Members, Reply, Target};
use prometheus_exposition::Samples;
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
    /// What is known of the server now; nothing if it did not come to that.
    pub known: Known,
    /// When Kamailio says that it was started.
    pub up_since: Option<Vec<u8>>,
    /// What was made of it for the requests that share it.
    pub bodies: Bodies,
    /// The memory that it has of what there is for all.
    pub share: Share,
    /// The external metrics page, and the memory for its exposition.
    pub page: Option<(Arc<FetchedPage>, Share)>,
}

/// What scrapes have learned of a server.
#[derive(Clone, Default)]
pub struct Known {
    /// What it has.
    pub capabilities: Option<Arc<Capabilities>>,
    /// The calls that follow from that and from the selection of the scrape.
    pub plan: Option<Arc<Plan>>,
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
    /// Whether Kamailio did not answer, or not to the end, or a collector failed.
    pub fn failed(&self) -> bool {
        !self.answered
            || self.error.is_some()
            || self.outcomes.iter().any(|outcome| outcome.failure.is_some())
    }
}

/// What to scrape, and how much of it.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    /// The Kamailio.
    pub target: &'a Target,
    /// What may be connected to, if not everything.
    pub allow: Option<&'a AllowList>,
    /// All that is ever wanted of it: the capabilities is made for that.
    pub configured: &'a Selection,
    /// What is wanted this time.
    pub selection: &'a Selection,
    /// How many samples a family may have.
    pub limit: usize,
    /// When to stop, and be content with what has arrived.
    pub deadline: Instant,
    /// The memory that there is for this scrape and others.
    pub budget: &'a Arc<MemoryBudget>,
    /// The external metrics page, if the selection has it.
    pub page: Option<&'a PageRun>,
}

/// Scrapes a Kamailio. A server of which nothing is `known` is asked first what it has.
pub(crate) async fn run(job: Job<'_>, known: Known) -> Scrape {
    let mut run = Run {
        scrape: Scrape {
            samples: Samples::for_scrape(job.limit),
            outcomes: Vec::new(),
            answered: false,
            error: None,
            known,
            up_since: None,
            bodies: Bodies::default(),
            share: job.budget.share(),
            page: None,
        },
        mark: Instant::now(),
    };
    // What others serve does not depend on Kamailio's answer, so both are asked at once.
    let page = async {
        let (collector, _) = job.selection.page()?;
        Some((collector, job.page?.clone().await))
    };
    let (exchanged, page) = tokio::join!(run.exchange(job), page);
    // Less than with the connection, whose memory has been given back: if there is not even so much, it keeps what it has.
    let _ = run.scrape.share.set(run.scrape.samples.memory());
    if let Err(error) = exchanged {
        run.fail_rest(job.selection, &error);
        run.scrape.error = Some(error);
    }
    if let Some((collector, page)) = page {
        run.take_page(collector, page);
    }
    run.scrape
}

struct Run {
    scrape: Scrape,
    /// When the last reply was done.
    mark: Instant,
}

/// The calls that have no reply yet, in the order in which they were sent, which is that of the replies.
struct Pending<'p> {
    calls: std::vec::IntoIter<(Cookie, &'p PlannedCall)>,
}

impl Run {
    async fn exchange(&mut self, job: Job<'_>) -> Result<(), Error> {
        let mut client = match job.allow {
            Some(allow) => allow.connect(job.target, job.deadline).await?,
            None => Client::connect(job.target, job.deadline).await?,
        };
        let capabilities = match self.scrape.known.capabilities.clone() {
            Some(capabilities) => capabilities,
            None => {
                let mut capabilities = Capabilities::default();
                loop {
                    let questions = capabilities.questions(job.configured);
                    if questions.is_empty() {
                        capabilities.settle();
                        break Arc::new(capabilities);
                    }
                    self.ask(&mut client, &mut capabilities, &questions).await?;
                }
            }
        };
        let plan = self.scrape.known.plan.take();
        let plan = plan.unwrap_or_else(|| Arc::new(Plan::new(job.selection, &capabilities)));
        self.scrape.known = Known { capabilities: Some(capabilities.clone()), plan: Some(plan.clone()) };
        self.begin(&plan);
        let mut calls = Vec::with_capacity(plan.calls.len());
        for call in &plan.calls {
            let args = call.args.iter().map(|arg| argument(arg, call.numbers));
            let args: Vec<Arg<'_>> = args.collect();
            calls.push((client.send(call.method, &args)?, call));
        }
        client.end();
        self.mark = Instant::now();
        let mut pending = Pending { calls: calls.into_iter() };
        loop {
            let Scrape { samples, share, .. } = &mut self.scrape;
            let samples = samples.memory();
            match client.receive_watched(|session| share.set(session + samples)).await {
                Ok(None) => return Ok(()),
                Ok(Some(reply)) => {
                    if let Some(call) = pending.answered_by(&reply) {
                        self.take(call, plan.more, &reply, &capabilities);
                    }
                }
                Err(error) => {
                    let sentence = error.to_string();
                    for reader in pending.calls.flat_map(|(_, call)| &call.readers) {
                        self.outcome(reader.collector, |outcome| outcome.fail(sentence.clone()));
                    }
                    self.scrape.error = Some(error);
                    return Ok(());
                }
            }
        }
    }

    /// Asks the server what it has. A question that it does not answer stays open.
    async fn ask(
        &mut self,
        client: &mut Client,
        capabilities: &mut Capabilities,
        questions: &[Question],
    ) -> Result<(), Error> {
        let mut asked = Vec::with_capacity(questions.len());
        for question in questions {
            let arguments: Vec<_> = question.arguments().into_iter().map(Arg::from).collect();
            asked.push((client.send(question.method(), &arguments)?, question));
        }
        let share = &mut self.scrape.share;
        while let Some(reply) = client.receive_watched(|session| share.set(session)).await? {
            let records = reply.records();
            self.scrape.answered |= is_answer(&records);
            let question =
                asked.iter().find(|(cookie, _)| *cookie == reply.cookie()).map(|(_, question)| question);
            match (records, question) {
                (Ok(records), Some(question)) => capabilities.take(question, records),
                (Err(error), _) => tracing::debug!(%error, ?question, "no answer"),
                (Ok(_), None) => {}
            }
        }
        Ok(())
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

    fn take(&mut self, call: &PlannedCall, more: bool, reply: &Reply<'_>, capabilities: &Capabilities) {
        let records = reply.records();
        self.scrape.answered |= is_answer(&records);
        if let Ok(records) = &records
            && call.method == UPTIME.method
        {
            let up_since = records.first().and_then(|record| record.get("up_since")?.bytes());
            self.scrape.up_since = up_since.map(|text| text.get(..MAX_TIME).unwrap_or(text).to_vec());
        }
        let mut read = Vec::with_capacity(call.readers.len());
        for reader in &call.readers {
            let (findings, failure) = match &records {
                Ok(records) => self.read(*reader, call, more, *records, capabilities),
                Err(Error::Fault { reason, .. })
                    if ALL[reader.collector].none_configured.contains(&reason.as_str()) =>
                {
                    (Findings::default(), None)
                }
                Err(error) => (Findings::default(), Some(error.to_string())),
            };
            read.push((reader.collector, findings, failure));
        }
        let now = Instant::now();
        let duration = now - std::mem::replace(&mut self.mark, now);
        for (collector, findings, failure) in read {
            self.outcome(collector, |outcome| {
                outcome.duration += duration;
                outcome.findings.add(findings);
                if let Some(failure) = failure {
                    outcome.fail(failure);
                }
            });
        }
    }

    fn read(
        &mut self,
        reader: Reader,
        call: &PlannedCall,
        more: bool,
        records: Members<'_>,
        capabilities: &Capabilities,
    ) -> (Findings, Option<String>) {
        let collector = ALL[reader.collector];
        let families = catalogue().collector(reader.collector);
        let answered = Answered { collector, families, arguments: &call.args, capabilities, more };
        let findings = extract(answered, records, &mut self.scrape.samples);
        let empty = records.first().and_then(|record| record.members()).is_none_or(Members::is_empty);
        let failure = match findings.first_unreadable {
            Some(name) => {
                let count = findings.unreadable;
                Some(format!("{count} of its values could not be read, the first of them for {name}"))
            }
            None if reader.expects_rows && empty => Some(format!(
                "Kamailio has no statistics in the group {}; `kamcmd cnt.list_groups` shows those that it has",
                call.args.join(" ").trim_end_matches(':')
            )),
            None => None,
        };
        (findings, failure)
    }

    fn take_page(&mut self, collector: usize, page: Arc<FetchedPage>) {
        let mut outcome = Outcome { duration: page.duration, ..Outcome::new(collector) };
        let content = page.content.as_ref().map_err(String::clone);
        match content.and_then(|content| Ok((content, page::exposition_share(content)?))) {
            Ok((content, share)) => {
                (outcome.findings, outcome.failure) = page::join(content, &mut self.scrape.samples);
                self.scrape.page = Some((page, share));
            }
            Err(error) => outcome.fail(error),
        }
        if let Some(known) = self.scrape.outcomes.iter_mut().find(|known| known.collector == collector) {
            *known = outcome;
        }
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
            let plan = Plan::new(selection, &Capabilities::of_nothing());
            self.scrape.outcomes = plan.collectors.iter().map(|collector| Outcome::new(*collector)).collect();
        }
        for outcome in &mut self.scrape.outcomes {
            outcome.fail(error.to_string());
        }
    }
}

impl<'p> Pending<'p> {
    /// The call that a reply answers. Every call has its reply, if only to say that there is none, and in order.
    fn answered_by(&mut self, reply: &Reply<'_>) -> Option<&'p PlannedCall> {
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

/// An argument of a planned call.
pub(crate) fn argument(text: &str, is_number: bool) -> Arg<'_> {
    match text.parse() {
        Ok(number) if is_number => Arg::Int(number),
        _ => Arg::Str(text.as_bytes()),
    }
}

fn is_answer(records: &Result<Members<'_>, Error>) -> bool {
    matches!(records, Ok(_) | Err(Error::Fault { .. }))
}

/// Bytes of the time of the start, which is kept from scrape to scrape; `ctime` writes 24.
const MAX_TIME: usize = 64;
