//! IMS: charging, quality of service, registrations.

use super::{counter, family_of_counters, family_of_gauges, gauge, percent, read, stat};
use crate::collectors::schema::{Field, is};

const CCRS: Field = family_of_counters(
    "kamailio_ims_charging_ccrs_sent",
    "Credit control requests sent, by the place that they have in a session.",
);
const CCRS_BY_RESULT: Field = family_of_counters(
    "kamailio_ims_charging_ccrs_by_result",
    "Credit control requests that were answered or failed, by the place that they have in a session and by whether \
     they succeeded.",
);
const RX_SESSIONS: Field =
    family_of_gauges("kamailio_ims_qos_rx_sessions", "Rx sessions, by what they are for.");
const AARS: Field =
    family_of_counters("kamailio_ims_qos_aars_sent", "AA requests sent, by what their Rx session is for.");
const AARS_BY_RESULT: Field = family_of_counters(
    "kamailio_ims_qos_aars_by_result",
    "AA requests that were answered or failed, by what their Rx session is for and by whether they succeeded.",
);
const ANSWERED: Field = family_of_counters(
    "kamailio_ims_registrar_scscf_registrations",
    "REGISTER requests at the S-CSCF, by what they were answered.",
);
const COLLISIONS: Field = family_of_gauges(
    "kamailio_ims_usrloc_scscf_hash_collisions",
    "Entries of a hash table of the S-CSCF that share their slot with others; Kamailio's count can fall below zero.",
);

macro_rules! ccrs {
    ($($place:literal),*) => {
        &[$(
            stat(&[concat!("ims_charging.", $place, "_ccrs")], CCRS, &[is("type", $place)]),
            stat(
                &[concat!("ims_charging.successful_", $place, "_ccrs")],
                CCRS_BY_RESULT,
                &[is("type", $place), is("result", "success")],
            ),
            stat(
                &[concat!("ims_charging.failed_", $place, "_ccrs")],
                CCRS_BY_RESULT,
                &[is("type", $place), is("result", "failure")],
            ),
        )*]
    };
}

macro_rules! rx {
    ($($session:literal),*) => {
        &[$(
            stat(&[concat!("ims_qos.active_", $session, "_rx_sessions")], RX_SESSIONS, &[is("session", $session)]),
            stat(&[concat!("ims_qos.", $session, "_aars")], AARS, &[is("session", $session)]),
            stat(
                &[concat!("ims_qos.successful_", $session, "_aars")],
                AARS_BY_RESULT,
                &[is("session", $session), is("result", "success")],
            ),
            stat(
                &[concat!("ims_qos.failed_", $session, "_aars")],
                AARS_BY_RESULT,
                &[is("session", $session), is("result", "failure")],
            ),
        )*]
    };
}

/// `ims_charging/ims_charging_stats.c`.
pub(super) const CCR: &[Field] = ccrs!["initial", "interim", "final"];

/// `ims_qos/ims_qos_stats.c`.
pub(super) const RX: &[Field] = rx!["registration", "media"];

/// `ims_charging/ims_charging_stats.c` and `ims_qos/ims_qos_stats.c`, the rest.
pub(super) const SESSIONS: &[Field] = &[
    gauge(
        &["ims_charging.active_ro_sessions"],
        "kamailio_ims_charging_ro_sessions",
        "Ro sessions, which charge a call while it lasts.",
    ),
    counter(&["ims_charging.billed_secs"], "kamailio_ims_charging_billed_seconds", "Time that was charged."),
    counter(
        &["ims_charging.killed_calls"],
        "kamailio_ims_charging_calls_ended",
        "Calls that Kamailio ended because of their charging.",
    ),
    counter(&["ims_qos.asrs"], "kamailio_ims_qos_asrs_received", "Abort session requests received."),
    counter(
        &["ims_qos.media_rx_sessions"],
        "kamailio_ims_qos_media_rx_sessions_opened",
        "Rx sessions for media since the start.",
    ),
];

/// `ims_registrar_scscf/ims_registrar_scscf_mod.c`, `mod_stats`.
pub(super) const REGISTRAR: &[Field] = &[
    stat(&["ims_registrar_scscf.accepted_regs"], ANSWERED, &[is("result", "accepted")]),
    stat(&["ims_registrar_scscf.rejected_regs"], ANSWERED, &[is("result", "rejected")]),
    gauge(
        &["ims_registrar_scscf.max_expires"],
        "kamailio_ims_registrar_scscf_max_expires_seconds",
        "The longest that a registration at the S-CSCF may last.",
    ),
    gauge(
        &["ims_registrar_scscf.max_contacts"],
        "kamailio_ims_registrar_scscf_max_contacts",
        "Contacts that an identity may have at the S-CSCF.",
    ),
    gauge(
        &["ims_registrar_scscf.default_expire"],
        "kamailio_ims_registrar_scscf_default_expires_seconds",
        "How long a registration at the S-CSCF lasts if the client does not say.",
    ),
    read(
        gauge(
            &["ims_registrar_scscf.default_expires_range"],
            "kamailio_ims_registrar_scscf_default_expires_range_ratio",
            "By which part the time that a registration at the S-CSCF lasts is varied at random.",
        ),
        percent,
    ),
    gauge(
        &["ims_registrar_scscf.notifies_in_q"],
        "kamailio_ims_registrar_scscf_notify_queue_length",
        "NOTIFY requests that the S-CSCF still has to send.",
    ),
];

/// `ims_usrloc_pcscf/ims_usrloc_pcscf_mod.c` and `ims_usrloc_scscf/usrloc.c`.
pub(super) const USRLOC: &[Field] = &[
    gauge(
        &["ims_usrloc_pcscf.registered_contacts"],
        "kamailio_ims_usrloc_pcscf_contacts",
        "Contacts registered at the P-CSCF.",
    ),
    counter(
        &["ims_usrloc_pcscf.expired_contacts"],
        "kamailio_ims_usrloc_pcscf_contacts_expired",
        "Contacts of the P-CSCF whose registration ran out.",
    ),
    gauge(
        &["ims_usrloc_scscf.active_subscriptions"],
        "kamailio_ims_usrloc_scscf_subscriptions",
        "IMS subscriptions in memory at the S-CSCF.",
    ),
    gauge(
        &["ims_usrloc_scscf.active_impus"],
        "kamailio_ims_usrloc_scscf_impus",
        "Public identities registered at the S-CSCF.",
    ),
    gauge(
        &["ims_usrloc_scscf.active_contacts"],
        "kamailio_ims_usrloc_scscf_contacts",
        "Contacts registered at the S-CSCF.",
    ),
    stat(&["ims_usrloc_scscf.subscription_collisions"], COLLISIONS, &[is("table", "subscription")]),
    stat(&["ims_usrloc_scscf.impu_collisions"], COLLISIONS, &[is("table", "impu")]),
    stat(&["ims_usrloc_scscf.contact_collisions"], COLLISIONS, &[is("table", "contact")]),
];
