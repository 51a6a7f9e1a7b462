//! TLS (module tls).

use super::tcp::count_by;
use crate::collectors::schema::{Collector, Cost, Emit, Key, Table, at, label, size};
use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;

/// `tls/tls_rpc.c`, `tls_info`.
pub(super) static INFO: Collector = Collector {
    tables: &[Table {
        fields: &[
            size(
                at(&["opened_connections"]),
                "kamailio_tls_info_opened_connections",
                "TLS connections that are open.",
            ),
            size(
                at(&["max_connections"]),
                "kamailio_tls_info_max_connections",
                "TLS connections that may be open at once.",
            ),
        ],
        more: &[size(
            at(&["clear_text_write_queued_bytes"]),
            "kamailio_tls_clear_text_write_queued_bytes",
            "Bytes that wait to be encrypted.",
        )],
        ..Table::NEW
    }],
    ..Collector::new("tls.info", "tls", "TLS connections.")
};

/// `tls/tls_rpc.c`, `tls_list`: one record a connection, of which only their number is of use.
pub(super) static LIST: Collector = Collector {
    tables: &[Table {
        labels: &[label("cipher", &["cipher"]), label("version", &["cipher"]), label("state", &["state"])],
        fields: &[size(
            Key::Mapped,
            "kamailio_tls_connections_by_cipher",
            "TLS connections by cipher suite, version of the protocol and state.",
        )],
        ..Table::NEW
    }],
    map: Some(by_cipher),
    large: true,
    cost: Cost::Walk,
    ..Collector::opt_in(
        "tls.list",
        "tls",
        "TLS connections by cipher: Kamailio's TCP workers wait while it lists them.",
    )
};

/// The cipher is OpenSSL's description: name, version and more, with blanks between them (`SSL_CIPHER_description`).
fn by_cipher(records: Members<'_>, emit: &mut Emit<'_>) {
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
