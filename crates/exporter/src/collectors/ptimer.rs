//! Timers of the configuration script (module ptimer).

use crate::collectors::schema::{Collector, Cost, Label, LabelValue, Table, at, unsigned_gauge};

/// `ptimer/ptimer.c`, `rpc_list_timers`, since Kamailio 6.1: one struct with a member per timer.
pub(super) static LIST: Collector = Collector {
    tables: &[TIMERS, WORKERS],
    since: Some("6.1"),
    cost: Cost::Linear,
    ..Collector::opt_in("ptimer.list", "ptimer", "Timers of the configuration script.")
};

const TIMERS: Table = Table {
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
};

const WORKERS: Table = Table {
    rows: &["*", "workers", ""],
    labels: &[
        Label { name: "timer", value: LabelValue::MemberName },
        Label { name: "worker", value: LabelValue::At(&["worker"]) },
    ],
    fields: &[unsigned_gauge(
        at(&["paused"]),
        "kamailio_ptimer_worker_paused",
        "1 if the worker of the timer is paused, 0 otherwise.",
    )],
    ..Table::NEW
};
