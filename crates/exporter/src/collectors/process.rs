//! Kamailio's processes.
//!
//! The process ID is not a label, because it would make new series at every restart. The label entry is the index in
//! Kamailio's process table, and rank is the kind of process (`core/sr_module.h`, `PROC_*`): 1 and up SIP workers, 0 the
//! main process, -1 timers, -2 RPC and other processes, -4 the TCP main process.

use crate::collectors::schema::{Collector, Cost, Label, Table, at, label, unsigned_gauge};

/// `kex/pkg_stats.c`, `rpc_pkg_stats`: one record per process.
pub(super) static PKG_STATS: Collector = Collector {
    tables: &[Table {
        labels: LABELS,
        fields: &[
            unsigned_gauge(
                at(&["used"]),
                "kamailio_pkgmem_used_bytes",
                "Used private memory of the process without allocator overhead, in bytes.",
            ),
            unsigned_gauge(
                at(&["free"]),
                "kamailio_pkgmem_free_bytes",
                "Free private memory of the process, in bytes.",
            ),
            unsigned_gauge(
                at(&["real_used"]),
                "kamailio_pkgmem_real_used_bytes",
                "Used private memory of the process including allocator overhead, in bytes.",
            ),
            unsigned_gauge(
                at(&["total_size"]),
                "kamailio_pkgmem_size_bytes",
                "Size of the private memory of the process, in bytes.",
            ),
            unsigned_gauge(
                at(&["total_frags"]),
                "kamailio_pkgmem_fragments",
                "Free fragments of the private memory of the process.",
            ),
        ],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::new("pkg.stats", "kex", "Private memory of each process.")
};

/// `core/core_cmd.c`, `core_psa`: one record per process.
pub(super) static PSA: Collector = Collector {
    tables: &[Table {
        labels: &[label("entry", &["index"]), label("rank", &["rank"]), label("desc", &["description"])],
        fields: &[unsigned_gauge(
            at(&["status"]),
            "kamailio_process_initialized",
            "1 if the process has finished its initialization, 0 otherwise.",
        )],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in(
        "core.psa",
        "core",
        "Kamailio's processes and whether their initialization has finished.",
    )
};

const LABELS: &[Label] = &[label("entry", &["entry"]), label("rank", &["rank"]), label("desc", &["desc"])];
