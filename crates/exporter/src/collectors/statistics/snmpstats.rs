//! Replies counted by the SNMP agent (module snmpstats): in both directions, and more codes than the core counts.

use super::{family_of_counters, stat};
use crate::collectors::schema::{Field, is};

const RECEIVED: Field = family_of_counters(
    "kamailio_snmpstats_replies_received_by_code",
    "SIP replies received, by code; codes that module snmpstats does not count are missing.",
);
const SENT: Field = family_of_counters(
    "kamailio_snmpstats_replies_sent_by_code",
    "SIP replies sent, by code; codes that module snmpstats does not count are missing.",
);

macro_rules! by_code {
    ($($code:literal)*) => {
        &[$(
            stat(&[concat!("snmpstats.", $code, "_in")], RECEIVED, &[is("code", $code)]),
            stat(&[concat!("snmpstats.", $code, "_out")], SENT, &[is("code", $code)]),
        )*]
    };
}

/// `snmpstats/snmpstats.c`, `in_message_code_names`.
pub(super) const SNMPSTATS: &[Field] = by_code![
    "100" "180" "181" "182" "183" "199" "200" "202" "204" "300" "301" "302" "305" "380" "400" "401" "402"
    "403" "404" "405" "406" "407" "408" "410" "412" "413" "414" "415" "416" "417" "420" "421" "422" "423"
    "424" "428" "429" "430" "433" "436" "437" "438" "439" "440" "469" "470" "480" "481" "482" "483" "484"
    "485" "486" "487" "488" "489" "491" "492" "493" "494" "500" "501" "502" "503" "504" "505" "513" "580"
    "600" "603" "604" "606"
];
