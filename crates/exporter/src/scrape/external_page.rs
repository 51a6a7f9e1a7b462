//! The external metrics page that the operator names: fetched beside the scrape and merged into its samples.

use crate::collectors::catalogue::catalogue;
use crate::outbound::http::Url;
use crate::scrape::Omissions;
use bytes::Bytes;
use prometheus_exposition::{Pushed, Samples, external};
use std::time::{Duration, Instant};

/// A page that was requested.
pub(super) struct Page {
    /// The collector of external pages, by its index in [`ALL`](crate::collectors::ALL).
    pub(super) collector: usize,
    /// The time that the request took.
    pub(super) duration: Duration,
    /// The content, or a human-readable error.
    pub(super) content: Result<Bytes, String>,
}

pub(super) async fn fetch(page: Option<(usize, &Url)>, deadline: Instant) -> Option<Page> {
    let (collector, url) = page?;
    let start = Instant::now();
    let content = url.get(deadline).await.map(|page| page.content);
    Some(Page { collector, duration: start.elapsed(), content })
}

/// Merges an external page into our samples. A family of ours is never replaced. Returns a human-readable message if
/// lines of the page cannot be parsed.
pub fn merge_page(page: &[u8], samples: &mut Samples) -> (Omissions, Option<String>) {
    let (families, unreadable, first) = external::parse(&String::from_utf8_lossy(page));
    let mut omissions = Omissions { unreadable, ..Omissions::default() };
    for family in families {
        let ours = external::sample_names(&family.name, family.kind).any(|name| catalogue().has(&name));
        for sample in family.samples {
            omissions.count(if ours {
                Pushed::Duplicate
            } else {
                samples.push_external(&family.name, family.kind, &family.help, sample)
            });
        }
    }
    let failure = first
        .map(|line| format!("{unreadable} lines of the page cannot be parsed, the first of them: {line}"));
    (omissions, failure)
}
