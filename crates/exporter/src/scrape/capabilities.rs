//! What a server has, learned at the first contact: its methods, its statistics, and what some methods can be asked
//! about.

use crate::collectors::catalogue::catalogue;
use crate::collectors::schema::{Call, Collector, Listing};
use crate::collectors::{ALL, statistics};
use crate::scrape::selection::Selection;
use kamailio_binrpc::{Members, Value};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

/// What a server has.
#[derive(Debug, Default)]
pub struct Capabilities {
    /// The methods that somebody may ask for, in order; `None` if the server did not tell, and then each one is tried.
    methods: Option<Box<[&'static str]>>,
    /// The groups of statistics; empty if the server did not tell (module counters is not loaded).
    groups: Vec<Group>,
    /// The calls that bring all statistics, once the groups are forgotten.
    packed: Option<Vec<Vec<String>>>,
    listed: HashMap<Listing, Vec<String>>,
    /// What the server says about statistics, by `group.name`.
    help: HashMap<String, String>,
    asked: HashSet<Question>,
    /// Bytes of names and texts so far.
    size: usize,
    /// Whether there was more than is taken.
    cut: bool,
}

#[derive(Debug)]
struct Group {
    name: String,
    /// The statistics; `None` if the server did not tell.
    statistics: Option<Vec<String>>,
}

/// Something to ask a server that has the method for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// Which methods there are.
    Methods,
    /// Which groups of statistics there are.
    Groups,
    /// Which statistics a group has.
    Statistics(String),
    /// What a statistic counts, by its group and its name.
    Help(String, String),
    /// What a method can be called with.
    Listing(Listing),
}

impl Question {
    /// The method that answers it.
    pub fn method(&self) -> &'static str {
        match self {
            // core/core_cmd.c, system_listMethods
            Self::Methods => "system.listMethods",
            // counters/counters.c, cnt_grps_list_rpc and cnt_var_list_rpc
            Self::Groups => "cnt.list_groups",
            Self::Statistics(_) => "cnt.list_vars",
            // counters/counters.c, cnt_help_rpc
            Self::Help(..) => "cnt.help",
            Self::Listing(listing) => listing.method,
        }
    }

    /// Its arguments.
    pub fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Statistics(group) => vec![group],
            Self::Help(group, name) => vec![group, name],
            Self::Methods | Self::Groups | Self::Listing(_) => Vec::new(),
        }
    }
}

impl Capabilities {
    /// That of a server without any method.
    pub fn of_nothing() -> Self {
        Self { methods: Some(Box::default()), ..Self::default() }
    }

    /// What is still to be asked: at first what there is, then more about it.
    pub fn questions(&mut self, selection: &Selection) -> Vec<Question> {
        let mut questions = vec![Question::Methods, Question::Groups];
        for collector in selection.collectors().filter(|_| self.knows_methods()) {
            if !self.has(collector.method) {
                continue;
            }
            match collector.call {
                Call::NamedGroups | Call::AllGroups => {
                    questions
                        .extend(self.groups.iter().map(|group| Question::Statistics(group.name.clone())));
                }
                Call::EachOf(listing) | Call::EachNumberOf(listing) => {
                    questions.push(Question::Listing(listing))
                }
                Call::Once(_) | Call::Each(_) | Call::NamedProfiles | Call::Page => {}
            }
        }
        questions.extend(self.self_named().take(MAX_HELP));
        questions.retain(|question| self.has(question.method()) && self.asked.insert(question.clone()));
        questions
    }

    /// The statistics whose names say what they are, and that need nothing but a sentence about them.
    fn self_named(&self) -> impl Iterator<Item = Question> {
        let names = self.groups.iter().flat_map(|group| {
            group.statistics.iter().flatten().map(|name| (group.name.clone(), name.clone()))
        });
        let named =
            names.filter(|(group, name)| statistics::by_name(format!("{group}.{name}").as_bytes()).is_some());
        named.map(|(group, name)| Question::Help(group, name))
    }

    /// What the server says about a statistic, by `group.name`; empty if it says nothing.
    pub fn help(&self, statistic: &str) -> &str {
        self.help.get(statistic).map_or("", String::as_str)
    }

