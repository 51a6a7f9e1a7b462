//! A client for BINRPC, the control protocol of the SIP server [Kamailio](https://www.kamailio.org). Kamailio's module `ctl`
//! opens control sockets; Kamailio's own client is `kamcmd`, and this crate is one for Rust.
//!
//! A call consists of a method name and arguments. A reply is a list of values, its records.
//!
//! ```
//! use kamailio_binrpc::{Client, Target, Value};
//! use std::time::Duration;
//!
//! # mod support { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/support/stand_in.rs")); }
//! # fn target() -> Result<Target, kamailio_binrpc::ParseTargetError> {
//! let target: Target = "unix:/var/run/kamailio/kamailio_ctl".parse()?;
//! # Ok(target) }
//! # target()?;
//! # let target = support::stand_in();
//! let mut client = Client::connect(&target, Duration::from_secs(2))?;
//! let reply = client.call("core.version", &[])?;
//! let version = reply.records()?.first().and_then(Value::as_str);
//! assert_eq!(version, Some("kamailio 5.6.3 (x86_64/linux)"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Contents
//! * [`Target`]: where Kamailio listens, parsed from a URI such as `unix:/var/run/kamailio/kamailio_ctl`.
//! * [`Client`]: the blocking client, on std alone. `kamailio_binrpc::tokio::Client`, with the feature `tokio`, is the async
//!   one. Both support the four kinds of sockets of `ctl`, pipelining, and [timeouts](Timeout) that include name resolution.
//! * [`Reply`], [`Members`], [`Value`]: the records of a reply, decoded in one pass and without an allocation per value.
//!   [`OwnedValue`] outlives the reply.
//! * `from_reply`, with the feature `serde`: replies as your own types with `#[derive(Deserialize)]`.
//! * [`Arg`]: the arguments of a call.
//! * [`Error`]: why a call has no records, as human-readable messages.
//! * [`Session`]: the protocol without sockets, for drivers of your own.
//! * [`wire`]: packets and values as bytes, and the limits of both.
//!
//! # Features
//! * `tokio`: the async client.
//! * `serde`: `Deserialize` from replies, `Serialize` for values.

mod client;
#[cfg(feature = "serde")]
mod de;
mod decimal;
mod error;
#[cfg(feature = "serde")]
mod named;
mod reply;
#[cfg(feature = "serde")]
mod ser;
mod session;
mod target;
mod timeout;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transport;
mod value;
pub mod wire;

pub use client::Client;
#[cfg(feature = "serde")]
pub use de::{DeserializeError, from_records, from_reply, from_value};
pub use error::{DecodeError, EncodeError, Error};
pub use reply::Reply;
pub use session::Session;
pub use target::{Endpoint, Family, ParseTargetError, Resolved, Target};
pub use timeout::Timeout;
pub use value::{Double, Int, Iter, Member, Members, OwnedMembers, OwnedValue, Value};
pub use wire::{Arg, Cookie};

#[cfg(all(doctest, feature = "serde"))]
#[doc = include_str!("../README.md")]
struct Readme;
