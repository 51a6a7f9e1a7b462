//! The last hour of the dispatcher's destinations and of rtpengine's nodes.

use super::ring::{Bucket, Ring};
use super::series::family;
use super::{MAX_GAP, Resolution, label};
use prometheus_exposition::{FamilyId, Number, Samples};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
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
    /// The hash of its labels, which identifies it.
    hash: u64,
    /// The number of its set.
    pub(crate) set: Box<str>,
    /// The address.
    pub(crate) address: Box<str>,
    /// The name that distinguishes it from another with the same address in the same set, if it has one.
    pub(crate) name: Box<str>,
    pub(crate) state: NodeState,
    /// When the state began, in seconds since the start of the history; `None` if it was so in the first scrape.
    pub(crate) since: Option<f64>,
    /// The estimated response time, in seconds.
    pub(crate) latency: Option<f64>,
    pub(crate) weight: Option<f64>,
    states: Ring<NodeState>,
    last: f64,
}

/// The nodes of one kind, in the order of Kamailio's reply.
#[derive(Debug)]
pub(crate) struct Nodes {
    kind: Kind,
    nodes: Vec<Node>,
    hasher: RandomState,
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
        Self { kind, nodes: Vec::new(), hasher: RandomState::new(), left_out: 0 }
    }

    /// Returns the nodes in the order of Kamailio's reply.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Node> {
        self.nodes.iter()
    }

    /// Notes the states in a scrape, in at most `room` bytes. Nodes that are no longer in the list are forgotten; without any
    /// list, all states are unknown.
    pub(super) fn note(&mut self, time: f64, samples: &Samples, room: usize, resolution: &Resolution) {
        let families = self.kind.families();
        if samples.family(families.up).next().is_none() {
            self.nodes.iter_mut().for_each(|node| node.set(NodeState::Unknown, time, resolution));
            return;
        }
        let is_first = self.nodes.is_empty();
        let count = samples.family(families.up).count();
        let kept = count.min(room / (size_of::<Node>() + resolution.buckets));
        self.nodes.truncate(kept);
        self.nodes.shrink_to(kept);
        self.nodes.reserve_exact(kept - self.nodes.len());
        let mut known: Option<HashMap<u64, Node>> = None;
        let (mut index, mut used) = (0, self.nodes.capacity() * size_of::<Node>());
        for row in rows(families, samples).take(kept) {
            let hash = self.hasher.hash_one(row.labels);
            // Almost always, the list is that of the scrape before.
            if self.nodes.get(index).is_none_or(|node| node.hash != hash) {
                let rest = self.nodes.split_off(index.min(self.nodes.len()));
                let known = known.get_or_insert_default();
                known.extend(rest.into_iter().map(|node| (node.hash, node)));
                let node = known.remove(&hash).unwrap_or_else(|| Node::new(hash, families, row.labels, time));
                self.nodes.push(node);
            }
            let node = &mut self.nodes[index];
            (node.latency, node.weight) = (row.latency, row.weight);
            node.set(row.state, time, resolution);
            if is_first {
                node.since = None;
            }
            used += node.allocated();
            if used > room {
                break;
            }
            index += 1;
        }
        self.nodes.truncate(index);
        self.left_out = count - index;
    }

    /// Returns how many bytes the nodes take.
    pub(super) fn memory(&self) -> usize {
        self.nodes.iter().map(Node::allocated).sum::<usize>() + self.nodes.capacity() * size_of::<Node>()
    }
}

impl Node {
    fn new(hash: u64, families: &Families, labels: &[u8], time: f64) -> Self {
        let text = |name, max| label::value(labels, name, max).unwrap_or_default().into_boxed_str();
        Self {
            hash,
            set: text(families.set, MAX_SET),
            address: text(families.address, MAX_ADDRESS),
            name: text(families.name, MAX_SET),
            state: NodeState::Unknown,
            since: None,
            latency: None,
            weight: None,
            states: Ring::new(NodeState::Unknown),
            last: time,
        }
    }

