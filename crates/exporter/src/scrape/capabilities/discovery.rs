//! The discovery of a server's capabilities: which queries to make, and how to read their replies.

use super::Capabilities;
use super::query::{CapabilityQuery, known_methods};
use super::statistics::{self, Group};
use crate::collectors::schema::{Call, Listing};
use crate::collectors::statistics::by_name;
use crate::scrape::selection::Selection;
use kamailio_binrpc::{Members, Value};
use std::borrow::Cow;
use std::collections::HashSet;

/// A discovery in progress.
#[derive(Debug)]
pub struct Discovery {
    /// The capabilities so far.
    capabilities: Capabilities,
    /// The groups of statistics; empty if the server did not list them (its module counters is not loaded).
    groups: Vec<Group>,
    /// The queries that were returned by [`queries`](Self::queries).
    made: HashSet<CapabilityQuery>,
    /// Bytes of names and texts so far.
    size: usize,
    /// Bytes of a reply that the calls of `stats.fetch` are made for.
    struct_bytes: usize,
}

impl Discovery {
    /// Starts a discovery of a server whose structs may be of the smallest size.
    pub(crate) fn with_smallest_structs() -> Self {
        Self { struct_bytes: statistics::SMALLEST_STRUCT_BYTES, ..Self::default() }
    }

    /// Returns the queries to make next; none if the discovery is complete. The first are for the methods and the groups, the
    /// next for the statistics of each group, the listings and the descriptions.
    pub fn queries(&mut self, selection: &Selection) -> Vec<CapabilityQuery> {
        let mut queries = vec![CapabilityQuery::Methods, CapabilityQuery::Groups];
        for collector in selection.collectors().filter(|_| self.capabilities.knows_methods()) {
            if !self.capabilities.has(collector.method) {
                continue;
            }
            match collector.call {
                Call::NamedGroups | Call::AllGroups => {
                    let groups = self.groups.iter();
                    queries.extend(groups.map(|group| CapabilityQuery::Statistics(group.name.clone())));
                }
                Call::EachOf(listing) | Call::EachNumberOf(listing) => {
                    queries.push(CapabilityQuery::Listing(listing));
                }
                Call::Once(_)
                | Call::Each(_)
                | Call::NamedProfiles
                | Call::ProfileValues
                | Call::Page
                | Call::Files
                | Call::Observed => {}
            }
        }
        queries.extend(self.help_queries().take(MAX_HELP));
        let (capabilities, made) = (&self.capabilities, &mut self.made);
        queries.retain(|query| capabilities.has(query.method()) && made.insert(query.clone()));
        queries
    }

    /// Returns the queries for the descriptions of statistics whose names reveal their type, so that each of them becomes a
    /// family of its own.
    fn help_queries(&self) -> impl Iterator<Item = CapabilityQuery> {
        let names = self.groups.iter().flat_map(|group| {
            group.statistics.iter().flatten().map(|name| (group.name.clone(), name.clone()))
        });
        let named = names.filter(|(group, name)| by_name(format!("{group}.{name}").as_bytes()).is_some());
        named.map(|(group, name)| CapabilityQuery::Help(group, name))
    }

    /// Records the reply to a query, within the limits on names and bytes.
    pub fn record(&mut self, query: &CapabilityQuery, records: Members<'_>) {
        match query {
            CapabilityQuery::Methods => {
                let methods = records.iter().filter_map(|method| method.value.as_bytes());
                self.capabilities.methods = Some(known_methods(methods));
            }
            CapabilityQuery::Groups => {
                let names = self.texts(records, MAX_GROUPS).into_iter();
                self.groups = names.map(|name| Group { name, statistics: None }).collect();
            }
            CapabilityQuery::Statistics(name) => {
                let names = self.texts(records, usize::MAX);
                if let Some(group) = self.groups.iter_mut().find(|group| group.name == *name) {
                    group.statistics = Some(names);
                }
            }
            CapabilityQuery::Help(group, name) => {
                let text = self.texts(records, 1).into_iter().next().unwrap_or_default();
                // counters/counters.c prints this for a statistic that was registered without a description.
                if !text.contains("(no description)") {
                    self.capabilities.help.insert(format!("{group}.{name}"), text);
                }
            }
            CapabilityQuery::Listing(listing) => {
                let values = self.limited(MAX_LISTED, listed_values(*listing, records).map(Cow::Owned));
                self.capabilities.listed.insert(*listing, values);
            }
        }
    }