    /// Takes the answer to a question, as much of it as there is room for.
    pub fn take(&mut self, question: &Question, records: Members<'_>) {
        match question {
            Question::Methods => {
                self.methods = Some(known(records.iter().filter_map(|method| method.value.as_bytes())));
            }
            Question::Groups => {
                let names = self.texts(records, MAX_GROUPS).into_iter();
                self.groups = names.map(|name| Group { name, statistics: None }).collect();
            }
            Question::Statistics(name) => {
                let names = self.texts(records, usize::MAX);
                if let Some(group) = self.groups.iter_mut().find(|group| group.name == *name) {
                    group.statistics = Some(names);
                }
            }
            Question::Help(group, name) => {
                let text = self.texts(records, 1).into_iter().next().unwrap_or_default();
                // counters/counters.c says so of what was registered without a description.
                if !text.contains("(no description)") {
                    self.help.insert(format!("{group}.{name}"), text);
                }
            }
            Question::Listing(listing) => {
                let values = records.iter().flat_map(|record| leaves(record.value, listing.path));
                let values = self.at_most(MAX_LISTED, values.map(Cow::Owned));
                self.listed.insert(*listing, values);
            }
        }
    }

    /// Whether the server has more than the exporter takes of it.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    fn texts(&mut self, records: Members<'_>, most: usize) -> Vec<String> {
        let texts = records.iter().filter_map(|record| std::str::from_utf8(record.value.as_bytes()?).ok());
        self.at_most(most, texts.map(Cow::Borrowed))
    }

    fn at_most<'t>(&mut self, most: usize, texts: impl Iterator<Item = Cow<'t, str>>) -> Vec<String> {
        let mut taken = Vec::new();
        for text in texts {
            if taken.len() == most {
                self.cut = true;
                break;
            }
            if self.has_room(text.as_bytes()) {
                taken.push(text.into_owned());
            }
        }
        taken
    }

    fn has_room(&mut self, text: &[u8]) -> bool {
        let size = self.size + text.len() + NAME_OVERHEAD;
        let fits = text.len() <= MAX_NAME && size <= MAX_SIZE;
        if fits {
            self.size = size;
        }
        self.cut |= !fits;
        fits
    }

    /// Forgets what only further questions need. There may be thousands of servers, and the names of one's statistics
    /// alone are some 100 KB.
    pub fn settle(&mut self) {
        self.packed = Some(self.statistics());
        self.groups = Vec::new();
        self.asked = HashSet::new();
        self.help.shrink_to_fit();
    }

    /// How many bytes of the server's own it takes to remember this; meant for after [`settle`](Self::settle).
    pub fn size(&self) -> usize {
        let packed = self.packed.iter().flatten().flatten().map(String::len);
        let listed = self.listed.values().flatten().map(String::len);
        let help = self.help.iter().flat_map(|(name, text)| [name.len(), text.len()]);
        packed.chain(listed).chain(help).map(|text| text + size_of::<String>()).sum()
    }

    /// Whether the server has a method, as far as is known.
    pub fn has(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.binary_search(&method).is_ok())
    }

    /// Whether the server has told its methods.
    pub fn knows_methods(&self) -> bool {
        self.methods.is_some()
    }

    /// What a listing has brought.
    pub fn listed(&self, listing: Listing) -> &[String] {
        self.listed.get(&listing).map_or(&[], Vec::as_slice)
    }

    /// The arguments of the calls of `stats.fetch` that bring all statistics: as many groups in a call as its reply, one
    /// struct of Kamailio's, has room for; of a group that has more than that, as many statistics.
    pub fn statistics(&self) -> Vec<Vec<String>> {
        if let Some(packed) = &self.packed {
            return packed.clone();
        }
        if self.groups.is_empty() {
            // All in one reply would not fit; a group that does not exist is an empty reply.
            return catalogue().statistic_groups().map(|group| vec![format!("{group}:")]).collect();
        }
        let mut calls = Vec::new();
        let mut room = 0;
        for Group { name, statistics } in &self.groups {
            let Some(statistics) = statistics else {
                // Nobody knows how large it is, so it goes alone.
                calls.push(vec![format!("{name}:")]);
                room = 0;
                continue;
            };
            let size = |statistic: &String| name.len() + 1 + statistic.len() + MEMBER_OVERHEAD;
            let whole: usize = statistics.iter().map(size).sum();
            let parts: Vec<_> = if whole <= STRUCT_BYTES {
                vec![(format!("{name}:"), whole)]
            } else {
                statistics.iter().map(|statistic| (format!("{name}.{statistic}"), size(statistic))).collect()
            };
            for (argument, size) in parts {
                match calls.last_mut().filter(|_| size <= room) {
                    Some(call) => call.push(argument),
                    None => {
                        calls.push(vec![argument]);
                        room = STRUCT_BYTES;
                    }
                }
                room = room.saturating_sub(size);
            }
        }
        calls
    }

    /// That of a server with these methods and groups.
    #[cfg(test)]
    pub(crate) fn of(methods: &[&str], groups: &[&str]) -> Self {
        let methods = known(methods.iter().map(|method| method.as_bytes()));
        let groups = groups.iter().map(|name| Group { name: (*name).to_owned(), statistics: None }).collect();
        Self { methods: Some(methods), groups, ..Self::default() }
    }
}

