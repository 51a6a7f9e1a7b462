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
        "Incoming TCP connections that Kamailio rejected because a limit was reached.",
    ),
    counter(
        &["tcp.con_timeout"],
        "kamailio_tcp_connections_timed_out",
        "TCP connections closed because nothing was sent on them for too long.",
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
        "TCP connections that are open, TLS and WebSocket included.",
    ),
    gauge(
        &["tcp.current_write_queue_size"],
        "kamailio_tcp_write_queue_bytes",
        "Bytes that wait to be written to TCP connections.",
    ),
];

/// Module tls, since 6.0.
pub(super) const TLS: &[Field] = &[
    gauge(
        &["tls.opened_connections"],
        "kamailio_tls_connections",
        "TLS connections that are open (since Kamailio 6.0).",
    ),
    gauge(
        &["tls.max_connections"],
        "kamailio_tls_max_connections",
        "TLS connections that may be open at once (since Kamailio 6.0).",
    ),
    gauge(
        &["tls.clear_text_write_queued_bytes"],
        "kamailio_tls_clear_text_write_queue_bytes",
        "Bytes that wait for a TLS handshake to end before they are encrypted (since Kamailio 6.0).",
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
        "Incoming SCTP associations that Kamailio rejected.",
    ),
    counter(
        &["sctp.remote_shutdown"],
        "kamailio_sctp_associations_closed_by_peer",
        "SCTP associations that the peer closed (statistic remote_shutdown).",
    ),
    counter(
        &["sctp.assoc_shutdown"],
        "kamailio_sctp_associations_shut_down",
        "SCTP associations that were shut down (statistic assoc_shutdown).",
    ),
    counter(
        &["sctp.comm_lost"],
        "kamailio_sctp_associations_lost",
        "SCTP associations that an error ended (statistic comm_lost).",
    ),
    counter(
        &["sctp.sendq_full"],
        "kamailio_sctp_sends_refused",
        "SCTP messages that could not be sent because the kernel's buffers were full.",
    ),
    counter(
        &["sctp.send_failed"],
        "kamailio_sctp_sends_failed",
        "SCTP messages that could not be sent for another reason than full buffers.",
    ),
    counter(
        &["sctp.send_force_retry"],
        "kamailio_sctp_sends_retried",
        "SCTP messages that were sent again after a failure.",
    ),
    gauge(
        &["sctp.current_opened_connections"],
        "kamailio_sctp_associations",
        "SCTP associations that are open.",
    ),
    gauge(
        &["sctp.current_tracked_connections"],
        "kamailio_sctp_associations_tracked",
        "SCTP associations that Kamailio keeps track of.",
    ),
];
