//! Dialogs (module dialog).

use crate::collectors::schema::{
    Call, Collector, Cost, Emit, Field, Key, Label, LabelValue, Table, at, label, unsigned_gauge,
};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;
use std::collections::{BTreeMap, HashSet};

/// `dialog/dialog.c`, `rpc_dlg_stats_active`: Kamailio walks all dialogs for each call.
pub(super) static STATS_ACTIVE: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["starting"]),
                "kamailio_dlg_stats_active_starting",
                "Dialogs without any reply yet.",
            ),
            unsigned_gauge(
                at(&["connecting"]),
                "kamailio_dlg_stats_active_connecting",
                "Dialogs with a provisional reply.",
            ),
            unsigned_gauge(
                at(&["answering"]),
                "kamailio_dlg_stats_active_answering",
                "Dialogs that were answered and are waiting for the ACK.",
            ),
            unsigned_gauge(at(&["ongoing"]), "kamailio_dlg_stats_active_ongoing", "Established dialogs."),
            unsigned_gauge(at(&["all"]), "kamailio_dlg_stats_active_all", "Dialogs in any state."),
        ],
        ..Table::NEW
    }],
    cost: Cost::LockedWalk,
    ..Collector::opt_in("dlg.stats_active", "dialog", "Dialogs by state.")
};

/// `dialog/dialog.c`, `rpc_profile_get_size`: one number.
pub(super) static PROFILE_GET_SIZE: Collector = Collector {
    call: Call::NamedProfiles,
    tables: &[Table {
        labels: &[
            Label { name: "profile", value: LabelValue::Argument(0) },
            Label { name: "value", value: LabelValue::Argument(1) },
        ],
        fields: &[Field { key: at(&[]), ..PROFILE_DIALOGS }],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in(
        "dlg.profile_get_size",
        "dialog",
        "Dialogs in the dialog profiles named by --collector.dialog.profiles.",
    )
};

/// `dialog/dialog.c`, `rpc_profile_print_dlgs`: one record per dialog and value, with all profiles of the dialog. Kamailio
/// holds the profile's lock meanwhile.
pub(super) static PROFILE_LIST: Collector = Collector {
    call: Call::ProfileValues,
    tables: &[Table {
        labels: &[
            Label { name: "profile", value: LabelValue::Argument(0) },
            label("value", &["profiles", "", "*"]),
        ],
        fields: &[Field { key: Key::Custom, ..PROFILE_DIALOGS }],
        ..Table::NEW
    }],
    custom_reader: Some(count_by_value),
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in(
        "dlg.profile_list",
        "dialog",
        "Dialogs by value in the dialog profiles that --collector.dialog.profiles names as PROFILE:*. Kamailio lists every \
         dialog of these profiles while it locks the profile, which is acceptable for up to a few hundred dialogs.",
    )
};

const PROFILE_DIALOGS: Field = unsigned_gauge(
    Key::Custom,
    "kamailio_dialog_profile_dialogs",
    "Dialogs in the profile, or with this value in the profile.",
);

fn count_by_value(dialogs: Members<'_>, arguments: &[String], emit: &mut Emit<'_>) {
    let Some(profile) = arguments.first().map(String::as_bytes) else { return };
    let mut counts: BTreeMap<&[u8], u64> = BTreeMap::new();
    // A dialog with several values is listed once for each of them.
    let mut seen = HashSet::new();
    for dialog in dialogs {
        let number = |name| dialog.value.get(name).and_then(Value::as_u64);
        if !seen.insert((number("h_entry"), number("h_id"))) {
            continue;
        }
        let Some(profiles) = dialog.value.get("profiles").and_then(Value::members) else {
            emit(0, &[], None);
            continue;
        };
        for value in profiles.iter().filter_map(|entry| value_in(entry.value, profile)) {
            *counts.entry(value).or_default() += 1;
        }
    }
    for (value, count) in counts {
        emit(0, &[("profile", profile), ("value", value)], Some(Number::Unsigned(count)));
    }
}

/// The value of a dialog's profile entry, if the entry is that of `profile`: a struct with the value under the profile's
/// name, or only the name of a profile without values.
fn value_in<'v>(entry: Value<'v>, profile: &[u8]) -> Option<&'v [u8]> {
    match entry {
        Value::Str(name) => (name == profile).then_some(b""),
        entry => entry.members()?.iter().find(|member| member.name == Some(profile))?.value.as_bytes(),
    }
}
