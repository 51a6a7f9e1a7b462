//! The exchange with Kamailio: one connection, one write with all calls, replies read as they arrive.

use crate::collectors::catalogue::catalogue;
use crate::collectors::exporter::KAMAILIO_START_TIME;
use crate::collectors::schema::Listing;
use crate::collectors::{ALL, UPTIME};
use crate::outbound::{Client, Reply};
use crate::scrape::capabilities::{Capabilities, CapabilityQuery, Discovery};
use crate::scrape::diagnosis::missing;
use crate::scrape::extraction::{CallContext, extract};
use crate::scrape::plan::{Plan, PlannedCall, Reader, STATISTICS};
use crate::scrape::selection::{Requirement, Selection};
use crate::scrape::start_time::start_time;
use crate::scrape::{CollectorResult, Omissions, Preparation, Scrape, ScrapeRequest};
use kamailio_binrpc::{Arg, Cookie, Error, Members, Session, Target as Address};
use prometheus_exposition::{Labels, Number, Samples};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A scrape while its connection is open.
pub(super) struct Exchange<'a> {
    request: ScrapeRequest<'a>,
    scrape: Scrape,
}

/// The calls of a scrape, with the plan that they are from and the capabilities that the plan is for.
struct QueuedCalls {
    capabilities: Arc<Capabilities>,
    plan: Arc<Plan>,
    /// The calls without a reply yet, in the order in which they were queued, which is the order of the replies.
    calls: std::vec::IntoIter<QueuedCall>,
}

/// A call, and what its reply is for.
struct QueuedCall {
    cookie: Cookie,
    /// The index of the call in the plan; `None` for one that only lists arguments of other calls.
    planned: Option<usize>,
    /// The listing that the reply renews.
    listing: Option<Listing>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(request: ScrapeRequest<'a>, preparation: Preparation) -> Self {
        let samples = Samples::for_scrape(request.max_series);
        let reservation = request.budget.reservation();
        let scrape = Scrape { preparation, reservation, ..Scrape::new(samples) };
        Self { request, scrape }
    }

    /// Connects, discovers the capabilities if they are unknown, makes the calls and reads their replies.
    pub(super) async fn run(&mut self) -> Result<(), Error> {
        let ScrapeRequest { target, allow, deadline, .. } = self.request;
        let mut known = self.scrape.preparation.capabilities.clone();
        // The calls are queued before the connection is opened, so that Kamailio finds them when the connection wakes it.
        let early = match known.take_if(|_| target.is_binrpc()) {
            Some(capabilities) => {
                let mut session = Session::of(target.address());
                let queued = self.queue(capabilities, |method, args| session.queue(method, args))?;
                Some((queued, session))
            }
            None => None,
        };
        let mut client = Client::connect(target, allow, deadline).await?;
        let queued = match early {
            Some((queued, session)) => {
                client.adopt(session)?;
                queued
            }
            None => {
                let capabilities = match known {
                    Some(capabilities) => capabilities,
                    None => self.discover(&mut client).await?,
                };
                self.queue(capabilities, |method, args| client.queue(method, args))?
            }
        };
        client.finish();
        self.scrape.preparation.capabilities = Some(queued.capabilities.clone());
        self.scrape.preparation.plan = Some(queued.plan.clone());
        self.begin(&queued.plan, queued.capabilities.is_local());
        if queued.plan.observes {
            self.scrape.listed.peer = client.peer_pid();
        }
        self.read(&mut client, queued).await
    }

    /// Ends the scrape. An error that ended the exchange is the failure of all collectors that had none before.
    pub(super) fn finish(mut self, exchanged: Result<(), Error>) -> Scrape {
        // The connection's memory is free again, so the reservation shrinks. If that fails, the reservation stays as large as
        // it was.
        let _ = self.scrape.reservation.resize(self.scrape.samples.memory());
        if let Err(error) = exchanged {
            self.fail_rest(self.request.selection, &error);
            self.scrape.error = Some(error);
        }
        self.scrape
    }

    async fn discover(&mut self, client: &mut Client) -> Result<Arc<Capabilities>, Error> {
        let mut discovery = match self.scrape.preparation.smallest_structs {
            true => Discovery::with_smallest_structs(),
            false => Discovery::default(),
        };
        loop {
            let queries = discovery.queries(self.request.configured);
            if queries.is_empty() {
                break;
            }
            self.query(client, &mut discovery, &queries).await?;
        }
        self.scrape.preparation.listed_at = Some(Instant::now());
        let is_local = matches!(self.request.target.address(), Address::Unix(_));
        Ok(Arc::new(discovery.finish().with_local(is_local)))
    }

