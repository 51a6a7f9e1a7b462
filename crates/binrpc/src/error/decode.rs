//! Errors of received bytes.

use crate::wire::{MAX_BODY, MAX_DEPTH, MAX_VALUES};
use std::fmt;

/// Received bytes that are not BINRPC, or that exceed a limit of [`wire`](crate::wire).
///
/// ```
/// use kamailio_binrpc::{DecodeError, wire};
///
/// let error: DecodeError = wire::header(b"HTTP/1.1 400 Bad Request").unwrap_err();
/// assert!(error.to_string().starts_with("expected a packet that begins with 0xa1, found 0x48"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(pub(crate) Flaw);

/// `at` is the offset of a value's mark in the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    NotBinrpc { first: u8 },
    Version { version: u8 },
    PacketType { kind: u8 },
    Request,
    BodyOverLimit { len: u64 },
    ValuesOverLimit,
    DepthOverLimit { at: usize },
    Truncated { what: &'static str, at: usize, len: u64, left: usize },
    TruncatedLength { what: &'static str, at: usize },
    Oversized { what: &'static str, at: usize, len: u64 },
    ReservedMark { mark: u8, at: usize },
    UnknownType { kind: u8, at: usize },
    NameOutsideStruct { at: usize },
    NameWithoutValue { at: usize },
    EndWithoutStart { what: &'static str, at: usize },
    EndOfOther { what: &'static str, at: usize },
    Unterminated { open: usize },
}

impl std::error::Error for DecodeError {}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Flaw::NotBinrpc { first } => write!(
                f,
                "expected a packet that begins with 0xa1, found {first:#04x}: the peer does not speak BINRPC, or the \
                 stream is out of step"
            ),
            Flaw::Version { version } => {
                write!(f, "BINRPC version {version} is not supported, only version 1 is")
            }
            Flaw::PacketType { kind } => write!(f, "packet type {kind} is neither reply (1) nor fault (3)"),
            Flaw::Request => {
                f.write_str("expected a reply, found a request: the peer is not a BINRPC server")
            }
            Flaw::BodyOverLimit { len } => {
                write!(f, "reply body of {len} bytes is over the limit of {MAX_BODY}")
            }
            Flaw::ValuesOverLimit => write!(f, "reply body has more values than the limit of {MAX_VALUES}"),
            Flaw::DepthOverLimit { at } => {
                write!(f, "struct at offset {at} is nested deeper than the limit of {MAX_DEPTH}")
            }
            Flaw::Truncated { what, at, len, left } => {
                write!(f, "{what} at offset {at} declares {len} bytes, but the body ends after {left}")
            }
            Flaw::TruncatedLength { what, at } => {
                write!(f, "body ends inside the length of the {what} at offset {at}")
            }
            Flaw::Oversized { what, at, len } => {
                write!(f, "{what} at offset {at} has {len} bytes, which is over the limit of 8")
            }
            Flaw::ReservedMark { mark, at } => write!(f, "type mark {mark:#04x} at offset {at} is reserved"),
            Flaw::UnknownType { kind, at } => write!(f, "value at offset {at} is of the unknown type {kind}"),
            Flaw::NameOutsideStruct { at } => write!(f, "name at offset {at} is not inside a struct"),
            Flaw::NameWithoutValue { at } => {
                write!(f, "expected the value of a named member at offset {at}, found none")
            }
            Flaw::EndWithoutStart { what, at } => write!(f, "{what} ends at offset {at}, but never started"),
            Flaw::EndOfOther { what, at } => {
                write!(f, "{what} ends at offset {at}, but the innermost open value is of another type")
            }
            Flaw::Unterminated { open } => {
                write!(f, "body ends inside a struct or array; still open: {open}")
            }
        }
    }
}
