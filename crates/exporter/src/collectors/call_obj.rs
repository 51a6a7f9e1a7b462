//! Numbers assigned to calls (module call_obj).

use crate::collectors::schema::{Collector, Emit, Key, Table, gauge, unsigned_gauge};
use kamailio_binrpc::Members;
use prometheus_exposition::Number;

/// `call_obj/call_obj_mod.c`, `rpc_call_obj_stats`: the lines `Start: 1  End: 100` and
/// `Total: 100  Assigned: 6  (6.00%)`.
pub(super) static STATS: Collector = Collector {
    tables: &[Table {
        fields: &[
            gauge(Key::Custom, "kamailio_call_obj_first", "Lowest number that can be assigned to a call."),
            gauge(Key::Custom, "kamailio_call_obj_last", "Highest number that can be assigned to a call."),
            unsigned_gauge(
                Key::Custom,
                "kamailio_call_obj_objects",
                "Numbers that can be assigned to calls, in total.",
            ),
            unsigned_gauge(Key::Custom, "kamailio_call_obj_assigned", "Numbers currently assigned to calls."),
        ],
        ..Table::NEW
    }],
    custom_reader: Some(read),
    several_records: true,
    ..Collector::opt_in("call_obj.stats", "call_obj", "Numbers assigned to calls.")
};

fn read(lines: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    let text: Vec<_> = lines.iter().filter_map(|line| line.value.as_bytes()).collect();
    let text = text.join(&b' ');
    let mut words = text.split(u8::is_ascii_whitespace);
    while let Some(word) = words.next() {
        if let Some(index) = NAMES.iter().position(|name| *name == word) {
            let number = words.next().and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
            emit(index, &[], number.map(Number::Signed));
        }
    }
}

const NAMES: [&[u8]; 4] = [b"Start:", b"End:", b"Total:", b"Assigned:"];
