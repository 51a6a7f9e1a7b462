//! Shared call appearances (module sca).

use crate::collectors::schema::{
    Call, Collector, Cost, Label, LabelValue, Table, Unreadable, at, field, statistic,
};
use kamailio_binrpc::Value;
use prometheus_exposition::{Kind, Number};

/// `sca/sca_rpc.c`, `sca_rpc_subscription_count`: the text `0 call-info`.
pub(super) static SUBSCRIPTION_COUNT: Collector = Collector {
    call: Call::Each(&["call-info", "line-seize"]),
    tables: &[Table {
        labels: &[Label { name: "event", value: LabelValue::Argument(0) }],
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_sca_subscriptions",
            "Subscriptions to shared call appearances, by event.",
            first_word,
        )],
        ..Table::NEW
    }],
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in("sca.subscription_count", "sca", "Subscriptions to shared call appearances.")
};

fn first_word(text: Value<'_>) -> Result<Option<Number>, Unreadable> {
    let mut words = text.as_bytes().ok_or(Unreadable)?.split(|byte| *byte == b' ');
    statistic(Value::Str(words.next().unwrap_or_default()))
}
