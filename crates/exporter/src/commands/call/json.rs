//! Writes a reply as JSON without loss of information, as `docs/operations.md` describes it.

use kamailio_binrpc::wire::Kind;
use kamailio_binrpc::{Double, Int, Member, Members, Value};
use serde_json::Value as Json;

/// Writes a reply or a fault as an object, on one line.
pub(super) fn reply(kind: Kind, records: Members<'_>) -> String {
    let kind = if kind == Kind::Fault { "fault" } else { "reply" };
    let mut text = format!("{{\"type\":\"{kind}\",\"records\":");
    self::records(records, &mut text);
    text + "}\n"
}

/// Writes the records of a reply or of a fault, as an array.
pub fn records(records: Members<'_>, out: &mut String) {
    list(records, out, |record, out| value(record.value, out));
}

fn list<'v>(members: Members<'v>, out: &mut String, mut write: impl FnMut(Member<'v>, &mut String)) {
    out.push('[');
    for (index, member) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(member, out);
    }
    out.push(']');
}

fn value(value: Value<'_>, out: &mut String) {
    match value {
        Value::Int(number) => *out += &int(number),
        Value::Double(number) => *out += &double(number),
        Value::Str(bytes) => *out += &text(bytes),
        Value::Bytes(bytes) => *out += &format!("{{\"bytes\":\"{}\"}}", hex(bytes)),
        Value::Struct(members) => {
            *out += "{\"struct\":";
            list(members, out, |member, out| self::member(member, out));
            out.push('}');
        }
        Value::Array(values) => {
            *out += "{\"array\":";
            list(values, out, |member, out| self::value(member.value, out));
            out.push('}');
        }
    }
}

fn member(member: Member<'_>, out: &mut String) {
    out.push('[');
    match member.name.map(|name| (std::str::from_utf8(name), name)) {
        None => *out += "null",
        Some((Ok(name), _)) => *out += &Json::from(name).to_string(),
        Some((Err(_), name)) => *out += &text(name),
    }
    out.push(',');
    value(member.value, out);
    out.push(']');
}

fn int(int: Int) -> String {
    let (signed, unsigned) = (int.as_i64(), int.as_u64());
    if u64::try_from(signed) != Ok(unsigned) {
        format!("{{\"int\":{signed},\"unsigned\":{unsigned}}}")
    } else {
        format!("{{\"int\":{signed}}}")
    }
}

fn double(double: Double) -> String {
    let milli = double.milli();
    let sign = if milli < 0 { "-" } else { "" };
    let (whole, rest) = (milli.unsigned_abs() / 1000, milli.unsigned_abs() % 1000);
    if double.as_f64().is_none() {
        return format!("{{\"double\":null,\"milli\":\"{milli}\"}}");
    }
    format!("{{\"double\":{sign}{whole}.{rest:03},\"milli\":\"{milli}\"}}")
}

fn text(bytes: &[u8]) -> String {
    let text = Json::from(String::from_utf8_lossy(bytes));
    if std::str::from_utf8(bytes).is_err() {
        format!("{{\"str\":{text},\"hex\":\"{}\"}}", hex(bytes))
    } else {
        format!("{{\"str\":{text}}}")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
