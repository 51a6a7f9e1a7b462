//! Measures the processing of a reply, stage by stage: `cargo bench -p kamailio_exporter`.

mod support;

use std::time::{Duration, Instant};
use support::{Reply, Stage};

fn main() {
    for reply in Reply::all() {
        println!("{}: {} bytes", reply.name, reply.body.len());
        for stage in Stage::ALL {
            let (time, bytes) = measure(&reply, stage);
            let rate = bytes as f64 / 1e9 / time.as_secs_f64();
            println!(
                "  {:<8} {time:>10.2?}  {rate:>6.2} GB/s of the page's {bytes} bytes",
                format!("{stage:?}")
            );
        }
    }
}

/// Takes the best of many rounds, because the machine may be busy.
fn measure(reply: &Reply, stage: Stage) -> (Duration, usize) {
    let once = reply_time(reply, stage, 1).0.max(Duration::from_nanos(1));
    // Earlier stages run once, and are not measured.
    let times = (Duration::from_millis(10).as_nanos() / once.as_nanos()).clamp(10, 10_000) as usize;
    let begin = Instant::now();
    let mut best = (Duration::MAX, 0);
    while begin.elapsed() < Duration::from_millis(300) {
        let (none, _) = reply_time(reply, stage, 0);
        let (all, bytes) = reply_time(reply, stage, times);
        best = best.min((all.saturating_sub(none) / times as u32, bytes));
    }
    best
}

fn reply_time(reply: &Reply, stage: Stage, times: usize) -> (Duration, usize) {
    let begin = Instant::now();
    let bytes = reply.run(stage, times);
    (begin.elapsed(), bytes)
}
