//! Replies received by the core. The core counts each reply by class, and some replies by code as well. Class and code
//! are families of their own, so that a sum over the labels counts no reply twice.

use super::{counter, family_of_counters, stat};
use crate::collectors::schema::{Field, is};

const BY_CLASS: Field = family_of_counters(
    "kamailio_core_replies_received_by_class",
    "SIP replies received, by the class of their code.",
);
const BY_CODE: Field = family_of_counters(
    "kamailio_core_replies_received_by_code",
    "SIP replies received, by code; codes that Kamailio does not count are missing.",
);
const BY_CLASS_AND_METHOD: Field = family_of_counters(
    "kamailio_core_replies_received_by_class_and_method",
    "SIP replies received, by the class of their code and the method of the request; methods that Kamailio does not \
     count are missing.",
);

macro_rules! by_class {
    ($($class:literal)*) => {
        &[$(stat(&[concat!("core.rcv_replies_", $class)], BY_CLASS, &[is("class", $class)])),*]
    };
}

macro_rules! by_code {
    ($($code:literal)*) => {
        &[$(stat(&[concat!("core.rcv_replies_", $code)], BY_CODE, &[is("code", $code)])),*]
    };
}

macro_rules! by_class_and_method {
    ($($name:literal is $method:literal),*) => {
        &[$(
            to!("1xx", $name, $method),
            to!("2xx", $name, $method),
            to!("3xx", $name, $method),
            to!("4xx", $name, $method),
            to!("5xx", $name, $method),
            to!("6xx", $name, $method),
        )*]
    };
}

macro_rules! to {
    ($class:literal, $name:literal, $method:literal) => {
        stat(
            &[concat!("core.rcv_replies_", $class, "_", $name)],
            BY_CLASS_AND_METHOD,
            &[is("class", $class), is("method", $method)],
        )
    };
}

/// `kex/core_stats.c`, `core_stats`.
pub(super) const REPLIES: &[Field] = &[
    counter(&["core.rcv_replies"], "kamailio_core_replies_received", "SIP replies received."),
    counter(
        &["core.rcv_replies_18x"],
        "kamailio_core_replies_received_18x",
        "SIP replies received with a code from 180 to 189; class 1xx includes them.",
    ),
    counter(
        &["core.fwd_replies"],
        "kamailio_core_replies_forwarded",
        "SIP replies forwarded without a transaction.",
    ),
    counter(
        &["core.drop_replies"],
        "kamailio_core_replies_dropped",
        "SIP replies dropped because they could not be forwarded or because a module or the script rejected \
             them.",
    ),
    counter(
        &["core.err_replies"],
        "kamailio_core_replies_rejected",
        "SIP replies rejected because they could not be parsed or are not valid (statistic err_replies).",
    ),
];

/// The classes of codes.
pub(super) const BY_CLASSES: &[Field] = by_class!["1xx" "2xx" "3xx" "4xx" "5xx" "6xx"];

/// The codes that the core counts; most of them since 6.0.
pub(super) const BY_CODES: &[Field] = by_code![
    "400" "401" "402" "403" "404" "405" "406" "407" "408" "409" "410" "411" "413" "414" "415" "420" "480" "481"
    "482" "483" "484" "485" "486" "487" "488" "489" "491" "493"
];

/// The methods that the core counts replies to; OPTIONS since 6.1.
pub(super) const BY_CLASSES_AND_METHODS: &[Field] = by_class_and_method![
    "invite" is "INVITE",
    "cancel" is "CANCEL",
    "bye" is "BYE",
    "reg" is "REGISTER",
    "message" is "MESSAGE",
    "prack" is "PRACK",
    "update" is "UPDATE",
    "refer" is "REFER",
    "options" is "OPTIONS"
];
