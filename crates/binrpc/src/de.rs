//! `Deserialize` from replies.

mod error;
mod records;
mod value;

pub use error::DeserializeError;

use crate::error::Error;
use crate::reply::Reply;
use crate::value::{Members, Value};
use serde::de::Deserialize;

/// Reads a reply into a type of your own.
///
/// A type that is a sequence, such as `Vec` or a tuple, is read from all records; any other type is read from the only
/// record of the reply. Within a record:
///
/// * Numbers are read from ints, from whole doubles and from decimal text. An int is unsigned for an unsigned type and signed
///   for a signed type: read counters into unsigned types. An int is signed for a float, too.
/// * A field that is a sequence collects all members with its name. If there is only one, and it is a struct whose members have
///   no names, the field collects those members.
/// * A field that is an `Option` is `None` for `<null string>`, and for a double that means "no value".
/// * A `String` contains U+FFFD where the text is not UTF-8. `&str` and bytes are borrowed from the reply.
///
/// Fields of Kamailio that the type does not have are ignored.
///
/// These rules follow from the type of the field. With `#[serde(flatten)]`, and in untagged and internally tagged enums, serde
/// reads the values before it knows the type: then ints are signed, and neither text nor a single member is converted.
///
/// ```
/// use kamailio_binrpc::from_reply;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "UPPERCASE")]
/// struct Dispatcher {
///     records: Records,
/// }
///
/// #[derive(Deserialize)]
/// struct Records {
///     #[serde(rename = "SET", default)]
///     sets: Vec<Set>,
/// }
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "UPPERCASE")]
/// struct Set {
///     id: i32,
/// }
///
/// # use kamailio_binrpc::{Error, Session};
/// # let mut session = Session::stream();
/// # let cookie = session.queue("dispatcher.list", &[])?;
/// # let body = b"\x03\x95\x08RECORDS\0\x03\x45SET\0\x03\x35ID\0\x10\x01\x83\x45SET\0\x03\x35ID\0\x10\x07\x83\x83\x83";
/// # session.feed(&[0xa1, 0x13, body.len() as u8]);
/// # session.feed(&cookie.0.to_be_bytes());
/// # session.feed(body);
/// # let reply = session.poll()?.expect("a complete reply");
/// let dispatcher: Dispatcher = from_reply(&reply)?;
/// let ids: Vec<i32> = dispatcher.records.sets.iter().map(|set| set.id).collect();
/// assert_eq!(ids, [1, 7]);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// Those of [`Reply::records`], and [`Error::Deserialize`] if the records do not fit the type.
pub fn from_reply<'de, T: Deserialize<'de>>(reply: &Reply<'de>) -> Result<T, Error> {
    Ok(from_records(reply.records()?)?)
}

/// Reads records into a type of your own, as [`from_reply`] does.
///
/// # Errors
/// The records do not fit the type.
pub fn from_records<'de, T: Deserialize<'de>>(records: Members<'de>) -> Result<T, DeserializeError> {
    T::deserialize(records::FromRecords(records))
}

/// Reads one value into a type of your own, by the rules of [`from_reply`].
///
/// ```
/// use kamailio_binrpc::{Value, from_value};
///
/// assert_eq!(from_value::<u32>(Value::Str(b"42"))?, 42);
/// # Ok::<(), kamailio_binrpc::DeserializeError>(())
/// ```
///
/// # Errors
/// The value does not fit the type.
pub fn from_value<'de, T: Deserialize<'de>>(value: Value<'de>) -> Result<T, DeserializeError> {
    T::deserialize(value::FromValue(value))
}
