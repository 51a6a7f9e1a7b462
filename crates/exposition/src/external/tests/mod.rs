//! Tests of external pages: what is parsed, left out and written again.

mod hostile;
mod limits;
mod names;
mod reference;

use super::{ExternalFamilies, ExternalKind, ExternalPage, PageParser};
use crate::{Families, Format, Pushed, Samples};
use proptest::prelude::*;
use std::sync::Arc;

fn parse(page: &str) -> ExternalPage {
    parse_in(page.as_bytes(), usize::MAX, 1000, &Families::default())
}

fn parse_in(page: &[u8], piece: usize, limit: usize, own: &Families) -> ExternalPage {
    let mut parser = PageParser::new(limit, own);
    page.chunks(piece.min(page.len().max(1))).for_each(|piece| parser.parse(piece));
    parser.finish()
}

/// Each sample with its family's name.
fn lines(families: &ExternalFamilies) -> Vec<String> {
    let families = families.families();
    families.flat_map(|family| family.samples().map(move |line| format!("{}{line}", family.name()))).collect()
}

#[test]
fn a_page_of_xhttp_prom_is_parsed() {
    let page = parse(
        "# User defined metrics:\n# TYPE kamailio_cnt_first counter\nkamailio_cnt_first 714 1795355190000\n\
         # TYPE kamailio_h1 histogram\nkamailio_h1_bucket{my=\"x\", le=\"0.5\"} 2 1795355190000\n\
         kamailio_h1_bucket{my=\"x\", le=\"+Inf\"} 2\nkamailio_h1_sum{my=\"x\"} 0.4\nkamailio_h1_count{my=\"x\"} 2\n\
         # HELP kamailio_g1 A \\\"gauge\\\"\\nof \\\\ mine.\n# TYPE kamailio_g1 gauge\nkamailio_g1{m=\"IN\\\"VITE\"} -1.5\n\n\
         kamailio_core_bad_URIs_rcvd 0 1795355190000\nkamailio_script_neg 18446744073709551611\r\n",
    );
    assert_eq!((page.invalid, page.duplicates, page.over_limit, page.first_invalid), (0, 0, 0, None));
    let families: Vec<_> = page.families.families().map(|f| (f.name(), f.kind().as_str(), f.len())).collect();
    assert_eq!(
        families,
        [
            ("kamailio_cnt_first", "counter", 1),
            ("kamailio_h1", "histogram", 4),
            ("kamailio_g1", "gauge", 1),
            ("kamailio_core_bad_URIs_rcvd", "", 1),
            ("kamailio_script_neg", "", 1),
        ]
    );
    assert_eq!(page.families.families().nth(2).unwrap().help(), "A \"gauge\"\\nof \\\\ mine.");
    assert_eq!(
        lines(&page.families),
        [
            "kamailio_cnt_first 714",
            "kamailio_h1_bucket{my=\"x\",le=\"0.5\"} 2",
            "kamailio_h1_bucket{my=\"x\",le=\"+Inf\"} 2",
            "kamailio_h1_sum{my=\"x\"} 0.4",
            "kamailio_h1_count{my=\"x\"} 2",
            "kamailio_g1{m=\"IN\\\"VITE\"} -1.5",
            "kamailio_core_bad_URIs_rcvd 0",
            "kamailio_script_neg 18446744073709551611",
        ]
    );
    assert_eq!(page.families.len(), 8);
}

