//! Writes a body value by value.

use super::encode::{TWO_TO_63, put_bytes, put_int, put_text};
use super::{END, T_DOUBLE, T_INT, T_NAME, T_STR, T_STRUCT};

/// A body that is written value by value, for records that come from another encoding and never exist as [`Arg`](super::Arg)s.
///
/// Kamailio's types are chosen so that a reader of the body gets the same number as from a reply of Kamailio, and the exact
/// number where Kamailio's own encoding is ambiguous. [`Nodes::decode`](super::Nodes::decode) checks the nesting and the limits.
///
/// ```
/// use kamailio_binrpc::{Value, wire::{Body, Nodes}};
///
/// let mut body = Body::new();
/// let at = body.len();
/// body.name(b"uptime");
/// body.int(42);
/// body.wrap(at);
/// let mut nodes = Nodes::new();
/// nodes.decode(body.as_bytes())?;
/// let uptime = nodes.members(body.as_bytes()).first().and_then(|record| record.get("uptime"));
/// assert_eq!(uptime.and_then(Value::as_u64), Some(42));
/// # Ok::<(), kamailio_binrpc::DecodeError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Body {
    bytes: Vec<u8>,
}

impl Body {
    /// Creates an empty body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the number of bytes, which is the position of the next value.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Removes everything, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Writes the name of the value that is written next.
    pub fn name(&mut self, name: &[u8]) {
        put_text(T_NAME, name, &mut self.bytes);
    }

    /// Writes a whole number. A number from 2³¹ to 2³² gets five bytes, because four could also be a negative number.
    pub fn int(&mut self, number: i64) {
        if i32::try_from(number).is_err() && u32::try_from(number).is_ok() {
            self.bytes.push(5 << 4 | T_INT);
            self.bytes.push(0);
            self.bytes.extend_from_slice(&(number as u32).to_be_bytes());
        } else {
            put_int(number, &mut self.bytes);
        }
    }

    /// Writes a double, of which Kamailio keeps the thousandths and drops the rest (`ctl/binrpc.h`,
    /// `binrpc_add_double_type`). A number out of range becomes the double without a value.
    pub fn double(&mut self, number: f64) {
        let milli = number * 1000.0;
        let in_range = (-TWO_TO_63..TWO_TO_63).contains(&milli);
        let milli = if in_range { milli as i64 } else { i64::MIN };
        put_bytes(T_DOUBLE, milli.cast_unsigned(), &mut self.bytes);
    }

    /// Writes a string.
    pub fn text(&mut self, text: &[u8]) {
        put_text(T_STR, text, &mut self.bytes);
    }

    /// Makes the values written since the position `at` the members of a struct.
    pub fn wrap(&mut self, at: usize) {
        self.begin(at);
        self.end();
    }

    /// Begins a struct at the position `at`, before values that were already written.
    pub fn begin(&mut self, at: usize) {
        self.bytes.insert(at.min(self.bytes.len()), T_STRUCT);
    }

    /// Ends the struct that was begun last.
    pub fn end(&mut self) {
        self.bytes.push(END << 4 | T_STRUCT);
    }

    /// Returns the number of bytes of memory that the body holds.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::wire::Nodes;

    fn read<T>(body: &Body, read: impl FnOnce(Value<'_>) -> T) -> T {
        let mut nodes = Nodes::new();
        nodes.decode(body.as_bytes()).unwrap();
        read(nodes.members(body.as_bytes()).first().unwrap())
    }

    #[test]
    fn a_body_that_is_cleared_keeps_its_memory() {
        let mut body = Body::new();
        assert!(body.is_empty() && body.memory() == 0);
        body.text(&[b'x'; 1000]);
        assert!(!body.is_empty() && (body.len()..3000).contains(&body.memory()), "{}", body.memory());
        let memory = body.memory();
        body.clear();
        assert!(body.is_empty() && body.memory() == memory);
    }

    #[test]
    fn values_can_become_a_struct() {
        let mut body = Body::new();
        body.name(b"a");
        body.int(1);
        body.wrap(0);
        assert_eq!(body.as_bytes(), b"\x03\x25a\0\x10\x01\x83");
        assert_eq!(read(&body, |value| value.get("a").and_then(Value::as_u64)), Some(1));
    }

    #[test]
    fn a_whole_number_is_exact_whichever_way_it_is_read() {
        for number in [
            0,
            1,
            -1,
            i64::from(i32::MIN),
            i64::from(i32::MIN) - 1,
            i64::from(i32::MAX),
            i64::from(i32::MAX) + 1,
            u32::MAX.into(),
            i64::from(u32::MAX) + 1,
            i64::MAX,
            i64::MIN,
        ] {
            let mut body = Body::new();
            body.int(number);
            assert_eq!(read(&body, |value| value.as_i64()), Some(number), "{number}");
            if let Ok(unsigned) = u64::try_from(number) {
                assert_eq!(read(&body, |value| value.as_u64()), Some(unsigned), "{number}");
            }
        }
    }

    #[test]
    fn a_double_has_the_thousandths_that_kamailio_sends() {
        let milli = |number| {
            let mut body = Body::new();
            body.double(number);
            read(&body, |value| match value {
                Value::Double(double) => double.milli(),
                other => panic!("{other:?}"),
            })
        };
        for (number, expected) in
            [(0.0, 0), (12.345_678, 12_345), (-1.5, -1_500), (3e12, 3_000_000_000_000_000)]
        {
            assert_eq!(milli(number), expected, "{number}");
        }
        for number in [1e16, -1e300, f64::NAN, f64::INFINITY] {
            assert_eq!(milli(number), i64::MIN, "{number}");
        }
    }

    #[test]
    fn a_struct_can_begin_before_what_was_written() {
        let mut body = Body::new();
        body.text(b"before");
        let at = body.len();
        body.name(b"a");
        body.int(1);
        body.begin(at);
        body.name(b"b");
        body.text(b"2");
        body.end();
        let mut nodes = Nodes::new();
        nodes.decode(body.as_bytes()).unwrap();
        let text = format!("{:?}", nodes.members(body.as_bytes()));
        assert!(text.contains("before") && text.contains('a') && text.contains('b'), "{text}");
        let record = nodes.members(body.as_bytes()).iter().nth(1).unwrap().value;
        assert_eq!(record.get("b").and_then(Value::as_str), Some("2"));
    }
}
