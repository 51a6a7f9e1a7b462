//! Connections for remote procedure calls (module ctl).

use crate::collectors::schema::{Collector, Table, at, size};

/// `ctl/io_listener.c`, `io_listen_conn_rpc`: one number.
pub(super) static CONNECTIONS: Collector = Collector {
    tables: &[Table {
        fields: &[size(
            at(&[]),
            "kamailio_ctl_connections",
            "Connections to the module ctl, the exporter's own among them; it takes 128.",
        )],
        ..Table::NEW
    }],
    ..Collector::opt_in("ctl.connections", "ctl", "Connections for remote procedure calls.")
};
