//! The page of whatever Kamailio the request names, for one exporter in front of many.

use crate::instance::targets::Targets;
use crate::instance::{Instance, Settings};
use crate::outbound::allow_list::AllowList;
use exporter_toolkit::rate_limit::TokenBucket;
use hyper::StatusCode;
use kamailio_binrpc::Target;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Why a request is not answered with metrics.
pub(super) type Refusal = (StatusCode, String);

/// What probes may ask for, and how many may be under way.
pub struct Probes {
    targets: Targets,
    max_requests: usize,
    permits: Semaphore,
    /// Of lines in the log about what is not allowed.
    lines: TokenBucket,
}

impl Probes {
    /// Probes of allowed targets, so many at once.
    pub fn new(allow: AllowList, settings: &Settings, max_requests: Option<usize>) -> Self {
        let max_requests = max_requests.unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self {
            targets: Targets::new(allow, settings),
            max_requests,
            permits: Semaphore::new(max_requests),
            lines: TokenBucket::new(Duration::from_secs(1), LINES_AT_ONCE),
        }
    }

    /// The exporter of the target that a query names. Whether it is refused follows from the query and the rules alone,
    /// so that a refusal tells nothing about what there is.
    pub(super) fn instance(&self, query: &str) -> Result<Arc<Instance>, Refusal> {
        let mut targets = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "target");
        let bad = |sentence: String| (StatusCode::BAD_REQUEST, sentence);
        let target = match (targets.next(), targets.next()) {
            (None, _) => return Err(bad(format!("Target parameter is missing: {EXAMPLE}"))),
            (Some(_), Some(_)) => {
                return Err(bad(format!("Target parameter must be given once: {EXAMPLE}")));
            }
            (Some((_, target)), None) => target,
        };
        let target: Target = target.parse().map_err(|error| bad(format!("{error}")))?;
        self.targets.instance(&target).ok_or_else(|| {
            if self.lines.take() {
                tracing::warn!(%target, "probe refused: no rule of --probe.allow is for this target");
            }
            (StatusCode::FORBIDDEN, "This target is not allowed by --probe.allow.".to_owned())
        })
    }

    /// Leave to probe, unless there are too many probes.
    pub(super) fn permit(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.permits.try_acquire().map_err(|_| {
            let limit = self.max_requests;
            let sentence = format!("Limit of concurrent probes reached ({limit}), try again later.");
            (StatusCode::SERVICE_UNAVAILABLE, sentence)
        })
    }
}

/// The path of the page; that of blackbox_exporter.
pub(crate) const PATH: &str = "/probe";
const EXAMPLE: &str = "/probe?target=tcp:sip1.example.org:2049";
/// And one more each second: enough to see what is missing, too few to fill a disk.
const LINES_AT_ONCE: u32 = 20;