    /// Returns the worst state of a bucket.
    pub(crate) fn at(&self, bucket: Bucket) -> NodeState {
        self.states.at(bucket)
    }

    fn set(&mut self, state: NodeState, time: f64, resolution: &Resolution) {
        let bucket = resolution.bucket(time);
        if time - self.last <= MAX_GAP {
            for skipped in resolution.bucket(self.last) + 1..bucket {
                self.worsen(skipped, self.state, resolution);
            }
        }
        self.worsen(bucket, state, resolution);
        if self.state != state {
            (self.state, self.since) = (state, Some(time));
        }
        self.last = time;
    }

    fn worsen(&mut self, bucket: Bucket, state: NodeState, resolution: &Resolution) {
        if let Some(slot) = self.states.slot(bucket, resolution.buckets) {
            *slot = state.max(*slot);
        }
    }

    fn allocated(&self) -> usize {
        self.states.memory() + self.set.len() + self.address.len() + self.name.len()
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
        let same = |sample: &(&[u8], Number)| sample.0 == labels;
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

/// Bytes that are kept of an address, of the number of a set, and of a name.
const MAX_ADDRESS: usize = 256;
const MAX_SET: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use NodeState::{Disabled, Down, Trying, Unknown, Up};

    const ROOM: usize = 1 << 20;

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
        let node = nodes.iter().find(|node| &*node.address == uri).unwrap();
        (0..5).map(|bucket| node.at(bucket)).collect()
    }

    #[test]
    fn a_destination_keeps_its_states_when_the_list_changes() {
        let mut nodes = Nodes::new(Kind::Destinations);
        let mut note = |time, rows: &[_]| {
            nodes.note(time, &samples(rows), ROOM, &Resolution::FINE);
            nodes.iter().map(|node| (node.address.to_string(), node.since)).collect::<Vec<_>>()
        };
        note(0.0, &[("a", Up, Some(0.5)), ("b", Up, None), ("c", Disabled, Some(0.1))]);
        note(16.0, &[("a", Up, None), ("b", Trying, None), ("c", Disabled, Some(0.1))]);
        note(17.0, &[("a", Up, None), ("b", Down, None), ("c", Disabled, Some(0.1))]);
        note(18.0, &[("a", Up, None), ("b", Trying, None), ("c", Disabled, Some(0.1))]);
        let known = note(61.0, &[("c", Up, Some(0.2)), ("new", Up, None), ("b", Down, None)]);
        let named = |name: &str, since| (name.to_owned(), since);
        assert_eq!(known, [named("c", Some(61.0)), named("new", Some(61.0)), named("b", Some(61.0))]);
        assert_eq!(strip(&nodes, "b"), [Up, Down, Trying, Trying, Down]);
        assert_eq!(strip(&nodes, "c"), [Disabled, Disabled, Disabled, Disabled, Up]);
        assert_eq!(strip(&nodes, "new"), [Unknown, Unknown, Unknown, Unknown, Up]);
        let latencies: Vec<_> = nodes.iter().map(|node| node.latency).collect();
        assert_eq!(latencies, [Some(0.2), None, None]);
        nodes.note(62.0, &Samples::new(0), ROOM, &Resolution::FINE);
        assert!(nodes.iter().all(|node| node.state == Unknown) && nodes.iter().len() == 3);
    }

    #[test]
    fn destinations_that_do_not_fit_are_counted() {
        let uris: Vec<_> = (0..5000).map(|number| format!("sip:{number}.{}", "x".repeat(6_000))).collect();
        let rows: Vec<_> = uris.iter().map(|uri| (uri.as_str(), Up, None)).take(150).collect();
        let mut nodes = Nodes::new(Kind::Destinations);
        for time in [0.0, 20.0] {
            nodes.note(time, &samples(&rows), 50_000, &Resolution::FINE);
            assert!(nodes.memory() <= 50_000, "{}", nodes.memory());
            let kept = nodes.iter().len();
            assert!((40..149).contains(&kept), "{kept}");
            assert_eq!(nodes.left_out, 150 - kept);
        }
    }
}
