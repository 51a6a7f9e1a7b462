//! Timers of the configuration script (module ptimer).

use crate::collectors::schema::{Collector, Cost, Label, LabelValue, Table, at, unsigned_gauge};

/// `ptimer/ptimer.c`, `rpc_list_timers`, since Kamailio 6.1: one struct with a member per timer.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        rows: &["*"],
        labels: &[Label { name: "timer", value: LabelValue::MemberName }],
        fields: &[
            unsigned_gauge(
                at(&["nworkers"]),
                "kamailio_ptimer_workers",
                "Processes that run the tasks of the timer.",
            ),
            unsigned_gauge(at(&["ntasks"]), "kamailio_ptimer_tasks", "Tasks of the timer."),
            unsigned_gauge(
                at(&["nslices"]),
                "kamailio_ptimer_slices",
                "Slices that the interval of the timer is divided into.",
            ),
        ],
        ..Table::NEW
    }],
    since: Some("6.1"),
    cost: Cost::Linear,
    ..Collector::opt_in("ptimer.list", "ptimer", "Timers of the configuration script.")
};
