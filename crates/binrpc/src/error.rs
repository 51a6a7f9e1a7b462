//! Errors. Every message is human-readable and contains the numbers involved.

mod decode;
mod encode;

pub use decode::DecodeError;
pub(crate) use decode::Flaw;
pub use encode::EncodeError;
pub(crate) use encode::Misfit;

use std::{fmt, io};

/// An error of a connection or of a call.
///
/// The message includes the message of the cause. [`source`](std::error::Error::source) returns the cause itself, so that
/// for instance the code of the operating system is not lost.
///
/// ```
/// use kamailio_binrpc::{Client, Error};
/// use std::error::Error as _;
/// use std::{io, time::Duration};
///
/// let target = "unix:/nonexistent/kamailio_ctl".parse()?;
/// let error = Client::connect(&target, Duration::from_secs(2)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "cannot connect to unix:/nonexistent/kamailio_ctl: No such file or directory (os error 2)"
/// );
/// let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
/// assert_eq!(cause.and_then(io::Error::raw_os_error), Some(2));
/// assert!(matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::NotFound));
/// # Ok::<(), kamailio_binrpc::ParseTargetError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The socket failed: connecting failed, the connection was lost, or Kamailio did not reply in time
    /// ([`io::ErrorKind::TimedOut`]). The connection is unusable, except for a stream on which a reply is late: see
    /// [`Client::receive`](crate::Client::receive).
    Io(io::Error),
    /// The bytes of a reply are malformed.
    Decode(DecodeError),
    /// The call cannot be encoded.
    Encode(EncodeError),
    /// Kamailio refused the call (packet type 3). The connection remains usable.
    Fault {
        /// The code: 500 for an unknown method, 400 for bad arguments, others depending on the method. 0 if the fault has
        /// no code.
        code: i32,
        /// The reason, converted to UTF-8 and cut to 255 bytes. The wording changes between versions of Kamailio.
        reason: String,
    },
    /// Kamailio replied to a later call. Because Kamailio replies in order, this call will get no reply.
    NoReply,
    /// The records do not fit the type that was asked for.
    #[cfg(feature = "serde")]
    Deserialize(crate::de::DeserializeError),
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // An error with a message of our own has its cause inside.
            Self::Io(error) if error.get_ref().is_some() => error.source(),
            Self::Io(error) => Some(error),
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
            Self::Fault { code, reason } => write!(f, "Kamailio replied with fault {code}: {reason}"),
            Self::NoReply => f.write_str("Kamailio skipped this call and replied to a later one"),
            #[cfg(feature = "serde")]
            Self::Deserialize(error) => error.fmt(f),
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

#[cfg(feature = "serde")]
impl From<crate::de::DeserializeError> for Error {
    fn from(error: crate::de::DeserializeError) -> Self {
        Self::Deserialize(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn an_error_of_the_system_is_its_own_source() {
        let error = Error::from(io::Error::from_raw_os_error(2));
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.and_then(io::Error::raw_os_error), Some(2));
        assert!(Error::from(io::Error::other("a message alone")).source().is_none());
        assert!(Error::NoReply.source().is_none());
    }
}
