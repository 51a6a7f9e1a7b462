//! The cost of the status page: what its history adds to each scrape, and rendering 500 destinations.

use crate::row;
use bench::http::Http;
use bench::median;
use bench::process::{Exporter, cpu};
use kamailio_exporter::internals::{Deadline, Instance, Selection, Settings, Target, catalogue};
use prometheus_exposition::Format;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use testbed::Kamailio;

/// Compares scrapes with a history with those without one, in turns, and measures a page.
pub(crate) fn measure(binary: &str, rounds: usize) {
    let kamailio = Kamailio::start();
    let _traffic = kamailio.background_traffic();
    history("the default methods", &kamailio.unix(), rounds);
    let many = Kamailio::builder().destinations(DESTINATIONS).start();
    history("500 destinations", &many.unix(), rounds);
    let exporter = Exporter::start_with(binary, &["-u", &many.unix()]);
    let mut http = Http::connect(&exporter.address, "").expect("it listens");
    for _ in 0..20 {
        http.get();
    }
    for path in ["/", "/-/status"] {
        let (before, mut size) = (cpu(exporter.pid()), 0);
        for _ in 0..PAGES {
            size = http.get_page(path);
            thread::sleep(UNSHARED);
        }
        let milliseconds = (cpu(exporter.pid()) - before) * 1e3 / f64::from(PAGES);
        let what = format!("CPU, 500 destinations, {path}, ms");
        row(&what, std::iter::once(format!("{milliseconds:.2} ({} KiB)", size / 1024)), "<= 5");
    }
}

/// Prints by how much the history makes a scrape slower.
fn history(what: &str, uri: &str, rounds: usize) {
    let target: Target = uri.parse().expect("the address of a Kamailio");
    let selection = Arc::new(Selection::parse("auto").expect("a selection"));
    let settings = Arc::new(Settings {
        selection: selection.clone(),
        max_series: 10_000,
        dispatcher_set_names: Vec::new(),
    });
    let with = Instance::new(target.clone(), settings.clone());
    let without = Instance::without_history(target, settings);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let scrape = |instance: &Arc<Instance>| {
        let run = instance.scrape(selection.clone(), Deadline::after(Duration::from_secs(5)));
        let scrape = runtime.block_on(run);
        assert!(scrape.responded, "Kamailio responds");
        Format::TEXT.write(catalogue().families(), &[&scrape.samples])
    };
    let mut results: [[Vec<f64>; 2]; 2] = Default::default();
    for round in 0..rounds * TURNS {
        // Short turns alternate, so that other load on the machine affects both.
        for index in [round % 2, 1 - round % 2] {
            let instance = [&without, &with][index];
            let ([times, processor], before) = (&mut results[index], cpu(std::process::id()));
            for _ in 0..SCRAPES {
                times.push(crate::seconds(|| drop(scrape(instance))));
            }
            processor.push((cpu(std::process::id()) - before) / f64::from(SCRAPES));
        }
    }
    for (figure, index) in [("p50", 0), ("CPU", 1)] {
        let [without, with] = [0, 1].map(|kind| median(&mut results[kind][index]) * 1e6);
        let change = (with / without - 1.0) * 100.0;
        let figure = format!("history, {figure}, {what}");
        row(&figure, std::iter::once(format!("{without:.1} -> {with:.1} us, {change:+.1}%")), "<= +3%");
    }
}

/// Turns of a round, and the scrapes of a turn.
const TURNS: usize = 50;
const SCRAPES: u32 = 40;
const DESTINATIONS: u16 = 500;
const PAGES: u32 = 40;
/// Longer than the time for which requests share a page of less than 10 ms.
const UNSHARED: Duration = Duration::from_millis(120);
