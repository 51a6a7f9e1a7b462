//! Label values out of the values of a reply.

use crate::collectors::schema::{Label, LabelValue};
use kamailio_binrpc::Value;

/// The value of a label.
pub(super) enum LabelText<'v> {
    Bytes(&'v [u8]),
    /// The digits of an int, and their number. Some lists have one in every row, so nothing is allocated.
    Int([u8; MAX_DIGITS], usize),
    Double(String),
}

impl<'v> LabelText<'v> {
    /// Looks a label up in the row, then in the structs around it, where `enclosing` is the nearest value.
    pub(super) fn find(
        label: &Label,
        row: Value<'v>,
        enclosing: Option<Value<'v>>,
        wildcard: &'v [u8],
        arguments: &'v [String],
    ) -> Self {
        match label.value {
            LabelValue::At(path) | LabelValue::Parameters(path) => {
                row.path(path).or(enclosing).map_or(Self::Bytes(b""), Self::from)
            }
            LabelValue::MemberName => Self::Bytes(wildcard),
            LabelValue::Constant(value) => Self::Bytes(value.as_bytes()),
            LabelValue::Argument(index) => {
                Self::Bytes(arguments.get(index).map_or(&[][..], |argument| argument.as_bytes()))
            }
        }
    }
}

impl AsRef<[u8]> for LabelText<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Int(digits, len) => digits.get(..*len).unwrap_or_default(),
            Self::Double(text) => text.as_bytes(),
        }
    }
}

impl<'v> From<Value<'v>> for LabelText<'v> {
    /// Converts a value to its bytes without surrounding blanks, or its number. Kamailio prints `<null string>` for a
    /// string that is not set (`ctl/binrpc_run.c`, `rpc_struct_add`); as a label it is empty.
    fn from(value: Value<'v>) -> Self {
        match value {
            Value::Str(NULL_STRING) | Value::Struct(_) | Value::Array(_) => Self::Bytes(b""),
            Value::Str(bytes) | Value::Bytes(bytes) => Self::Bytes(bytes.trim_ascii()),
            Value::Int(int) => {
                let mut digits = [0; MAX_DIGITS];
                let mut buffer = itoa::Buffer::new();
                let text = buffer.format(int.as_i64()).as_bytes();
                digits.iter_mut().zip(text).for_each(|(digit, byte)| *digit = *byte);
                Self::Int(digits, text.len())
            }
            Value::Double(double) => {
                Self::Double(double.as_f64().map(|number| number.to_string()).unwrap_or_default())
            }
        }
    }
}

/// A sign and 19 digits.
const MAX_DIGITS: usize = 20;
const NULL_STRING: &[u8] = b"<null string>";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_is_not_set_is_an_empty_label() {
        for (value, expected) in [
            (Value::Str(b"<null string>"), &b""[..]),
            (Value::Str(b"<null strings> "), b"<null strings>"),
            (Value::Bytes(b"\xff"), b"\xff"),
        ] {
            assert_eq!(LabelText::from(value).as_ref(), expected, "{value:?}");
        }
    }
}
