//! The capabilities of a server: its methods, its statistics, and the arguments that some methods take.

mod discovery;
mod query;
mod statistics;

pub use discovery::Discovery;
pub use query::CapabilityQuery;

use crate::collectors::schema::Listing;
use discovery::{MAX_LISTED, MAX_NAME, listed_values};
use kamailio_binrpc::Members;
use std::collections::HashMap;

/// The capabilities of a server, as discovered at the first contact.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// The methods that the exporter knows, in order; `None` if the server did not list them, and then each one is tried.
    methods: Option<Box<[&'static str]>>,
    /// The arguments of the calls of `stats.fetch` that fetch all statistics.
    statistics_calls: Vec<Vec<String>>,
    /// The same for each group that does not fit into one reply.
    split_groups: HashMap<String, Vec<Vec<String>>>,
    /// The values of the listings that collectors take their arguments from.
    listed: HashMap<Listing, Vec<String>>,
    /// The server's descriptions of statistics, by `group.name`.
    help: HashMap<String, String>,
    /// Whether a limit on names or bytes left something out.
    truncated: bool,
    /// Whether the server is reached over a unix stream socket, and therefore runs on this machine.
    local: bool,
}

impl Capabilities {
    /// Returns the capabilities of a server without any method.
    pub fn none() -> Self {
        Self { methods: Some(Box::default()), ..Self::default() }
    }

    /// Returns whether the server has a method. A server that did not list its methods may have any.
    pub fn has(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.binary_search(&method).is_ok())
    }

    /// Returns whether the server listed its methods.
    pub fn knows_methods(&self) -> bool {
        self.methods.is_some()
    }

    /// Returns the values of a listing.
    pub fn listed(&self, listing: Listing) -> &[String] {
        self.listed.get(&listing).map_or(&[], Vec::as_slice)
    }

    /// Returns the capabilities with the values of another reply to a listing; `None` if the values are the same. The limits
    /// are those of the discovery.
    pub(crate) fn with_listing(&self, listing: Listing, records: Members<'_>) -> Option<Self> {
        let values = listed_values(listing, records).filter(|value| value.len() <= MAX_NAME);
        let values: Vec<_> = values.take(MAX_LISTED).collect();
        if self.listed(listing) == values {
            return None;
        }
        let mut capabilities = self.clone();
        capabilities.listed.insert(listing, values);
        Some(capabilities)
    }

    /// Returns the server's description of a statistic, by `group.name`; empty if there is none.
    pub fn help(&self, statistic: &str) -> &str {
        self.help.get(statistic).map_or("", String::as_str)
    }

    /// Returns the arguments of the calls of `stats.fetch` that fetch all statistics.
    pub fn statistics_calls(&self) -> &[Vec<String>] {
        &self.statistics_calls
    }

    /// Returns the arguments of the calls of `stats.fetch` that fetch one group.
    pub fn group_calls(&self, group: &str) -> Vec<Vec<String>> {
        self.split_groups.get(group).cloned().unwrap_or_else(|| vec![vec![format!("{group}:")]])
    }

    /// Returns whether a limit on names or bytes left something out.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Returns whether the server runs on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }

    /// Returns the capabilities of a server that does or does not run on this machine.
    pub(crate) fn with_local(self, local: bool) -> Self {
        Self { local, ..self }
    }

    /// Returns the number of bytes that the server's names and texts take in memory.
    pub fn size(&self) -> usize {
        let split = self.split_groups.values().flatten();
        let statistics = self.statistics_calls.iter().chain(split).flatten().map(String::len);
        let listed = self.listed.values().flatten().map(String::len);
        let help = self.help.iter().flat_map(|(name, text)| [name.len(), text.len()]);
        statistics.chain(listed).chain(help).map(|text| text + size_of::<String>()).sum()
    }

    /// Returns the capabilities of a server with these methods and groups.
    #[cfg(test)]
    pub(crate) fn of(methods: &[&str], groups: &[&str]) -> Self {
        Discovery::of(methods, groups).finish()
    }
}

impl Default for Capabilities {
    /// Returns the capabilities of a server that lists neither its methods nor its statistics.
    fn default() -> Self {
        Self {
            methods: None,
            statistics_calls: statistics::calls(&[], statistics::STRUCT_BYTES),
            split_groups: HashMap::new(),
            listed: HashMap::new(),
            help: HashMap::new(),
            truncated: false,
            local: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_lists_no_method_has_none() {
        assert!(!Capabilities::none().has("tm.stats"));
        assert!(Capabilities::default().has("tm.stats"), "it did not list its methods");
    }

    #[test]
    fn a_server_is_remote_by_default() {
        assert!(!Capabilities::none().is_local());
        assert!(Capabilities::none().with_local(true).is_local());
    }

    #[test]
    fn the_size_counts_texts_and_what_holds_them() {
        let none = Capabilities::none();
        let help = [("a.bc".to_owned(), "de".to_owned())].into();
        let split_groups = [("a".to_owned(), vec![vec!["a.b".to_owned()]])].into();
        let some = Capabilities { help, split_groups, ..none.clone() };
        assert_eq!(some.size() - none.size(), 4 + 2 + 3 + 3 * size_of::<String>());
    }
}
