//! Media relays (module rtpproxy).

use crate::collectors::schema::{Collector, Cost, Table, Unreadable, at, field, flag, label, size};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `rtpproxy/rtpproxy.c`, `rtpproxy_rpc_list`: one record a node. `recheck` is a time on Kamailio's own clock.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("url", &["url"]), label("set", &["setid"]), label("index", &["index"])],
        fields: &[
            field(
                at(&["disabled"]),
                Kind::Gauge,
                "kamailio_rtpproxy_node_up",
                "1 if Kamailio uses the node.",
                is_zero,
            ),
            size(at(&["weight"]), "kamailio_rtpproxy_node_weight", "Weight of the node in its set."),
        ],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::opt_in("rtpproxy.list", "rtpproxy", "Media relays.")
};

fn is_zero(disabled: Value<'_>) -> Result<Option<Number>, Unreadable> {
    flag(disabled.as_u64().ok_or(Unreadable)? == 0)
}
