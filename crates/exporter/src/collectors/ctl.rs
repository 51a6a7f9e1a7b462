//! Connections to the RPC interface (module ctl).

use crate::collectors::schema::{Collector, Table, at, unsigned_gauge};

/// `ctl/io_listener.c`, `io_listen_conn_rpc`: one number.
pub(super) static CONNECTIONS: Collector = Collector {
    tables: &[Table {
        fields: &[unsigned_gauge(
            at(&[]),
            "kamailio_ctl_connections",
            "Open connections to Kamailio's ctl module, including the exporter's own; at most 128 are possible.",
        )],
        ..Table::NEW
    }],
    // Over JSON-RPC. The counter is in the process of module ctl.
    empty_faults: &["rpc available only over binrpc (ctl)"],
    ..Collector::opt_in("ctl.connections", "ctl", "Open connections to Kamailio's RPC interface.")
};
