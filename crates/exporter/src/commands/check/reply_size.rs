//! How much of ctl's buffers a reply takes.

use kamailio_binrpc::{Members, Value};

/// The bytes of a reply in the buffers that Kamailio builds it in: one for each struct, and one for the rest
/// (`ctl/binrpc_run.c`). A struct takes two bytes, and its name's, of the buffer of what it is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// Of the records themselves.
    pub(super) body: usize,
    /// Of the struct that has the most.
    pub(super) fullest_struct: usize,
}

impl Room {
    /// What these records take.
    pub(super) fn of(records: Members<'_>) -> Self {
        let mut room = Self::default();
        room.body = room.members(records);
        room
    }

    /// What would have to be set for the reply not to be near the default limits; `None` if it is not. A limit that a
    /// reply is above was raised by the operator, nobody knows how far.
    pub(super) fn near_limit(self) -> Option<String> {
        let near = |bytes, limit| (limit * NEAR_PERCENT / 100..=limit).contains(&bytes);
        let advice = |bytes, what, limit: usize, parameter| {
            format!(
                "{what} {bytes} bytes, and ctl has room for {limit} unless it was given more. Beyond that the call is a \
                 fault, or rows are missing without a word: set modparam(\"ctl\", \"{parameter}\", {}), in KiB",
                2 * limit / 1024
            )
        };
        if near(self.fullest_struct, STRUCT_LIMIT) {
            let what = "the fullest struct of the reply has";
            return Some(advice(self.fullest_struct, what, STRUCT_LIMIT, "binrpc_struct_max_body_size"));
        }
        near(self.body, BODY_LIMIT).then(|| {
            advice(self.body, "the reply without its structs has", BODY_LIMIT, "binrpc_max_body_size")
        })
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
                self.fullest_struct = self.fullest_struct.max(inside);
                2
            }
        }
    }
}

/// A string or a name: a mark, the bytes of the length if it does not fit into the mark, the text, a NUL.
fn text(text: &[u8]) -> usize {
    let len = text.len() + 1;
    1 + if len < 8 { 0 } else { significant(len as u64) } + len
}

fn significant(number: u64) -> usize {
    8 - number.leading_zeros() as usize / 8
}

/// `binrpc_struct_max_body_size`, in bytes: 8 KiB unless it was set.
const STRUCT_LIMIT: usize = 8 * 1024;
/// `binrpc_max_body_size`, in bytes: 32 KiB unless it was set.
const BODY_LIMIT: usize = 32 * 1024;
/// From this part of a limit on a reply is near it.
const NEAR_PERCENT: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use kamailio_binrpc::wire::{self, Kind, Nodes};
    use kamailio_binrpc::{Arg, Cookie};

    fn room(records: &[Arg<'_>]) -> (Room, usize) {
        let mut packet = Vec::new();
        wire::encode(Kind::Reply, Cookie(1), records, &mut packet).unwrap();
        let header = wire::header(&packet).unwrap().unwrap();
        let mut nodes = Nodes::new();
        let body = &packet[header.header_len..];
        nodes.decode(body).unwrap();
        (Room::of(nodes.members(body)), body.len())
    }

    #[test]
    fn what_is_written_is_counted() {
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
            let (room, len) = room(&[record, record]);
            assert_eq!(room, Room { body: len, fullest_struct: 0 });
        }
        let inner = [(Some("AVERAGE_"), Arg::Double(2.5)), (None, Arg::Int(5))];
        let outer = [(Some("DEST"), Arg::Struct(&inner)), (Some("DEST"), Arg::Struct(&inner))];
        let (room, len) = room(&[Arg::Struct(&outer)]);
        assert_eq!(room, Room { body: 2, fullest_struct: 16 });
        assert_eq!(len, 2 + 16 + 2 * 16);
    }

    /// 1,024 destinations of 8 bytes are the most that a set can have.
    #[test]
    fn near_a_limit_it_says_what_to_set() {
        let room = |body, fullest_struct| Room { body, fullest_struct };
        for calm in [room(0, 0), room(26_213, 6_552), room(32_769, 8_193), room(1_000_000, 500_000)] {
            assert_eq!(calm.near_limit(), None, "{calm:?}");
        }
        let advice = room(2, 1_024 * 8).near_limit().unwrap();
        assert!(
            advice.contains("8192 bytes") && advice.contains("\"binrpc_struct_max_body_size\", 16)"),
            "{advice}"
        );
        let advice = room(26_214, 0).near_limit().unwrap();
        assert!(
            advice.contains("26214 bytes") && advice.contains("\"binrpc_max_body_size\", 64)"),
            "{advice}"
        );
        assert!(room(0, 6_553).near_limit().is_some());
    }
}
