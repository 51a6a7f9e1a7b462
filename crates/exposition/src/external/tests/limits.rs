//! Numbers of families and samples, lengths of lines.

use super::{lines, parse, parse_in};
use crate::external::page::MAX_LINE;
use crate::{ExternalFamilies, ExternalKind, Families, PageParser, Pushed};

#[test]
fn families_and_their_samples_have_a_limit() {
    let text =
        "a{x=\"1\"} 1\na{x=\"2\"} 1\na{x=\"3\"} 1\na{x=\"1\"} 1\nb 1\nc 1\nc{x=\"1\"} 1\n# TYPE d gauge\n";
    let page = parse_in(text.as_bytes(), usize::MAX, 2, &Families::default());
    assert_eq!(lines(&page.families), ["a{x=\"1\"} 1", "a{x=\"2\"} 1", "b 1"]);
    assert_eq!((page.duplicates, page.over_limit, page.invalid), (0, 4, 0));
}

/// Long labels are counted once, so that the limit on bytes is used up.
#[test]
fn long_labels_fit_until_the_limit_is_reached() {
    let own = Families::default();
    let mut parser = PageParser::new(1000, &own);
    for number in 0..200 {
        parser.parse(format!("x{{a=\"{number}{}\"}} 1\n", "v".repeat(100_000)).as_bytes());
    }
    let page = parser.finish();
    let remaining = page.families.remaining();
    assert!(
        page.over_limit > 0 && remaining < 100_100,
        "{remaining} bytes of {} samples",
        page.families.len()
    );
}

#[test]
fn a_line_has_a_limit() {
    let value = |len: usize| format!("x{{a=\"{}\"}} 1", "v".repeat(len - 9));
    for (len, fits) in [(MAX_LINE - 1, true), (MAX_LINE, true), (MAX_LINE + 1, false), (3 * MAX_LINE, false)]
    {
        let text = format!("before 1\n{}\nafter 1\n", value(len));
        for piece in [1 << 10, MAX_LINE, usize::MAX] {
            let page = parse_in(text.as_bytes(), piece, 9, &Families::default());
            assert_eq!(
                (page.families.len(), page.invalid),
                (2 + usize::from(fits), u64::from(!fits)),
                "{len} {piece}"
            );
            if let Some(first) = page.first_invalid {
                assert_eq!((first.line.len(), first.reason), (80, "longer than 128 KiB"));
                assert!(first.line.starts_with("x{a=\"vvv"));
            }
        }
        let page = parse_in(value(len).as_bytes(), 1 << 10, 9, &Families::default());
        assert_eq!(
            (page.families.len(), page.invalid),
            (usize::from(fits), u64::from(!fits)),
            "without a line feed"
        );
    }
}

#[test]
fn the_first_invalid_line_is_quoted_without_blanks_around_it() {
    let page = parse("ok 1\n  <b\u{e9}> \r\n1x 1\n");
    let first = page.first_invalid.unwrap();
    assert_eq!((page.invalid, first.line.as_str(), first.reason), (2, "<b\u{e9}>", "no value"));
    let page = parse_in(b"x{a=\"\xff\"} 1\nx\xff 1\n", usize::MAX, 9, &Families::default());
    assert_eq!((lines(&page.families), page.invalid), (vec!["x{a=\"\u{fffd}\"} 1".to_owned()], 1));
}

#[test]
fn samples_beyond_the_limit_are_left_out() {
    let mut families = ExternalFamilies::new(usize::MAX);
    let before = families.remaining();
    assert_eq!(families.push("x", ExternalKind::Gauge, "four", 7u64.into()), Pushed::Added);
    // The name is in three lines and in memory, the help is counted twice for its quotes.
    let taken = before - families.remaining();
    assert_eq!((taken, families.written_len()), (80 + 2 + 8 + 24 + 4, 30 + 2 + 8 + 4));
    families.set_remaining(24 + 2 + 32);
    assert_eq!(families.push("x", ExternalKind::Gauge, "", 8u64.into()), Pushed::Duplicate);
    assert_eq!(families.push("yy", ExternalKind::Gauge, "", 8u64.into()), Pushed::OverLimit);
    families.set_remaining(1 << 10);
    assert_eq!(
        families.push("z", ExternalKind::Gauge, "", 8u64.into()),
        Pushed::OverLimit,
        "its type may be lost"
    );
}

#[test]
fn the_last_remaining_byte_can_be_used() {
    for (remaining, expected) in
        [(82, Pushed::OverLimit), (82 + 56, Pushed::OverLimit), (82 + 57, Pushed::Added)]
    {
        let mut families = ExternalFamilies::new(usize::MAX);
        families.set_remaining(remaining);
        assert_eq!(families.push("x", ExternalKind::Gauge, "", 7u64.into()), expected, "{remaining}");
    }
}

#[test]
fn memory_is_counted() {
    let families = Families::default();
    let mut parser = PageParser::new(1_000_000, &families);
    assert_eq!(parser.memory(), 0);
    let line = |number: usize| format!("some_metric_{}{{label=\"{number}\"}} 1\n", number % 100);
    let mut len = 0;
    for number in 0..10_000 {
        let line = line(number);
        len += line.len();
        parser.parse(line.as_bytes());
    }
    let memory = parser.memory();
    // Each has a record of 16 bytes, and an entry of five bytes in a table that is not full.
    assert!(memory > len - 10_000 * "some_metric_12".len() + 10_000 * 21, "{memory} for {len}");
    assert!(memory < len + 10_000 * 40, "{memory} for {len}");
    parser.parse(&[b'x'; 10_000]);
    assert!(parser.memory() >= memory + 10_000, "the beginning of a line counts");
    assert_eq!(parser.finish().families.len(), 10_000);
}

#[test]
fn the_memory_of_families_is_counted() {
    let families = Families::default();
    let memory = |line: fn(usize) -> String| {
        let mut parser = PageParser::new(1_000_000, &families);
        (0..10_000).for_each(|number| parser.parse(line(number).as_bytes()));
        parser.memory() as f64 / 10_000.0
    };
    let as_samples = memory(|number| format!("a{{n=\"{number:05}\"}} 1\n"));
    let as_families = memory(|number| format!("a{number:05} 1\n"));
    // A family has a record of 36 bytes and an entry of five bytes in a table that is not full, but its line is shorter.
    assert!((36.0..60.0).contains(&(as_families - as_samples)), "{as_families} {as_samples}");
}
