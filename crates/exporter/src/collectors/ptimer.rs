//! Timers of the configuration script (module ptimer).

use crate::collectors::schema::{Collector, Cost, Label, LabelValue, Table, at, size};

/// `ptimer/ptimer.c`, `rpc_list_timers`, since Kamailio 6.1: one struct with a member a timer.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        rows: &["*"],
        labels: &[Label { name: "timer", value: LabelValue::Name }],
        fields: &[
            size(at(&["nworkers"]), "kamailio_ptimer_workers", "Processes that run the timer's tasks."),
            size(at(&["ntasks"]), "kamailio_ptimer_tasks", "Tasks of the timer."),
            size(at(&["nslices"]), "kamailio_ptimer_slices", "Slices that the timer's interval is cut into."),
        ],
        ..Table::NEW
    }],
    since: Some("6.1"),
    cost: Cost::List,
    ..Collector::opt_in("ptimer.list", "ptimer", "Timers of the configuration script.")
};
