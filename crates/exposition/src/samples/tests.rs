//! Tests of samples: labels, duplicates, limits, and the sizes that are reported.

use super::*;
use crate::labels::MAX_VALUE;
use crate::{Families, Format, PageParser};
use proptest::prelude::*;

fn text(samples: &Samples, family: FamilyId) -> Vec<(String, Number)> {
    let text = |labels: &[u8]| String::from_utf8(labels.to_vec()).unwrap();
    let rows: Vec<_> = samples.family(family).map(|(labels, value)| (text(labels), value)).collect();
    assert_eq!(samples.family_len(family), rows.len());
    rows
}

#[test]
fn labels_are_written_escaped_and_empty_ones_left_out() {
    let mut samples = Samples::new(9);
    let base = samples.labels([("uri", &b"a\"b\\c\nd\xff"[..]), ("empty", b"")]);
    let more = samples.extend_labels(base, [("x", &b"1"[..])]);
    let only = samples.extend_labels(Labels::NONE, [("x", &b"1"[..])]);
    let none = samples.labels([("empty", &b""[..])]);
    for labels in [base, more, only, none] {
        assert_eq!(samples.push(0, labels, Number::Unsigned(1)), Pushed::Added);
    }
    let written: Vec<_> = text(&samples, 0).into_iter().map(|(labels, _)| labels).collect();
    assert_eq!(
        written,
        ["{uri=\"a\\\"b\\\\c\\nd\u{fffd}\"}", "{uri=\"a\\\"b\\\\c\\nd\u{fffd}\",x=\"1\"}", "{x=\"1\"}", ""]
    );
}

#[test]
fn the_first_sample_with_the_same_labels_is_kept() {
    let mut samples = Samples::new(2);
    for (family, value, fresh) in [(3, 1, Pushed::Added), (3, 2, Pushed::Duplicate), (4, 3, Pushed::Added)] {
        let labels = samples.labels([("a", &b"x"[..])]);
        assert_eq!(samples.push(family, labels, Number::Signed(value)), fresh);
    }
    assert_eq!(text(&samples, 3), [("{a=\"x\"}".to_owned(), Number::Signed(1))]);
    assert_eq!(text(&samples, 4), [("{a=\"x\"}".to_owned(), Number::Signed(3))]);
    assert_eq!(samples.len(), 2);
    assert_eq!(text(&samples, 99), []);
}

#[test]
fn a_sample_can_use_all_remaining_bytes() {
    for (spare, expected) in [(0, Pushed::Added), (1, Pushed::OverLimit)] {
        let mut samples = Samples::new(9);
        let labels = ["1", "2"].map(|value| samples.labels([("a", value)]));
        for (count, labels) in labels.into_iter().enumerate() {
            // The first sample of a family takes another path than the later ones.
            samples.remaining = LINE + labels.len() - spare;
            assert_eq!(samples.push(0, labels, Number::Unsigned(7)), expected, "sample {count}");
            samples.remaining = 1000;
            samples.push(0, labels, Number::Unsigned(7));
        }
    }
}

proptest! {
    /// In any order and any number, samples are what a set of families and texts would keep.
    #[test]
    fn duplicate_series_are_left_out(pushes in prop::collection::vec((0..3usize, 0..40u8), 0..250), limit in 1..40usize) {
        let mut samples = Samples::new(limit);
        let mut known: Vec<(FamilyId, String)> = Vec::new();
        for (family, label) in pushes {
            // 0 stands for no label, and the last ten for two labels that are written one after the other.
            let value = if label == 0 { String::new() } else { label.to_string() };
            let labels = match label {
                0..30 => samples.labels([("a", value)]),
                _ => {
                    let base = samples.labels([("a", "1")]);
                    samples.extend_labels(base, [("b", value)])
                }
            };
            let text = match label {
                0 => String::new(),
                1..30 => format!("{{a=\"{label}\"}}"),
                _ => format!("{{a=\"1\",b=\"{label}\"}}"),
            };
            let len = known.iter().filter(|(of, _)| *of == family).count();
            let expected = if known.contains(&(family, text.clone())) {
                Pushed::Duplicate
            } else if len >= limit {
                Pushed::OverLimit
            } else {
                known.push((family, text));
                Pushed::Added
            };
            prop_assert_eq!(samples.push(family, labels, Number::Unsigned(1)), expected);
        }
        for family in 0..3 {
            let written: Vec<_> = text(&samples, family).into_iter().map(|(labels, _)| labels).collect();
            let expected: Vec<_> = known.iter().filter(|(of, _)| *of == family).map(|(_, text)| text.clone()).collect();
            prop_assert_eq!(written, expected);
        }
        prop_assert_eq!(samples.len(), known.len());
    }
}

