//! The core: memory, uptime, version.

use crate::collectors::schema::{
    Collector, Field, Table, at, counter, info, label, statistic, unsigned_gauge,
};

/// `core/core_cmd.c`, `core_shmmem`: ints up to 5.6, modulo 2^32, doubles since 5.7. `corex/corex_rpc_shm.c`,
/// `corex_rpc_shm_stats`: the same members as doubles in all versions. The statistics of the group `shmem` are exact as well.
pub(super) static SHMMEM: Collector = Collector {
    preferred_calls: &["shm.stats", "stats.fetch shmem:"],
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
    unsigned_gauge(at(&["total"]), "kamailio_core_shmmem_total", "Size of the shared memory, in bytes.");
const FREE: Field =
    unsigned_gauge(at(&["free"]), "kamailio_core_shmmem_free", "Free shared memory, in bytes.");
const USED: Field = unsigned_gauge(
    at(&["used"]),
    "kamailio_core_shmmem_used",
    "Used shared memory without allocator overhead, in bytes.",
);
const REAL_USED: Field = unsigned_gauge(
    at(&["real_used"]),
    "kamailio_core_shmmem_real_used",
    "Used shared memory including allocator overhead, in bytes.",
);
const MAX_USED: Field = unsigned_gauge(
    at(&["max_used"]),
    "kamailio_core_shmmem_max_used",
    "Highest value of kamailio_core_shmmem_real_used since start, in bytes.",
);
const FRAGMENTS: Field = unsigned_gauge(
    at(&["fragments"]),
    "kamailio_core_shmmem_fragments",
    "Free fragments of the shared memory.",
);

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
    counts_from_start: true,
    ..Collector::new("core.uptime", "core", "Time since Kamailio was started.")
};

/// `core/core_cmd.c`, `core_runinfo`. The uptime is left out, because `core.uptime` has it.
pub(super) static RUNINFO: Collector = Collector {
    tables: &[Table {
        fields: &[info(
            "kamailio_build_info",
            "Version, source commit (sourceid) and compiler of Kamailio. The value is always 1.",
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
    ..Collector::new("core.runinfo", "core", "Version of Kamailio.")
};
