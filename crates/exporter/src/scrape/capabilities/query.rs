//! The calls that discover a server's capabilities.

use crate::collectors::ALL;
use crate::collectors::schema::{Call, Collector, Listing};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A call that discovers a capability.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CapabilityQuery {
    /// Lists the methods.
    Methods,
    /// Lists the groups of statistics.
    Groups,
    /// Lists the statistics of a group.
    Statistics(String),
    /// Describes a statistic, by its group and its name.
    Help(String, String),
    /// Lists the arguments that another method takes.
    Listing(Listing),
}

impl CapabilityQuery {
    /// Returns the method to call.
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

    /// Returns the arguments of the call.
    pub fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Statistics(group) => vec![group],
            Self::Help(group, name) => vec![group, name],
            Self::Methods | Self::Groups | Self::Listing(_) => Vec::new(),
        }
    }
}

/// Returns the methods that a collector or a query calls, in order.
pub(super) fn known_methods<'m>(methods: impl Iterator<Item = &'m [u8]>) -> Box<[&'static str]> {
    static ALL_KNOWN: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
        let of = |collector: &&'static Collector| {
            let listing = match collector.call {
                Call::EachOf(listing) | Call::EachNumberOf(listing) => Some(listing.method),
                Call::Once(_)
                | Call::Each(_)
                | Call::NamedGroups
                | Call::AllGroups
                | Call::NamedProfiles
                | Call::ProfileValues
                | Call::Page
                | Call::Files
                | Call::Observed => None,
            };
            let instead = collector.preferred_calls.iter().filter_map(|call| call.split(' ').next());
            [collector.method].into_iter().chain(listing).chain(instead).collect::<Vec<_>>()
        };
        let nothing = String::new;
        let queries = [
            CapabilityQuery::Methods,
            CapabilityQuery::Groups,
            CapabilityQuery::Statistics(nothing()),
            CapabilityQuery::Help(nothing(), nothing()),
        ];
        ALL.iter().flat_map(of).chain(queries.iter().map(CapabilityQuery::method)).collect()
    });
    let known = methods.filter_map(|method| ALL_KNOWN.get(std::str::from_utf8(method).ok()?).copied());
    known.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_has_its_method_and_arguments() {
        let call = |query: CapabilityQuery| [&[query.method()], &query.arguments()[..]].concat().join(" ");
        assert_eq!(call(CapabilityQuery::Methods), "system.listMethods");
        assert_eq!(call(CapabilityQuery::Groups), "cnt.list_groups");
        assert_eq!(call(CapabilityQuery::Statistics("tmx".to_owned())), "cnt.list_vars tmx");
        let help = CapabilityQuery::Help("tmx".to_owned(), "active".to_owned());
        assert_eq!(call(help), "cnt.help tmx active");
    }
}
