//! TCP, TLS, SCTP.

use super::{counter, gauge};
use crate::collectors::schema::Field;

/// `core/tcp_stats.c`.
pub(super) const TCP: &[Field] = &[
    counter(
        &["tcp.established"],
        "kamailio_tcp_connections_established",
        "TCP connections established, incoming and outgoing.",
    ),
    counter(&["tcp.passive_open"], "kamailio_tcp_connections_accepted", "Incoming TCP connections accepted."),
    counter(
        &["tcp.connect_success"],
        "kamailio_tcp_connects_succeeded",
        "Attempts to open a TCP connection that succeeded.",
    ),
    counter(
        &["tcp.connect_failed"],
        "kamailio_tcp_connects_failed",
        "Attempts to open a TCP connection that failed.",
    ),
    counter(
        &["tcp.local_reject"],
        "kamailio_tcp_connections_rejected",
        "Incoming TCP connections rejected because a connection limit was reached.",
    ),
    counter(
        &["tcp.con_timeout"],
        "kamailio_tcp_connections_timed_out",
        "TCP connections closed because they were idle for too long.",
    ),
    counter(
        &["tcp.con_reset"],
        "kamailio_tcp_connections_reset",
        "TCP connections that the peer reset after they were established.",
    ),
    counter(
        &["tcp.send_timeout"],
        "kamailio_tcp_sends_timed_out",
        "Writes to a TCP connection that timed out.",
    ),
    counter(
        &["tcp.sendq_full"],
        "kamailio_tcp_sends_refused",
        "Writes to a TCP connection that were refused because its queue was full.",
    ),
    gauge(
        &["tcp.current_opened_connections"],
        "kamailio_tcp_connections",
        "Open TCP connections, including TLS and WebSocket.",
    ),
    gauge(
        &["tcp.current_write_queue_size"],
        "kamailio_tcp_write_queue_bytes",
        "Bytes waiting to be written to TCP connections.",
    ),
];

/// Module tls, since 6.0.
pub(super) const TLS: &[Field] = &[
    gauge(
        &["tls.opened_connections"],
        "kamailio_tls_connections",
        "Open TLS connections (since Kamailio 6.0).",
    ),
    gauge(
        &["tls.max_connections"],
        "kamailio_tls_max_connections",
        "Maximum number of open TLS connections (since Kamailio 6.0).",
    ),
    gauge(
        &["tls.clear_text_write_queued_bytes"],
        "kamailio_tls_clear_text_write_queue_bytes",
        "Bytes waiting for a TLS handshake to complete before they are encrypted (since Kamailio 6.0).",
    ),
];

/// `sctp/sctp_stats.c`.
pub(super) const SCTP: &[Field] = &[
    counter(
        &["sctp.established"],
        "kamailio_sctp_associations_established",
        "SCTP associations established.",
    ),
    counter(
        &["sctp.connect_failed"],
        "kamailio_sctp_connects_failed",
        "Attempts to open an SCTP association that failed.",
    ),
    counter(
        &["sctp.local_reject"],
        "kamailio_sctp_associations_rejected",
        "Incoming SCTP associations rejected by Kamailio.",
    ),
    counter(
        &["sctp.remote_shutdown"],
        "kamailio_sctp_associations_closed_by_peer",
        "SCTP associations closed by the peer (statistic remote_shutdown).",
    ),
    counter(
        &["sctp.assoc_shutdown"],
        "kamailio_sctp_associations_shut_down",
        "SCTP associations that were shut down (statistic assoc_shutdown).",
    ),
    counter(
        &["sctp.comm_lost"],
        "kamailio_sctp_associations_lost",
        "SCTP associations ended by an error (statistic comm_lost).",
    ),
    counter(
        &["sctp.sendq_full"],
        "kamailio_sctp_sends_refused",
        "SCTP messages that could not be sent because the kernel's buffers were full.",
    ),
    counter(
        &["sctp.send_failed"],
        "kamailio_sctp_sends_failed",
        "SCTP messages that could not be sent for other reasons than full buffers.",
    ),
    counter(
        &["sctp.send_force_retry"],
        "kamailio_sctp_sends_retried",
        "SCTP messages sent again after a failure.",
    ),
    gauge(&["sctp.current_opened_connections"], "kamailio_sctp_associations", "Open SCTP associations."),
    gauge(
        &["sctp.current_tracked_connections"],
        "kamailio_sctp_associations_tracked",
        "SCTP associations tracked by Kamailio.",
    ),
];
