//! External metrics pages that are made to take memory or time: each has the largest size.

use crate::support::Exporter;
use crate::support::client::{THIS_THREAD, processor_delay};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A server whose page can be changed.
struct Server {
    url: String,
    page: Arc<Mutex<Vec<u8>>>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let (page, requests) = (Arc::new(Mutex::new(b"small 1\n".to_vec())), Arc::new(AtomicUsize::new(0)));
        let (served, counted) = (page.clone(), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, served) = (stream.unwrap(), served.clone());
                counted.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || serve(stream, &served));
            }
        });
        Self { url, page, requests }
    }
}

/// Sends the page in two parts, so that requests that come a little later share it.
fn serve(mut stream: TcpStream, page: &Mutex<Vec<u8>>) {
    let head = BufReader::new(stream.try_clone().unwrap()).lines();
    head.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
    let page = page.lock().unwrap().clone();
    let (first, second) = page.split_at(page.len() / 2);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", page.len());
    let _ = stream.write_all(&[head.as_bytes(), first].concat());
    thread::sleep(Duration::from_millis(200));
    let _ = stream.write_all(second);
}

/// Returns a page of 4 MiB: a line for each number.
fn page(line: impl Fn(usize) -> String) -> Vec<u8> {
    let mut page = String::new();
    for number in 0.. {
        let line = line(number);
        if page.len() + line.len() > PAGE {
            break;
        }
        page += &line;
    }
    page.into_bytes()
}

/// Returns a name of five letters.
fn name(number: usize) -> String {
    (0..5).map(|digit| char::from(b'a' + (number / 26usize.pow(digit) % 26) as u8)).collect()
}

fn labels(number: usize) -> String {
    let mut line = String::from("x{");
    (0..64).for_each(|label| write!(line, "l{label}=\"{number}\",").unwrap());
    line + "} 1\n"
}

fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("524,288 lines, one series", page(|_| "aaaaa 1\n".to_owned())),
        ("524,288 lines, as many families", page(|number| format!("{} 1\n", name(number)))),
        ("as many series of one family as fit", page(|number| format!("a{{b=\"{number}\"}} 1\n"))),
        ("64 labels a sample", page(labels)),
        ("only HELP lines", page(|number| format!("# HELP {} x\n", name(number)))),
        ("only TYPE lines", page(|number| format!("# TYPE {} histogram\n", name(number)))),
        ("only line feeds", vec![b'\n'; PAGE]),
        ("one line", vec![b'x'; PAGE]),
        ("bytes that are not UTF-8", [b"x{a=\"", &[0xff; 100_000][..], b"\"} 1\n"].concat().repeat(41)),
        ("numbers that become longer", page(|number| format!("a{{b=\"{number}\"}} 1e-7\n"))),
        (
            "help of quotes",
            page(|number| format!("# HELP {0} {1}\n{0} 1\n", name(number), "\"".repeat(60_000))),
        ),
    ]
}

/// Runs a function, and returns the peak of the program's memory and its longest response time meanwhile. The time in which
/// the serving thread or this one waited for a processor is not counted.
fn watch(exporter: &Exporter, run: impl FnOnce()) -> (f64, Duration) {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watched = scope.spawn(|| {
            let (mut most, mut longest) = (0.0f64, Duration::ZERO);
            let serving = exporter.serving_thread();
            let waited = || processor_delay(&serving) + processor_delay(THIS_THREAD);
            while !is_done.load(Ordering::SeqCst) {
                let (start, before) = (Instant::now(), waited());
                assert_eq!(exporter.get("/-/healthy").status, 200);
                let response = start.elapsed().saturating_sub(waited() - before);
                (most, longest) = (most.max(exporter.memory()), longest.max(response));
                thread::sleep(Duration::from_millis(2));
            }
            (most, longest)
        });
        // Otherwise a failed assertion would leave the other thread running.
        let ended = catch_unwind(AssertUnwindSafe(run));
        is_done.store(true, Ordering::SeqCst);
        assert!(ended.is_ok());
        watched.join().unwrap()
    })
}

