//! The limit on scrapes at the same time. Joining a running scrape needs no permit.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limit on the scrapes that run at the same time, in total and per target.
#[derive(Debug)]
pub(crate) struct RunLimit {
    /// The name of the limited thing, for the message of a refusal.
    noun: &'static str,
    max: usize,
    max_per_target: usize,
    permits: Arc<Semaphore>,
}

impl RunLimit {
    /// Creates a limit for one target; `None` is any number.
    pub(crate) fn of_one_target(noun: &'static str, max: Option<usize>) -> Self {
        let max = max.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self { noun, max, max_per_target: max, permits: Arc::new(Semaphore::new(max)) }
    }

    /// Creates a limit for many targets, of which each may use a quarter; `None` is any number.
    pub(crate) fn of_many_targets(noun: &'static str, max: Option<usize>) -> Self {
        let limit = Self::of_one_target(noun, max);
        let max_per_target = limit.max.div_ceil(TARGETS_AT_LEAST);
        Self { max_per_target, ..limit }
    }

    /// Returns the permit to start a scrape of a target that already has `running` scrapes.
    ///
    /// # Errors
    /// A human-readable message.
    pub(crate) fn permit(&self, running: usize) -> Result<OwnedSemaphorePermit, String> {
        let Self { noun, max, max_per_target, permits } = self;
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            if running < *max_per_target {
                return Ok(permit);
            }
            return Err(format!(
                "Limit of concurrent {noun} of one target reached ({max_per_target}), try again later."
            ));
        }
        Err(format!("Limit of concurrent {noun} reached ({max}), try again later."))
    }
}

/// The number of targets that have to be busy before a limit is used up.
const TARGETS_AT_LEAST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_uses_at_most_a_quarter() {
        let limit = RunLimit::of_many_targets("probes", Some(7));
        let permits: Vec<_> = (0..2).map(|running| limit.permit(running).unwrap()).collect();
        assert_eq!(
            limit.permit(2).unwrap_err(),
            "Limit of concurrent probes of one target reached (2), try again later."
        );
        let others: Vec<_> = (0..5).map(|_| limit.permit(0).unwrap()).collect();
        assert_eq!(limit.permit(0).unwrap_err(), "Limit of concurrent probes reached (7), try again later.");
        drop((permits, others));
        assert!(limit.permit(1).is_ok());
        assert!(RunLimit::of_many_targets("probes", Some(1)).permit(0).is_ok());
        assert!(RunLimit::of_many_targets("probes", None).permit(100_000).is_ok());
    }
}
