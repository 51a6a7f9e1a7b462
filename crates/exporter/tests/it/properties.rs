use crate::golden::is_stable;
use crate::support::Exporter;
use fake_kamailio::{Captures, Fake, body};
use kamailio_binrpc::Arg;
use kamailio_binrpc::wire::Nodes;
use kamailio_exporter::internals::{ALL, CallContext, Capabilities, catalogue, extract, merge_page};
use prometheus_exposition::Format;
use prometheus_exposition::Samples;
use prometheus_exposition::{Kind as MetricKind, Number};
use proptest::prelude::*;
use std::time::Duration;
use testbed::{Syntax, check_exposition};

/// Checks that the page is valid in both formats and has all samples.
fn check(parts: &[&Samples]) {
    let expected: usize = parts.iter().map(|samples| samples.external_len() + samples.len()).sum();
    for (accept, syntax) in
        [("text/plain", Syntax::Text), ("application/openmetrics-text;version=1.0.0", Syntax::OpenMetrics)]
    {
        let page = Format::negotiate(accept).write(catalogue().families(), parts);
        let count = check_exposition(&page, syntax);
        assert_eq!(count, Ok(expected), "{}", String::from_utf8_lossy(&page));
    }
}

fn any_number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<u64>().prop_map(Number::Unsigned),
        any::<i64>().prop_map(Number::Signed),
        any::<f64>().prop_map(Number::Float),
        Just(Number::Float(f64::NAN)),
        Just(Number::Float(f64::NEG_INFINITY)),
    ]
}

/// Returns a sample of each family of ours, with a unique label.
fn one_sample_of_each_family() -> Samples {
    let mut samples = Samples::new(1);
    for family in 0..catalogue().families().len() {
        let labels = samples.labels([("only", "here")]);
        samples.push(family, labels, Number::Unsigned(1));
    }
    samples
}

/// Generates label values, valid and invalid.
fn any_label() -> impl Strategy<Value = Vec<u8>> {
    let special = prop::sample::select(&b"\"\\\n\r\0{},= \xff\xc3\xa9a"[..]);
    prop_oneof![prop::collection::vec(special, 0..6), prop::collection::vec(any::<u8>(), 0..6)]
}

/// Generates lines of external pages, most of them with the same few names.
fn any_line() -> impl Strategy<Value = String> {
    let name =
        || prop_oneof![Just("a"), Just("b"), Just("a_total"), Just("a_total_total"), Just("kamailio_up")];
    let suffix =
        prop_oneof![Just(""), Just(""), Just("_sum"), Just("_count"), Just("_bucket"), Just("_total")];
    let labels = prop_oneof![
        Just(""),
        Just("{}"),
        Just("{x=\"\"}"),
        Just("{x=\"1\",y=\"2\"}"),
        Just("{y=\"2\",x=\"1\"}"),
        Just("{__name__=\"b\"}"),
        Just("{le=\"+Inf\"}")
    ];
    let kind =
        prop_oneof![Just("counter"), Just("gauge"), Just("histogram"), Just("summary"), Just("untyped")];
    let value = prop_oneof![Just("1"), Just("-1.5e3"), Just("NaN"), Just("+Inf"), Just("2 1795355190000")];
    prop_oneof![
        3 => (name(), suffix, labels, value).prop_map(|(name, suffix, labels, value)| format!("{name}{suffix}{labels} {value}")),
        2 => (name(), kind).prop_map(|(name, kind)| format!("# TYPE {name} {kind}")),
        1 => (name(), "[ -~\u{e9}]{0,8}").prop_map(|(name, help)| format!("# HELP {name} {help}")),
        1 => "\\PC{0,12}",
    ]
}