#[test]
fn labels_without_samples_are_removed() {
    let mut samples = Samples::new(1);
    let before = samples.remaining;
    for round in 0..3 {
        let row = samples.checkpoint();
        let labels = samples.labels([("a", "x")]);
        let field = samples.checkpoint();
        let longer = samples.extend_labels(labels, [("b", "y")]);
        let pushed = samples.push(0, longer, Number::Unsigned(1));
        assert_eq!(pushed, if round == 0 { Pushed::Added } else { Pushed::Duplicate });
        samples.rewind(field);
        samples.rewind(row);
    }
    let kept = (before - samples.remaining, samples.labels.len());
    let row = samples.checkpoint();
    let labels = samples.labels([("a", "z")]);
    assert_eq!(samples.push(0, labels, Number::Unsigned(1)), Pushed::OverLimit);
    samples.rewind(row);
    assert_eq!((before - samples.remaining, samples.labels.len()), kept);
    let labels = samples.labels([("a", "z")]);
    assert_eq!(samples.push(1, labels, Number::Unsigned(1)), Pushed::Added);
    assert_eq!(text(&samples, 1)[0].0, "{a=\"z\"}");
}

#[test]
fn all_labels_together_have_a_limit() {
    let mut samples = Samples::new(usize::MAX);
    let too_long = samples.labels([("a", vec![b'x'; MAX_VALUE + 1])]);
    assert_eq!(samples.push(0, too_long, Number::Unsigned(1)), Pushed::OverLimit);
    assert!(samples.labels.len() == 0);
    let long = samples.labels([("a", vec![0xff; MAX_VALUE])]);
    assert!(samples.labels.len() > 3 * MAX_VALUE, "each byte has become three");
    let mut added = 0;
    for number in 0..1000 {
        let labels = samples.extend_labels(long, [("x", format!("{number}"))]);
        added += usize::from(samples.push(0, labels, Number::Unsigned(1)) == Pushed::Added);
    }
    let lines: usize = samples.family(0).map(|(labels, _)| labels.len()).sum();
    assert!(added > 10, "{added}");
    assert!(samples.labels.len() + lines <= MAX_SIZE, "{} + {lines}", samples.labels.len());
    let small = samples.labels([("a", "b")]);
    assert_eq!(samples.push(0, small, Number::Unsigned(1)), Pushed::Added, "a short line still fits");
    let long = samples.push_external("x", ExternalKind::Gauge, &"y".repeat(MAX_SIZE), 1u64.into());
    let short = samples.push_external("x", ExternalKind::Gauge, "y", 1u64.into());
    assert_eq!((long, short), (Pushed::OverLimit, Pushed::Added));
}

#[test]
fn a_family_has_a_limit() {
    let mut samples = Samples::new(2);
    let mut pushed = Vec::new();
    for (family, label) in [(0, "a"), (0, "b"), (0, "c"), (0, "a"), (1, "a")] {
        let labels = samples.labels([("x", label)]);
        pushed.push(samples.push(family, labels, Number::Unsigned(1)));
    }
    use Pushed::{Added, Duplicate, OverLimit};
    assert_eq!(pushed, [Added, Added, OverLimit, Duplicate, Added]);
    assert_eq!((samples.len(), samples.limit()), (3, 2));
}

#[test]
fn the_last_remaining_byte_can_be_used() {
    let mut samples = Samples::new(9);
    let labels = samples.labels([("a", "x")]);
    let line = LINE + labels.len();
    samples.remaining = 2 * line;
    for (family, pushed) in
        [(0, Pushed::Added), (1, Pushed::Added), (2, Pushed::OverLimit), (0, Pushed::Duplicate)]
    {
        assert_eq!(samples.push(family, labels, 1u64.into()), pushed, "{family}");
    }
    samples.remaining = line;
    let more = samples.labels([("a", "x")]);
    assert_eq!((more, samples.remaining), (labels, line), "labels that exist already need no bytes");
    samples.remaining = LINE + 3;
    assert_eq!(samples.push_external("n", ExternalKind::Gauge, "abc", 1u64.into()), Pushed::OverLimit);
    assert_eq!(samples.push_external("n", ExternalKind::Gauge, "ab", 1u64.into()), Pushed::Added);
    assert_eq!(samples.push_external("n", ExternalKind::Gauge, "", 1u64.into()), Pushed::OverLimit);
    assert_eq!(samples.remaining, 0);
}