    /// Ends the discovery. Only the calls that follow from the groups are kept: there may be thousands of servers, and the
    /// names of one server's statistics alone take some 100 KB.
    pub fn finish(mut self) -> Capabilities {
        let split = |group: &&Group| group.statistics.as_ref().is_some_and(|names| !names.is_empty());
        for group in self.groups.iter().filter(split) {
            let calls = statistics::calls(std::slice::from_ref(group), self.struct_bytes);
            if calls.len() > 1 {
                self.capabilities.split_groups.insert(group.name.clone(), calls);
            }
        }
        self.capabilities.statistics_calls = statistics::calls(&self.groups, self.struct_bytes);
        self.capabilities.help.shrink_to_fit();
        self.capabilities
    }

    fn texts(&mut self, records: Members<'_>, max: usize) -> Vec<String> {
        let texts = records.iter().filter_map(|record| std::str::from_utf8(record.value.as_bytes()?).ok());
        self.limited(max, texts.map(Cow::Borrowed))
    }

    fn limited<'t>(&mut self, max: usize, texts: impl Iterator<Item = Cow<'t, str>>) -> Vec<String> {
        let mut kept = Vec::new();
        for text in texts {
            if text.len() > MAX_NAME {
                self.capabilities.truncated = true;
                continue;
            }
            let size = self.size + text.len() + NAME_OVERHEAD;
            if kept.len() == max || size > MAX_SIZE {
                self.capabilities.truncated = true;
                break;
            }
            self.size = size;
            kept.push(text.into_owned());
        }
        kept
    }

    /// Returns a discovery that knows these methods and groups.
    #[cfg(test)]
    pub(super) fn of(methods: &[&str], groups: &[&str]) -> Self {
        let methods = known_methods(methods.iter().map(|method| method.as_bytes()));
        let capabilities = Capabilities { methods: Some(methods), ..Capabilities::default() };
        let groups = groups.iter().map(|name| Group { name: (*name).to_owned(), statistics: None }).collect();
        Self { capabilities, groups, ..Self::default() }
    }
}

impl Default for Discovery {
    /// Starts a discovery of a server of which nothing is known.
    fn default() -> Self {
        Self {
            capabilities: Capabilities::default(),
            groups: Vec::new(),
            made: HashSet::new(),
            size: 0,
            struct_bytes: statistics::STRUCT_BYTES,
        }
    }
}

/// Returns the values of a listing.
pub(super) fn listed_values(listing: Listing, records: Members<'_>) -> impl Iterator<Item = String> {
    records.iter().flat_map(move |record| leaves(record.value, listing.path))
}

/// Returns the texts and numbers at the end of a path of names, which may repeat.
fn leaves(value: Value<'_>, path: &[&str]) -> Vec<String> {
    let Some((name, rest)) = path.split_first() else {
        let text = value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
        return text.or_else(|| value.as_i64().map(|number| number.to_string())).into_iter().collect();
    };
    let members = value.members().into_iter().flatten().filter(|member| member.name == Some(name.as_bytes()));
    members.flat_map(|member| leaves(member.value, rest)).collect()
}