/// Generates names of statistics, among them those that collide with families of ours.
fn any_statistic() -> impl Strategy<Value = String> {
    let ours = catalogue().families().iter().filter_map(|announced| {
        let (group, name) = announced.sample_name().strip_prefix("kamailio_")?.split_once('_')?;
        Some(format!("{group}.{name}"))
    });
    let ours: Vec<String> = ours.collect();
    prop_oneof![
        "(core|script|tm|exporter|up)?[.]?[a-z_]{0,6}(_total|_seconds|_bytes)?",
        prop::sample::select(ours),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Holds for all families, labels and numbers.
    #[test]
    fn expositions_of_any_samples_are_valid(
        pushed in prop::collection::vec((any::<prop::sample::Index>(), any_label(), any_label(), any_number()), 0..60),
        limit in 1..40_usize,
    ) {
        let mut samples = Samples::new(limit);
        let families = catalogue().families();
        for (family, first, second, number) in pushed {
            let family = family.index(families.len());
            // Extraction never pushes a negative counter.
            if families[family].family().kind == MetricKind::Counter && !number.is_counter_value() {
                continue;
            }
            let base = samples.labels([("first", &first)]);
            let labels = samples.extend_labels(base, [("second", &second)]);
            samples.push(family, labels, number);
        }
        check(&[&samples]);
    }

    /// Holds for all external pages.
    #[test]
    fn expositions_with_any_external_page_are_valid(lines in prop::collection::vec(any_line(), 0..24)) {
        let mut samples = Samples::new(20);
        merge_page(lines.join("\n").as_bytes(), 20, &mut samples);
        check(&[&samples]);
    }

    /// Holds for all names and values of statistics.
    #[test]
    fn expositions_of_any_statistics_are_valid(
        statistics in prop::collection::vec(
            (any_statistic(), "-?[0-9]{0,20}"),
            0..30,
        ),
    ) {
        let row: Vec<_> =
            statistics.iter().map(|(name, value)| (Some(name.as_str()), Arg::from(value.as_str()))).collect();
        let body = body(&[Arg::Struct(&row)]);
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        let mut samples = Samples::new(20);
        for (index, collector) in ALL.iter().enumerate().filter(|(_, found)| found.method == "stats.fetch") {
            let (families, arguments, capabilities) = (catalogue().collector(index), [], Capabilities::default());
            let (arguments, capabilities) = (&arguments, &capabilities);
            let parameters = &["name".to_owned()];
            let call =
                CallContext { collector, families, arguments, capabilities, extra_fields: true, parameters };
            extract(call, nodes.members(&body), &mut samples);
        }
        check(&[&samples, &one_sample_of_each_family()]);
    }
}

/// The page does not depend on how replies are divided into pieces, nor on when they arrive.
#[test]
fn pages_are_a_function_of_the_replies() {
    let page = |prepare: &dyn Fn(&Fake)| -> Vec<String> {
        let fake = Fake::replay(Captures::of("5.6.3"));
        prepare(&fake);
        let exporter = Exporter::start(&["-u", &fake.unix(), "-m", "all", "-t", "60s"]);
        // The second scrape makes other calls than the first, which learns what there is.
        let pages = [exporter.exposition(), exporter.exposition()].join("");
        pages.lines().filter(|line| is_stable(line)).map(str::to_owned).collect()
    };
    let expected = page(&|_| {});
    assert!(expected.len() > 2_000, "{}", expected.len());
    for bytes in [1, 7, 64, 1_000] {
        assert!(
            page(&|fake| fake.chop(bytes, Duration::ZERO)) == expected,
            "pieces of {bytes} bytes make a difference"
        );
    }
    for (index, method) in ["core.uptime", "system.listMethods", "tm.stats", "stats.fetch"].iter().enumerate()
    {
        let delay = Duration::from_millis(20 * index as u64 + 5);
        assert!(
            page(&|fake| fake.delay_method(method, delay)) == expected,
            "{method} late makes a difference"
        );
    }
    assert!(page(&|fake| fake.delay(Duration::from_millis(1))) == expected, "late replies make a difference");
}
