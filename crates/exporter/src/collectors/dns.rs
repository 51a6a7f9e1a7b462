//! Memory of the core's DNS cache and destination blocklist.

use crate::collectors::schema::{Collector, Emit, Key, Table, unsigned, unsigned_gauge};
use kamailio_binrpc::Members;

/// `core/dns_cache.c`, `dns_cache_mem_info`: the used and the maximum size.
pub(super) static MEM_INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                Key::Custom,
                "kamailio_dns_cache_used_bytes",
                "Shared memory used by the DNS cache, in bytes.",
            ),
            unsigned_gauge(
                Key::Custom,
                "kamailio_dns_cache_max_bytes",
                "Maximum size of the DNS cache in shared memory, in bytes.",
            ),
        ],
        ..Table::NEW
    }],
    custom_reader: Some(read),
    empty_faults: &["dns cache support disabled (see use_dns_cache)"],
    several_records: true,
    ..Collector::opt_in("dns.mem_info", "core", "Memory of the DNS cache.")
};

/// `core/dst_blocklist.c`, `dst_blst_mem_info`: the used and the maximum size.
pub(super) static BLOCKLIST_MEM_INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                Key::Custom,
                "kamailio_dst_blocklist_used_bytes",
                "Shared memory used by the destination blocklist, in bytes.",
            ),
            unsigned_gauge(
                Key::Custom,
                "kamailio_dst_blocklist_max_bytes",
                "Maximum size of the destination blocklist in shared memory, in bytes.",
            ),
        ],
        ..Table::NEW
    }],
    custom_reader: Some(read),
    empty_faults: &["dst blocklist support disabled"],
    several_records: true,
    ..Collector::opt_in("dst_blocklist.mem_info", "core", "Memory of the destination blocklist.")
};

fn read(records: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    for (index, record) in records.iter().enumerate() {
        emit(index, &[], unsigned(record.value).ok().flatten());
    }
}
