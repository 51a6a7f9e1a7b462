//! The core: memory, uptime, TCP.

use crate::collector::{Collector, Table, at, counter, size};

/// `core/core_cmd.c`, `core_shmmem`: ints up to 5.6 (modulo 2^32), doubles since 5.7.
pub(super) static SHMMEM: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["total"]), "kamailio_core_shmmem_total", "Size of the shared memory in bytes."),
            size(at(&["free"]), "kamailio_core_shmmem_free", "Shared memory that is free, in bytes."),
            size(
                at(&["used"]),
                "kamailio_core_shmmem_used",
                "Shared memory that is in use, in bytes, without what the allocator needs.",
            ),
            size(
                at(&["real_used"]),
                "kamailio_core_shmmem_real_used",
                "Shared memory that is in use, in bytes, with what the allocator needs.",
            ),
            size(
                at(&["max_used"]),
                "kamailio_core_shmmem_max_used",
                "The most that real_used has been, in bytes.",
            ),
            size(
                at(&["fragments"]),
                "kamailio_core_shmmem_fragments",
                "Fragments of the free shared memory.",
            ),
        ],
        ..Table::NEW
    }],
    ..Collector::new("core.shmmem", "core", "Shared memory.")
};

/// `core/core_cmd.c`, `core_uptime`.
pub(super) static UPTIME: Collector = Collector {
    tables: &[Table {
        fields: &[counter(
            at(&["uptime"]),
            "kamailio_core_uptime_uptime",
            "Seconds since Kamailio was started.",
        )],
        ..Table::NEW
    }],
    ..Collector::new("core.uptime", "core", "How long Kamailio has been running.")
};

/// `core/core_cmd.c`, `core_tcpinfo`.
pub(super) static TCP_INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(
                at(&["readers"]),
                "kamailio_core_tcp_info_readers",
                "Processes that read from TCP connections.",
            ),
            size(
                at(&["max_connections"]),
                "kamailio_core_tcp_info_max_connections",
                "TCP connections that may be open at once, TLS included.",
            ),
            size(
                at(&["max_tls_connections"]),
                "kamailio_core_tcp_info_max_tls_connections",
                "TLS connections that may be open at once.",
            ),
            size(
                at(&["opened_connections"]),
                "kamailio_core_tcp_info_opened_connections",
                "TCP connections that are open, TLS included.",
            ),
            size(
                at(&["opened_tls_connections"]),
                "kamailio_core_tcp_info_opened_tls_connections",
                "TLS connections that are open.",
            ),
            size(
                at(&["write_queued_bytes"]),
                "kamailio_core_tcp_info_write_queued_bytes",
                "Bytes that wait to be written to TCP connections.",
            ),
        ],
        ..Table::NEW
    }],
    none_configured: &["tcp support disabled"],
    ..Collector::new("core.tcp_info", "core", "TCP connections.")
};
