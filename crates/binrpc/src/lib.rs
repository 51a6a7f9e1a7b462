//! BINRPC is how programs ask the SIP server [Kamailio](https://www.kamailio.org) for its state: its module `ctl` opens
//! a control socket, `kamcmd` is its own client, and this crate is one for Rust.
//!
//! A call is a method's name and arguments, a reply is a list of values. All that is known about the protocol is in
//! [`Session`], which touches no socket; the clients around it only write and read.
//!
//! ```
//! use kamailio_binrpc::{Session, Value};
//!
//! let mut session = Session::stream();
//! let cookie = session.send("core.shmmem", &["k".into()])?;
//! let written = session.outgoing().len();
//! session.sent(written);
//!
//! // What a driver would read from the socket: the reply of a Kamailio 5.6.3.
//! session.receive(&[0xa1, 0x13, 0x4b]);
//! session.receive(&cookie.0.to_be_bytes());
//! assert!(session.poll()?.is_none(), "more bytes are needed");
//! session.receive(b"\x03etotal\x000\x04\x00\x00Ufree\x000\x03\xbe|Uused\x00 0O\x95\x0areal_used\x00 A\x83");
//! session.receive(b"\x95\x09max_used\x00 A\x83\x95\x0afragments\x00\x10\x01\x83");
//!
//! let reply = session.poll()?.expect("the reply is complete");
//! assert_eq!(reply.cookie(), cookie);
//! let memory = reply.records()?.first().expect("one record");
//! assert_eq!(memory.get("total").and_then(Value::unsigned), Some(262_144));
//! # Ok::<(), kamailio_binrpc::Error>(())
//! ```
//!
//! # Contents
//! * [`Target`]: where Kamailio listens, from a URI such as `unix:/var/run/kamailio/kamailio_ctl`.
//! * [`Client`]: the blocking client, on std. `kamailio_binrpc::tokio::Client`, with the feature `tokio`: the async one.
//!   Both know the four transports of `ctl`, and one deadline for everything.
//! * [`Session`]: calls into bytes, bytes into replies. Many calls go out at once, replies are told by their [`Cookie`].
//! * [`Reply`], [`Members`], [`Value`]: what Kamailio answered, decoded in one pass and without an allocation per value.
//! * [`Arg`]: what it is asked with.
//! * [`wire`]: packets and values as bytes, and the limits on both.
//! * [`Error`]: why there is no answer, in sentences.

mod client;
mod error;
mod session;
mod target;
#[cfg(feature = "tokio")]
pub mod tokio;
mod transport;
mod value;
pub mod wire;

pub use client::Client;
pub use error::{DecodeError, EncodeError, Error};
pub use session::{Reply, Session};
pub use target::{Endpoint, Family, ParseTargetError, Target};
pub use value::{Double, Int, Iter, Member, Members, Value};
pub use wire::{Arg, Cookie};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
