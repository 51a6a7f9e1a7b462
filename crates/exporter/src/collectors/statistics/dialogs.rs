//! Dialogs (modules dialog and ims_dialog).

use super::{counter, family_of_gauges, stat};
use crate::collectors::schema::{Field, is};

const DIALOGS: Field = family_of_gauges("kamailio_dialog_dialogs", "Dialogs by state.");
const IMS_DIALOGS: Field =
    family_of_gauges("kamailio_ims_dialog_dialogs", "Dialogs of module ims_dialog, by state.");

/// `dialog/dialog.c`, `mod_stats`; `ims_dialog/ims_dialog.c` registers them as `dialog_ng`.
pub(super) const DIALOG: &[Field] = &[
    stat(&["dialog.active_dialogs"], DIALOGS, &[is("state", "confirmed")]),
    stat(&["dialog.early_dialogs"], DIALOGS, &[is("state", "early")]),
    counter(&["dialog.processed_dialogs"], "kamailio_dialog_processed", "Dialogs since start."),
    counter(
        &["dialog.expired_dialogs"],
        "kamailio_dialog_expired",
        "Dialogs ended because their lifetime expired.",
    ),
    counter(
        &["dialog.failed_dialogs"],
        "kamailio_dialog_failed",
        "Dialogs that were never confirmed because they were rejected or cancelled.",
    ),
    stat(&["dialog_ng.active"], IMS_DIALOGS, &[is("state", "confirmed")]),
    stat(&["dialog_ng.early"], IMS_DIALOGS, &[is("state", "early")]),
    counter(
        &["dialog_ng.processed"],
        "kamailio_ims_dialog_processed",
        "Dialogs of module ims_dialog since start.",
    ),
    counter(
        &["dialog_ng.expired"],
        "kamailio_ims_dialog_expired",
        "Dialogs of module ims_dialog ended because their lifetime expired.",
    ),
];
