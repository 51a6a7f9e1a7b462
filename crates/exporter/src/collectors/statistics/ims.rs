//! IMS: charging, quality of service, registrations.

use super::{counter, family_of_counters, family_of_gauges, gauge, percent, read, stat};
use crate::collectors::schema::{Field, is};

const CCRS: Field = family_of_counters(
    "kamailio_ims_charging_ccrs_sent",
    "Credit control requests sent, by type: initial, interim or final.",
);
const CCRS_BY_RESULT: Field = family_of_counters(
    "kamailio_ims_charging_ccrs_by_result",
    "Credit control requests that were answered or failed, by type and result.",
);
const RX_SESSIONS: Field =
    family_of_gauges("kamailio_ims_qos_rx_sessions", "Active Rx sessions, by purpose.");
const AARS: Field =
    family_of_counters("kamailio_ims_qos_aars_sent", "AA requests sent, by purpose of the Rx session.");
const AARS_BY_RESULT: Field = family_of_counters(
    "kamailio_ims_qos_aars_by_result",
    "AA requests that were answered or failed, by purpose of the Rx session and by result.",
);
const ANSWERED: Field = family_of_counters(
    "kamailio_ims_registrar_scscf_registrations",
    "REGISTER requests at the S-CSCF, by result.",
);
const COLLISIONS: Field = family_of_gauges(
    "kamailio_ims_usrloc_scscf_hash_collisions",
    "Entries of a hash table of the S-CSCF that share their slot with others; Kamailio's count can become \
             negative.",
);

macro_rules! ccrs {
    ($($type:literal),*) => {
        &[$(
            stat(&[concat!("ims_charging.", $type, "_ccrs")], CCRS, &[is("type", $type)]),
            stat(
                &[concat!("ims_charging.successful_", $type, "_ccrs")],
                CCRS_BY_RESULT,
                &[is("type", $type), is("result", "success")],
            ),
            stat(
                &[concat!("ims_charging.failed_", $type, "_ccrs")],
                CCRS_BY_RESULT,
                &[is("type", $type), is("result", "failure")],
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

/// `ims_charging/ims_charging_stats.c` and `ims_qos/ims_qos_stats.c`, the other statistics.
pub(super) const SESSIONS: &[Field] = &[
    gauge(
        &["ims_charging.active_ro_sessions"],
        "kamailio_ims_charging_ro_sessions",
        "Active Ro sessions, each charging a call.",
    ),
    counter(
        &["ims_charging.billed_secs"],
        "kamailio_ims_charging_billed_seconds",
        "Charged time, in seconds.",
    ),
    counter(
        &["ims_charging.killed_calls"],
        "kamailio_ims_charging_calls_ended",
        "Calls ended by Kamailio because of their charging.",
    ),
    counter(&["ims_qos.asrs"], "kamailio_ims_qos_asrs_received", "Abort session requests received."),
    counter(
        &["ims_qos.media_rx_sessions"],
        "kamailio_ims_qos_media_rx_sessions_opened",
        "Rx sessions opened for media since start.",
    ),
];

/// `ims_registrar_scscf/ims_registrar_scscf_mod.c`, `mod_stats`.
pub(super) const REGISTRAR: &[Field] = &[
    stat(&["ims_registrar_scscf.accepted_regs"], ANSWERED, &[is("result", "accepted")]),
    stat(&["ims_registrar_scscf.rejected_regs"], ANSWERED, &[is("result", "rejected")]),
    gauge(
        &["ims_registrar_scscf.max_expires"],
        "kamailio_ims_registrar_scscf_max_expires_seconds",
        "Maximum lifetime of a registration at the S-CSCF, in seconds.",
    ),
    gauge(
        &["ims_registrar_scscf.max_contacts"],
        "kamailio_ims_registrar_scscf_max_contacts",
        "Maximum number of contacts of an identity at the S-CSCF; 0 means no limit.",
    ),
    gauge(
        &["ims_registrar_scscf.default_expire"],
        "kamailio_ims_registrar_scscf_default_expires_seconds",
        "Lifetime of a registration at the S-CSCF if the client requests none, in seconds.",
    ),
    read(
        gauge(
            &["ims_registrar_scscf.default_expires_range"],
            "kamailio_ims_registrar_scscf_default_expires_range_ratio",
            "Range of the random variation of the lifetime of a registration at the S-CSCF, as a ratio.",
        ),
        percent,
    ),
    gauge(
        &["ims_registrar_scscf.notifies_in_q"],
        "kamailio_ims_registrar_scscf_notify_queue_length",
        "NOTIFY requests waiting to be sent by the S-CSCF.",
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
        "Contacts at the P-CSCF whose registration expired.",
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
