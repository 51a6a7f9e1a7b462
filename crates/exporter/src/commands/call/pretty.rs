//! Writes a reply as `kamcmd` prints it (`utils/kamcmd/kamcmd.c`, `print_binrpc_val`), byte for byte.

use kamailio_binrpc::{Double, Member, Members, Value};

/// Writes the records of a reply, one on each line, with structs indented by tabs.
pub(crate) fn reply(records: Members<'_>, out: &mut Vec<u8>) {
    members(records, 0, out);
}

/// Writes the records of a fault: `error: CODE - REASON`.
pub(crate) fn fault(records: Members<'_>, out: &mut Vec<u8>) {
    let mut values = records.iter().map(|record| record.value);
    out.extend_from_slice(b"error: ");
    values.next().into_iter().for_each(|code| scalar(code, out));
    out.extend_from_slice(b" - ");
    values.next().into_iter().for_each(|reason| scalar(reason, out));
    out.push(b'\n');
}

fn members(members: Members<'_>, depth: usize, out: &mut Vec<u8>) {
    for Member { name, value } in members {
        // kamcmd indents the first line of an array like its elements, and that of a struct like its siblings.
        let indent = depth + usize::from(matches!(value, Value::Array(_)));
        tabs(indent, out);
        if let Some(name) = name {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
        }
        let (begin, end, inside) = match value {
            Value::Struct(inside) => (b'{', b'}', inside),
            Value::Array(inside) => (b'[', b']', inside),
            value => {
                scalar(value, out);
                out.push(b'\n');
                continue;
            }
        };
        out.extend_from_slice(&[begin, b'\n']);
        self::members(inside, depth + 1, out);
        tabs(depth, out);
        out.extend_from_slice(&[end, b'\n']);
    }
}

fn scalar(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Int(int) => out.extend_from_slice(int.as_i64().to_string().as_bytes()),
        Value::Double(double) => out.extend_from_slice(decimal(double).as_bytes()),
        // kamcmd prints a C string, which ends at the first NUL.
        Value::Str(text) | Value::Bytes(text) => {
            out.extend_from_slice(text.split(|byte| *byte == 0).next().unwrap_or_default());
        }
        Value::Struct(_) | Value::Array(_) => {}
    }
}

/// Six decimals, or none if all of them are zero. For the double that stands for "no value", `kamcmd` prints
/// -9223372036854776; `nan` cannot be mistaken for a value.
fn decimal(double: Double) -> String {
    match double.as_f64() {
        Some(number) if number.fract() == 0.0 => format!("{number:.0}"),
        Some(number) => format!("{number:.6}"),
        None => "nan".to_owned(),
    }
}

fn tabs(count: usize, out: &mut Vec<u8>) {
    out.extend(std::iter::repeat_n(b'\t', count));
}
