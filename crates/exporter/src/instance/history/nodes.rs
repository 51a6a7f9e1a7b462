//! The last hour of the dispatcher's destinations and of rtpengine's nodes.

use super::ring::Bucket;
use super::series::family;
use super::{MAX_GAP, Resolution, label};
use prometheus_exposition::{FamilyId, Number, Samples};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The state of a destination or node. Of several states in a bucket, the last in this order is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NodeState {
    /// Kamailio did not report it.
    #[default]
    Unknown,
    Up,
    /// Disabled by an administrator.
    Disabled,
    /// A destination that has failed but is still used.
    Trying,
    Down,
}

/// A destination or a node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its labels as the exposition has them, which identify it.
    labels: Box<[u8]>,
    pub(crate) state: NodeState,
    /// When the state began, in the history's seconds (see [`History::time`](super::History::time)); `None` if it has not
    /// changed since the first scrape.
    pub(crate) since: Option<f64>,
    /// The estimated response time, in seconds.
    pub(crate) latency: Option<f64>,
    pub(crate) weight: Option<f64>,
    /// The worst state of each bucket, at the bucket's number modulo the number of buckets.
    states: Box<[NodeState]>,
}

/// The nodes of one kind, in the order of Kamailio's reply.
#[derive(Debug)]
pub(crate) struct Nodes {
    kind: Kind,
    nodes: Vec<Node>,
    /// The newest bucket.
    newest: Bucket,
    /// The time of the last scrape.
    last: f64,
    /// Bytes that the nodes take.
    memory: usize,
    /// Number of nodes that did not fit into the memory.
    pub(crate) left_out: usize,
}

/// The kinds of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Destinations,
    Rtpengine,
}

/// The labels and families of a kind.
struct Families {
    set: &'static str,
    address: &'static str,
    name: &'static str,
    up: FamilyId,
    disabled: FamilyId,
    trying: Option<FamilyId>,
    latency: Option<FamilyId>,
    weight: FamilyId,
}

impl Kind {
    fn families(self) -> &'static Families {
        static FAMILIES: LazyLock<[Families; 2]> = LazyLock::new(|| {
            [
                Families {
                    set: "setid",
                    address: "uri",
                    name: "duid",
                    up: family("kamailio_dispatcher_destination_up"),
                    disabled: family("kamailio_dispatcher_destination_disabled"),
                    trying: Some(family("kamailio_dispatcher_destination_trying")),
                    latency: Some(family("kamailio_dispatcher_destination_latency_estimate_seconds")),
                    weight: family("kamailio_dispatcher_destination_weight"),
                },
                Families {
                    set: "set",
                    address: "url",
                    name: "",
                    up: family("kamailio_rtpengine_node_up"),
                    disabled: family("kamailio_rtpengine_node_disabled"),
                    trying: None,
                    latency: None,
                    weight: family("kamailio_rtpengine_node_weight"),
                },
            ]
        });
        match self {
            Self::Destinations => &FAMILIES[0],
            Self::Rtpengine => &FAMILIES[1],
        }
    }
}

/// The samples of one row of Kamailio's reply.
struct Row<'s> {
    labels: &'s [u8],
    state: NodeState,
    latency: Option<f64>,
    weight: Option<f64>,
}

