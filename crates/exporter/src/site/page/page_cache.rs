//! A cache of written pages, so that clients that request pages without a pause cannot keep scrapes waiting.

use bytes::Bytes;
use exporter_toolkit::sync::LockUnpoisoned as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The latest pages, as HTML or JSON. A page is written again after a scrape of its Kamailio, or when its age exceeds ten
/// times the duration of writing it: writing the same page takes at most a tenth of the serving thread's time.
#[derive(Default)]
pub(in crate::site) struct PageCache(Mutex<Vec<Written>>);

/// The properties that requests must have in common to share a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) media_type: &'static str,
    /// The query that names the Kamailio.
    pub(super) query: String,
    /// The end of the last scrape.
    pub(super) scraped: Option<Instant>,
}

struct Written {
    key: Key,
    content: Bytes,
    at: Instant,
    duration: Duration,
}

impl PageCache {
    /// Returns the page of a key: a cached one, or else the one that `write` returns. `now` is the clock.
    pub(super) fn get(&self, key: Key, now: impl Fn() -> Instant, write: impl FnOnce() -> String) -> Bytes {
        let mut pages = self.0.lock_unpoisoned();
        let start = now();
        pages.retain(|page| start.saturating_duration_since(page.at) < SHARED_FOR * page.duration);
        if let Some(page) = pages.iter().find(|page| page.key == key) {
            return page.content.clone();
        }
        let content = Bytes::from(write());
        let at = now();
        if pages.len() == MAX_PAGES {
            pages.remove(0);
        }
        pages.push(Written { key, content: content.clone(), at, duration: at - start });
        content
    }
}

/// A page is shared for this many times the time that writing it took.
const SHARED_FOR: u32 = 10;
/// Maximum number of pages: two for each of a few Kamailios, at some 200 KiB each with a full history.
const MAX_PAGES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_page_is_shared_until_it_is_old_or_kamailio_is_scraped() {
        let (cache, clock, writes) = (PageCache::default(), Cell::new(Instant::now()), Cell::new(0));
        let wait = |millis| clock.set(clock.get() + Duration::from_millis(millis));
        let get = |query: &str, scraped| {
            let key = Key { media_type: "text/html", query: query.to_owned(), scraped };
            let write = || {
                wait(4);
                writes.set(writes.get() + 1);
                format!("{query} {}", writes.get())
            };
            String::from_utf8(cache.get(key, || clock.get(), write).to_vec()).unwrap()
        };
        let scraped = Some(clock.get());
        assert_eq!(get("", None), " 1");
        assert_eq!(get("", scraped), " 2");
        wait(39);
        assert_eq!(get("", scraped), " 2");
        assert_eq!(get("?target=x", scraped), "?target=x 3");
        assert_eq!(get("", scraped), " 4", "written more than 40 ms ago");
        for number in 0..MAX_PAGES {
            get(&number.to_string(), None);
        }
        assert_eq!(cache.0.lock_unpoisoned().len(), MAX_PAGES);
        assert_eq!(get("7", None), "7 12");
        assert_eq!(get("", scraped), " 13", "evicted by newer pages");
    }
}
