//! Names that a page must not have, and labels that receivers check.

use super::{lines, parse, parse_in};
use crate::{Families, Family, Kind};

#[test]
fn two_families_do_not_have_samples_of_one_name() {
    for (text, expected, duplicates) in [
        ("# TYPE h histogram\nh_sum 1\nh_count 1\n# TYPE h_sum gauge\n", &["h_sum 1", "h_count 1"][..], 0),
        ("h_sum 1\n# TYPE h histogram\nh_sum 2\nh_count 2\n", &["h_sum 1"], 2),
        ("# TYPE s summary\ns{quantile=\"1\"} 1\ns_sum 1\n", &["s{quantile=\"1\"} 1", "s_sum 1"], 0),
        ("# TYPE s_sum summary\ns_sum_sum 1\n# TYPE s summary\ns_sum 1\ns_count 2\n", &["s_sum_sum 1"], 2),
        ("# TYPE s_sum gauge\n# TYPE s summary\ns_sum 1\n", &["s_sum 1"], 0),
    ] {
        let page = parse(text);
        assert_eq!(
            (lines(&page.families), page.duplicates, page.invalid),
            (strings(expected), duplicates, 0),
            "{text}"
        );
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_series_is_the_same_wherever_its_labels_stand() {
    for (text, first) in [
        ("x{a=\"1\",b=\"2\"} 1\nx{b=\"2\",a=\"1\"} 2\n", "x{a=\"1\",b=\"2\"} 1"),
        ("x 1\nx{a=\"\"} 2\n", "x 1"),
        ("x{} 1\nx 2\n", "x 1"),
        ("x{a=\"1\",e=\"\"} 1\nx{e=\"\",a=\"1\"} 2\n", "x{a=\"1\"} 1"),
    ] {
        let page = parse(text);
        assert_eq!((lines(&page.families), page.duplicates), (strings(&[first]), 1), "{text}");
    }
    let page = parse("x{a=\"1\"} 1\nx{a=\"2\"} 1\ny{a=\"1\"} 1\nx{b=\"1\"} 1\n");
    assert_eq!((page.families.len(), page.duplicates), (4, 0));
}

#[test]
fn metrics_that_prometheus_makes_are_left_out() {
    for name in [
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
    ] {
        let page = parse(&format!(
            "# TYPE {name} gauge\n{name} 0\n{name}{{job=\"x\"}} 0\n{name}_total 1\nmy_{name} 1\n"
        ));
        assert_eq!(lines(&page.families), [format!("{name}_total 1"), format!("my_{name} 1")]);
        let first = page.first_invalid.unwrap();
        assert_eq!(first.reason, "Prometheus makes a metric of this name itself");
        assert_eq!((page.invalid, first.line), (2, format!("{name} 0")));
    }
    for line in ["up\t0", " up 0", "up{} 0", "up{instance=\"x\"} 0 1700000000000", "up 0\r"] {
        let page = parse(&format!("{line}\nmine 1\n"));
        assert_eq!((lines(&page.families), page.invalid), (strings(&["mine 1"]), 1), "{line:?}");
    }
    let page =
        parse("# TYPE up summary\nup_sum 1\nup{quantile=\"0.5\"} 1\n# TYPE ALERTS histogram\nALERTS_sum 1\n");
    assert_eq!((lines(&page.families), page.invalid), (strings(&["up_sum 1", "ALERTS_sum 1"]), 1));
}

#[test]
fn every_suffix_of_an_own_family_is_its_own() {
    let mut own = Families::default();
    own.add(&Family { name: "kamailio_up", kind: Kind::Gauge, help: "" });
    own.add(&Family { name: "kamailio_calls", kind: Kind::Counter, help: "" });
    for name in ["kamailio_up", "kamailio_calls"] {
        for suffix in ["", "_total", "_created", "_bucket", "_sum", "_count", "_info"] {
            for kind in ["", "# TYPE $ gauge\n", "# TYPE $ counter\n"] {
                let text =
                    format!("{kind}$ 1\n${{x=\"1\"}} 2\nmine 1\n").replace('$', &format!("{name}{suffix}"));
                let page = parse_in(text.as_bytes(), usize::MAX, 9, &own);
                assert_eq!((lines(&page.families), page.duplicates), (strings(&["mine 1"]), 2), "{text}");
            }
        }
    }
    for (text, expected, duplicates) in [
        // The samples of these families could have a name of ours.
        ("# TYPE kamailio histogram\nkamailio_sum 1\n", &["kamailio_sum 1"][..], 0),
        ("# TYPE kamailio_up summary\nkamailio_up{quantile=\"0\"} 1\nkamailio_up_sum 1\n", &[], 2),
        (
            "# TYPE kamailio_calls histogram\nkamailio_calls_bucket{le=\"1\"} 1\nkamailio_calls_sum 1\n",
            &[],
            2,
        ),
        ("kamailio_ups 1\nkamailio_up_max 1\n", &["kamailio_ups 1", "kamailio_up_max 1"], 0),
        // A type after samples is invalid, whether they were left out or not.
        ("kamailio_up 1\n# TYPE kamailio_up gauge\n", &[], 1),
    ] {
        let page = parse_in(text.as_bytes(), usize::MAX, 9, &own);
        assert_eq!((lines(&page.families), page.duplicates), (strings(expected), duplicates), "{text}");
    }
}

#[test]
fn the_bound_of_a_bucket_is_a_number() {
    for (labels, is_valid) in [
        ("{le=\"0.5\"}", true),
        ("{le=\"+Inf\"}", true),
        ("{x=\"1\",le=\"-1e-3\"}", true),
        ("{le=\"x\"}", false),
        ("{le=\"NaN\"}", false),
        ("{le=\"\"}", false),
        ("{le=\"1 \"}", false),
        ("{x=\"1\"}", false),
        ("", false),
    ] {
        let page = parse(&format!("# TYPE h histogram\nh_bucket{labels} 1\nother_bucket{labels} 1\n"));
        assert_eq!(page.families.len(), 1 + usize::from(is_valid), "{labels}");
        assert_eq!(page.invalid, u64::from(!is_valid), "{labels}");
    }
    for (line, invalid) in
        [("h_sum{le=\"x\"} 1", 1), ("h_count{le=\"1\"} 1", 0), ("h_sum{quantile=\"x\"} 1", 0), ("h 1", 1)]
    {
        assert_eq!(parse(&format!("# TYPE h histogram\n{line}\n")).invalid, invalid, "{line}");
    }
}

#[test]
fn a_quantile_is_between_0_and_1() {
    for (labels, is_valid) in [
        ("{quantile=\"0\"}", true),
        ("{quantile=\"1\"}", true),
        ("{x=\"1\",quantile=\"0.99\"}", true),
        ("{quantile=\"1.01\"}", false),
        ("{quantile=\"-0.1\"}", false),
        ("{quantile=\"NaN\"}", false),
        ("{quantile=\"+Inf\"}", false),
        ("{quantile=\"abc\"}", false),
        ("{x=\"1\"}", false),
        ("", false),
    ] {
        let page = parse(&format!("# TYPE s summary\ns{labels} 1\n# TYPE g gauge\ng{labels} 1\n"));
        assert_eq!(page.families.len(), 1 + usize::from(is_valid), "{labels}");
        assert_eq!(page.invalid, u64::from(!is_valid), "{labels}");
    }
    for (line, invalid) in
        [("s_sum{quantile=\"x\"} 1", 1), ("s_count 1", 0), ("s_sum{le=\"x\"} 1", 0), ("s_bucket 1", 0)]
    {
        assert_eq!(parse(&format!("# TYPE s summary\n{line}\n")).invalid, invalid, "{line}");
    }
}
