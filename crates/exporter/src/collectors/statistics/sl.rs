//! Replies sent without a transaction (module sl).

use super::{counter, family_of_counters, stat};
use crate::collectors::schema::{Field, is};

const BY_CODE: Field = family_of_counters(
    "kamailio_sl_replies_sent_by_code",
    "Replies sent without a transaction, by code; a class counts the codes that have no counter of their \
             own.",
);

macro_rules! by_code {
    ($($code:literal)*) => {
        &[$(stat(&[concat!("sl.", $code, "_replies")], BY_CODE, &[is("code", $code)])),*]
    };
}

/// `sl/sl_stats.c`, `mod_stats`.
pub(super) const SL: &[Field] = &[
    counter(&["sl.sent_replies"], "kamailio_sl_replies_sent", "Replies sent without a transaction."),
    counter(
        &["sl.failures"],
        "kamailio_sl_replies_failed",
        "Replies without a transaction that could not be sent.",
    ),
    counter(
        &["sl.received_ACKs"],
        "kamailio_sl_acks_absorbed",
        "ACKs received for replies that were sent without a transaction.",
    ),
];

/// The codes and classes; `xxx` counts all codes outside 100 to 699.
pub(super) const BY_CODES: &[Field] = by_code![
    "1xx" "200" "202" "2xx" "300" "301" "302" "3xx" "400" "401" "403" "404" "407" "408" "483" "4xx" "500" "5xx"
    "6xx" "xxx"
];
