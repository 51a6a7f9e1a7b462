//! Notifications to systemd.

use sd_notify::NotifyState;

/// Sends systemd the state of the service, if `NOTIFY_SOCKET` is set. A failure is logged.
pub fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "failed to notify systemd");
    }
}
