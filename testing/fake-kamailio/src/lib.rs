//! A stand-in for Kamailio's module ctl. It replays the recorded replies of real servers, and misbehaves on demand as real
//! servers do.
//!
//! ```
//! use fake_kamailio::Fake;
//! use kamailio_binrpc::{Client, Value};
//! use std::time::{Duration, Instant};
//!
//! let fake = Fake::start();
//! fake.delay_method("core.uptime", Duration::from_millis(20));
//! let mut client = Client::connect(&fake.tcp().parse()?, Instant::now() + Duration::from_secs(5))?;
//! let uptime = client.call("core.uptime", &[])?.records()?;
//! assert_eq!(uptime.first().and_then(|record| record.get("uptime")).and_then(Value::as_u64), Some(203));
//! assert_eq!(fake.calls(), ["core.uptime"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Unlike ctl, a slow reply on one connection does not delay other connections.

mod captures;
mod chunks;
mod fake;
mod packet;
mod script;
mod server;

pub use captures::Captures;
pub use fake::{Connections, Fake};
pub use packet::body;
pub use script::Then;
