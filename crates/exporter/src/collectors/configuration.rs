//! The configuration that Kamailio runs with: its modules, its sockets, and whether its configuration file has changed since the start.

use crate::collectors::schema::{
    Collector, Cost, Emit, Field, Key, Label, Table, Unreadable, at, boolean, field, label, unsigned_gauge,
};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::{Kind, Number};

/// `cfgutils/cfgutils.c`, `cfgutils_rpc_check_hash`: one of two texts. Kamailio reads the file for each call, and logs two
/// errors if the file is missing.
pub(super) static CHECK_CONFIG_HASH: Collector = Collector {
    tables: &[Table {
        fields: &[field(
            at(&[]),
            Kind::Gauge,
            "kamailio_config_unchanged",
            "1 if the file named by the cfgutils parameter hash_file is the same as when Kamailio was started, 0 otherwise.",
            is_identical,
        )],
        ..Table::NEW
    }],
    empty_faults: &["No hash file"],
    ..Collector::opt_in(
        "cfgutils.check_config_hash",
        "cfgutils",
        "Whether the configuration file has changed since Kamailio was started.",
    )
};

/// `core/core_cmd.c`, `core_modules`: one text per module.
pub(super) static MODULES: Collector = Collector {
    tables: &[Table {
        fields: &[unsigned_gauge(Key::Custom, "kamailio_modules", "Loaded modules.")],
        ..Table::NEW
    }],
    custom_reader: Some(count_records),
    cost: Cost::Linear,
    ..Collector::opt_in("core.modules", "core", "Number of loaded modules.")
};

/// `corex/corex_rpc.c`, `corex_rpc_list_sockets`: one record per socket, with names in upper case up to 5.7.
/// `core/core_cmd.c`, `core_sockets_list`: one struct with a member per socket. It is the second choice, because it prints
/// each socket to Kamailio's standard output as well.
pub(super) static SOCKETS: Collector = Collector {
    preferred_calls: &["corex.list_sockets"],
    tables: &[
        Table {
            rows: &["socket"],
            labels: &[label("proto", &["proto"]), label("address", &["address"])],
            fields: &[socket(&["port"], &[label("port", &["port"])])],
            ..Table::NEW
        },
        Table {
            labels: &[label("proto", &["proto"]), label("address", &["name"])],
            fields: &[socket(&["port"], &[label("port", &["port"])])],
            ..Table::NEW
        },
        Table {
            labels: &[label("proto", &["PROTO"]), label("address", &["NAME"])],
            fields: &[socket(&["PORT"], &[label("port", &["PORT"])])],
            ..Table::NEW
        },
    ],
    cost: Cost::Linear,
    ..Collector::opt_in("core.sockets_list", "core", "Sockets that Kamailio listens on.")
};

const fn socket(port: &'static [&'static str], labels: &'static [Label]) -> Field {
    let help = "Socket that Kamailio listens on. The value is always 1.";
    field(at(port), Kind::Gauge, "kamailio_socket_info", help, present).with(labels)
}

fn present(_: Value<'_>) -> Result<Option<Number>, Unreadable> {
    boolean(true)
}

fn is_identical(text: Value<'_>) -> Result<Option<Number>, Unreadable> {
    match text.as_bytes() {
        Some(b"Identical hash") => boolean(true),
        Some(b"Different hash") => boolean(false),
        _ => Err(Unreadable),
    }
}

fn count_records(records: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    emit(0, &[], Some(Number::Unsigned(records.iter().count() as u64)));
}