impl Nodes {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, nodes: Vec::new(), newest: 0, last: 0.0, memory: 0, left_out: 0 }
    }

    /// Returns the nodes in the order of Kamailio's reply.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.nodes.iter()
    }

    /// Returns the worst state of a node in a bucket.
    pub(crate) fn at(&self, node: &Node, bucket: Bucket) -> NodeState {
        let buckets = node.states.len() as Bucket;
        if bucket > self.newest || self.newest - bucket >= buckets {
            return NodeState::Unknown;
        }
        node.states[(bucket % buckets) as usize]
    }

    /// Returns the number of a node's set, its address, and the name that distinguishes it from another with the same address
    /// in the same set, if it has one.
    pub(crate) fn names(&self, node: &Node) -> [String; 3] {
        let Families { set, address, name, .. } = self.kind.families();
        [(set, MAX_SET), (address, MAX_ADDRESS), (name, MAX_SET)]
            .map(|(label, max)| label::value(&node.labels, label, max).unwrap_or_default())
    }

    /// Records the states in a scrape, within `max_bytes` bytes. Nodes that are no longer in the list are forgotten;
    /// without any list, all states are unknown.
    pub(super) fn record(&mut self, time: f64, samples: &Samples, max_bytes: usize, resolution: &Resolution) {
        let slot = self.advance(time, resolution);
        let families = self.kind.families();
        let count = samples.family_len(families.up);
        if count == 0 {
            self.nodes.iter_mut().for_each(|node| node.set(NodeState::Unknown, time, slot));
            return;
        }
        let is_first = self.nodes.is_empty();
        let kept = count.min(max_bytes / (size_of::<Node>() + resolution.buckets));
        self.nodes.truncate(kept);
        self.nodes.shrink_to(kept);
        self.nodes.reserve_exact(kept - self.nodes.len());
        let mut known: Option<HashMap<Box<[u8]>, Node>> = None;
        let (mut index, mut used) = (0, self.nodes.capacity() * size_of::<Node>());
        for row in rows(families, samples).filter(|row| row.labels.len() <= MAX_LABELS).take(kept) {
            // Almost always, the list is that of the previous scrape.
            if self.nodes.get(index).is_none_or(|node| *node.labels != *row.labels) {
                let rest = self.nodes.split_off(index.min(self.nodes.len()));
                let known = known.get_or_insert_default();
                known.extend(rest.into_iter().map(|node| (node.labels.clone(), node)));
                let node =
                    known.remove(row.labels).unwrap_or_else(|| Node::new(row.labels, resolution.buckets));
                self.nodes.push(node);
            }
            let node = &mut self.nodes[index];
            (node.latency, node.weight) = (row.latency, row.weight);
            node.set(row.state, time, slot);
            if is_first {
                node.since = None;
            }
            let allocated = node.allocated();
            if used + allocated > max_bytes {
                break;
            }
            used += allocated;
            index += 1;
        }
        self.nodes.truncate(index);
        self.memory = used;
        self.left_out = count - index;
    }

    /// Advances to the bucket of a time, and returns its index in the states of each node. The buckets since the last scrape
    /// get the state of that scrape.
    fn advance(&mut self, time: f64, resolution: &Resolution) -> usize {
        let bucket = resolution.bucket(time).max(self.newest);
        let buckets = resolution.buckets as Bucket;
        let known = time - self.last <= MAX_GAP;
        // Only the newest of the skipped buckets, if there are more than the nodes have.
        for skipped in (self.newest + 1..=bucket).rev().take(resolution.buckets) {
            for node in &mut self.nodes {
                let state = if known && skipped < bucket { node.state } else { NodeState::Unknown };
                node.states[(skipped % buckets) as usize] = state;
            }
        }
        (self.newest, self.last) = (bucket, time);
        (bucket % buckets) as usize
    }

    /// Returns how many bytes the nodes take.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl Node {
    fn new(labels: &[u8], buckets: usize) -> Self {
        Self {
            labels: labels.into(),
            state: NodeState::Unknown,
            since: None,
            latency: None,
            weight: None,
            states: vec![NodeState::Unknown; buckets].into(),
        }
    }

    fn set(&mut self, state: NodeState, time: f64, slot: usize) {
        self.states[slot] = state.max(self.states[slot]);
        if self.state != state {
            (self.state, self.since) = (state, Some(time));
        }
    }

    fn allocated(&self) -> usize {
        self.labels.len() + self.states.len()
    }
}

/// Joins the families by their labels. All of them have the order of the rows, and any but the first may lack a row.
fn rows<'s>(families: &'static Families, samples: &'s Samples) -> impl Iterator<Item = Row<'s>> {
    let mut disabled = samples.family(families.disabled).peekable();
    let mut trying = families.trying.into_iter().flat_map(|family| samples.family(family)).peekable();
    let mut latency = families.latency.into_iter().flat_map(|family| samples.family(family)).peekable();
    let mut weight = samples.family(families.weight).peekable();
    samples.family(families.up).map(move |(labels, up)| {
        let is = |number: Option<(&[u8], Number)>| number.is_some_and(|(_, number)| number.as_f64() > 0.0);
        let same = |sample: &(&[u8], Number)| label::are_same(sample.0, labels);
        let disabled = is(disabled.next_if(same));
        let trying = is(trying.next_if(same));
        let state = match up.as_f64() > 0.0 {
            _ if disabled => NodeState::Disabled,
            true if trying => NodeState::Trying,
            true => NodeState::Up,
            false => NodeState::Down,
        };
        let latency = latency.next_if(same).map(|(_, seconds)| seconds.as_f64());
        let weight = weight.next_if(same).map(|(_, weight)| weight.as_f64());
        Row { labels, state, latency, weight }
    })
}

