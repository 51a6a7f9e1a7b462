//! TLS connections (module tls).

use super::tcp::count_by;
use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, at, label, unsigned_gauge};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;

/// `tls/tls_rpc.c`, `tls_info`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            unsigned_gauge(
                at(&["opened_connections"]),
                "kamailio_tls_info_opened_connections",
                "Open TLS connections.",
            ),
            unsigned_gauge(
                at(&["max_connections"]),
                "kamailio_tls_info_max_connections",
                "Maximum number of open TLS connections.",
            ),
        ],
        extra_fields: &[unsigned_gauge(
            at(&["clear_text_write_queued_bytes"]),
            "kamailio_tls_clear_text_write_queued_bytes",
            "Bytes waiting to be encrypted.",
        )],
        ..Table::NEW
    }],
    ..Collector::new("tls.info", "tls", "TLS connections.")
};

/// `tls/tls_rpc.c`, `tls_list`: one record per connection. Only the number of connections is served.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("cipher", &["cipher"]), label("version", &["cipher"]), label("state", &["state"])],
        fields: &[unsigned_gauge(
            Key::Custom,
            "kamailio_tls_connections_by_cipher",
            "TLS connections by cipher suite, protocol version and state.",
        )],
        ..Table::NEW
    }],
    custom_reader: Some(by_cipher),
    large: true,
    cost: Cost::LockedWalk,
    ..Collector::opt_in(
        "tls.list",
        "tls",
        "TLS connections by cipher suite. Kamailio's TCP workers wait while it lists the connections.",
    )
};

/// The member `cipher` is OpenSSL's description (`SSL_CIPHER_description`): name, version and more, separated by blanks.
fn by_cipher(records: Members<'_>, _: &[String], emit: &mut Emit<'_>) {
    let groups = count_by(records, |connection| {
        let text = |name| connection.get(name).and_then(Value::as_bytes).unwrap_or_default();
        let mut words = text("cipher").split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        [words.next().unwrap_or_default(), words.next().unwrap_or_default(), text("state")]
    });
    for ([cipher, version, state], count) in groups {
        let labels = [("cipher", cipher), ("version", version), ("state", state)];
        emit(0, &labels, Some(Number::Unsigned(count)));
    }
}
