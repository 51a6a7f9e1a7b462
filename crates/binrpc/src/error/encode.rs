//! Errors of calls that cannot be sent.

use crate::wire::{MAX_BODY, MAX_DEPTH, MAX_REQUEST};
use std::fmt;

/// A call or a reply that cannot be encoded.
///
/// ```
/// use kamailio_binrpc::{Error, Session};
///
/// let error = Session::stream().queue("core.echo", &[f64::NAN.into()]).unwrap_err();
/// assert!(matches!(&error, Error::Encode(_)));
/// assert!(error.to_string().starts_with("double NaN is outside the range"));
/// ```
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
                f.write_str("method name contains a NUL, at which Kamailio would stop reading")
            }
            Misfit::DoubleOutOfRange { double } => {
                write!(f, "double {double} is outside the range from -9223372036854775 to 9223372036854775")
            }
        }
    }
}
