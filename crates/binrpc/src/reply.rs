//! The outcome of one call.

use crate::error::{DecodeError, Error};
use crate::value::{Members, Value};
use crate::wire::Cookie;
use std::fmt;

/// The outcome of one call.
///
/// ```
/// use kamailio_binrpc::{Error, Session};
///
/// let mut session = Session::stream();
/// let cookie = session.queue("no.such.method", &[])?;
/// # session.feed(&[0xa1, 0x33, 12]);
/// # session.feed(&cookie.0.to_be_bytes());
/// # session.feed(b"\x20\x01\xf4\x91\x07no way\0");
/// let reply = session.poll()?.expect("a complete reply");
/// assert_eq!(reply.cookie(), cookie);
/// assert!(matches!(reply.records(), Err(Error::Fault { code: 500, .. })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Reply<'a> {
    cookie: Cookie,
    packet: &'a [u8],
    content: Content<'a>,
}

#[derive(Clone, Debug)]
pub(crate) enum Content<'a> {
    Records(Members<'a>),
    Fault(Members<'a>),
    Undecodable(DecodeError),
    Skipped,
}

impl<'a> Reply<'a> {
    pub(crate) fn new(cookie: Cookie, packet: &'a [u8], content: Content<'a>) -> Self {
        Self { cookie, packet, content }
    }

    /// Returns the cookie of the call.
    pub fn cookie(&self) -> Cookie {
        self.cookie
    }

    /// Returns the records. There may be none: Kamailio replies to a request for an empty list with an empty body.
    ///
    /// # Errors
    /// * [`Error::Fault`]: Kamailio refused the call. The packet's type marks a fault, whatever the code.
    /// * [`Error::NoReply`]: Kamailio skipped the call.
    /// * [`Error::Decode`]: the body is malformed.
    ///
    /// The connection remains usable after each of them.
    pub fn records(&self) -> Result<Members<'a>, Error> {
        match &self.content {
            Content::Records(records) => Ok(*records),
            Content::Fault(records) => Err(fault(*records)),
            Content::Undecodable(error) => Err(Error::Decode(error.clone())),
            Content::Skipped => Err(Error::NoReply),
        }
    }

    /// Returns the packet as received, header included. The datagrams of a reply are joined. The packet of a skipped call
    /// is empty.
    pub fn packet(&self) -> &'a [u8] {
        self.packet
    }
}

/// The outcome, and the size of the packet instead of its bytes.
impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("cookie", &self.cookie)
            .field("bytes", &self.packet.len())
            .field("content", &self.content)
            .finish()
    }
}

/// Reads the code and the reason that `rpc_fault` (`ctl/binrpc_run.c`) writes, either of which a peer may leave out.
fn fault(records: Members<'_>) -> Error {
    let mut values = records.iter().map(|member| member.value);
    let code = values.next().and_then(Value::as_i64).unwrap_or(0);
    let reason = match values.next() {
        Some(Value::Str(text) | Value::Bytes(text)) => {
            String::from_utf8_lossy(text.get(..MAX_REASON).unwrap_or(text)).into_owned()
        }
        Some(Value::Int(int)) => int.as_i64().to_string(),
        Some(Value::Double(double)) => double.as_f64().map(|number| number.to_string()).unwrap_or_default(),
        _ => String::new(),
    };
    Error::Fault { code: i32::try_from(code).unwrap_or(0), reason }
}

/// Maximum number of bytes of a fault's reason. Kamailio sends no more (`ctl/binrpc_run.c`, `MAX_FAULT_LEN`).
const MAX_REASON: usize = 255;
