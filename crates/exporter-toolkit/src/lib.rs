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
pub use tls::trust_anchor;
pub use web_config::WebConfig;