#[test]
fn families_are_written_in_both_formats() {
    let page = parse(
        "# HELP x_total A \"b\".\n# TYPE x_total counter\nx_total 1\n# TYPE y_total counter\ny_total -1\n\
         # TYPE z_total counter\nz_total NaN\n# TYPE c counter\nc 1\n# TYPE u untyped\nu 1\n# HELP n Help.\nn 1\n\
         # TYPE t_total counter\nt_total 1\n# TYPE t gauge\nt 1\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\n\
         # TYPE d_total gauge\nd_total 1\n# TYPE none gauge\n",
    );
    let mut samples = Samples::new(9);
    samples.join_page(Arc::new(page));
    let write = |format: Format| String::from_utf8(format.write(&Families::default(), &[&samples])).unwrap();
    assert_eq!(
        write(Format::TEXT),
        "# HELP x_total A \"b\".\n# TYPE x_total counter\nx_total 1\n# TYPE y_total counter\ny_total -1\n\
         # TYPE z_total counter\nz_total NaN\n# TYPE c counter\nc 1\n# TYPE u untyped\nu 1\n# HELP n Help.\nn 1\n\
         # TYPE t_total counter\nt_total 1\n# TYPE t gauge\nt 1\n# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 2\n\
         # TYPE d_total gauge\nd_total 1\n"
    );
    // A counter keeps its name if it is not a counter to OpenMetrics, or if its family's name would be that of another.
    assert_eq!(
        write(Format::OPENMETRICS),
        "# HELP x A \\\"b\\\".\n# TYPE x counter\nx_total 1\n# TYPE y_total unknown\ny_total -1\n\
         # TYPE z_total unknown\nz_total NaN\n# TYPE c unknown\nc 1\n# TYPE u unknown\nu 1\n# HELP n Help.\n\
         # TYPE n unknown\nn 1\n# TYPE t_total unknown\nt_total 1\n# TYPE t gauge\nt 1\n# TYPE s summary\n\
         s{quantile=\"0.5\"} 1\ns_sum 2\n# TYPE d_total gauge\nd_total 1\n# EOF\n"
    );
}

#[test]
fn only_quotes_are_unescaped_in_the_help() {
    for (help, kept) in [
        ("a \\\"b\\\"", "a \"b\""),
        ("\\\\\"", "\\\\\""),
        ("\\\\\\\"", "\\\\\""),
        ("\\\\\\\\\"", "\\\\\\\\\""),
        ("\\\\n\\n\u{e9}\"", "\\\\n\\n\u{e9}\""),
    ] {
        let page = parse(&format!("# HELP x {help}\nx 1\n"));
        assert_eq!((page.families.families().next().unwrap().help(), page.invalid), (kept, 0), "{help}");
    }
}

#[test]
fn the_first_help_counts() {
    let page = parse("# HELP x One.\n# HELP x Two.\n# TYPE x gauge\nx 1\n# HELP x Three.\n# TYPE x gauge\n");
    assert_eq!((page.families.families().next().unwrap().help(), page.invalid), ("One.", 0));
}

#[test]
fn a_type_after_samples_is_invalid_unless_it_is_the_same() {
    for (text, invalid, kind) in [
        ("h 1\n# TYPE h histogram\n", 1, ""),
        ("# TYPE h histogram\nh_sum 1\n# TYPE h gauge\n", 1, "histogram"),
        ("# TYPE h gauge\n# TYPE h histogram\nh_sum 1\n# TYPE h histogram\n", 0, "histogram"),
    ] {
        let page = parse(text);
        let kinds: Vec<_> = page.families.families().map(|family| family.kind().as_str()).collect();
        assert_eq!((page.invalid, kinds), (invalid, vec![kind]), "{text}");
    }
}

#[test]
fn families_that_are_pushed_have_one_type_and_escaped_help() {
    let mut families = ExternalFamilies::new(9);
    assert!(families.is_empty());
    assert_eq!(families.push("x", ExternalKind::Counter, "a\nb\\c", 1u64.into()), Pushed::Added);
    assert_eq!(families.push("x", ExternalKind::Gauge, "", 2u64.into()), Pushed::Duplicate);
    assert_eq!(families.push("y", ExternalKind::Summary, "", 1u64.into()), Pushed::Added);
    assert_eq!(families.push("y_sum", ExternalKind::Gauge, "", 1u64.into()), Pushed::Duplicate);
    assert_eq!(families.families().next().unwrap().help(), "a\\nb\\\\c");
    assert_eq!((families.len(), families.is_empty()), (2, false));
    let has =
        ["x", "y", "y_sum", "y_count", "y_bucket", "x_sum", "z", "y_sum_sum"].map(|name| families.has(name));
    assert_eq!(has, [true, true, true, true, false, false, false, false]);
}