/// Groups of statistics, each of which is a query and a call. Kamailio with all its modules has about sixty.
const MAX_GROUPS: usize = 500;
/// Values of a listing, each of which is a call in every scrape.
pub(super) const MAX_LISTED: usize = 1000;
/// Bytes of a name or a text. A longer one does not fit into one of Kamailio's structs either.
pub(super) const MAX_NAME: usize = 1024;
/// Bytes of all names and texts: more than 20,000 statistics. They are kept from scrape to scrape.
const MAX_SIZE: usize = 2 << 20;
/// Bytes that a name takes in memory besides its text.
const NAME_OVERHEAD: usize = 64;
/// Queries for descriptions, which are all sent in one write.
const MAX_HELP: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::ALL;
    use kamailio_binrpc::wire::{Arg, Nodes};

    fn listings() -> impl Iterator<Item = Listing> {
        ALL.iter().filter_map(|collector| match collector.call {
            Call::EachOf(listing) | Call::EachNumberOf(listing) => Some(listing),
            _ => None,
        })
    }

    /// The body of a reply of texts.
    fn reply(texts: impl Iterator<Item = String>) -> Vec<u8> {
        let texts: Vec<_> = texts.collect();
        let texts: Vec<Arg<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        fake_kamailio::body(&texts)
    }

    fn record(discovery: &mut Discovery, query: &CapabilityQuery, body: &[u8]) {
        let mut nodes = Nodes::new();
        nodes.decode(body).unwrap();
        discovery.record(query, nodes.members(body));
    }

    fn group_names(discovery: &Discovery) -> Vec<&str> {
        discovery.groups.iter().map(|group| group.name.as_str()).collect()
    }

    #[test]
    fn the_queries_to_a_server_with_very_many_names_are_limited() {
        let long = "x".repeat(MAX_NAME + 1);
        let body = reply(std::iter::once(long).chain((0..100_000).map(|number| format!("g{number}_total"))));
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        let records = nodes.members(&body);
        let selection = Selection::parse("all").unwrap();
        let mut discovery = Discovery::default();
        for query in discovery.queries(&selection) {
            if query == CapabilityQuery::Groups {
                discovery.record(&query, records);
            }
        }
        let methods = ALL.iter().map(|collector| collector.method.as_bytes());
        let methods = methods.chain(["cnt.list_vars".as_bytes(), b"cnt.help"]);
        let methods = methods.chain(listings().map(|listing| listing.method.as_bytes()));
        discovery.capabilities.methods = Some(known_methods(methods));
        let mut made = 0;
        loop {
            let queries = discovery.queries(&selection);
            if queries.is_empty() {
                break;
            }
            made += queries.len();
            queries.iter().for_each(|query| discovery.record(query, records));
        }
        assert!(made <= MAX_GROUPS + MAX_HELP + listings().count(), "{made}");
        let statistics: usize =
            discovery.groups.iter().flat_map(|group| &group.statistics).map(Vec::len).sum();
        assert_eq!(discovery.groups.len(), MAX_GROUPS);
        assert!(statistics * NAME_OVERHEAD < MAX_SIZE && discovery.capabilities.is_truncated());
        assert!(listings().all(|listing| discovery.capabilities.listed(listing).len() <= MAX_LISTED));
        assert!(discovery.groups.iter().all(|group| group.name.len() <= MAX_NAME));
    }

    #[test]
    fn only_methods_that_a_collector_or_a_query_calls_are_kept() {
        let capabilities = Capabilities::of(&["stats.fetch", "tm.stats", "no.collector"], &[]);
        assert!(capabilities.has("tm.stats") && capabilities.has("stats.fetch"));
        assert!(!capabilities.has("sl.stats"));
        assert_eq!(capabilities.methods.unwrap().len(), 2);
    }

    #[test]
    fn a_group_that_does_not_fit_into_a_reply_is_fetched_by_statistic() {
        let mut discovery = Discovery::of(&["stats.fetch"], &["unknown"]);
        for (name, count) in [("core", 100), ("script", 300)] {
            let statistics = (0..count).map(|number| format!("statistic_{number:03}")).collect();
            discovery.groups.push(Group { name: name.to_owned(), statistics: Some(statistics) });
        }
        let capabilities = discovery.finish();
        assert_eq!(capabilities.statistics_calls().len(), 4);
        assert_eq!(capabilities.group_calls("core"), [["core:"]]);
        assert_eq!(capabilities.group_calls("unknown"), [["unknown:"]]);
        let script = capabilities.group_calls("script");
        assert_eq!(script.iter().map(Vec::len).sum::<usize>(), 300);
        assert!(script.iter().flatten().all(|name| name.starts_with("script.statistic_")));
    }

    #[test]
    fn names_belong_to_the_group_that_was_asked_for_and_revealing_ones_are_described() {
        let mut discovery = Discovery::of(&["cnt.list_vars", "cnt.help"], &["script", "other"]);
        let names = ["calls_total", "calls"].map(str::to_owned);
        record(
            &mut discovery,
            &CapabilityQuery::Statistics("other".to_owned()),
            &reply(names.clone().into_iter()),
        );
        let statistics: Vec<_> = discovery.groups.iter().map(|group| group.statistics.clone()).collect();
        assert_eq!(statistics, [None, Some(names.to_vec())]);
        let queries = discovery.queries(&Selection::parse("tm.stats").unwrap());
        assert_eq!(queries, [CapabilityQuery::Help("other".to_owned(), "calls_total".to_owned())]);
    }

    #[test]
    fn a_name_of_the_greatest_length_is_kept() {
        let mut discovery = Discovery::of(&["cnt.list_vars"], &[]);
        let names = [MAX_NAME, MAX_NAME + 1].map(|length| "x".repeat(length));
        record(&mut discovery, &CapabilityQuery::Groups, &reply(names.into_iter()));
        assert_eq!(group_names(&discovery), ["x".repeat(MAX_NAME)]);
    }

    #[test]
    fn the_smallest_structs_take_more_calls() {
        let calls = |mut discovery: Discovery| {
            let statistics = (0..300).map(|number| format!("statistic_{number:03}")).collect();
            discovery.groups.push(Group { name: "script".to_owned(), statistics: Some(statistics) });
            discovery.finish().statistics_calls().len()
        };
        assert!(calls(Discovery::with_smallest_structs()) > calls(Discovery::default()));
    }

    #[test]
    fn groups_and_names_beyond_the_limits_are_left_out() {
        let mut discovery = Discovery::of(&["cnt.list_vars"], &[]);
        let groups = |count: usize| reply((0..count).map(|number| format!("group{number}")));
        record(&mut discovery, &CapabilityQuery::Groups, &groups(500));
        assert!(!discovery.capabilities.is_truncated());
        record(&mut discovery, &CapabilityQuery::Groups, &groups(200_000));
        assert_eq!((discovery.groups.len(), discovery.capabilities.is_truncated()), (500, true));
        let many = reply((0..200_000).map(|number| format!("statistic{number}")));
        for group in 0..5 {
            record(&mut discovery, &CapabilityQuery::Statistics(format!("group{group}")), &many);
        }
        let statistics = discovery.groups.iter().flat_map(|group| group.statistics.iter().flatten());
        let (count, bytes) =
            statistics.fold((0, 0), |(n, bytes), text| (n + 1, bytes + text.capacity() + 24));
        assert!((20_000..40_000).contains(&count) && bytes < 2 << 20, "{count} of {bytes} bytes");
    }

    #[test]
    fn a_name_that_no_request_has_room_for_is_left_out() {
        let mut discovery = Discovery::of(&["cnt.list_vars"], &[]);
        let names = ["a".repeat(MAX_NAME + 1), "b".repeat(MAX_NAME), "core".to_owned()];
        record(&mut discovery, &CapabilityQuery::Groups, &reply(names.iter().cloned()));
        assert_eq!(group_names(&discovery), [&names[1], "core"]);
        assert!(discovery.capabilities.is_truncated());
    }

    #[test]
    fn a_placeholder_is_not_a_description() {
        let mut discovery = Discovery::default();
        for (name, text) in
            [("a", "Calls that failed."), ("b", "(no description)"), ("c", "group.c: (no description)")]
        {
            let query = CapabilityQuery::Help("group".to_owned(), name.to_owned());
            record(&mut discovery, &query, &reply(std::iter::once(text.to_owned())));
        }
        let capabilities = discovery.finish();
        let help = ["group.a", "group.b", "group.c"].map(|name| capabilities.help(name));
        assert_eq!(help, ["Calls that failed.", "", ""]);
    }
}
