//! An HTTP server as Prometheus' exporters have it: listeners, TLS, users and limits around a [`Service`].

mod admission;
mod authentication;
mod config;
mod connection;
mod connection_pool;
pub mod duration;
mod listener;
mod peer;
pub mod rate_limit;
mod server;
mod service;
pub mod signals;
pub mod suggestion;
pub mod systemd;
mod tls;
mod web_config;

pub use connection_pool::Timeouts;
pub use listener::ListenAddress;
pub use server::{Limits, Server};
pub use service::{Request, Response, Service, text, with_body};
pub use tls::trust_anchor;
pub use web_config::WebConfig;
