#![doc = include_str!("../README.md")]

mod admission;
mod authentication;
mod client_address;
mod config;
mod connection;
mod connection_pool;
pub mod duration;
mod error;
mod fairness;
pub mod files;
mod handler;
mod handshake;
mod listener;
mod log_limit;
pub mod pem;
pub mod rate_limit;
mod server;
mod service;
pub mod signals;
mod stream;
pub mod suggestion;
pub mod sync;
pub mod systemd;
mod tls;
mod web_config;
mod worker;

pub use connection_pool::Timeouts;
pub use error::Error;
pub use hyper::StatusCode;
pub use listener::ListenAddress;
pub use log_limit::LogLimit;
pub use server::{Limits, Server};
pub use service::{Request, Response, Service, text, with_body};
pub use tls::{system_authorities, trust_anchor};
pub use web_config::WebConfig;

/// The entry for the fuzz target of the fairness model.
#[cfg(feature = "internals")]
#[doc(hidden)]
pub mod internals {
    /// Compares the order in which connections are evicted with a model, over a history of `steps` steps. `choose` returns
    /// a number below its argument. Panics if they differ.
    pub fn explore_fairness(steps: u64, choose: &mut dyn FnMut(u64) -> u64) {
        crate::fairness::model::explore(steps, choose);
    }
}
