//! What systemd is told.

use sd_notify::NotifyState;

/// Tells systemd, if it wants to know.
pub fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell systemd");
    }
}