/// Maximum number of bytes of a node's labels. A URI that Kamailio parses has at most 1,024 (`MAX_URI_SIZE`, core/config.h).
const MAX_LABELS: usize = 2048;
/// Maximum number of bytes shown of an address or a name.
const MAX_ADDRESS: usize = 256;
/// Maximum number of bytes shown of the number of a set.
const MAX_SET: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use NodeState::{Disabled, Down, Trying, Unknown, Up};

    const MAX_BYTES: usize = 1 << 20;

    /// A reply with these destinations.
    fn samples(rows: &[(&str, NodeState, Option<f64>)]) -> Samples {
        let families = Kind::Destinations.families();
        let mut samples = Samples::new(10_000);
        for (uri, state, latency) in rows {
            let labels = samples.labels([("setid", "1"), ("uri", uri)]);
            let mut push = |family, is: bool| samples.push(family, labels, u64::from(is).into());
            push(families.up, matches!(state, Up | Trying));
            push(families.disabled, *state == Disabled);
            push(families.trying.unwrap(), *state == Trying);
            if let Some(latency) = latency {
                samples.push(families.latency.unwrap(), labels, (*latency).into());
            }
        }
        samples
    }

    fn strip(nodes: &Nodes, uri: &str) -> Vec<NodeState> {
        let node = nodes.iter().find(|node| nodes.names(node)[1] == uri).unwrap();
        (0..5).map(|bucket| nodes.at(node, bucket)).collect()
    }

    #[test]
    fn a_destination_keeps_its_states_when_the_list_changes() {
        let mut nodes = Nodes::new(Kind::Destinations);
        let mut record = |time, rows: &[_]| {
            nodes.record(time, &samples(rows), MAX_BYTES, &Resolution::FINE);
            nodes.iter().map(|node| (nodes.names(node)[1].clone(), node.since)).collect::<Vec<_>>()
        };
        record(0.0, &[("a", Up, Some(0.5)), ("b", Up, None), ("c", Disabled, Some(0.1))]);
        record(16.0, &[("a", Up, None), ("b", Trying, None), ("c", Disabled, Some(0.1))]);
        record(17.0, &[("a", Up, None), ("b", Down, None), ("c", Disabled, Some(0.1))]);
        record(18.0, &[("a", Up, None), ("b", Trying, None), ("c", Disabled, Some(0.1))]);
        let known = record(61.0, &[("c", Up, Some(0.2)), ("new", Up, None), ("b", Down, None)]);
        let named = |name: &str, since| (name.to_owned(), since);
        assert_eq!(known, [named("c", Some(61.0)), named("new", Some(61.0)), named("b", Some(61.0))]);
        assert_eq!(strip(&nodes, "b"), [Up, Down, Trying, Trying, Down]);
        assert_eq!(strip(&nodes, "c"), [Disabled, Disabled, Disabled, Disabled, Up]);
        assert_eq!(strip(&nodes, "new"), [Unknown, Unknown, Unknown, Unknown, Up]);
        let latencies: Vec<_> = nodes.iter().map(|node| node.latency).collect();
        assert_eq!(latencies, [Some(0.2), None, None]);
        nodes.record(62.0, &Samples::new(0), MAX_BYTES, &Resolution::FINE);
        assert!(nodes.iter().all(|node| node.state == Unknown) && nodes.iter().len() == 3);
    }

    #[test]
    fn destinations_that_do_not_fit_or_have_long_labels_are_counted() {
        for (short, long, max_bytes, least, most) in [(150, 0, 50_000, 40, 70), (20, 30, MAX_BYTES, 20, 20)] {
            let lengths = std::iter::repeat_n(6_000, long).chain(std::iter::repeat_n(400, short));
            let uris: Vec<_> =
                lengths.enumerate().map(|(n, len)| format!("sip:{n}.{}", "x".repeat(len))).collect();
            let rows: Vec<_> = uris.iter().map(|uri| (uri.as_str(), Up, None)).collect();
            let mut nodes = Nodes::new(Kind::Destinations);
            for time in [0.0, 20.0] {
                nodes.record(time, &samples(&rows), max_bytes, &Resolution::FINE);
                assert!(nodes.memory() <= max_bytes, "{}", nodes.memory());
                let kept = nodes.iter().len();
                assert!((least..=most).contains(&kept), "{kept}");
                assert_eq!(nodes.left_out, short + long - kept);
            }
        }
    }
}
