//! RTPProxy nodes (module rtpproxy).

use crate::collectors::schema::{
    Collector, Cost, Table, Unreadable, at, boolean, field, label, unsigned_gauge,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `rtpproxy/rtpproxy.c`, `rtpproxy_rpc_list`: one record per node. `recheck` is left out, because it counts ticks
/// of Kamailio's own clock.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("url", &["url"]), label("set", &["setid"]), label("index", &["index"])],
        fields: &[
            field(
                at(&["disabled"]),
                Kind::Gauge,
                "kamailio_rtpproxy_node_up",
                "1 if Kamailio uses the RTPProxy node, 0 otherwise.",
                is_zero,
            ),
            unsigned_gauge(
                at(&["weight"]),
                "kamailio_rtpproxy_node_weight",
                "Weight of the RTPProxy node in its set.",
            ),
        ],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in("rtpproxy.list", "rtpproxy", "RTPProxy nodes.")
};

fn is_zero(disabled: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(disabled.as_u64().ok_or(Unreadable)? == 0)
}
