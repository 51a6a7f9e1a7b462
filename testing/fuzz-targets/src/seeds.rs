//! Seeds for the fuzz targets: the captures in the form of each target, and a few texts.

use kamailio_exporter::internals::ALL;
use std::path::Path;
use std::{fs, io};

/// A first input.
pub struct Seed {
    /// The name of the fuzz target.
    pub target: &'static str,
    /// The name of the file.
    pub name: String,
    /// The input.
    pub input: Vec<u8>,
}

/// Returns all seeds.
///
/// # Errors
/// Captures that cannot be read.
pub fn seeds() -> io::Result<Vec<Seed>> {
    let mut seeds = Vec::new();
    for version in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures"))? {
        let version = version?.path();
        if version.is_dir() {
            for file in fs::read_dir(&version)? {
                let file = file?.path();
                let capture = file_name(&file);
                if let Some(capture) = capture.strip_suffix(".reply") {
                    let name = format!("{}.{capture}", file_name(&version));
                    seeds.extend(of_capture(capture, &name, &fs::read(&file)?));
                }
            }
        }
    }
    let texts = [("scrape", 3, &PAGES[..]), ("http", 1, &REQUESTS), ("http", 0, &TEXTS)];
    for (target, mode, texts) in texts {
        seeds.extend(texts.iter().enumerate().map(|(number, text)| Seed {
            target,
            name: format!("{mode}.{number}"),
            input: [&[mode], text.as_bytes()].concat(),
        }));
    }
    // The limit and the length of the pieces come first.
    for (number, text) in PAGES.iter().chain(&MORE_PAGES).enumerate() {
        for (limit, piece) in [(3, 255), (1, 6)] {
            let input = [&[limit, piece], text.as_bytes()].concat();
            seeds.push(Seed { target: "page", name: format!("{number}.{limit}"), input });
        }
    }
    seeds.extend(CONFIGS.iter().enumerate().map(|(number, text)| Seed {
        target: "web_config",
        name: format!("{number}.yml"),
        input: text.as_bytes().to_vec(),
    }));
    seeds.extend(REPLIES.iter().enumerate().map(|(number, text)| Seed {
        target: "jsonrpc",
        name: format!("{number}.json"),
        input: text.as_bytes().to_vec(),
    }));
    // The size of the pool and the number of networks come first.
    for (number, head) in [[7, 3], [15, 5], [1, 1], [19, 2]].iter().enumerate() {
        let steps = (0..200u32).map(|step| (step.wrapping_mul(2_654_435_761) >> 16) as u8);
        let input = head.iter().copied().chain(steps).collect();
        seeds.push(Seed { target: "fairness", name: number.to_string(), input });
    }
    Ok(seeds)
}

const REPLIES: [&str; 5] = [
    "{\n\t\"jsonrpc\":\t\"2.0\",\n\t\"result\":\t[\"a\", -5, 4294967295, 1.5, 1e300, null, true],\n\t\"id\":\t7\n}",
    r#"{"result": {"NRSETS": 1, "RECORDS": [{"SET": {"ID": 1, "TARGETS": [{"DEST": {"URI": "sip:a"}}]}}]}, "id": 7}"#,
    r#"{"error": {"code": 500, "message": "Method Not Found"}, "id": 7}"#,
    r#"{"id": 7, "result": [[], {}, [{}], [[[{"a": [{"b": "\u0007\ud83d\ude00"}]}]]]]}"#,
    r#"[{"result": 1, "id": 7}]"#,
];

