//! Notifications to systemd, which are sent if `NOTIFY_SOCKET` is set. A failure is logged.

use sd_notify::NotifyState;

/// Notifies systemd that the service is ready.
pub fn notify_ready() {
    notify(&[NotifyState::Ready]);
}

/// Notifies systemd that the service stops.
pub fn notify_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Notifies systemd that the service reloads its configuration, until it is ready again.
pub(crate) fn notify_reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "failed to notify systemd");
    }
}
