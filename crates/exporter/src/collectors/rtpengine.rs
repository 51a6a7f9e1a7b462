//! Media relays (module rtpengine).

use crate::collectors::schema::{Call, Collector, Cost, Table, Unreadable, at, field, flag, label, size};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `rtpengine/rtpengine.c`, `rtpengine_rpc_show`: one record a node.
///
/// Up to 5.8 `disabled` is 1 for a node that does not answer, and the string `1(permanent)` for one that was switched
/// off. Since 6.0 it is 1 for one that was switched off, and `active` is 0 for one that does not answer.
/// `recheck_ticks` is in the ticks of Kamailio's own clock.
pub(super) static SHOW: Collector = Collector {
    call: Call::Once(&["all"]),
    tables: &[Table {
        labels: &[label("url", &["url"]), label("set", &["set"]), label("index", &["index"])],
        fields: &[
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_rtpengine_node_up",
                "1 if Kamailio uses the node: it answers and was not switched off.",
                is_up,
            ),
            field(
                at(&[]),
                Kind::Gauge,
                "kamailio_rtpengine_node_disabled",
                "1 if the node was switched off.",
                is_switched_off,
            ),
            size(at(&["weight"]), "kamailio_rtpengine_node_weight", "Weight of the node in its set."),
        ],
        ..Table::NEW
    }],
    // The last is what it says in its first moments.
    none_configured: &[
        "Instance not found",
        "Instance not found (no sets loaded)",
        "Initializing - try later",
    ],
    cost: Cost::List,
    ..Collector::new("rtpengine.show", "rtpengine", "Media relays.")
};

/// `rtpengine/rtpengine.c`, `rtpengine_rpc_get_hash_total`.
pub(super) static HASH_TOTAL: Collector = Collector {
    tables: &[Table {
        fields: &[size(
            at(&[]),
            "kamailio_rtpengine_hash_calls",
            "Calls whose media relay Kamailio remembers.",
        )],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::opt_in("rtpengine.get_hash_total", "rtpengine", "Calls with a media relay.")
};

fn is_up(node: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match (node.get("active"), node.get("disabled")) {
        (Some(active), _) => flag(active.as_u64().ok_or(Unreadable)? != 0),
        (None, Some(Value::Str(_))) => flag(false),
        (None, Some(disabled)) => flag(disabled.as_u64().ok_or(Unreadable)? == 0),
        (None, None) => Err(Unreadable),
    }
}

fn is_switched_off(node: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match (node.get("active"), node.get("disabled")) {
        (Some(_), Some(disabled)) => flag(disabled.as_u64().ok_or(Unreadable)? != 0),
        (None, Some(disabled)) => flag(matches!(disabled, Value::Str(_))),
        (_, None) => Err(Unreadable),
    }
}
