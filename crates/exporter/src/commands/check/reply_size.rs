//! How much of the buffers of module ctl a reply occupies.

use kamailio_binrpc::{Members, Value};

/// The bytes of a reply in the buffers in which Kamailio builds it: one for each struct, and one for the rest
/// (`ctl/binrpc_run.c`). In the buffer of its parent, a struct occupies two bytes and those of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ReplySize {
    /// Bytes of the records, without the content of structs.
    pub(super) body: usize,
    /// Bytes of the largest struct.
    pub(super) largest_struct: usize,
}

impl ReplySize {
    /// Measures the records of a reply.
    pub(super) fn of(records: Members<'_>) -> Self {
        let mut size = Self::default();
        size.body = size.members(records);
        size
    }

    /// Returns advice if the reply is close to a default limit. A reply above the default shows that the operator raised
    /// the limit, to a value that Kamailio does not report.
    pub(super) fn warning(self) -> Option<String> {
        let near = |bytes, limit| (limit * NEAR_PERCENT / 100..=limit).contains(&bytes);
        let advice = |bytes, what, limit: usize, parameter| {
            format!(
                "{what} has {bytes} bytes, and the default limit of module ctl is {limit}. Beyond the limit the method \
                 fails, or rows are missing without an error: set modparam(\"ctl\", \"{parameter}\", {}), in KiB",
                2 * limit / 1024
            )
        };
        if near(self.largest_struct, STRUCT_LIMIT) {
            let what = "the largest struct of the reply";
            return Some(advice(self.largest_struct, what, STRUCT_LIMIT, "binrpc_struct_max_body_size"));
        }
        near(self.body, BODY_LIMIT)
            .then(|| advice(self.body, "the reply without its structs", BODY_LIMIT, "binrpc_max_body_size"))
    }

    fn members(&mut self, members: Members<'_>) -> usize {
        let mut bytes = 0;
        for member in members {
            bytes += member.name.map_or(0, text) + self.value(member.value);
        }
        bytes
    }

    fn value(&mut self, value: Value<'_>) -> usize {
        match value {
            Value::Int(int) => 1 + usize::from(int.size()),
            Value::Double(double) => 1 + significant(double.milli().cast_unsigned()),
            Value::Str(bytes) | Value::Bytes(bytes) => text(bytes),
            Value::Struct(inside) | Value::Array(inside) => {
                let inside = self.members(inside);
                self.largest_struct = self.largest_struct.max(inside);
                2
            }
        }
    }
}

/// The bytes of a string or name: a type byte, the length unless it fits into the type byte, the text, a NUL.
fn text(text: &[u8]) -> usize {
    let len = text.len() + 1;
    1 + if len < 8 { 0 } else { significant(len as u64) } + len
}

fn significant(number: u64) -> usize {
    8 - number.leading_zeros() as usize / 8
}

/// The default of `binrpc_struct_max_body_size`, in bytes.
const STRUCT_LIMIT: usize = 8 * 1024;
/// The default of `binrpc_max_body_size`, in bytes.
const BODY_LIMIT: usize = 32 * 1024;
/// Percentage of a limit from which a reply counts as close to the limit.
const NEAR_PERCENT: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use kamailio_binrpc::wire::{self, Kind, Nodes};
    use kamailio_binrpc::{Arg, Cookie};

    fn measure(records: &[Arg<'_>]) -> (ReplySize, usize) {
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, Cookie(1), records, &mut packet).unwrap();
        let header = wire::header(&packet).unwrap().unwrap();
        let mut nodes = Nodes::new();
        let body = &packet[header.header_len..];
        nodes.decode(body).unwrap();
        (ReplySize::of(nodes.members(body)), body.len())
    }

    #[test]
    fn the_size_is_that_of_the_encoded_reply() {
        let long = "x".repeat(300);
        for record in [
            Arg::Int(0),
            Arg::Int(-1),
            Arg::Int(70_000),
            Arg::Double(-1.5),
            Arg::Double(1.5),
            Arg::Double(0.0),
            Arg::Str(b""),
            Arg::Str(b"1234567"),
            Arg::Str(long.as_bytes()),
        ] {
            let (size, len) = measure(&[record, record]);
            assert_eq!(size, ReplySize { body: len, largest_struct: 0 });
        }
        let inner = [(Some("AVERAGE_"), Arg::Double(2.5)), (None, Arg::Int(5))];
        let outer = [(Some("DEST"), Arg::Struct(&inner)), (Some("DEST"), Arg::Struct(&inner))];
        let (size, len) = measure(&[Arg::Struct(&outer)]);
        assert_eq!(size, ReplySize { body: 2, largest_struct: 16 });
        assert_eq!(len, 2 + 16 + 2 * 16);
    }

    /// A dispatcher set holds 1,024 destinations of 8 bytes at most.
    #[test]
    fn a_reply_close_to_a_limit_gives_advice() {
        let size = |body, largest_struct| ReplySize { body, largest_struct };
        for other in [size(0, 0), size(26_213, 6_552), size(32_769, 8_193), size(1_000_000, 500_000)] {
            assert_eq!(other.warning(), None, "{other:?}");
        }
        let advice = size(2, 1_024 * 8).warning().unwrap();
        assert!(
            advice.contains("8192 bytes") && advice.contains("\"binrpc_struct_max_body_size\", 16)"),
            "{advice}"
        );
        let advice = size(26_214, 0).warning().unwrap();
        assert!(
            advice.contains("26214 bytes") && advice.contains("\"binrpc_max_body_size\", 64)"),
            "{advice}"
        );
        assert!(size(0, 6_553).warning().is_some());
    }
}