/// Lines of valid pages, with few names, so that there are duplicate series.
fn any_line() -> impl Strategy<Value = String> {
    let labels = prop::collection::vec((0..4usize, "[a\"\\\\\n\u{e9}},= ]{0,3}"), 0..4).prop_map(|labels| {
        let mut written = Vec::new();
        for (at, (name, value)) in labels.iter().enumerate() {
            if labels[..at].iter().all(|(known, _)| known != name) {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                written.push(format!("l{name}=\"{value}\""));
            }
        }
        written.join(",")
    });
    let value =
        prop::sample::select(vec!["1", "-1.5", "NaN", "+Inf", "-Inf", "0.25", "1e30", "7 1795355190000"]);
    let name = prop::sample::select(vec!["a", "b", "h_sum", "h_count", "s_sum", "s_count", "a_total", "n:x"]);
    prop_oneof![
        8 => (name, labels.clone(), value.clone()).prop_map(|(name, labels, value)| format!("{name}{{{labels}}} {value}")),
        2 => (labels.clone(), 0..3u8, value.clone()).prop_map(|(labels, bound, value)| {
            format!("h_bucket{{le=\"{bound}\",{labels}}} {value}")
        }),
        2 => (labels, 0..3u8, value).prop_map(|(labels, tenths, value)| format!("s{{quantile=\"0.{tenths}\",{labels}}} {value}")),
        1 => "[ -~&&[^\\\\]]{0,8}".prop_map(|help| format!("# HELP a x{help}y")),
        1 => Just("# A comment.".to_owned()),
        1 => Just(String::new()),
    ]
}

/// A family as the reference has it.
fn as_reference(page: &ExternalPage) -> Vec<reference::Family> {
    let parse_line = |name: &str, line: &str| {
        let (mut families, _) = reference::parse(&format!("{name}{line}"));
        let mut sample = families.remove(0).samples.remove(0);
        sample.suffix = line.split(['{', ' ']).next().unwrap().to_owned();
        sample
    };
    let families = page.families.families().map(|family| reference::Family {
        name: family.name().to_owned(),
        kind: family.kind().as_str().to_owned(),
        help: reference::unescape(family.help()),
        samples: family.samples().map(|line| parse_line(family.name(), line)).collect(),
    });
    families.collect()
}

proptest! {
    #[test]
    fn valid_pages_are_parsed_as_by_the_reference(
        lines in prop::collection::vec(any_line(), 0..40),
        piece in 1..60usize,
        end in prop::sample::select(vec!["\n", "\r\n", " \n"]),
    ) {
        let types = ["# TYPE h histogram", "# HELP h Help.", "# TYPE s summary", "# TYPE a_total counter"];
        let text: Vec<_> = types.into_iter().chain(lines.iter().map(String::as_str)).collect();
        let text = text.join(end);
        let page = parse_in(text.as_bytes(), piece, 1000, &Families::default());
        let (mut expected, duplicates) = reference::parse(&text);
        for sample in expected.iter_mut().flat_map(|family| &mut family.samples) {
            // Values are compared as they are written.
            let value = super::line::parse_number(&sample.value).unwrap();
            sample.value = crate::number::with_text(value, str::to_owned);
        }
        prop_assert_eq!(as_reference(&page), expected);
        prop_assert_eq!((page.invalid, page.first_invalid, page.duplicates, page.over_limit), (0, None, duplicates, 0));
    }

    /// Any bytes, in any pieces, are parsed to the same page, and to one that can be parsed again.
    #[test]
    fn pieces_make_no_difference(
        lines in prop::collection::vec(prop_oneof![any_line(), "\\PC{0,12}", "# TYPE [abhs] (gauge|summary|x)"], 0..30),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        piece in 1..60usize,
        limit in 1..20usize,
    ) {
        let mut bytes = lines.join("\n").into_bytes();
        for (index, byte) in noise {
            if !bytes.is_empty() {
                let index = index.index(bytes.len());
                bytes[index] = byte;
            }
        }
        let own = Families::default();
        let (whole, pieces) = (parse_in(&bytes, usize::MAX, limit, &own), parse_in(&bytes, piece, limit, &own));
        prop_assert_eq!(as_reference(&whole), as_reference(&pieces));
        let counts = |page: &ExternalPage| (page.invalid, page.duplicates, page.over_limit, page.first_invalid.clone());
        prop_assert_eq!(counts(&whole), counts(&pieces));
        let len = whole.families.len();
        let mut samples = Samples::new(limit);
        samples.join_page(Arc::new(whole));
        let text = Format::TEXT.write(&own, &[&samples]);
        let again = parse_in(&text, usize::MAX, limit, &own);
        prop_assert_eq!((again.families.len(), again.invalid, again.duplicates, again.over_limit), (len, 0, 0, 0));
    }
}
