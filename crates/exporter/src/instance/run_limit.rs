//! The limit on scrapes at the same time. Joining a running scrape needs no permit.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A limit on the scrapes that run at the same time, in total and per target.
#[derive(Debug)]
pub(crate) struct RunLimit {
    /// The plural noun for what is limited, for the message of a refusal.
    noun: &'static str,
    max: usize,
    max_per_target: usize,
    permits: Arc<Semaphore>,
    /// The part of the permits for targets that no rule spells out.
    max_by_patterns: usize,
    permits_by_patterns: Arc<Semaphore>,
}

/// The right to run a scrape, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _permits: (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
}

impl RunLimit {
    /// Creates a limit for one target; `None` is any number.
    pub(crate) fn of_one_target(noun: &'static str, max: Option<usize>) -> Self {
        let max = max.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let permits = || Arc::new(Semaphore::new(max));
        Self {
            noun,
            max,
            max_per_target: max,
            permits: permits(),
            max_by_patterns: max,
            permits_by_patterns: permits(),
        }
    }

    /// Creates a limit for many targets; `None` is any number. Each target can use a quarter. Another quarter is reserved for
    /// targets that a rule spells out, because a client can name any number of targets that a pattern allows.
    pub(crate) fn of_many_targets(noun: &'static str, max: Option<usize>) -> Self {
        let limit = Self::of_one_target(noun, max);
        let max_by_patterns = limit.max - limit.max / PARTS;
        Self {
            max_per_target: limit.max.div_ceil(PARTS),
            max_by_patterns,
            permits_by_patterns: Arc::new(Semaphore::new(max_by_patterns)),
            ..limit
        }
    }

    /// Returns the permit to start a scrape of a target that already has `running` scrapes.
    ///
    /// # Errors
    /// A human-readable message.
    pub(crate) fn permit(&self, running: usize, is_spelled_out: bool) -> Result<Permit, String> {
        let Self { noun, max, max_per_target, max_by_patterns, .. } = self;
        let reached =
            |which: &str, max| format!("Limit of concurrent {noun}{which} reached ({max}), try again later.");
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| reached("", max))?;
        if running >= *max_per_target {
            return Err(reached(" of one target", max_per_target));
        }
        let by_patterns = match is_spelled_out {
            true => None,
            false => Some(
                self.permits_by_patterns
                    .clone()
                    .try_acquire_owned()
                    .map_err(|_| reached(" of targets that only a pattern allows", max_by_patterns))?,
            ),
        };
        Ok(Permit { _permits: (permit, by_patterns) })
    }
}

/// The number of parts that a limit is divided into. A target can use one part, and one part is reserved for targets that a
/// rule spells out.
const PARTS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_uses_at_most_a_quarter() {
        let limit = RunLimit::of_many_targets("probes", Some(7));
        let permits: Vec<_> = (0..2).map(|running| limit.permit(running, true).unwrap()).collect();
        assert_eq!(
            limit.permit(2, true).unwrap_err(),
            "Limit of concurrent probes of one target reached (2), try again later."
        );
        let others: Vec<_> = (0..5).map(|_| limit.permit(0, true).unwrap()).collect();
        assert_eq!(
            limit.permit(0, true).unwrap_err(),
            "Limit of concurrent probes reached (7), try again later."
        );
        drop((permits, others));
        assert!(limit.permit(1, true).is_ok());
        for is_spelled_out in [true, false] {
            assert!(RunLimit::of_many_targets("probes", Some(1)).permit(0, is_spelled_out).is_ok());
            assert!(RunLimit::of_many_targets("probes", None).permit(100_000, is_spelled_out).is_ok());
        }
    }

    #[test]
    fn targets_that_no_rule_spells_out_leave_a_quarter_to_the_others() {
        let limit = RunLimit::of_many_targets("probes", Some(9));
        let mut permits: Vec<_> = (0..7).map(|_| limit.permit(0, false).unwrap()).collect();
        assert_eq!(
            limit.permit(0, false).unwrap_err(),
            "Limit of concurrent probes of targets that only a pattern allows reached (7), try again later."
        );
        permits.extend((0..2).map(|_| limit.permit(0, true).unwrap()));
        assert!(limit.permit(0, true).is_err());
        permits.truncate(6);
        assert!(limit.permit(0, false).is_ok(), "both permits are returned");
        permits.extend((0..3).map(|_| limit.permit(0, true).unwrap()));
        assert_eq!(
            limit.permit(0, false).unwrap_err(),
            "Limit of concurrent probes reached (9), try again later."
        );
    }
}