#[test]
fn labels_use_the_bytes_of_their_text() {
    let mut samples = Samples::new(9);
    samples.remaining = 20;
    let base = samples.labels([("a", "12345")]);
    assert_eq!((base.len(), samples.remaining), (11, 9));
    assert!(samples.extend_labels(base, [("b", "1")]).is_over_limit(), "the base is written once more");
    assert!(samples.labels([("a", "1234")]).is_over_limit());
    let short = samples.labels([("a", "123")]);
    assert_eq!((short.len(), samples.remaining), (9, 0));
    assert!(short.is_later_than(base) && !base.is_later_than(short) && !short.is_later_than(short));
    let after = samples.extend_labels(short, [("c", "x")]);
    assert!(after.is_over_limit() && samples.extend_labels(after, [("c", "x")]).is_over_limit());
    assert_eq!(samples.labels.len(), 20, "what exceeds the limit leaves no text");
}

#[test]
fn the_longest_value_fits() {
    let mut samples = Samples::new(9);
    assert!(!samples.labels([("a", vec![b'x'; MAX_VALUE])]).is_over_limit());
    assert!(samples.labels([("a", vec![b'x'; MAX_VALUE + 1])]).is_over_limit());
}

#[test]
fn sizes_are_counted() {
    let mut samples = Samples::for_scrape(9);
    assert!(samples.is_empty() && samples.written_len() == 0);
    let empty = samples.memory();
    assert!(empty >= TYPICAL / SAMPLES_PER_LABELS * size_of::<(u64, Labels)>(), "{empty}");
    assert_eq!(Samples::new(9).memory(), 0);
    assert!(samples.samples.capacity() >= TYPICAL && samples.chain_of.capacity() >= TYPICAL);
    let chains = samples.chains.capacity();
    assert!((TYPICAL / SAMPLES_PER_FAMILY..TYPICAL / 2).contains(&chains), "{chains}");
    let labels = samples.labels([("a", "x")]);
    samples.push(7, labels, 1u64.into());
    samples.push(3, labels, 0.5.into());
    samples.push(7, Labels::NONE, 2u64.into());
    assert_eq!((samples.len(), samples.is_empty()), (3, false));
    assert_eq!(samples.families().collect::<Vec<_>>(), [7, 3]);
    assert_eq!(samples.written_len(), 3 * LINE + 2 * labels.len());
    assert_eq!(samples.memory() - empty, 3 * size_of::<Sample>() + labels.len());
    samples.push_external("x", ExternalKind::Gauge, "", 1u64.into());
    assert!(
        samples.memory() - empty > 3 * size_of::<Sample>() + labels.len() + samples.external.memory() / 2
    );
    assert_eq!((samples.len(), samples.external_len(), samples.external().len()), (3, 1, 1));
}

#[test]
fn a_page_loses_the_families_that_were_pushed() {
    let families = Families::default();
    let mut parser = PageParser::new(9, &families);
    parser.parse(b"a 1\nb{x=\"1\"} 2\nb{x=\"2\"} 2\n# TYPE h histogram\nh_sum 3\nh_count 3\nc 4\n");
    let page = Arc::new(parser.finish());
    for (pushed, left_out, written) in [
        (
            &["z"][..],
            0,
            "z 1\na 1\nb{x=\"1\"} 2\nb{x=\"2\"} 2\n# TYPE h histogram\nh_sum 3\nh_count 3\nc 4\n",
        ),
        (&["c", "b"], 3, "c 1\nb 1\na 1\n# TYPE h histogram\nh_sum 3\nh_count 3\n"),
        (&["h_bucket"], 2, "h_bucket 1\na 1\nb{x=\"1\"} 2\nb{x=\"2\"} 2\nc 4\n"),
    ] {
        let mut samples = Samples::new(9);
        for name in pushed {
            assert_eq!(
                samples.push_external(name, ExternalKind::Unspecified, "", 1u64.into()),
                Pushed::Added
            );
        }
        assert_eq!(samples.join_page(page.clone()), left_out, "{pushed:?}");
        let text = Format::TEXT.write(&families, &[&samples]);
        assert_eq!(String::from_utf8(text).unwrap(), written);
        assert_eq!(samples.external_len(), pushed.len() + 6 - left_out as usize);
        assert_eq!(samples.len(), 0);
    }
}
