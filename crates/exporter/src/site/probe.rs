//! The endpoint that scrapes the Kamailio named in the request, so that one exporter can serve many.

use crate::instance::run_limit::RunLimit;
use crate::instance::targets::Targets;
use crate::instance::{Instance, Settings};
use crate::outbound::Target;
use crate::outbound::allow_list::AllowList;
use crate::site::Site;
use exporter_toolkit::rate_limit::TokenBucket;
use exporter_toolkit::{Request, Response, text};
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// The status and the message of a response without metrics.
pub(super) type Refusal = (StatusCode, String);

/// The targets that may be probed, and the limit on probes at the same time.
pub struct Probes {
    pub(super) targets: Targets,
    pub(super) run_limit: RunLimit,
    /// Limits the log lines about refused targets.
    line_limit: TokenBucket,
}

impl Site {
    /// Responds with the metrics of the Kamailio named in the request, without those of this program.
    pub(super) async fn probe(&self, probes: &Probes, request: &Request) -> Response {
        let query = request.uri().query().unwrap_or_default();
        match probes.instance(query) {
            Ok(instance) => self.exposition(request, &instance, &probes.run_limit, None).await,
            Err((status, message)) => text(status, message + "\n"),
        }
    }
}

impl Probes {
    /// Creates the endpoint for allowed targets, with a maximum number of probes at the same time.
    pub fn new(allow: AllowList, settings: &Settings, max_requests: Option<usize>) -> Self {
        Self {
            targets: Targets::new(allow, settings),
            run_limit: RunLimit::of_many_targets("probes", max_requests),
            line_limit: TokenBucket::new(LINE_INTERVAL, LINE_BURST),
        }
    }

    /// Returns the instance of the target named in a query. A refusal depends on the query and the rules alone, so that
    /// it reveals nothing about the network.
    pub(super) fn instance(&self, query: &str) -> Result<Arc<Instance>, Refusal> {
        let mut targets = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "target");
        let bad = |message: String| (StatusCode::BAD_REQUEST, message);
        let target = match (targets.next(), targets.next()) {
            (None, _) => return Err(bad(format!("Target parameter is missing: {EXAMPLE}"))),
            (Some(_), Some(_)) => {
                return Err(bad(format!("Target parameter must be given once: {EXAMPLE}")));
            }
            (Some((_, target)), None) => target,
        };
        let target: Target = target.parse().map_err(bad)?;
        self.targets.instance(&target).ok_or_else(|| {
            if self.line_limit.take() {
                let advice = "allow the target with --probe.allow";
                tracing::warn!(%target, advice, "probe refused");
            }
            (StatusCode::FORBIDDEN, "This target is not allowed by --probe.allow.".to_owned())
        })
    }
}

/// The path of the endpoint, as in blackbox_exporter.
pub(crate) const PATH: &str = "/probe";
const EXAMPLE: &str = "/probe?target=tcp:sip1.example.org:2049";
/// Enough lines to see which rules are missing, and too few to fill a disk.
const LINE_BURST: u32 = 20;
const LINE_INTERVAL: Duration = Duration::from_secs(1);
