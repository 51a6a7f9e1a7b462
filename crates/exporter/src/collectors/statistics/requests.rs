//! Requests received by the core.

use super::{counter, family_of_counters, stat};
use crate::collectors::schema::{Field, is};

const BY_METHOD: Field = family_of_counters(
    "kamailio_core_requests_received_by_method",
    "SIP requests received, by method; methods that Kamailio does not count are missing.",
);

macro_rules! received {
    ($($name:literal is $method:literal),*) => {
        &[$(stat(&[concat!("core.rcv_requests_", $name)], BY_METHOD, &[is("method", $method)])),*]
    };
}

/// `kex/core_stats.c`, `core_stats`.
pub(super) const REQUESTS: &[Field] = &[
    counter(&["core.rcv_requests"], "kamailio_core_requests_received", "SIP requests received."),
    counter(
        &["core.fwd_requests"],
        "kamailio_core_requests_forwarded",
        "SIP requests forwarded without a transaction.",
    ),
    counter(
        &["core.drop_requests"],
        "kamailio_core_requests_dropped",
        "SIP requests dropped because they could not be forwarded or because a module rejected them before \
             the script ran.",
    ),
    counter(
        &["core.err_requests"],
        "kamailio_core_requests_rejected",
        "SIP requests rejected because they could not be parsed or are not valid (statistic err_requests).",
    ),
    counter(
        &["core.unsupported_methods"],
        "kamailio_core_requests_of_unknown_method",
        "SIP requests received with a method that Kamailio does not know (statistic unsupported_methods).",
    ),
];

/// The methods that the core counts; KDMQ since 6.1.
pub(super) const BY_METHODS: &[Field] = received![
    "invite" is "INVITE",
    "cancel" is "CANCEL",
    "ack" is "ACK",
    "bye" is "BYE",
    "info" is "INFO",
    "register" is "REGISTER",
    "subscribe" is "SUBSCRIBE",
    "notify" is "NOTIFY",
    "message" is "MESSAGE",
    "options" is "OPTIONS",
    "prack" is "PRACK",
    "update" is "UPDATE",
    "refer" is "REFER",
    "publish" is "PUBLISH",
    "kdmq" is "KDMQ"
];
