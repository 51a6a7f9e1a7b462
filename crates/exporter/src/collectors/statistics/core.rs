//! The core: its parser, its name resolution, shared memory.

use super::{counter, gauge};
use crate::collectors::schema::Field;

/// `kex/core_stats.c`, `core_stats` and `shm_stats`; the group `dns` is in `core/resolve.c`.
pub(super) const CORE: &[Field] = &[
    counter(
        &["core.bad_URIs_rcvd"],
        "kamailio_core_bad_uris",
        "URIs in SIP messages that could not be parsed.",
    ),
    counter(
        &["core.bad_msg_hdr"],
        "kamailio_core_bad_headers",
        "Headers of SIP messages that could not be parsed (statistic bad_msg_hdr).",
    ),
    counter(&["dns.failed_dns_request"], "kamailio_dns_requests_failed", "DNS requests that failed."),
    counter(
        &["dns.slow_dns_request"],
        "kamailio_dns_requests_slow",
        "DNS requests that took longer than the core parameter dns_slow_query_ms.",
    ),
    gauge(&["shmem.total_size"], "kamailio_shmem_size_bytes", "Size of the shared memory, in bytes."),
    gauge(
        &["shmem.used_size"],
        "kamailio_shmem_used_bytes",
        "Used shared memory without allocator overhead, in bytes.",
    ),
    gauge(
        &["shmem.real_used_size"],
        "kamailio_shmem_real_used_bytes",
        "Used shared memory including allocator overhead, in bytes.",
    ),
    gauge(
        &["shmem.max_used_size"],
        "kamailio_shmem_max_used_bytes",
        "Highest amount of used shared memory since start, including allocator overhead, in bytes.",
    ),
    gauge(&["shmem.free_size"], "kamailio_shmem_free_bytes", "Free shared memory, in bytes."),
    gauge(&["shmem.fragments"], "kamailio_shmem_fragments", "Free fragments of the shared memory."),
];