    /// Makes the calls that discover capabilities. A query without a usable reply leaves its capability unknown.
    async fn query(
        &mut self,
        client: &mut Client,
        discovery: &mut Discovery,
        queries: &[CapabilityQuery],
    ) -> Result<(), Error> {
        let mut sent = Vec::with_capacity(queries.len());
        for query in queries {
            let arguments: Vec<_> = query.arguments().into_iter().map(Arg::from).collect();
            sent.push((client.queue(query.method(), &arguments)?, query));
        }
        let reservation = &mut self.scrape.reservation;
        while let Some(reply) = client.receive_within(|session| reservation.resize(session)).await? {
            let records = reply.records;
            self.scrape.responded |= is_valid_reply(&records);
            let query = sent.iter().find(|(cookie, _)| *cookie == reply.cookie).map(|(_, query)| query);
            match (records, query) {
                (Ok(records), Some(query)) => discovery.record(query, records),
                (Err(error), _) => tracing::debug!(%error, ?query, "capability unknown"),
                (Ok(_), None) => {}
            }
        }
        Ok(())
    }

    /// Queues the calls of the last scrape's plan, or of a new one.
    fn queue(
        &mut self,
        capabilities: Arc<Capabilities>,
        mut queue: impl FnMut(&str, &[Arg<'_>]) -> Result<Cookie, Error>,
    ) -> Result<QueuedCalls, Error> {
        let plan = self.scrape.preparation.plan.take();
        let plan = plan.unwrap_or_else(|| Arc::new(Plan::new(self.request.selection, &capabilities)));
        let mut calls = Vec::with_capacity(plan.calls.len());
        for (index, call) in plan.calls.iter().enumerate() {
            let args = call.args.iter().map(|arg| argument(arg, call.numbers));
            let args: Vec<Arg<'_>> = args.collect();
            let listing = plan.listings.iter().find(|listing| call.lists(listing)).copied();
            let mut queue = |args: &[Arg<'_>]| {
                let cookie = queue(call.method, args)?;
                calls.push(QueuedCall { cookie, planned: Some(index), listing });
                Ok::<_, Error>(())
            };
            // Kamailio 5.4 returns a record for each group (`kex/core_stats.c`), of which JSON-RPC loses all but the last.
            if call.method == STATISTICS && !self.request.target.is_binrpc() {
                args.chunks(1).try_for_each(queue)?;
            } else {
                queue(&args)?;
            }
        }
        for listing in self.due_listings(&plan) {
            let cookie = queue(listing.method, &[])?;
            calls.push(QueuedCall { cookie, planned: None, listing: Some(listing) });
        }
        Ok(QueuedCalls { capabilities, plan, calls: calls.into_iter() })
    }

    /// Reads the replies to the calls. The loss of the connection fails the calls without a reply; the others are kept.
    async fn read(&mut self, client: &mut Client, queued: QueuedCalls) -> Result<(), Error> {
        let QueuedCalls { capabilities, plan, mut calls } = queued;
        loop {
            let Scrape { samples, reservation, .. } = &mut self.scrape;
            let samples = samples.memory();
            let mut start = None;
            let received = client.receive_within(|session| {
                start.get_or_insert_with(Instant::now);
                reservation.resize(session + samples)
            });
            match received.await {
                Ok(None) => return Ok(()),
                Ok(Some(reply)) => {
                    // Kamailio replies in order, so it worked on the first reply of those that arrive together.
                    let wait = start.map(|start| start.elapsed()).unwrap_or_default();
                    // Every call gets a reply in order, if only `Error::NoReply`.
                    let Some(call) = calls.find(|call| call.cookie == reply.cookie) else { continue };
                    if let Some(planned) = call.planned.and_then(|planned| plan.calls.get(planned)) {
                        self.read_reply(planned, &plan, &reply, wait, &capabilities);
                    }
                    if let (Some(listing), Ok(records)) = (call.listing, reply.records) {
                        self.renew(listing, records);
                    }
                }
                Err(error) => {
                    let message = error.to_string();
                    let planned = calls.filter_map(|call| plan.calls.get(call.planned?));
                    for reader in planned.flat_map(|call| &call.readers) {
                        self.change(reader.collector, |result| result.fail(message.clone()));
                    }
                    self.scrape.error = Some(error);
                    return Ok(());
                }
            }
        }
    }

    /// Returns the listings to renew with calls of their own, in the same write as the others.
    fn due_listings(&mut self, plan: &Plan) -> Vec<Listing> {
        let listed_at = &mut self.scrape.preparation.listed_at;
        if listed_at.is_some_and(|time| time.elapsed() < LISTING_INTERVAL) {
            return Vec::new();
        }
        *listed_at = Some(Instant::now());
        let is_planned = |listing: &&Listing| plan.calls.iter().any(|call| call.lists(listing));
        plan.listings.iter().filter(|listing| !is_planned(listing)).copied().collect()
    }

    /// Renews the arguments of the next scrape's calls, if they have changed since they were listed.
    fn renew(&mut self, listing: Listing, records: Members<'_>) {
        let preparation = &mut self.scrape.preparation;
        let changed =
            preparation.capabilities.as_ref().and_then(|known| known.with_listing(listing, records));
        if let Some(changed) = changed {
            preparation.capabilities = Some(Arc::new(changed));
            preparation.plan = None;
        }
    }

    /// Creates the results of the plan's collectors.
    fn begin(&mut self, plan: &Plan, is_local: bool) {
        self.scrape.results =
            plan.collectors.iter().map(|collector| CollectorResult::new(*collector)).collect();
        for collector in &plan.missing {
            self.change(*collector, |result| result.fail(missing(ALL[*collector], is_local)));
        }
    }

    fn read_reply(
        &mut self,
        call: &PlannedCall,
        plan: &Plan,
        reply: &Reply<'_>,
        wait: Duration,
        capabilities: &Capabilities,
    ) {
        let records = &reply.records;
        self.scrape.responded |= is_valid_reply(records);
        self.scrape.struct_overflow |=
            call.method == STATISTICS && records.as_ref().is_err_and(is_struct_overflow);
        if let Ok(records) = records
            && call.method == UPTIME.method
        {
            self.read_start(*records);
        }
        if let Ok(records) = &records {
            self.scrape.listed.read(call.method, *records);
        }
        for reader in &call.readers {
            let (omissions, failure) = match records {
                Ok(records) if reply.last_record_only && ALL[reader.collector].lacks_records(*records) => {
                    (Omissions::default(), self.lost_records(reader.collector))
                }
                Ok(records) => self.extract(*reader, call, plan, *records, capabilities),
                Err(Error::Fault { reason, .. })
                    if ALL[reader.collector].empty_faults.contains(&reason.as_str()) =>
                {
                    (Omissions::default(), None)
                }
                Err(error) => (Omissions::default(), Some(error.to_string())),
            };
            self.change(reader.collector, |result| {
                result.duration += wait;
                result.omissions.add(omissions);
                if let Some(failure) = failure {
                    result.fail(failure);
                }
            });
        }
    }

    /// Returns the failure of a collector whose records do not arrive over JSON-RPC. If the operator has not named the
    /// collector, the method counts as missing.
    fn lost_records(&self, collector: usize) -> Option<String> {
        let name = ALL[collector].name;
        (self.request.selection.requirements.get(collector) == Some(&Requirement::Required)).then(|| {
            format!(
                "module jsonrpcs returns only the last record of {name}: use BINRPC, or remove {name} from --kamailio.methods"
            )
        })
    }

    /// Reads the start of Kamailio, which differs between the runs of Kamailio.
    fn read_start(&mut self, uptime: Members<'_>) {
        let Some(record) = uptime.first() else { return };
        let up_since = record.get("up_since").and_then(|text| text.as_bytes());
        self.scrape.up_since = up_since.map(|text| text.get(..MAX_TIME).unwrap_or(text).to_vec());
        if let Some(start) = start_time(record, SystemTime::now()) {
            let family = catalogue().own(&KAMAILIO_START_TIME);
            self.scrape.samples.push(family, Labels::NONE, Number::Signed(start));
            self.scrape.start = Some(start);
        }
    }

    fn extract(
        &mut self,
        reader: Reader,
        call: &PlannedCall,
        plan: &Plan,
        records: Members<'_>,
        capabilities: &Capabilities,
    ) -> (Omissions, Option<String>) {
        let collector = ALL[reader.collector];
        let families = catalogue().collector(reader.collector);
        let Plan { extra_fields, ref parameters, .. } = *plan;
        let arguments = &call.args;
        let context = CallContext { collector, families, arguments, capabilities, extra_fields, parameters };
        let omissions = extract(context, records, &mut self.scrape.samples);
        let empty = records.first().and_then(|record| record.members()).is_none_or(Members::is_empty);
        let failure = match omissions.first_unreadable {
            Some(name) => {
                let count = omissions.unreadable;
                Some(format!("unreadable values: {count}, the first of them for {name}"))
            }
            None if reader.expects_rows && empty => Some(format!(
                "Kamailio has no statistics in the group {}; `kamcmd cnt.list_groups` lists its groups",
                call.args.join(" ").trim_end_matches(':')
            )),
            None => None,
        };
        (omissions, failure)
    }

    fn change(&mut self, collector: usize, change: impl FnOnce(&mut CollectorResult)) {
        if let Some(result) = self.scrape.result(collector) {
            change(result);
        }
    }

    /// Fails the collectors of an exchange that ended early. Before there is a plan, only the collectors that the
    /// operator named are known to be required.
    fn fail_rest(&mut self, selection: &Selection, error: &Error) {
        if self.scrape.results.is_empty() {
            let plan = Plan::new(selection, &Capabilities::none());
            self.scrape.results =
                plan.collectors.iter().map(|collector| CollectorResult::new(*collector)).collect();
        }
        for result in &mut self.scrape.results {
            result.fail(error.to_string());
        }
    }
}

/// Converts an argument of a planned call.
pub(crate) fn argument(text: &str, is_number: bool) -> Arg<'_> {
    match text.parse() {
        Ok(number) if is_number => Arg::Int(number),
        _ => Arg::Str(text.as_bytes()),
    }
}

fn is_valid_reply(records: &Result<Members<'_>, Error>) -> bool {
    matches!(records, Ok(_) | Err(Error::Fault { .. }))
}

/// Returns whether a fault of `stats.fetch` reports that the statistics did not fit into a struct (`kex/core_stats.c`,
/// `rpc_fetch_add_stat`).
fn is_struct_overflow(error: &Error) -> bool {
    matches!(error, Error::Fault { code: 500, reason } if reason.starts_with("Internal error"))
}

/// The time after which arguments of calls are listed again, if no call of the plan lists them anyway.
const LISTING_INTERVAL: Duration = Duration::from_secs(120);
/// Bytes of `up_since` that are kept from scrape to scrape; `ctime` writes 24.
const MAX_TIME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Target;
    use crate::scrape::memory_budget::MemoryBudget;
    use fake_kamailio::{Captures, Fake, body};
    use kamailio_binrpc::wire::Kind;
    use std::sync::Mutex;

