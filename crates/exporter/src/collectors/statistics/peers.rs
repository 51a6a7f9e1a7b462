//! Clients behind NAT (module nat_traversal), blocked clients (pike), and the servers that Kamailio is a client of
//! (http_client, http_async_client, kafka, db_mysql).

use super::{counter, family_of_counters, gauge, stat};
use crate::collectors::schema::{Field, is};

const HTTP_REQUESTS: Field = family_of_counters(
    "kamailio_http_client_requests",
    "HTTP requests of module http_client, by result; a success is a reply with code 200.",
);

/// `nat_traversal/nat_traversal.c`, `statistics`. An endpoint can be kept alive for several reasons at once.
pub(super) const NAT_TRAVERSAL: &[Field] = &[
    gauge(
        &["nat_traversal.keepalive_endpoints"],
        "kamailio_nat_traversal_keepalive_endpoints",
        "Endpoints behind NAT that are kept alive.",
    ),
    gauge(
        &["nat_traversal.registered_endpoints"],
        "kamailio_nat_traversal_registered_endpoints",
        "Endpoints behind NAT that are kept alive because they are registered.",
    ),
    gauge(
        &["nat_traversal.subscribed_endpoints"],
        "kamailio_nat_traversal_subscribed_endpoints",
        "Endpoints behind NAT that are kept alive because of a subscription.",
    ),
    gauge(
        &["nat_traversal.dialog_endpoints"],
        "kamailio_nat_traversal_dialog_endpoints",
        "Endpoints behind NAT that are kept alive because they are in a dialog.",
    ),
    counter(&["pike.blocked_ips"], "kamailio_pike_ips_blocked", "Number of times an IP address was blocked."),
];

/// `http_client/http_client.c`, `http_async_client/http_async_client_mod.c`, `kafka/kafka_mod.c`, `db_mysql/db_mysql.c`.
pub(super) const SERVERS: &[Field] = &[
    gauge(
        &["httpclient.connections"],
        "kamailio_http_client_connections",
        "Configured HTTP connections (parameter httpcon).",
    ),
    stat(&["httpclient.connok"], HTTP_REQUESTS, &[is("result", "success")]),
    stat(&["httpclient.connfail"], HTTP_REQUESTS, &[is("result", "failure")]),
    counter(
        &["http_async_client.requests"],
        "kamailio_http_async_client_requests",
        "HTTP requests sent by module http_async_client.",
    ),
    counter(
        &["http_async_client.replies"],
        "kamailio_http_async_client_replies",
        "HTTP replies received by module http_async_client.",
    ),
    counter(
        &["http_async_client.errors"],
        "kamailio_http_async_client_errors",
        "HTTP requests of module http_async_client that failed.",
    ),
    counter(
        &["http_async_client.timeouts"],
        "kamailio_http_async_client_timeouts",
        "HTTP requests of module http_async_client that timed out.",
    ),
    counter(&["kafka.total_messages"], "kamailio_kafka_messages", "Messages passed to Kafka."),
    counter(
        &["kafka.total_messages_err"],
        "kamailio_kafka_message_errors",
        "Messages that could not be delivered to Kafka.",
    ),
    counter(
        &["mysql.driver_errors"],
        "kamailio_mysql_driver_errors",
        "MySQL errors caused by the server or the connection.",
    ),
];
