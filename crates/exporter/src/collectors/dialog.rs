//! Dialogs (module dialog).

use crate::collector::{Collector, Table, at, size};

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
    ..Collector::opt_in("dlg.stats_active", "dialog", "Dialogs by state.")
};
