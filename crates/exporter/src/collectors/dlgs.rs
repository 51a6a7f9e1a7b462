//! Dialogs, as the module dlgs counts them.

use crate::collectors::schema::{Collector, Cost, Field, Table, at, counter, is, size};

/// `dlgs/dlgs_records.c`, `dlgs_rpc_stats`. `final` counts the records that `dlgs_ht_timer` removes. The versions that
/// say `terminted` do not take these off `active`, which goes on counting them.
pub(super) static STATS: Collector = Collector {
    tables: &[
        Table {
            rows: &["active"],
            fields: &[
                now(&["init"]).with(&[is("state", "init")]),
                now(&["progress"]).with(&[is("state", "progress")]),
                now(&["answered"]).with(&[is("state", "answered")]),
                now(&["confirmed"]).with(&[is("state", "confirmed")]),
                now(&["terminated"]).with(&[is("state", "terminated")]),
                // The name of it up to 5.7.
                now(&["terminted"]).with(&[is("state", "terminated")]),
                now(&["notanswered"]).with(&[is("state", "notanswered")]),
            ],
            ..Table::NEW
        },
        Table {
            rows: &["final"],
            fields: &[
                ended(&["init"]).with(&[is("state", "init")]),
                ended(&["progress"]).with(&[is("state", "progress")]),
                ended(&["answered"]).with(&[is("state", "answered")]),
                ended(&["confirmed"]).with(&[is("state", "confirmed")]),
                ended(&["terminated"]).with(&[is("state", "terminated")]),
                ended(&["terminted"]).with(&[is("state", "terminated")]),
                ended(&["notanswered"]).with(&[is("state", "notanswered")]),
            ],
            ..Table::NEW
        },
    ],
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in("dlgs.stats", "dlgs", "Dialogs, as the module dlgs counts them.")
};

const fn now(path: &'static [&'static str]) -> Field {
    size(
        at(path),
        "kamailio_dlgs_dialogs",
        "Dialogs that the module dlgs has, by state; up to 5.7 it goes on counting those that it has removed.",
    )
}

const fn ended(path: &'static [&'static str]) -> Field {
    counter(
        at(path),
        "kamailio_dlgs_removed_dialogs",
        "Dialogs that the module dlgs had and has removed, by their last state.",
    )
}
