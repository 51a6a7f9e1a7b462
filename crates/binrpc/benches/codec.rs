//! Decoding and encoding speed on recorded replies: `cargo bench -p kamailio-binrpc`.

use kamailio_binrpc::wire::{self, Nodes};
use kamailio_binrpc::{Arg, Cookie, Members};
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for name in ["dispatcher.list.1000dest", "stats.fetch_all", "ul.dump", "tm.stats"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../captures/5.6.3/{name}.reply"));
        let packet = std::fs::read(&file)?;
        let header = wire::header(&packet)?.ok_or("half a header")?;
        let body = &packet[header.header_len..];
        let mut nodes = Nodes::new();
        let decode = measure(|| nodes.decode(black_box(body)).map_err(drop));
        let walk = measure(|| {
            black_box(walk(nodes.members(body)));
            Ok(())
        });
        println!("{name}: {} bytes, {} values", body.len(), walk_count(nodes.members(body)));
        println!("  decode {:>8.2?}  {:>6.0} MB/s", decode, rate(body.len(), decode));
        println!("  walk   {:>8.2?}  {:>6.0} MB/s", walk, rate(body.len(), walk));
    }
    let mut out = Vec::new();
    let encode = measure(|| {
        out.clear();
        let args = [Arg::from("core:"), Arg::from("tmx:"), Arg::from("sl:")];
        wire::encode_request(Cookie(0x1bad_cafe), black_box("stats.fetch"), &args, &mut out).map_err(drop)
    });
    println!("encode of a call with three arguments: {encode:.2?}");
    Ok(())
}

/// The best of many: others use the machine too.
fn measure(mut run: impl FnMut() -> Result<(), ()>) -> Duration {
    let once = |run: &mut dyn FnMut() -> Result<(), ()>| {
        let begin = Instant::now();
        run().map(|()| begin.elapsed()).unwrap_or(Duration::MAX)
    };
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_millis(500) {
        best = best.min(once(&mut run));
    }
    best
}

fn rate(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

fn walk(members: Members<'_>) -> u64 {
    members.iter().fold(0, |sum, member| {
        let bytes = member.value.as_bytes().map_or(0, <[u8]>::len) as u64;
        let inner = member.value.members().map_or(0, walk);
        sum + member.name.map_or(0, <[u8]>::len) as u64 + bytes + inner + member.value.as_u64().unwrap_or(0)
    })
}

fn walk_count(members: Members<'_>) -> usize {
    members.iter().map(|member| 1 + member.value.members().map_or(0, walk_count)).sum()
}
