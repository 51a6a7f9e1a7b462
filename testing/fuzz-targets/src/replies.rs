//! Replies like those of a collector's method, generated from the tables.

use crate::body::{ARRAY, Body, STRUCT};
use crate::input::Input;
use kamailio_binrpc::wire::MAX_DEPTH;
use kamailio_exporter::internals::{Collector, Key, LabelValue};
use std::collections::BTreeMap;

/// Generates the body of a reply with the names that a collector reads, in their positions, among other names.
pub(crate) fn reply(collector: &Collector, input: &mut Input<'_>) -> Vec<u8> {
    let shape = Shape::of(collector);
    let mut body = Body::default();
    for _ in 0..input.below(MAX_MEMBERS) {
        shape.value(input, &mut body, 0);
    }
    body.bytes
}

/// Generates the body of a flat reply, such as a list of methods, groups or statistics, with values of any type.
pub(crate) fn texts(input: &mut Input<'_>) -> Vec<u8> {
    let mut body = Body::default();
    for _ in 0..input.below(MAX_MEMBERS) {
        scalar(input, &mut body);
    }
    body.bytes
}

/// The names that a collector reads, by position in the reply.
#[derive(Default)]
struct Shape {
    inside: BTreeMap<&'static str, Self>,
}

impl Shape {
    fn of(collector: &Collector) -> Self {
        let mut shape = Self::default();
        for table in collector.tables {
            let labels = |labels: &'static [kamailio_exporter::internals::Label]| {
                labels.iter().filter_map(|label| match label.value {
                    LabelValue::At(path) | LabelValue::Parameters(path) => Some(path),
                    _ => None,
                })
            };
            for around in 0..=table.rows.len() {
                for path in labels(table.labels) {
                    shape.add(&table.rows[..around]).add(path);
                }
            }
            let row = shape.add(table.rows);
            for path in labels(table.equal_rows.labels()) {
                row.add(path);
            }
            for field in table.fields.iter().chain(table.extra_fields) {
                if let Key::At(path) = field.key {
                    row.add(path);
                }
                for path in labels(field.labels) {
                    row.add(path);
                }
            }
        }
        shape
    }

    fn add(&mut self, path: &[&'static str]) -> &mut Self {
        path.iter().fold(self, |shape, name| shape.inside.entry(name).or_default())
    }

    fn value(&self, input: &mut Input<'_>, body: &mut Body, depth: usize) {
        if self.inside.is_empty() || depth + 1 >= MAX_DEPTH || input.byte() >= 240 {
            return scalar(input, body);
        }
        body.begin(STRUCT);
        for _ in 0..input.below(MAX_MEMBERS) {
            match input.byte() {
                pick @ 0..=199 => {
                    if let Some((name, inside)) =
                        self.inside.iter().nth(usize::from(pick) % self.inside.len())
                    {
                        match *name {
                            "*" => body.name(input.field()),
                            "" if pick % 2 == 0 => {}
                            name => body.name(name.as_bytes()),
                        }
                        inside.value(input, body, depth + 1);
                    }
                }
                200..=229 => {
                    body.name(input.choose(&NAMES).copied().unwrap_or_default().as_bytes());
                    scalar(input, body);
                }
                230..=239 => {
                    body.name(input.field());
                    scalar(input, body);
                }
                _ => self.value(input, body, depth + 1),
            }
        }
        body.end(STRUCT);
    }
}

fn scalar(input: &mut Input<'_>, body: &mut Body) {
    match input.byte() {
        0..=79 => {
            let size = input.below(9);
            let number = input.bytes(size).iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            body.int(number, size);
        }
        80..=159 => body.text(input.choose(&TEXTS).copied().unwrap_or_default().as_bytes()),
        160..=199 => body.text(input.field()),
        200..=219 => {
            let milli = input.bytes(8).iter().fold(0, |number, byte| number << 8 | i64::from(*byte));
            body.double(milli);
        }
        220..=229 => body.raw(input.field()),
        230..=239 => {
            body.begin(ARRAY);
            body.end(ARRAY);
        }
        _ => {
            body.begin(STRUCT);
            body.end(STRUCT);
        }
    }
}

/// Maximum number of records of a reply, or of members of a struct.
const MAX_MEMBERS: usize = 24;

/// Names that are not in the tables, or are selected by a function.
const NAMES: [&str; 24] = [
    "",
    "2xx",
    "6xx",
    "location_users",
    "usrloc.location_users",
    "usrloc.location_contacts",
    "usrloc.location_expires",
    "sipcapture.captured_requests[mode]",
    "core.requests",
    "core.rcv_requests",
    "script.name",
    "script.calls_total",
    "script.calls_seconds",
    "script.calls_bytes",
    "script.calls",
    "script.scrape_collector_success_total",
    "exporter.build_total",
    "core.rcv_requests_total",
    "tm.stats_total_total",
    "tmx.200_transactions",
    "dialog.active_dialogs",
    "a.b.c",
    ".",
    "\u{e9}.\u{e9}_total",
];

/// Texts with a meaning to a collector.
const TEXTS: [&str; 32] = [
    "",
    "0",
    "1",
    "-5",
    "18446744073709551611",
    "9223372036854775808",
    "18446744073709551616",
    " 12",
    "1e3",
    "NaN",
    "0x1p4",
    "<null string>",
    "sip:a@127.0.0.1:5060;transport=tcp",
    "\"\\\n\r\u{0}",
    "AP",
    "IX",
    "yes",
    "no",
    "on",
    "enabled",
    "disabled",
    "UDP",
    "TLS",
    "CONN_OK",
    "3 call-info",
    "core",
    "script",
    "usrloc",
    "calls_total",
    "calls_seconds",
    "core.uptime",
    "tm.stats",
];