/// Those methods that a collector or a question is about, in order.
fn known<'m>(methods: impl Iterator<Item = &'m [u8]>) -> Box<[&'static str]> {
    static ALL_KNOWN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let of = |collector: &&'static Collector| {
            let listing = match collector.call {
                Call::EachOf(listing) | Call::EachNumberOf(listing) => Some(listing.method),
                Call::Once(_)
                | Call::Each(_)
                | Call::NamedGroups
                | Call::AllGroups
                | Call::NamedProfiles
                | Call::Page => None,
            };
            let instead = collector.preferred_calls.iter().filter_map(|call| call.split(' ').next());
            [collector.method].into_iter().chain(listing).chain(instead).collect::<Vec<_>>()
        };
        let nothing = String::new;
        let questions = [
            Question::Methods,
            Question::Groups,
            Question::Statistics(nothing()),
            Question::Help(nothing(), nothing()),
        ];
        ALL.iter().flat_map(of).chain(questions.iter().map(Question::method)).collect()
    });
    let known = methods.filter_map(|method| ALL_KNOWN.get(std::str::from_utf8(method).ok()?).copied());
    known.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The texts and numbers at the end of a path whose names may repeat.
fn leaves(value: Value<'_>, path: &[&str]) -> Vec<String> {
    let Some((name, rest)) = path.split_first() else {
        let text = value.as_bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
        return text.or_else(|| value.as_i64().map(|number| number.to_string())).into_iter().collect();
    };
    let members = value.members().into_iter().flatten().filter(|member| member.name == Some(name.as_bytes()));
    members.flat_map(|member| leaves(member.value, rest)).collect()
}

/// What a statistic needs in a struct besides its name: the marks and lengths of name and value, and 20 digits.
const MEMBER_OVERHEAD: usize = 28;
/// Kamailio gives a struct 8 KiB unless it is told otherwise (`ctl/binrpc_run.c`, `binrpc_struct_max_body_size`). Past
/// that stats.fetch is a fault, with two lines in Kamailio's log for each statistic that did not fit.
const STRUCT_BYTES: usize = 8 * 1024 - 64;

