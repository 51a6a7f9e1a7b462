//! An HTTP server as Prometheus' exporters have it: listeners, TLS, users and limits around a [`Service`].

mod auth;
mod client;
mod client_auth;
mod config;
mod connection;
mod guard;
mod listener;
mod reload;
mod room;
mod server;
mod service;
mod tls;
mod yaml;

pub use listener::ListenAddress;
pub use reload::WebConfig;
pub use room::Timeouts;
pub use server::{Limits, Server};
pub use service::{Request, Response, Service, text, with_body};
