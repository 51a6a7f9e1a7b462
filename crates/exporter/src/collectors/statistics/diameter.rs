//! Diameter: module cdp in total, and the requests of the IMS modules by command. Response times are in milliseconds,
//! although Kamailio documents them as seconds.

use super::{
    average_milliseconds, counted_milliseconds, counter, family_of_counters, family_of_gauges, gauge, read,
    stat,
};
use crate::collectors::schema::{Field, Label, is};

const TIMEOUTS: Field = family_of_counters(
    "kamailio_diameter_timeouts",
    "Diameter requests of the IMS modules that were not answered in time, by command.",
);
const REPLIES: Field = family_of_counters(
    "kamailio_diameter_replies_received",
    "Replies to Diameter requests of the IMS modules, by command.",
);
const RESPONSE_SECONDS: Field = read(
    family_of_counters(
        "kamailio_diameter_response_seconds",
        "Total response time of the replies to Diameter requests of the IMS modules, by command, in seconds.",
    ),
    counted_milliseconds,
);
const AVERAGE_SECONDS: Field = read(
    family_of_gauges(
        "kamailio_diameter_average_response_seconds",
        "Average response time of Diameter requests of the IMS modules since start, by command, in seconds; missing before the first reply.",
    ),
    average_milliseconds,
);

/// `cdp/cdp_stats.c`.
pub(super) const CDP: &[Field] = &[
    counter(&["cdp.timeout"], "kamailio_cdp_timeouts", "Diameter requests that were not answered in time."),
    counter(&["cdp.replies_received"], "kamailio_cdp_replies_received", "Replies to Diameter requests."),
    read(
        counter(
            &["cdp.replies_response_time"],
            "kamailio_cdp_response_seconds",
            "Total response time of the replies to Diameter requests, in seconds.",
        ),
        counted_milliseconds,
    ),
    read(
        gauge(
            &["cdp.average_response_time"],
            "kamailio_cdp_average_response_seconds",
            "Average response time of Diameter requests since start, in seconds; missing before the first reply.",
        ),
        average_milliseconds,
    ),
    gauge(&["cdp.queuelength"], "kamailio_cdp_queue_length", "Diameter messages waiting for a worker."),
];

/// `ims_auth/stats.c`, `ims_icscf/stats.c`, `ims_charging/ims_charging_stats.c`, `ims_qos/ims_qos_stats.c`,
/// `ims_registrar_scscf/stats.c`. Old versions of ims_qos count the replies to all AARs together.
pub(super) const BY_COMMAND: &[Field] = &[
    stat(&["ims_auth.mar_timeouts"], TIMEOUTS, MAR),
    stat(&["ims_auth.mar_replies_received"], REPLIES, MAR),
    stat(&["ims_auth.mar_replies_response_time"], RESPONSE_SECONDS, MAR),
    stat(&["ims_auth.mar_avg_response_time"], AVERAGE_SECONDS, MAR),
    stat(&["ims_icscf.uar_timeouts"], TIMEOUTS, UAR),
    stat(&["ims_icscf.uar_replies_received"], REPLIES, UAR),
    stat(&["ims_icscf.uar_replies_response_time"], RESPONSE_SECONDS, UAR),
    stat(&["ims_icscf.uar_avg_response_time"], AVERAGE_SECONDS, UAR),
    stat(&["ims_icscf.lir_timeouts"], TIMEOUTS, LIR),
    stat(&["ims_icscf.lir_replies_received"], REPLIES, LIR),
    stat(&["ims_icscf.lir_replies_response_time"], RESPONSE_SECONDS, LIR),
    stat(&["ims_icscf.lir_avg_response_time"], AVERAGE_SECONDS, LIR),
    stat(&["ims_charging.ccr_timeouts"], TIMEOUTS, CCR),
    stat(&["ims_charging.ccr_replies_received"], REPLIES, CCR),
    stat(&["ims_charging.ccr_response_time"], RESPONSE_SECONDS, CCR),
    stat(&["ims_charging.ccr_avg_response_time"], AVERAGE_SECONDS, CCR),
    stat(&["ims_qos.registration_aar_timeouts"], TIMEOUTS, REGISTRATION_AAR),
    stat(&["ims_qos.registration_aar_replies_received"], REPLIES, REGISTRATION_AAR),
    stat(&["ims_qos.registration_aar_response_time"], RESPONSE_SECONDS, REGISTRATION_AAR),
    stat(&["ims_qos.registration_aar_avg_response_time"], AVERAGE_SECONDS, REGISTRATION_AAR),
    stat(&["ims_qos.media_aar_timeouts"], TIMEOUTS, MEDIA_AAR),
    stat(&["ims_qos.media_aar_replies_received"], REPLIES, MEDIA_AAR),
    stat(&["ims_qos.media_aar_response_time"], RESPONSE_SECONDS, MEDIA_AAR),
    stat(&["ims_qos.media_aar_avg_response_time"], AVERAGE_SECONDS, MEDIA_AAR),
    stat(&["ims_qos.aar_replies_received"], REPLIES, &[is("command", "AAR")]),
    stat(&["ims_qos.aar_replies_response_time"], RESPONSE_SECONDS, &[is("command", "AAR")]),
    stat(&["ims_registrar_scscf.sar_timeouts"], TIMEOUTS, SAR),
    stat(&["ims_registrar_scscf.sar_replies_received"], REPLIES, SAR),
    stat(&["ims_registrar_scscf.sar_replies_response_time"], RESPONSE_SECONDS, SAR),
    stat(&["ims_registrar_scscf.sar_avg_response_time"], AVERAGE_SECONDS, SAR),
];

const MAR: &[Label] = &[is("command", "MAR")];
const UAR: &[Label] = &[is("command", "UAR")];
const LIR: &[Label] = &[is("command", "LIR")];
const CCR: &[Label] = &[is("command", "CCR")];
const SAR: &[Label] = &[is("command", "SAR")];
const REGISTRATION_AAR: &[Label] = &[is("command", "AAR"), is("session", "registration")];
const MEDIA_AAR: &[Label] = &[is("command", "AAR"), is("session", "media")];
