//! An external metrics page without a scrape: bytes in, expositions out.

use crate::input::Input;
use prometheus_exposition::{
    ExternalPage, Families, Family, Format, Kind, Labels, PageParser, Pushed, Samples,
};
use std::sync::{Arc, LazyLock};
use testbed::{Syntax, check_exposition};

/// The input is a page after two bytes for the limit and the length of its pieces. Checks that the length of the pieces makes
/// no difference, that the expositions are valid and complete, that no sample has a reserved name, and that a written page
/// parses to the same page.
pub fn page(input: &[u8]) {
    let mut input = Input::new(input);
    let limit = [1, 3, 40, 100_000][input.below(4)];
    let piece = 1 + usize::from(input.byte());
    let bytes = input.rest();
    let page = parse(bytes, bytes.len().max(1), limit);
    let pieces = parse(bytes, piece, limit);
    assert_eq!(lines(&page), lines(&pieces), "pieces make a difference");
    assert_eq!(counts(&page), counts(&pieces), "pieces make a difference");
    assert_eq!(page.first_invalid, pieces.first_invalid);
    assert_eq!(page.invalid == 0, page.first_invalid.is_none());
    for family in page.families.families() {
        assert!(family.len() <= limit);
        for line in family.samples() {
            let name = format!("{}{}", family.name(), line.split(['{', ' ']).next().unwrap_or_default());
            assert!(!OWN.reserves(&name) && !MADE_BY_PROMETHEUS.contains(&name.as_str()), "{name}");
        }
    }

    let (len, announced) = (page.families.len(), page.families.written_len());
    let mut samples = Samples::new(limit);
    assert_eq!(samples.push(0, Labels::NONE, 1u64.into()), Pushed::Added);
    assert_eq!(samples.join_page(Arc::new(page)), 0);
    for (format, syntax) in [(Format::TEXT, Syntax::Text), (Format::OPENMETRICS, Syntax::OpenMetrics)] {
        let written = format.write(&OWN, &[&samples]);
        let count = check_exposition(&written, syntax);
        assert_eq!(count, Ok(len + 1), "{}", String::from_utf8_lossy(&written));
        assert!(written.len() <= announced + 200, "{} bytes, {announced} announced", written.len());
        if format.is_text() {
            let again = parse(&written, piece, usize::MAX);
            // The sample of our own family, which has a name that a page must not have.
            assert_eq!((again.families.len(), counts(&again)), (len, (0, 1, 0)));
        }
    }
}

static OWN: LazyLock<Families> = LazyLock::new(|| {
    const OWN: Family = Family { name: "a_b", kind: Kind::Gauge, help: "A family of ours." };
    let mut families = Families::default();
    families.add(&OWN);
    families
});

fn parse(bytes: &[u8], piece: usize, limit: usize) -> ExternalPage {
    let mut parser = PageParser::new(limit, &OWN);
    bytes.chunks(piece).for_each(|piece| parser.parse(piece));
    parser.finish()
}

fn lines(page: &ExternalPage) -> Vec<(&str, &str, &str, Vec<&str>)> {
    let families = page.families.families();
    families.map(|f| (f.name(), f.kind().as_str(), f.help(), f.samples().collect())).collect()
}

fn counts(page: &ExternalPage) -> (u64, u64, u64) {
    (page.invalid, page.duplicates, page.over_limit)
}

/// The names in `scrape/scrape.go` and `rules/alerting.go`, once more.
const MADE_BY_PROMETHEUS: [&str; 10] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
    "ALERTS",
    "ALERTS_FOR_STATE",
];
