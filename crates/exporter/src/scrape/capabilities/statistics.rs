//! How the statistics of a server are divided into calls whose replies fit into Kamailio's buffers.

use crate::collectors::catalogue::catalogue;

/// A group of statistics.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: String,
    /// The names of the statistics; `None` if the server did not list them.
    pub(super) statistics: Option<Vec<String>>,
}

/// Returns the arguments of the calls of `stats.fetch` that fetch all statistics of the groups. A reply is one struct of
/// Kamailio with `struct_bytes`, so a call has as many groups as fit into it; a group that does not fit is fetched by statistic.
pub(super) fn calls(groups: &[Group], struct_bytes: usize) -> Vec<Vec<String>> {
    if groups.is_empty() {
        // One reply for all would not fit; a group that does not exist is an empty reply.
        return catalogue().statistic_groups().map(|group| vec![format!("{group}:")]).collect();
    }
    let mut calls = Vec::new();
    let mut free = 0;
    for Group { name, statistics } in groups {
        let Some(statistics) = statistics else {
            // The size of the group is unknown, so it shares a call with no other.
            calls.push(vec![format!("{name}:")]);
            free = 0;
            continue;
        };
        let size = |statistic: &String| name.len() + 1 + statistic.len() + MEMBER_OVERHEAD;
        let total: usize = statistics.iter().map(size).sum();
        let arguments: Vec<_> = if total <= struct_bytes {
            vec![(format!("{name}:"), total)]
        } else {
            statistics.iter().map(|statistic| (format!("{name}.{statistic}"), size(statistic))).collect()
        };
        for (argument, size) in arguments {
            match calls.last_mut().filter(|_| size <= free) {
                Some(call) => call.push(argument),
                None => {
                    calls.push(vec![argument]);
                    free = struct_bytes;
                }
            }
            free = free.saturating_sub(size);
        }
    }
    calls
}

/// Bytes of a statistic in a struct besides its name: the marks and lengths of name and value, and 20 digits.
const MEMBER_OVERHEAD: usize = 28;
/// Bytes of a struct, which is 8 KiB by default (`ctl/binrpc_run.c`, `binrpc_struct_max_body_size`). Beyond it,
/// stats.fetch is a fault, and Kamailio logs two lines for each statistic that did not fit.
pub(super) const STRUCT_BYTES: usize = 8 * 1024 - 64;
/// Bytes of a struct in the smallest size that Kamailio can be set to, 1 KiB.
pub(super) const SMALLEST_STRUCT_BYTES: usize = 1024 - 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, statistics: usize) -> Group {
        let statistics = (0..statistics).map(|number| format!("statistic_{number:03}")).collect();
        Group { name: name.to_owned(), statistics: Some(statistics) }
    }

    fn unknown(name: &str) -> Group {
        Group { name: name.to_owned(), statistics: None }
    }

    #[test]
    fn groups_share_a_call_as_long_as_they_fit_into_a_struct() {
        let groups =
            [unknown("unknown"), group("core", 100), group("tmx", 60), group("sl", 20), group("none", 0)];
        assert_eq!(
            calls(&groups, STRUCT_BYTES),
            [vec!["unknown:"], vec!["core:", "tmx:"], vec!["sl:", "none:"]]
        );
    }

    #[test]
    fn a_group_of_unknown_size_is_fetched_alone() {
        let groups = [group("core", 10), unknown("unknown"), group("sl", 10), unknown("last")];
        assert_eq!(calls(&groups, STRUCT_BYTES), [["core:"], ["unknown:"], ["sl:"], ["last:"]]);
    }

    #[test]
    fn the_smallest_structs_have_room_for_every_call() {
        let groups = [group("core", 100), group("tmx", 3), group("sl", 4)];
        let calls = calls(&groups, SMALLEST_STRUCT_BYTES);
        let reply = |call: &Vec<String>| -> usize {
            let sizes = call.iter().map(|argument| match argument.as_str() {
                "tmx:" => 3 * ("tmx.statistic_000".len() + 26),
                "sl:" => 4 * ("sl.statistic_000".len() + 26),
                name => name.len() + 26,
            });
            sizes.sum()
        };
        assert!(calls.iter().all(|call| (1..1024).contains(&reply(call))), "{calls:?}");
        assert!((5..8).contains(&calls.len()), "{}", calls.len());
        assert_eq!(calls.last().unwrap().last().unwrap(), "sl:");
    }

    #[test]
    fn a_group_that_does_not_fit_into_a_struct_goes_in_batches() {
        let calls = calls(&[group("core", 10), group("script", 300), group("tmx", 10)], STRUCT_BYTES);
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [160, 142]);
        assert_eq!((calls[0][0].as_str(), calls[1][141].as_str()), ("core:", "tmx:"));
        for call in &calls[..1] {
            let bytes: usize = call.iter().skip(1).map(|name| 2 + name.len() + 1 + 2 + 21).sum();
            assert!(bytes + 10 * 44 <= 8 * 1024, "{bytes}");
        }
    }
}
