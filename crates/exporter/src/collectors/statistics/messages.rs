//! Stored, traced and captured messages (modules msilo, siptrace, sipcapture).

use super::{NO_LABEL, counter, family_of_counters, selected, stat};
use crate::collectors::schema::{Field, NameLabels, is};

const DELIVERIES: Field = family_of_counters(
    "kamailio_msilo_deliveries",
    "Delivery attempts of stored messages and reminders, by kind and result.",
);
const REQUESTS: Field = family_of_counters(
    "kamailio_sipcapture_requests_captured",
    "SIP requests captured, by capture mode; the default mode has no label.",
);
const REPLIES: Field = family_of_counters(
    "kamailio_sipcapture_replies_captured",
    "SIP replies captured, by capture mode; the default mode has no label.",
);

/// `msilo/msilo.c`, `msilo_stats`.
pub(super) const MSILO: &[Field] = &[
    counter(
        &["msilo.stored_messages"],
        "kamailio_msilo_messages_stored",
        "Messages stored because their recipient was not registered.",
    ),
    stat(&["msilo.dumped_messages"], DELIVERIES, &[is("kind", "message"), is("result", "success")]),
    stat(&["msilo.failed_messages"], DELIVERIES, &[is("kind", "message"), is("result", "failure")]),
    stat(&["msilo.dumped_reminders"], DELIVERIES, &[is("kind", "reminder"), is("result", "success")]),
    stat(&["msilo.failed_reminders"], DELIVERIES, &[is("kind", "reminder"), is("result", "failure")]),
];

/// `siptrace/siptrace.c`, `siptrace_stats`; `sipcapture/sipcapture.c` has two statistics for each capture mode.
pub(super) const TRACED: &[Field] = &[
    counter(&["siptrace.traced_requests"], "kamailio_siptrace_requests_traced", "SIP requests traced."),
    counter(&["siptrace.traced_replies"], "kamailio_siptrace_replies_traced", "SIP replies traced."),
    stat(&["sipcapture.captured_requests"], REQUESTS, &[]),
    stat(&["sipcapture.captured_replies"], REPLIES, &[]),
    selected(|name| mode(name, b"sipcapture.captured_requests["), REQUESTS),
    selected(|name| mode(name, b"sipcapture.captured_replies["), REPLIES),
];

/// Matches `captured_requests[mode]`.
fn mode<'n>(name: &'n [u8], what: &[u8]) -> Option<NameLabels<'n>> {
    let mode = name.strip_prefix(what)?.strip_suffix(b"]")?;
    (!mode.is_empty()).then_some([("mode", mode), NO_LABEL])
}
