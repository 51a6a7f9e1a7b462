//! Dialogs known to module dlgs.

use crate::collectors::schema::{Collector, Cost, Field, Table, at, counter, is, unsigned_gauge};

/// `dlgs/dlgs_records.c`, `dlgs_rpc_stats`. `final` counts the records removed by `dlgs_ht_timer`. The versions with the
/// member `terminted` never subtract these records from `active`.
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
                // The spelling up to 5.7.
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
    cost: Cost::LockedWalk,
    ..Collector::opt_in("dlgs.stats", "dlgs", "Dialogs known to module dlgs.")
};

const fn now(path: &'static [&'static str]) -> Field {
    unsigned_gauge(
        at(path),
        "kamailio_dlgs_dialogs",
        "Dialogs known to module dlgs, by state; up to Kamailio 5.7 dialogs already removed are still \
             counted.",
    )
}

const fn ended(path: &'static [&'static str]) -> Field {
    counter(
        at(path),
        "kamailio_dlgs_removed_dialogs",
        "Dialogs removed from module dlgs, by their last state.",
    )
}
