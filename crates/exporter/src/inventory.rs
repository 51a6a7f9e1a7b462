//! What a server has, learned at the first contact: its methods, its statistics, and what some methods can be asked
//! about.

use crate::catalogue::catalogue;
use crate::collector::{Call, Listing};
use crate::plan::Selection;
use kamailio_binrpc::{Members, Value};
use std::collections::{HashMap, HashSet};

/// What a server has.
#[derive(Debug, Default)]
pub struct Inventory {
    /// The methods; `None` if the server did not tell, and then each one is tried.
    methods: Option<HashSet<Vec<u8>>>,
    /// The groups of statistics; empty if the server did not tell (module counters is not loaded).
    groups: Vec<Group>,
    listed: HashMap<Listing, Vec<String>>,
}

#[derive(Debug)]
struct Group {
    name: String,
    /// The statistics; `None` if the server did not tell.
    statistics: Option<Vec<String>>,
}

/// Something to ask a server that has the method for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Which methods there are.
    Methods,
    /// Which groups of statistics there are.
    Groups,
    /// Which statistics a group has.
    Statistics(String),
    /// What a method can be called with.
    Listing(Listing),
}

impl Question {
    /// What is asked first.
    pub const FIRST: [Self; 2] = [Self::Methods, Self::Groups];

    /// The method that answers it.
    pub fn method(&self) -> &'static str {
        match self {
            // core/core_cmd.c, system_listMethods
            Self::Methods => "system.listMethods",
            // counters/counters.c, cnt_grps_list_rpc and cnt_var_list_rpc
            Self::Groups => "cnt.list_groups",
            Self::Statistics(_) => "cnt.list_vars",
            Self::Listing(listing) => listing.method,
        }
    }

    /// Its argument, if it has one.
    pub fn argument(&self) -> Option<&str> {
        match self {
            Self::Statistics(group) => Some(group),
            Self::Methods | Self::Groups | Self::Listing(_) => None,
        }
    }
}

impl Inventory {
    /// That of a server without any method.
    pub fn of_nothing() -> Self {
        Self { methods: Some(HashSet::new()), ..Self::default() }
    }

    /// What to ask once the answers to [`Question::FIRST`] are in.
    pub fn questions(&self, selection: &Selection) -> Vec<Question> {
        let mut questions = Vec::new();
        for collector in selection.collectors().filter(|collector| self.has(collector.method)) {
            let new = match collector.call {
                Call::EachGroup | Call::EveryGroup => {
                    self.groups.iter().map(|group| Question::Statistics(group.name.clone())).collect()
                }
                Call::EachOf(listing) | Call::EachNumberOf(listing) => vec![Question::Listing(listing)],
                Call::Once(_) | Call::Each(_) | Call::EachProfile | Call::Page => Vec::new(),
            };
            for question in new {
                if self.has(question.method()) && !questions.contains(&question) {
                    questions.push(question);
                }
            }
        }
        questions
    }

    /// Takes the answer to a question.
    pub fn take(&mut self, question: &Question, records: Members<'_>) {
        match question {
            Question::Methods => {
                let names = records.iter().filter_map(|method| method.value.bytes());
                self.methods = Some(names.map(Vec::from).collect());
            }
            Question::Groups => {
                let names = texts(records).into_iter();
                self.groups = names.map(|name| Group { name, statistics: None }).collect();
            }
            Question::Statistics(name) => {
                if let Some(group) = self.groups.iter_mut().find(|group| group.name == *name) {
                    group.statistics = Some(texts(records));
                }
            }
            Question::Listing(listing) => {
                let values = records.iter().flat_map(|record| leaves(record.value, listing.path)).collect();
                self.listed.insert(*listing, values);
            }
        }
    }

    /// Whether the server has a method, as far as is known.
    pub fn has(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(method.as_bytes()))
    }

    /// Whether the server has told its methods.
    pub fn knows_methods(&self) -> bool {
        self.methods.is_some()
    }

    /// What a listing has brought.
    pub fn listed(&self, listing: Listing) -> &[String] {
        self.listed.get(&listing).map_or(&[], Vec::as_slice)
    }

    /// The arguments of the calls of `stats.fetch` that bring all statistics. A group goes by its name where its reply
    /// fits into a struct of Kamailio's, else its statistics go by their names, as many as fit.
    pub fn statistics(&self) -> Vec<Vec<String>> {
        if self.groups.is_empty() {
            // All in one reply would not fit; a group that does not exist is an empty reply.
            return catalogue().statistic_groups().map(|group| vec![format!("{group}:")]).collect();
        }
        let mut calls = Vec::new();
        for Group { name, statistics } in &self.groups {
            let names = statistics.iter().flatten().map(|statistic| format!("{name}.{statistic}"));
            let mut batches: Vec<(usize, Vec<String>)> = Vec::new();
            for name in names {
                let size = name.len() + MEMBER_OVERHEAD;
                match batches.last_mut().filter(|(bytes, _)| bytes + size <= STRUCT_BYTES) {
                    Some((bytes, batch)) => {
                        *bytes += size;
                        batch.push(name);
                    }
                    None => batches.push((size, vec![name])),
                }
            }
            if batches.len() < 2 {
                calls.push(vec![format!("{name}:")]);
            } else {
                calls.extend(batches.into_iter().map(|(_, batch)| batch));
            }
        }
        calls
    }

    /// That of a server with these methods and groups.
    #[cfg(test)]
    pub(crate) fn of(methods: &[&str], groups: &[&str]) -> Self {
        let methods = methods.iter().map(|method| method.as_bytes().to_vec()).collect();
        let groups = groups.iter().map(|name| Group { name: (*name).to_owned(), statistics: None }).collect();
        Self { methods: Some(methods), groups, ..Self::default() }
    }
}

fn texts(records: Members<'_>) -> Vec<String> {
    let texts = records.iter().filter_map(|record| std::str::from_utf8(record.value.bytes()?).ok());
    texts.map(str::to_owned).collect()
}

/// The texts and numbers at the end of a path whose names may repeat.
fn leaves(value: Value<'_>, path: &[&str]) -> Vec<String> {
    let Some((name, rest)) = path.split_first() else {
        let text = value.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
        return text.or_else(|| value.signed().map(|number| number.to_string())).into_iter().collect();
    };
    let members = value.members().into_iter().flatten().filter(|member| member.name == Some(name.as_bytes()));
    members.flat_map(|member| leaves(member.value, rest)).collect()
}

/// What a statistic needs in a struct besides its name: the marks and lengths of name and value, and 20 digits.
const MEMBER_OVERHEAD: usize = 28;
/// Kamailio gives a struct 8 KiB unless it is told otherwise (`ctl/binrpc_run.c`, `binrpc_struct_max_body_size`). Past
/// that stats.fetch is a fault, with two lines in Kamailio's log for each statistic that did not fit.
const STRUCT_BYTES: usize = 8 * 1024 - 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_does_not_fit_into_a_struct_goes_in_batches() {
        let statistics = (0..300).map(|number| format!("statistic_{number:03}")).collect();
        let mut inventory = Inventory::of(&["stats.fetch"], &["core"]);
        inventory.groups.push(Group { name: "script".to_owned(), statistics: Some(statistics) });
        let calls = inventory.statistics();
        assert_eq!(calls[0], ["core:"]);
        assert_eq!(calls.iter().skip(1).map(Vec::len).collect::<Vec<_>>(), [169, 131]);
        for call in &calls[1..] {
            let bytes: usize = call.iter().map(|name| 3 + name.len() + 1 + 2 + 21).sum();
            assert!(bytes <= 8 * 1024, "{bytes}");
        }
    }
}
