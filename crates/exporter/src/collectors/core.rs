//! The core: memory, uptime, version.

use crate::collectors::schema::{Collector, Field, Table, at, counter, label, row, size, statistic};

/// `core/core_cmd.c`, `core_shmmem`: ints up to 5.6, modulo 2^32, doubles since 5.7. `corex/corex_rpc_shm.c`,
/// `corex_rpc_shm_stats`: the same members as doubles in all versions. The statistics of the group shmem are exact too.
pub(super) static SHMMEM: Collector = Collector {
    instead: &["shm.stats", "stats.fetch shmem:"],
    tables: &[Table {
        fields: &[
            TOTAL,
            FREE,
            USED,
            REAL_USED,
            MAX_USED,
            FRAGMENTS,
            Field { key: at(&["shmem.total_size"]), read: statistic, ..TOTAL },
            Field { key: at(&["shmem.free_size"]), read: statistic, ..FREE },
            Field { key: at(&["shmem.used_size"]), read: statistic, ..USED },
            Field { key: at(&["shmem.real_used_size"]), read: statistic, ..REAL_USED },
            Field { key: at(&["shmem.max_used_size"]), read: statistic, ..MAX_USED },
            Field { key: at(&["shmem.fragments"]), read: statistic, ..FRAGMENTS },
        ],
        ..Table::NEW
    }],
    ..Collector::new("core.shmmem", "core", "Shared memory.")
};

const TOTAL: Field =
    size(at(&["total"]), "kamailio_core_shmmem_total", "Size of the shared memory in bytes.");
const FREE: Field = size(at(&["free"]), "kamailio_core_shmmem_free", "Shared memory that is free, in bytes.");
const USED: Field = size(
    at(&["used"]),
    "kamailio_core_shmmem_used",
    "Shared memory that is in use, in bytes, without what the allocator needs.",
);
const REAL_USED: Field = size(
    at(&["real_used"]),
    "kamailio_core_shmmem_real_used",
    "Shared memory that is in use, in bytes, with what the allocator needs.",
);
const MAX_USED: Field =
    size(at(&["max_used"]), "kamailio_core_shmmem_max_used", "The most that real_used has been, in bytes.");
const FRAGMENTS: Field =
    size(at(&["fragments"]), "kamailio_core_shmmem_fragments", "Fragments of the free shared memory.");

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

/// `core/core_cmd.c`, `core_runinfo`. How long it runs stands in `core.uptime` too.
pub(super) static RUNINFO: Collector = Collector {
    tables: &[Table {
        fields: &[row(
            "kamailio_build_info",
            "The Kamailio that answers; sourceid is the commit that it was built from.",
            &[
                label("name", &["name"]),
                label("version", &["version"]),
                label("sourceid", &["sourceid"]),
                label("compiler", &["compiler"]),
                label("compiled", &["compiled"]),
            ],
        )],
        ..Table::NEW
    }],
    ..Collector::new("core.runinfo", "core", "Which Kamailio it is.")
};
