//! Fuzz target: the header and the body of one packet.

use crate::body::Body;
use kamailio_binrpc::wire::{self, MAX_BODY, MAX_DEPTH, MAX_VALUES, Nodes};
use kamailio_binrpc::{Members, Value};

/// Reads the input as a packet. Checks that the header does not depend on the bytes after it, that a decoded body decodes
/// to the same values after encoding, and that limits hold.
pub fn decode(input: &[u8]) {
    let known = header(input);
    let mut nodes = Nodes::new();
    let bodies = [known.and_then(|len| input.get(len..)), Some(input)];
    for body in bodies.into_iter().flatten() {
        if let Err(error) = nodes.decode(body) {
            assert!(nodes.members(body).is_empty(), "values are left of a body that was refused");
            assert!(!error.to_string().is_empty());
            continue;
        }
        let records = nodes.members(body);
        assert!(body.len() <= MAX_BODY && count(records, 0) <= MAX_VALUES);
        let mut again = Body::default();
        records.iter().for_each(|record| again.member(record));
        let mut nodes_again = Nodes::new();
        nodes_again
            .decode(&again.bytes)
            .unwrap_or_else(|error| panic!("written again it is refused: {error}"));
        assert_eq!(nodes_again.members(&again.bytes), records);
    }
}

/// Returns the length of the header, and checks the result for each prefix of it.
fn header(input: &[u8]) -> Option<usize> {
    let whole = wire::header(input);
    let mut before = None;
    for len in 0..=input.len().min(LONGEST_HEADER) {
        let now = wire::header(&input[..len]);
        match (&before, &now) {
            (None, Ok(None)) => {}
            (None, _) => before = Some(now),
            (Some(before), now) => assert_eq!(before, now, "more bytes change what the header says"),
        }
    }
    if let Some(before) = before {
        assert_eq!(before, whole);
    }
    whole.ok().flatten().map(|header| header.header_len)
}

/// Calls every accessor of every value, and counts the values.
fn count(members: Members<'_>, depth: usize) -> usize {
    assert!(depth <= MAX_DEPTH);
    let mut found = 0;
    for member in members {
        found += 1;
        let value = member.value;
        assert_eq!(value.path(&[]), Some(value));
        match value {
            Value::Int(int) => {
                let (signed, unsigned) = (int.as_i64(), int.as_u64());
                assert!(signed as u64 == unsigned || int.size() == 4 && signed as u32 as u64 == unsigned);
            }
            Value::Double(double) => {
                // Kamailio writes the first for no value, and up to 5.4 the second.
                let has_none = [i64::MIN, 1 << 31].contains(&double.milli());
                assert_eq!(double.as_f64().is_none(), has_none);
            }
            Value::Str(bytes) | Value::Bytes(bytes) => assert_eq!(value.as_bytes(), Some(bytes)),
            Value::Struct(inside) | Value::Array(inside) => found += count(inside, depth + 1),
        }
    }
    assert_eq!(members.first().is_none(), members.is_empty());
    found
}

/// Two bytes, a length of four bytes, a cookie of four bytes.
const LONGEST_HEADER: usize = 10;
