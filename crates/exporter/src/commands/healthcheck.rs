//! Checks that a running exporter responds, for containers without a shell.

use crate::outbound::http::Url;
use anyhow::Error;
use std::time::{Duration, Instant};

/// Requests the URL. The error explains why the response does not have status 200.
pub(crate) async fn run(url: &Url) -> anyhow::Result<()> {
    url.read(Instant::now() + TIMEOUT, &mut |_| ()).await.map(drop).map_err(Error::msg)
}

/// Health checks of containers and of the exporter's own host respond within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(3);