#[test]
fn no_page_takes_more_than_16_mib_however_many_requests_wait_for_it() {
    for (shape, content) in shapes() {
        let server = Server::start();
        let exporter = Exporter::start(&[
            "-u",
            "unix:/nonexistent/ctl",
            "-t",
            "60s",
            "--collector.max-series",
            "1000000",
            "--kamailio.custom-metrics-url",
            &server.url,
        ]);
        assert!(exporter.exposition().contains("\nsmall 1\n"));
        let before = exporter.memory();
        *server.page.lock().unwrap() = content;
        let start = Instant::now();
        let (one, longest) = watch(&exporter, || {
            let encoding = [("Accept-Encoding", "gzip")];
            assert_eq!(exporter.request("GET", "/metrics", &encoding).status, 200);
        });
        let once = start.elapsed();
        let fetched = server.requests.load(Ordering::SeqCst);
        let (all, longest_of_all) = watch(&exporter, || {
            thread::scope(|scope| {
                for collector in COLLECTORS {
                    for selection in
                        [format!("exclude[]={collector}"), format!("collect[]=custom&collect[]={collector}")]
                    {
                        let exporter = &exporter;
                        let path = format!("/metrics?{selection}");
                        scope.spawn(move || assert_eq!(exporter.get(&path).status, 200, "{path}"));
                    }
                }
            });
        });
        let fetched = server.requests.load(Ordering::SeqCst) - fetched;
        thread::sleep(Duration::from_millis(100));
        let mib = |bytes: f64| (bytes - before) / 1_048_576.0;
        let (one, all, stays) = (mib(one), mib(all), mib(exporter.memory()));
        println!(
            "{shape}: {one:.1} MiB for one request in {once:.0?}, {all:.1} for {} selections, {stays:.1} stay; \
             {fetched} fetched; responds within {longest:.0?} and {longest_of_all:.0?}",
            2 * COLLECTORS.len()
        );
        assert!(longest < MAX_HELD, "{shape}: a request waited for {longest:?}");
        assert!(
            one < 16.0 && all < 16.0 + REQUEST_OVERHEAD_MIB,
            "{shape}: {one} MiB for one request, {all} for all"
        );
        assert_eq!(fetched, 1, "{shape}");
    }
}

#[test]
fn concurrent_fetches_of_rtpengines_page_share_their_memory() {
    let server = Server::start();
    let exporter = Exporter::start(&[
        "-u",
        "unix:/nonexistent/ctl",
        "-t",
        "60s",
        "--rtpengine.metrics-url",
        &server.url,
    ]);
    assert_eq!(exporter.get("/rtpengine").text(), "small 1\n");
    let before = exporter.memory();
    *server.page.lock().unwrap() = page(|number| format!("a{{b=\"{number}\"}} 1\n"));
    let (most, longest) = watch(&exporter, || {
        thread::scope(|scope| {
            for number in 0..40 {
                let exporter = &exporter;
                // A request does not join a fetch that ends after its own deadline.
                let timeout = (60 - number).to_string();
                scope.spawn(move || {
                    let headers = [("X-Prometheus-Scrape-Timeout-Seconds", timeout.as_str())];
                    let answer = exporter.request("GET", "/rtpengine", &headers);
                    assert!(
                        answer.status == 200 || answer.text().contains("all pages share"),
                        "{}",
                        answer.status
                    );
                });
                // The requests arrive in this order.
                let end = Instant::now() + Duration::from_millis(50);
                while server.requests.load(Ordering::SeqCst) < number + 2 && Instant::now() < end {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        });
    });
    let most = (most - before) / 1_048_576.0;
    let fetched = server.requests.load(Ordering::SeqCst) - 1;
    println!("rtpengine: {most:.1} MiB for {fetched} fetches; responds within {longest:.0?}");
    assert!(fetched > 10 && most < 16.0 + REQUEST_OVERHEAD_MIB, "{most} MiB for {fetched} fetches");
    assert_eq!(exporter.get("/rtpengine").status, 200);
}

/// The longest that a page may keep another request waiting.
const MAX_HELD: Duration = Duration::from_millis(20);
/// The size limit of external pages.
const PAGE: usize = 4 << 20;
/// MiB for connections, for the other samples of the expositions (34 requests for an empty page take 4 MiB) and for memory that
/// the allocator cannot reuse.
const REQUEST_OVERHEAD_MIB: f64 = 6.0;
/// Collectors whose exclusion or selection gives a selection of its own.
const COLLECTORS: [&str; 17] = [
    "tm.stats",
    "sl.stats",
    "core.shmmem",
    "core.uptime",
    "core.tcp_info",
    "dispatcher.list",
    "tls.info",
    "dmq.list_nodes",
    "stats.fetch",
    "core.runinfo",
    "pkg.stats",
    "rtpengine.show",
    "htable.stats",
    "mqueue.get_sizes",
    "pl.list",
    "keepalive.list",
    "mtree.summary",
];