fn of_capture(capture: &str, name: &str, reply: &[u8]) -> Vec<Seed> {
    if reply.len() > MAX_SEED {
        return Vec::new();
    }
    let mut inputs = vec![("decode", reply.to_vec())];
    if let Ok(Some(header)) = kamailio_binrpc::wire::header(reply) {
        let body = reply.get(header.header_len..).unwrap_or_default();
        let method = method(capture).as_bytes();
        inputs.push(("scrape", [&[0x80, method.len() as u8], method, body].concat()));
        // A few calls, and the reply to the second call up to the size of a packet in that target.
        let body = body.get(..255).unwrap_or(body);
        let script = [4, 200, 13, 8, 255, 33, 16, 28, 0x10, 0x20, 97, 0, body.len() as u8];
        inputs.push(("session", [&script, body].concat()));
    }
    inputs.into_iter().map(|(target, input)| Seed { target, name: name.to_owned(), input }).collect()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Returns the method of a capture: its name without the suffix for arguments or variants.
fn method(capture: &str) -> &str {
    let capture = capture.strip_prefix("aux.").unwrap_or(capture);
    let methods = ALL.iter().map(|collector| collector.name);
    methods.filter(|method| capture.starts_with(method)).max_by_key(|method| method.len()).unwrap_or(capture)
}

/// Larger captures have the same structure as smaller ones.
const MAX_SEED: usize = 16 << 10;

const REQUESTS: [&str; 10] = [
    "GET\n/kamailio/metrics\nAccept:text/plain\n",
    "GET\n/kamailio/metrics?collect[]=tm.stats&collect[]=sl.stats\nAccept:application/openmetrics-text;version=1.0.0,\
     application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\nAccept-Encoding:gzip\n\
     X-Prometheus-Scrape-Timeout-Seconds:10\n",
    "GET\n/kamailio/metrics?exclude%5B%5D=tls.info\nAccept-Encoding:deflate, GZIP;q=0.5\n",
    "HEAD\n/kamailio/metrics\nX-Prometheus-Scrape-Timeout-Seconds:0.5\n",
    "GET\n/kamailio/\nHost:localhost\n",
    "GET\n/kamailio/-/healthy\n",
    "HEAD\n/kamailio/-/ready\n",
    "GET\n/kamailio/-/status?target=x\n",
    "HEAD\n/kamailio/-/page.css\n",
    "POST\nhttp://localhost:9494/metrics\n",
];

const TEXTS: [&str; 16] = [
    "unix:/var/run/kamailio/kamailio_ctl",
    "unixd:///tmp/ctl",
    "tcp://[::1]:2049",
    "udp4:localhost:2049",
    ":9494",
    "[::1]:9494",
    "vsock://:9100",
    "unix:///run/exporter",
    "http://[::1]:80/x?y",
    "1h30m0.5s",
    "1w2d3h4m5s6ms7us8ns",
    "auto,-stats.fetch,dlg.stats_active",
    "gzip;q=0.5, deflate;q=0",
    "text/plain;version=0.0.4;q=0.5;escaping=allow-utf-8",
    "application/openmetrics-text; version=1.0.0; escaping=dots",
    "all",
];

const PAGES: [&str; 3] = [
    "# TYPE kamailio_cnt_first counter\nkamailio_cnt_first 714 1795355190000\n# HELP g A\\nb.\n# TYPE g gauge\n\
     g{m=\"IN\\\"VITE\",n=\"2\"} -1.5e3\n",
    "# TYPE h histogram\nh_bucket{my=\"x\",le=\"0.5\"} 2\nh_bucket{my=\"x\",le=\"+Inf\"} 2\nh_sum{my=\"x\"} 0.4\n\
     h_count{my=\"x\"} 2\n# TYPE s summary\ns{quantile=\"0.5\"} NaN\ns_sum 1\ns_count 1\n",
    "# TYPE c_total counter\nc_total 1\n# TYPE c untyped\nc +Inf\nkamailio_up 1\nprocess_open_fds 3\n",
];

const MORE_PAGES: [&str; 6] = [
    "up 0\nscrape_duration_seconds 77\nscrape_samples_scraped{job=\"x\"} 1\n# TYPE ALERTS gauge\nALERTS{alertname=\"x\"} 1\n",
    "# TYPE h histogram\nh_bucket{le=\"x\"} 1\nh_bucket{le=\"\"} 1\nh_bucket 1\nh 1\n# TYPE s summary\ns{quantile=\"abc\"} 1\n\
     s{quantile=\"1.5\"} 1\ns 1\n",
    "a_b 1\na_b_created 1\na_b_total 1\na_b_bucket{le=\"1\"} 1\n# TYPE a summary\na_b_sum 1\na_b_info 1\na_b_c 1\n",
    "x{a=\"1\",b=\"2\"} 1\nx{b=\"2\",a=\"1\"} 2\nx{a=\"\\\\\\\"\\n\",b=\"\u{e9}\"} 1e300\nx 1e-300 5\nx{} 2\n",
    "# TYPE h histogram\nh_sum 1\n# TYPE h_sum gauge\nh_sum{x=\"1\"} 1\n# TYPE h gauge\nh_count 2\n# HELP h A \\\"b\\\" \\\\ \\n.\n",
    "<html>\n<body>\n\r\n  \n#\n# HELP\n# TYPE x nonsense\nx{a=\"1\",a=\"2\"} 1\nx 1 2 3\nx NaN\nx{b=\"+Inf\"} -Inf",
];

const CONFIGS: [&str; 4] = [
    "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n  \
     client_ca_file: ca.pem\n  client_allowed_sans: [prometheus, \"spiffe://x\"]\n  min_version: TLS12\n  max_version: TLS13\n  \
     cipher_suites:\n  - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n  curve_preferences: [X25519]\n  \
     prefer_server_cipher_suites: true\n",
    "http_server_config:\n  http2: off\n  headers:\n    Strict-Transport-Security: max-age=31536000\n    \
     X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\nrate_limit: {interval: 1m30s, burst: 20}\n",
    "basic_auth_users:\n  alice: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby\n  bob: !!str \
     $2b$04$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby\n",
    "a: &x {http2: true}\nhttp_server_config:\n  <<: *x\ntls_server_config: |\n  text\n# comment\n---\nsecond: document\n",
];
