//! A reply as JSON from which it can be put together again: `docs/operations.md` describes it.

use kamailio_binrpc::{Double, Int, Member, Members, Value};
use serde_json::Value as Json;

/// What is made of the values that are not clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Both readings of an int, `null` for a double without a value, the bytes of what is not UTF-8.
    Lossless,
    /// One reading of everything, as `captures/index.json` has it.
    Index,
}

/// Writes the records of a reply or of a fault, as an array.
pub fn records(records: Members<'_>, form: Form, out: &mut String) {
    list(records, out, |record, out| value(record.value, form, out));
}

fn list<'v>(members: Members<'v>, out: &mut String, mut write: impl FnMut(Member<'v>, &mut String)) {
    out.push('[');
    for (place, member) in members.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write(member, out);
    }
    out.push(']');
}

fn value(value: Value<'_>, form: Form, out: &mut String) {
    match value {
        Value::Int(number) => *out += &int(number, form),
        Value::Double(number) => *out += &double(number, form),
        Value::Str(bytes) => *out += &text(bytes, form),
        Value::Bytes(bytes) => *out += &format!("{{\"bytes\":\"{}\"}}", hex(bytes)),
        Value::Struct(members) => {
            *out += "{\"struct\":";
            list(members, out, |member, out| self::member(member, form, out));
            out.push('}');
        }
        Value::Array(values) => {
            *out += "{\"array\":";
            list(values, out, |member, out| self::value(member.value, form, out));
            out.push('}');
        }
    }
}

fn member(member: Member<'_>, form: Form, out: &mut String) {
    out.push('[');
    match member.name.map(|name| (std::str::from_utf8(name), name)) {
        None => *out += "null",
        Some((Ok(name), _)) => *out += &Json::from(name).to_string(),
        Some((Err(_), name)) => *out += &text(name, form),
    }
    out.push(',');
    value(member.value, form, out);
    out.push(']');
}

fn int(int: Int, form: Form) -> String {
    let (signed, unsigned) = (int.as_i64(), int.as_u64());
    if form == Form::Lossless && u64::try_from(signed) != Ok(unsigned) {
        format!("{{\"int\":{signed},\"unsigned\":{unsigned}}}")
    } else {
        format!("{{\"int\":{signed}}}")
    }
}

fn double(double: Double, form: Form) -> String {
    let milli = double.milli();
    let sign = if milli < 0 { "-" } else { "" };
    let (whole, rest) = (milli.unsigned_abs() / 1000, milli.unsigned_abs() % 1000);
    if form == Form::Lossless && double.as_f64().is_none() {
        return format!("{{\"double\":null,\"milli\":\"{milli}\"}}");
    }
    format!("{{\"double\":{sign}{whole}.{rest:03},\"milli\":\"{milli}\"}}")
}

fn text(bytes: &[u8], form: Form) -> String {
    let text = Json::from(String::from_utf8_lossy(bytes));
    if form == Form::Lossless && std::str::from_utf8(bytes).is_err() {
        format!("{{\"str\":{text},\"hex\":\"{}\"}}", hex(bytes))
    } else {
        format!("{{\"str\":{text}}}")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
