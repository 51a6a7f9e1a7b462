//! What can go wrong. Each error is a sentence with the numbers in it.

use crate::wire::{MAX_BODY, MAX_DEPTH, MAX_REQUEST, MAX_VALUES};
use std::{fmt, io};

/// Why there are no records.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The socket: not connected, lost, or silent until the deadline. The connection is of no more use.
    Io(io::Error),
    /// The bytes of a reply make no sense.
    Decode(DecodeError),
    /// The call cannot be written.
    Encode(EncodeError),
    /// Kamailio answered that it will not or cannot do it (packet type 3). The connection goes on.
    Fault {
        /// The code: 500 for an unknown method, 400 for bad arguments, others by method. 0 if the fault has none.
        code: i32,
        /// The reason, made valid UTF-8, at most 255 bytes of it. Its wording changes between versions of Kamailio.
        reason: String,
    },
    /// Kamailio answered a later call, and calls are answered in order: this one will not be.
    NoReply,
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Decode(error) => error.fmt(f),
            Self::Encode(error) => error.fmt(f),
            Self::Fault { code, reason } => write!(f, "Kamailio answered with fault {code}: {reason}"),
            Self::NoReply => f.write_str("Kamailio skipped this call and answered a later one"),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<EncodeError> for Error {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

/// Bytes that are not BINRPC, or more of it than the limits allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError(pub(crate) Flaw);

/// `at` is the offset of the value's mark in the body.
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
                "the first byte of a packet is {first:#04x} and not 0xa1: this is not BINRPC, or the stream is out of step"
            ),
            Flaw::Version { version } => {
                write!(f, "BINRPC version {version} is not supported, only version 1 is")
            }
            Flaw::PacketType { kind } => write!(f, "packet type {kind} is neither reply (1) nor fault (3)"),
            Flaw::Request => f.write_str("a request came where only replies can: this is not a server"),
            Flaw::BodyOverLimit { len } => {
                write!(f, "reply body of {len} bytes is over the limit of {MAX_BODY}")
            }
            Flaw::ValuesOverLimit => write!(f, "reply body has more values than the limit of {MAX_VALUES}"),
            Flaw::DepthOverLimit { at } => {
                write!(f, "struct at offset {at} is nested deeper than the limit of {MAX_DEPTH}")
            }
            Flaw::Truncated { what, at, len, left } => {
                write!(f, "{what} at offset {at} has {len} bytes where only {left} are left")
            }
            Flaw::TruncatedLength { what, at } => {
                write!(f, "body ends inside the length of the {what} at offset {at}")
            }
            Flaw::Oversized { what, at, len } => {
                write!(f, "{what} at offset {at} has {len} bytes, which is over the limit of 8")
            }
            Flaw::ReservedMark { mark, at } => {
                write!(f, "the mark {mark:#04x} at offset {at} has no meaning")
            }
            Flaw::UnknownType { kind, at } => write!(f, "value at offset {at} is of the unknown type {kind}"),
            Flaw::NameOutsideStruct { at } => write!(f, "name at offset {at} is not inside a struct"),
            Flaw::NameWithoutValue { at } => write!(f, "name is followed by no value at offset {at}"),
            Flaw::EndWithoutStart { what, at } => write!(f, "{what} ends at offset {at} and has not begun"),
            Flaw::EndOfOther { what, at } => write!(f, "{what} ends at offset {at} inside of something else"),
            Flaw::Unterminated { open } => write!(f, "body ends with {open} structs or arrays still open"),
        }
    }
}

/// A call that cannot be written.
#[derive(Clone, Debug, PartialEq)]
pub struct EncodeError(pub(crate) Misfit);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Misfit {
    RequestOverLimit { len: usize },
    ReplyOverLimit { len: usize },
    DepthOverLimit,
    MethodWithNul,
    DoubleOutOfRange { double: f64 },
}

impl std::error::Error for EncodeError {}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Misfit::RequestOverLimit { len } => {
                write!(f, "request of {len} bytes is over Kamailio's limit of {MAX_REQUEST}")
            }
            Misfit::ReplyOverLimit { len } => {
                write!(f, "reply body of {len} bytes is over the limit of {MAX_BODY}")
            }
            Misfit::DepthOverLimit => write!(f, "arguments are nested deeper than the limit of {MAX_DEPTH}"),
            Misfit::MethodWithNul => {
                f.write_str("method has a NUL in its name, where Kamailio would stop reading it")
            }
            Misfit::DoubleOutOfRange { double } => {
                write!(f, "double {double} is not a number between -9223372036854775 and 9223372036854775")
            }
        }
    }
}
