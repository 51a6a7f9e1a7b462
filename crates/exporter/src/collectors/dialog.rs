//! Dialogs (module dialog).

use crate::collectors::schema::{Call, Collector, Cost, Label, LabelValue, Table, at, unsigned_gauge};

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
        fields: &[unsigned_gauge(
            at(&[]),
            "kamailio_dialog_profile_dialogs",
            "Dialogs in the profile, or with this value in the profile.",
        )],
        ..Table::NEW
    }],
    cost: Cost::Linear,
    ..Collector::opt_in(
        "dlg.profile_get_size",
        "dialog",
        "Dialogs in the dialog profiles named by --collector.dialog.profiles.",
    )
};
