//! Dialogs (module dialog).

use crate::collectors::schema::{Call, Collector, Cost, Label, LabelValue, Table, at, size};

/// `dialog/dialog.c`, `rpc_dlg_stats_active`: Kamailio walks all its dialogs to answer.
pub(super) static STATS_ACTIVE: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(at(&["starting"]), "kamailio_dlg_stats_active_starting", "Dialogs without a reply yet."),
            size(
                at(&["connecting"]),
                "kamailio_dlg_stats_active_connecting",
                "Dialogs with a provisional reply.",
            ),
            size(
                at(&["answering"]),
                "kamailio_dlg_stats_active_answering",
                "Dialogs that were answered and wait for the ACK.",
            ),
            size(at(&["ongoing"]), "kamailio_dlg_stats_active_ongoing", "Dialogs that are established."),
            size(at(&["all"]), "kamailio_dlg_stats_active_all", "Dialogs in any of these states."),
        ],
        ..Table::NEW
    }],
    cost: Cost::Walk,
    ..Collector::opt_in("dlg.stats_active", "dialog", "Dialogs by state.")
};

/// `dialog/dialog.c`, `rpc_profile_get_size`: one number.
pub(super) static PROFILE_GET_SIZE: Collector = Collector {
    call: Call::EachProfile,
    tables: &[Table {
        labels: &[
            Label { name: "profile", value: LabelValue::Argument(0) },
            Label { name: "value", value: LabelValue::Argument(1) },
        ],
        fields: &[size(
            at(&[]),
            "kamailio_dialog_profile_dialogs",
            "Dialogs in the profile, or those in it that have the value.",
        )],
        ..Table::NEW
    }],
    cost: Cost::List,
    ..Collector::opt_in(
        "dlg.profile_get_size",
        "dialog",
        "Dialogs in the profiles that --collector.dialog.profiles names.",
    )
};
