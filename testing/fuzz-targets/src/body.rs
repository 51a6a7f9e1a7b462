//! An encoder of bodies, independent of the library's, that also writes what the library refuses to write: any bytes in
//! names, and numbers with leading zeros.

use kamailio_binrpc::{Member, Value};

/// A body under construction.
#[derive(Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
}

impl Body {
    /// Writes decoded values, each number in as many bytes as it had.
    pub(crate) fn member(&mut self, Member { name, value }: Member<'_>) {
        if let Some(name) = name {
            self.name(name);
        }
        match value {
            Value::Int(int) => self.int(int.as_u64(), int.size().into()),
            Value::Double(double) => self.double(double.milli()),
            Value::Str(bytes) => self.text(bytes),
            Value::Bytes(bytes) => self.long(BYTES, bytes),
            Value::Struct(members) => {
                self.begin(STRUCT);
                members.iter().for_each(|member| self.member(member));
                self.end(STRUCT);
            }
            Value::Array(members) => {
                self.begin(ARRAY);
                members.iter().for_each(|member| self.member(member));
                self.end(ARRAY);
            }
        }
    }

    pub(crate) fn int(&mut self, number: u64, size: usize) {
        let bytes = number.to_be_bytes();
        self.long(INT, bytes.get(8 - size.min(8)..).unwrap_or_default());
    }

    /// Writes a number of thousandths in 8 bytes, which a negative number needs.
    pub(crate) fn double(&mut self, milli: i64) {
        self.bytes.push(8 << 4 | DOUBLE);
        self.bytes.extend(milli.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        self.terminated(STR, text);
    }

    pub(crate) fn name(&mut self, name: &[u8]) {
        self.terminated(NAME, name);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.long(BYTES, bytes);
    }

    pub(crate) fn begin(&mut self, kind: u8) {
        self.bytes.push(kind);
    }

    pub(crate) fn end(&mut self, kind: u8) {
        self.bytes.push(0x80 | kind);
    }

    fn terminated(&mut self, kind: u8, text: &[u8]) {
        self.mark(kind, text.len() + 1);
        self.bytes.extend_from_slice(text);
        self.bytes.push(0);
    }

    fn long(&mut self, kind: u8, bytes: &[u8]) {
        self.mark(kind, bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes type and length: a length below 8 is in the type byte, otherwise the type byte has the size of the length.
    fn mark(&mut self, kind: u8, len: usize) {
        if len < 8 {
            return self.bytes.push((len as u8) << 4 | kind);
        }
        self.bytes.push((8 | 4) << 4 | kind);
        self.bytes.extend((len as u32).to_be_bytes());
    }
}

const INT: u8 = 0;
const STR: u8 = 1;
const DOUBLE: u8 = 2;
pub(crate) const STRUCT: u8 = 3;
pub(crate) const ARRAY: u8 = 4;
const NAME: u8 = 5;
const BYTES: u8 = 6;
