//! What the core remembers of DNS and of unreachable destinations.

use crate::collectors::schema::{Collector, Emit, Key, Table, size, unsigned};
use kamailio_binrpc::Members;

/// `core/dns_cache.c`, `dns_cache_mem_info`: two numbers.
pub(super) static MEM_INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(Key::Mapped, "kamailio_dns_cache_used_bytes", "Shared memory that the DNS cache takes."),
            size(Key::Mapped, "kamailio_dns_cache_max_bytes", "Shared memory that the DNS cache may take."),
        ],
        ..Table::NEW
    }],
    map: Some(read),
    none_configured: &["dns cache support disabled (see use_dns_cache)"],
    ..Collector::opt_in("dns.mem_info", "core", "Memory of the DNS cache.")
};

/// `core/dst_blocklist.c`, `dst_blst_mem_info`: two numbers.
pub(super) static BLOCKLIST_MEM_INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(
                Key::Mapped,
                "kamailio_dst_blocklist_used_bytes",
                "Shared memory that the list of unreachable destinations takes.",
            ),
            size(
                Key::Mapped,
                "kamailio_dst_blocklist_max_bytes",
                "Shared memory that the list of unreachable destinations may take.",
            ),
        ],
        ..Table::NEW
    }],
    map: Some(read),
    none_configured: &["dst blocklist support disabled"],
    ..Collector::opt_in("dst_blocklist.mem_info", "core", "Memory of the list of unreachable destinations.")
};

fn read(records: Members<'_>, emit: &mut Emit<'_>) {
    for (place, record) in records.iter().enumerate() {
        emit(place, &[], unsigned(record.value).ok().flatten());
    }
}
