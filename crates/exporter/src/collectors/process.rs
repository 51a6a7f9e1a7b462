//! Kamailio's processes.
//!
//! Their labels have no process ID, which would make new series at every restart: entry is the place in Kamailio's
//! process table, rank what the process is (`core/sr_module.h`, `PROC_*`: 1 and up SIP workers, 0 the main process, -1
//! timers, -2 processes for RPC and others, -4 the TCP main process).

use crate::collectors::schema::{Collector, Cost, Label, Table, at, label, size};

/// `kex/pkg_stats.c`, `rpc_pkg_stats`: one record a process.
pub(super) static PKG_STATS: Collector = Collector {
    tables: &[Table {
        labels: LABELS,
        fields: &[
            size(at(&["used"]), "kamailio_pkgmem_used_bytes", "Private memory of a process that is in use."),
            size(at(&["free"]), "kamailio_pkgmem_free_bytes", "Private memory of a process that is free."),
            size(
                at(&["real_used"]),
                "kamailio_pkgmem_real_used_bytes",
                "Private memory of a process that is in use, with what the allocator needs.",
            ),
            size(at(&["total_size"]), "kamailio_pkgmem_size_bytes", "Size of a process's private memory."),
            size(
                at(&["total_frags"]),
                "kamailio_pkgmem_fragments",
                "Fragments of a process's free private memory.",
            ),
        ],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::new("pkg.stats", "kex", "Private memory of each process.")
};

/// `core/core_cmd.c`, `core_psa`: one record a process.
pub(super) static PSA: Collector = Collector {
    tables: &[Table {
        labels: &[label("entry", &["index"]), label("rank", &["rank"]), label("desc", &["description"])],
        fields: &[size(
            at(&["status"]),
            "kamailio_process_initialized",
            "1 if the process has finished its initialization.",
        )],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::opt_in("core.psa", "core", "Kamailio's processes.")
};

const LABELS: &[Label] = &[label("entry", &["entry"]), label("rank", &["rank"]), label("desc", &["desc"])];
