//! Registrations: REGISTER requests (module registrar), contacts of users (usrloc, p_usrloc), and Kamailio's own
//! registrations at remote servers (uac).

use super::{NO_LABEL, family_of_counters, family_of_gauges, gauge, percent, read, selected, stat};
use crate::collectors::schema::{Field, NameLabels, is};

const ANSWERED: Field =
    family_of_counters("kamailio_registrar_registrations", "REGISTER requests by result.");
const USERS: Field = family_of_gauges(
    "kamailio_usrloc_users",
    "Addresses of record with at least one contact, by location table.",
);
const CONTACTS: Field =
    family_of_gauges("kamailio_usrloc_contacts", "Registered contacts, by location table.");
const EXPIRED: Field = family_of_counters(
    "kamailio_usrloc_contacts_expired",
    "Contacts whose registration expired, by location table.",
);

/// `registrar/registrar.c`, `mod_stats`.
pub(super) const REGISTRAR: &[Field] = &[
    stat(&["registrar.accepted_regs"], ANSWERED, &[is("result", "accepted")]),
    stat(&["registrar.rejected_regs"], ANSWERED, &[is("result", "rejected")]),
    gauge(
        &["registrar.max_expires"],
        "kamailio_registrar_max_expires_seconds",
        "Maximum lifetime of a registration, in seconds; 0 means no limit (parameter max_expires).",
    ),
    gauge(
        &["registrar.max_contacts"],
        "kamailio_registrar_max_contacts",
        "Maximum number of contacts of an address of record; 0 means no limit (parameter max_contacts).",
    ),
    gauge(
        &["registrar.default_expire"],
        "kamailio_registrar_default_expires_seconds",
        "Lifetime of a registration if the client requests none, in seconds (parameter default_expires).",
    ),
    read(
        gauge(
            &["registrar.default_expires_range"],
            "kamailio_registrar_default_expires_range_ratio",
            "Range of the random variation of default_expires, as a ratio (parameter default_expires_range).",
        ),
        percent,
    ),
    read(
        gauge(
            &["registrar.expires_range"],
            "kamailio_registrar_expires_range_ratio",
            "Range of the random variation of the lifetime that a client requests, as a ratio (parameter \
             expires_range).",
        ),
        percent,
    ),
];

/// `usrloc/udomain.c`, `new_udomain`: three statistics for each table; ims_usrloc_pcscf has the same for each
/// domain.
pub(super) const USRLOC: &[Field] = &[
    gauge(
        &["usrloc.registered_users"],
        "kamailio_usrloc_registered_users",
        "Addresses of record with at least one contact, in all location tables.",
    ),
    selected(|name| table(name, b"users"), USERS),
    selected(|name| table(name, b"contacts"), CONTACTS),
    selected(|name| table(name, b"expires"), EXPIRED),
    gauge(
        &["p_usrloc.registered_users"],
        "kamailio_p_usrloc_registered_users",
        "Addresses of record with at least one contact, in all location tables of module p_usrloc.",
    ),
];

/// `uac/uac_reg.c`, `uac_reg_counter_init`.
pub(super) const UAC: &[Field] = &[
    gauge(
        &["uac.regtotal"],
        "kamailio_uac_registrations",
        "Registrations at remote servers that Kamailio manages.",
    ),
    gauge(
        &["uac.regdisabled"],
        "kamailio_uac_registrations_disabled",
        "Registrations at remote servers that are disabled, after failures or by an RPC command.",
    ),
];

/// Matches names such as `location_users`, the number of users in the table `location`. The core parameter
/// stats_name_separator replaces the `_` by another punctuation mark.
fn table<'n>(name: &'n [u8], what: &[u8]) -> Option<NameLabels<'n>> {
    let table = name.strip_prefix(b"usrloc.")?.strip_suffix(what)?;
    let table = match table {
        [table @ .., mark] if mark.is_ascii_punctuation() => table,
        table => table,
    };
    (!table.is_empty()).then_some([("table", table), NO_LABEL])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_carries_its_table() {
        for (name, is) in [
            ("usrloc.location_users", Some("location")),
            ("usrloc.my_table_users", Some("my_table")),
            ("usrloc.loc__users", Some("loc_")),
            ("usrloc.location-users", Some("location")),
            ("usrloc.locationusers", Some("location")),
            ("usrloc._users", None),
            ("usrloc.users", None),
            ("usrloc.location_contacts", None),
            ("p_usrloc.location_users", None),
        ] {
            let found = table(name.as_bytes(), b"users");
            assert_eq!(found.map(|labels| labels[0]), is.map(|table| ("table", table.as_bytes())), "{name}");
        }
    }
}
