//! Pages that are crafted to use much memory or time.

use crate::external::page::MAX_LINE;
use crate::{ExternalFamilies, Families, Format, PageParser, Samples};
use std::fmt::Write as _;
use std::sync::Arc;

/// A sixteenth of the most that the exporter fetches, so that the tests are fast: the limit is made smaller, too.
const PAGE: usize = (4 << 20) / 16;
const MAX_SIZE: usize = ExternalFamilies::MAX_SIZE / 16;

/// Repeats a line with a number in it until the page is full.
fn page(line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut page = String::new();
    (0..)
        .take_while(|number| {
            page.push_str(&line(*number));
            page.len() < PAGE
        })
        .for_each(drop);
    page.truncate(PAGE);
    page.into_bytes()
}

/// A name of five letters.
fn name(number: usize) -> String {
    let letter = |digit: u32| char::from(b'a' + (number / 26usize.pow(digit) % 26) as u8);
    (0..5).map(letter).collect()
}

fn many_labels(number: usize) -> String {
    let mut line = String::from("x{");
    (0..64).for_each(|label| write!(line, "l{label}=\"{number}\",").unwrap());
    line + "} 1\n"
}

fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("one family a line", page(|number| format!("{} 1\n", name(number)))),
        ("one series a line", page(|number| format!("a{{b=\"{number}\"}} 1\n"))),
        ("one series for all lines", page(|_| "aaaaa 1\n".to_owned())),
        ("64 labels", page(many_labels)),
        (
            "64 labels, one series in two orders",
            page(|number| {
                let mut labels: Vec<_> = (0..64).map(|label| format!("l{label}=\"\\\"\"")).collect();
                labels.rotate_left(number % 64);
                format!("x{{{}}} 1\n", labels.join(","))
            }),
        ),
        ("HELP of different families", page(|number| format!("# HELP {} x\n", name(number)))),
        ("HELP of one family", page(|number| format!("# HELP x {number}\n"))),
        ("HELP of quotes", page(|number| format!("# HELP {} {}\n{0} 1\n", name(number), "\"".repeat(5_000)))),
        ("TYPE", page(|number| format!("# TYPE {} histogram\n", name(number)))),
        ("histograms", page(|number| format!("# TYPE {0} histogram\n{0}_sum 1\n", name(number)))),
        ("invalid lines", page(|_| "x\n".to_owned())),
        ("empty lines", vec![b'\n'; PAGE]),
        ("one line", vec![b'x'; PAGE]),
        ("long lines", page(|number| format!("x{{a=\"{number}{}\"}} 1\n", "v".repeat(40_000)))),
        ("long names", page(|number| format!("{}{} 1\n", "n".repeat(60_000), name(number)))),
        (
            "invalid UTF-8",
            page(|number| format!("x{{a=\"{number}{}\"}} 1\n", "\u{1}".repeat(10_000)))
                .into_iter()
                .map(|byte| if byte == 1 { 0xff } else { byte })
                .collect(),
        ),
        ("long numbers", page(|number| format!("{} 1e20\n", name(number)))),
        ("small numbers", page(|number| format!("a{{b=\"{number}\"}} 1e-7\n"))),
        ("empty labels", page(|_| format!("x{{{}}} 1\n", "a=\"\",".repeat(1_000)))),
    ]
}

/// Whatever a page looks like, its memory has a limit, and so has its exposition.
#[test]
fn every_shape_of_a_page_has_a_limit() {
    let families = Families::default();
    for (shape, page) in shapes() {
        let mut parser = PageParser::new(usize::MAX, &families);
        parser.families().set_remaining(MAX_SIZE);
        let mut most = 0;
        for piece in page.chunks(4 << 10) {
            parser.parse(piece);
            most = most.max(parser.memory());
        }
        let page = parser.finish();
        assert!(most <= MAX_SIZE * 9 / 8 + MAX_LINE, "{shape}: {most} bytes of memory");
        assert!(page.families.written_len() <= MAX_SIZE, "{shape}");
        let announced = page.families.written_len();
        let mut samples = Samples::new(9);
        samples.join_page(Arc::new(page));
        for format in [Format::TEXT, Format::OPENMETRICS] {
            let written = format.write(&families, &[&samples]).len();
            assert!(written <= announced + 6, "{shape}: {written} bytes, {announced} announced");
        }
    }
}

/// A page of a usual shape is not cut.
#[test]
fn a_full_page_of_usual_lines_fits() {
    let families = Families::default();
    let page = page(|number| format!("my_jobs_total{{queue=\"q{number}\"}} {number}\n"));
    let lines = page.iter().filter(|byte| **byte == b'\n').count();
    assert!(page.len() / lines > 32);
    let mut parser = PageParser::new(usize::MAX, &families);
    parser.families().set_remaining(MAX_SIZE);
    parser.parse(&page);
    let page = parser.finish();
    assert_eq!((page.over_limit, page.families.len()), (0, lines));
}