/// Groups of statistics, each of which is a question and a call. Kamailio with all its modules has about sixty.
const MAX_GROUPS: usize = 500;
/// Values of a listing, each of which is a call in every scrape.
const MAX_LISTED: usize = 1000;
/// Bytes of a name or a text. What is longer does not fit into one of Kamailio's structs either.
const MAX_NAME: usize = 1024;
/// Bytes of all names and texts: more than 20,000 statistics. They are kept from scrape to scrape.
const MAX_SIZE: usize = 2 << 20;
/// What a name takes in memory besides its bytes.
const NAME_OVERHEAD: usize = 64;
/// Questions about single statistics, which all go out in one write.
const MAX_HELP: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::ALL;
    use kamailio_binrpc::wire::{self, Arg, Cookie, Kind, Nodes};

    fn group(name: &str, statistics: usize) -> Group {
        let statistics = (0..statistics).map(|number| format!("statistic_{number:03}")).collect();
        Group { name: name.to_owned(), statistics: Some(statistics) }
    }

    #[test]
    fn a_server_that_claims_to_have_very_much_is_not_asked_about_all_of_it() {
        let names: Vec<String> = (0..100_000).map(|number| format!("g{number}")).collect();
        let long = "x".repeat(MAX_NAME + 1);
        let mut records: Vec<Arg<'_>> = vec![Arg::from(long.as_str())];
        records.extend(names.iter().map(|name| Arg::from(name.as_str())));
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, Cookie(1), &records, &mut packet).unwrap();
        let body = packet.split_off(wire::header(&packet).unwrap().unwrap().header_len);
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        let records = nodes.members(&body);

        let selection = Selection::parse("all").unwrap();
        let mut capabilities = Capabilities::default();
        for question in capabilities.questions(&selection) {
            if question == Question::Groups {
                capabilities.take(&question, records);
            }
        }
        let methods = ALL.iter().map(|collector| collector.method.as_bytes());
        let methods = methods.chain(["cnt.list_vars".as_bytes(), b"cnt.help"]);
        capabilities.methods =
            Some(known(methods.chain(listings().map(|listing| listing.method.as_bytes()))));
        let mut asked = 0;
        loop {
            let questions = capabilities.questions(&selection);
            if questions.is_empty() {
                break;
            }
            asked += questions.len();
            questions.iter().for_each(|question| capabilities.take(question, records));
        }
        assert!(asked <= MAX_GROUPS + MAX_HELP + listings().count(), "{asked}");
        let statistics: usize =
            capabilities.groups.iter().flat_map(|group| &group.statistics).map(Vec::len).sum();
        assert_eq!(capabilities.groups.len(), MAX_GROUPS);
        assert!(statistics * NAME_OVERHEAD < MAX_SIZE && capabilities.is_cut(), "{statistics}");
        assert!(listings().all(|listing| capabilities.listed(listing).len() <= MAX_LISTED));
        assert!(capabilities.groups.iter().all(|group| group.name.len() <= MAX_NAME));
    }

    fn listings() -> impl Iterator<Item = Listing> {
        ALL.iter().filter_map(|collector| match collector.call {
            Call::EachOf(listing) | Call::EachNumberOf(listing) => Some(listing),
            _ => None,
        })
    }

    #[test]
    fn groups_share_a_call_as_long_as_they_fit_into_a_struct() {
        let mut capabilities = Capabilities::of(&["stats.fetch"], &["unknown"]);
        capabilities.groups.extend([group("core", 100), group("tmx", 60), group("sl", 20), group("none", 0)]);
        let calls = capabilities.statistics();
        assert_eq!(calls, [vec!["unknown:"], vec!["core:", "tmx:"], vec!["sl:", "none:"]]);
    }

    #[test]
    fn what_is_forgotten_makes_no_difference_to_what_is_asked_for() {
        let mut capabilities = Capabilities::of(&["stats.fetch", "tm.stats", "nobody.asks"], &["unknown"]);
        capabilities.groups.extend([group("core", 100), group("script", 300)]);
        let calls = capabilities.statistics();
        assert_eq!(calls.len(), 4);
        capabilities.settle();
        assert_eq!(capabilities.statistics(), calls);
        assert!(capabilities.groups.is_empty() && capabilities.asked.is_empty());
        assert!(
            capabilities.has("tm.stats") && capabilities.has("stats.fetch") && !capabilities.has("sl.stats")
        );
        assert_eq!(capabilities.methods.unwrap().len(), 2);
    }

    #[test]
    fn a_group_that_does_not_fit_into_a_struct_goes_in_batches() {
        let mut capabilities = Capabilities::of(&["stats.fetch"], &[]);
        capabilities.groups.extend([group("core", 10), group("script", 300), group("tmx", 10)]);
        let calls = capabilities.statistics();
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [160, 142]);
        assert_eq!((calls[0][0].as_str(), calls[1][141].as_str()), ("core:", "tmx:"));
        for call in &calls[..1] {
            let bytes: usize = call.iter().skip(1).map(|name| 2 + name.len() + 1 + 2 + 21).sum();
            assert!(bytes + 10 * 44 <= 8 * 1024, "{bytes}");
        }
    }

    /// A reply of texts.
    fn reply(texts: impl Iterator<Item = String>) -> Vec<u8> {
        let texts: Vec<_> = texts.collect();
        let texts: Vec<Arg<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, Cookie(1), &texts, &mut packet).unwrap();
        packet.split_off(wire::header(&packet).unwrap().unwrap().header_len)
    }

    fn take(capabilities: &mut Capabilities, question: &Question, body: &[u8]) {
        let mut nodes = Nodes::new();
        nodes.decode(body).unwrap();
        capabilities.take(question, nodes.members(body));
    }

    #[test]
    fn of_a_server_with_more_names_than_any_has_only_some_are_taken() {
        let mut capabilities = Capabilities::of(&["cnt.list_vars"], &[]);
        take(&mut capabilities, &Question::Groups, &reply((0..500).map(|number| format!("group{number}"))));
        assert!(!capabilities.is_cut());
        take(
            &mut capabilities,
            &Question::Groups,
            &reply((0..200_000).map(|number| format!("group{number}"))),
        );
        assert_eq!((capabilities.groups.len(), capabilities.is_cut()), (500, true));
        let many = reply((0..200_000).map(|number| format!("statistic{number}")));
        for group in 0..5 {
            take(&mut capabilities, &Question::Statistics(format!("group{group}")), &many);
        }
        let statistics = capabilities.groups.iter().flat_map(|group| group.statistics.iter().flatten());
        let (count, bytes) =
            statistics.fold((0, 0), |(n, bytes), text| (n + 1, bytes + text.capacity() + 24));
        assert!((20_000..40_000).contains(&count) && bytes < 2 << 20, "{count} of {bytes} bytes");
    }

    #[test]
    fn a_name_that_no_request_has_room_for_is_not_taken() {
        let mut capabilities = Capabilities::of(&["cnt.list_vars"], &[]);
        take(
            &mut capabilities,
            &Question::Groups,
            &reply(["a".repeat(70_000), "core".to_owned()].into_iter()),
        );
        assert_eq!(capabilities.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["core"]);
        assert!(capabilities.is_cut());
    }
}
