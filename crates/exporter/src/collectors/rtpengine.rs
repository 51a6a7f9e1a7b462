//! RTPEngine nodes (module rtpengine).

use crate::collectors::schema::{
    Call, Collector, Cost, Table, Unreadable, at, boolean, field, label, unsigned_gauge,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `rtpengine/rtpengine.c`, `rtpengine_rpc_show`: one record per node.
///
/// Up to 5.8, `disabled` is 1 for a node that does not answer, and the string `1(permanent)` for a node that was
/// disabled by an RPC command. Since 6.0, `disabled` is 1 for the latter, and `active` is 0 for a node that does not
/// answer. `recheck_ticks` is left out, because it counts ticks of Kamailio's own clock.
pub(super) static SHOW: Collector = Collector {
    call: Call::Once(&["all"]),
    tables: &[Table {
        labels: &[label("url", &["url"]), label("set", &["set"]), label("index", &["index"])],
        fields: &[
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_rtpengine_node_up",
                "1 if the RTPEngine node answers and is not disabled, 0 otherwise.",
                is_up,
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_rtpengine_node_disabled",
                "1 if the RTPEngine node is administratively disabled, 0 otherwise.",
                is_disabled,
            ),
            unsigned_gauge(
                at(&["weight"]),
                "kamailio_rtpengine_node_weight",
                "Weight of the RTPEngine node in its set.",
            ),
        ],
        ..Table::NEW
    }],
    // Kamailio gives the last reason shortly after its start.
    empty_faults: &["Instance not found", "Instance not found (no sets loaded)", "Initializing - try later"],
    cost: Cost::Linear,
    ..Collector::new("rtpengine.show", "rtpengine", "RTPEngine nodes.")
};

/// `rtpengine/rtpengine.c`, `rtpengine_rpc_get_hash_total`.
pub(super) static HASH_TOTAL: Collector = Collector {
    tables: &[Table {
        fields: &[unsigned_gauge(
            at(&[]),
            "kamailio_rtpengine_hash_calls",
            "Calls assigned to an RTPEngine node.",
        )],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in("rtpengine.get_hash_total", "rtpengine", "Calls assigned to RTPEngine nodes.")
};

fn is_up(node: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match (node.get("active"), node.get("disabled")) {
        (Some(active), _) => boolean(active.as_u64().ok_or(Unreadable)? != 0),
        (None, Some(Value::Str(_))) => boolean(false),
        (None, Some(disabled)) => boolean(disabled.as_u64().ok_or(Unreadable)? == 0),
        (None, None) => Err(Unreadable),
    }
}

fn is_disabled(node: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match (node.get("active"), node.get("disabled")) {
        (Some(_), Some(disabled)) => boolean(disabled.as_u64().ok_or(Unreadable)? != 0),
        (None, Some(disabled)) => boolean(matches!(disabled, Value::Str(_))),
        (_, None) => Err(Unreadable),
    }
}