    #[test]
    fn an_argument_is_a_number_only_where_the_method_takes_one() {
        assert_eq!(argument("5", true), Arg::Int(5));
        assert_eq!(argument("5", false), Arg::from("5"));
        assert_eq!(argument("all", true), Arg::from("all"));
    }

    #[test]
    fn a_fault_is_an_answer_and_a_lost_reply_is_none() {
        let fault = |code, reason: &str| Error::Fault { code, reason: reason.to_owned() };
        assert!(is_valid_reply(&Err(fault(500, "x"))));
        assert!(!is_valid_reply(&Err(Error::NoReply)));
        assert!(is_struct_overflow(&fault(500, "Internal error - cannot add")));
        assert!(!is_struct_overflow(&fault(500, "No such statistic")));
        assert!(!is_struct_overflow(&fault(400, "Internal error - cannot add")));
        assert!(!is_struct_overflow(&Error::NoReply));
    }

    #[tokio::test]
    async fn arguments_are_listed_again_every_few_minutes_in_the_same_write() {
        let directory = tempfile::tempdir().unwrap();
        let target: Target = format!("unix:{}", directory.path().join("ctl").display()).parse().unwrap();
        let fake = Fake::listen(Captures::of("6.2-dev"), std::slice::from_ref(target.address())).unwrap();
        let methods = ["core.uptime", "dbcl.list_clusters", "dbcl.list_connections"].map(Arg::from);
        fake.answer("system.listMethods", Kind::Reply, &body(&methods));
        let clusters = |name: &'static str| {
            let row = [(Some("cluster"), name.into())];
            fake.answer("dbcl.list_clusters", Kind::Reply, &body(&[Arg::Struct(&row)]));
        };
        fake.answer("dbcl.list_connections", Kind::Reply, &body(&[]));
        let selection = Selection::parse("dbcl.list_connections").unwrap();
        let request = ScrapeRequest {
            target: &target,
            allow: None,
            configured: &selection,
            selection: &selection,
            max_series: 10,
            deadline: Instant::now() + Duration::from_secs(10),
            budget: &MemoryBudget::new(),
            page: None,
            observer: &Mutex::default(),
        };
        let scrape = async |preparation: Preparation| {
            let made = fake.calls().len();
            let scrape = crate::scrape::run(request, preparation).await;
            assert!(scrape.error.is_none());
            (scrape.preparation, fake.calls()[made..].join(","))
        };
        clusters("first");
        let (preparation, _) = scrape(Preparation::default()).await;
        clusters("second");
        let steady = "core.uptime,dbcl.list_connections first";
        let (mut preparation, calls) = scrape(preparation).await;
        assert_eq!(calls, steady, "it was listed just now");
        preparation.listed_at = Instant::now().checked_sub(LISTING_INTERVAL);
        let (preparation, calls) = scrape(preparation).await;
        assert_eq!(calls, format!("{steady},dbcl.list_clusters"));
        let (mut preparation, calls) = scrape(preparation).await;
        assert_eq!(calls, "core.uptime,dbcl.list_connections second");
        preparation.listed_at = Instant::now().checked_sub(LISTING_INTERVAL);
        let (preparation, _) = scrape(preparation).await;
        assert!(preparation.plan.is_some(), "a listing that is the same keeps the plan");
        assert_eq!(fake.connections().accepted, 5, "each scrape is one connection");
    }
}
