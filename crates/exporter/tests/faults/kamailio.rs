//! The table of faults of a hostile or broken Kamailio, with the transports and the expected scrape of each.

use crate::packets::{body, destinations, of_struct, packet, reply};
use crate::support::jsonrpc::Server;
use fake_kamailio::{Fake, Then};
use kamailio_binrpc::Cookie;
use kamailio_binrpc::wire::{self, Arg, Kind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// One way in which Kamailio misbehaves.
pub(crate) struct Fault {
    /// The description in the document, with Kamailio as the subject.
    pub(crate) description: &'static str,
    /// Makes the fake Kamailio misbehave.
    pub(crate) inject: fn(&Fake),
    /// Makes the fake Kamailio with JSON-RPC misbehave.
    pub(crate) inject_jsonrpc: fn(&Server),
    /// Whether a server listens on the socket.
    pub(crate) listens: bool,
    /// The exporter's `--kamailio.methods`.
    pub(crate) methods: &'static str,
    /// The exporter's `--kamailio.timeout` in seconds, longer for replies that take long to read.
    pub(crate) timeout: u64,
    /// Whether the fault ends only with a restart of Kamailio, because its capabilities are fetched only then.
    pub(crate) until_restart: bool,
    /// The expected results, by transport.
    pub(crate) cases: &'static [Case],
    /// Lines that must be in the exposition.
    pub(crate) contains: &'static [&'static str],
    /// Texts that must not be in the exposition.
    pub(crate) lacks: &'static [&'static str],
}

/// The expected result over these transports.
pub(crate) struct Case {
    pub(crate) transports: &'static [Transport],
    pub(crate) served: Served,
    /// Part of the expected log line; empty if none is expected.
    pub(crate) log: &'static str,
}

/// The expected metrics.
#[derive(Clone, Copy)]
pub(crate) enum Served {
    /// `kamailio_up 0`, and no metrics of Kamailio.
    Nothing,
    /// The metrics of only these collectors.
    Only(&'static [&'static str]),
    /// The metrics of all collectors but these.
    Without(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Unix,
    Unixd,
    Tcp,
    Udp,
    Http,
    JsonRpcTcp,
    JsonRpcUdp,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Unixd => "unixd",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::JsonRpcTcp => "jsonrpc+tcp",
            Self::JsonRpcUdp => "jsonrpc+udp",
        }
    }
}

impl Fault {
    pub(crate) const NEW: Self = Self {
        description: "",
        inject: |_| {},
        inject_jsonrpc: |_| {},
        listens: true,
        methods: "auto",
        timeout: 1,
        until_restart: false,
        cases: &[],
        contains: &[],
        lacks: &[],
    };
}

pub(crate) const fn case(transports: &'static [Transport], served: Served, log: &'static str) -> Case {
    Case { transports, served, log }
}

const STREAMS: &[Transport] = &[Transport::Unix, Transport::Tcp];
const DATAGRAMS: &[Transport] = &[Transport::Unixd, Transport::Udp];
const ALL: &[Transport] = &[Transport::Unix, Transport::Unixd, Transport::Tcp, Transport::Udp];

/// Most faults affect the reply to `sl.stats`, the third reply. These collectors have their replies before it.
const BEFORE: Served = Served::Only(&["core.uptime", "tm.stats"]);
const WITHOUT_SL: Served = Served::Without(&["sl.stats"]);
pub(crate) const WITHOUT_TM: Served = Served::Without(&["tm.stats"]);
pub(crate) const EVERYTHING: Served = Served::Without(&[]);

pub(crate) const LATE: &str = "the deadline passed with ";
const CLOSED: &str = "Kamailio closed the connection with ";
const SKIPPED: &str = "Kamailio skipped this call and replied to a later one";

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        description: "does not listen",
        listens: false,
        cases: &[case(ALL, Served::Nothing, "Start Kamailio")],
        ..Fault::NEW
    },
    Fault {
        description: "accepts the connection and sends nothing",
        inject: |fake| fake.silent(true),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "closes the connection at once",
        inject: |fake| fake.refuse(true),
        cases: &[case(STREAMS, Served::Nothing, CLOSED)],
        ..Fault::NEW
    },
    Fault {
        description: "closes the connection after the request",
        inject: |fake| fake.truncate("*", 0, Then::Close),
        cases: &[case(STREAMS, Served::Nothing, CLOSED)],
        ..Fault::NEW
    },
    Fault {
        description: "stops in the middle of a header",
        inject: |fake| fake.truncate("sl.stats", 3, Then::Close),
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "stops in the middle of a record",
        inject: |fake| fake.mangle("sl.stats", Then::Close, |_, good| vec![good[..good.len() - 1].to_vec()]),
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "stops in the middle of a string",
        inject: |fake| {
            fake.mangle("sl.stats", Then::Close, |_, good| {
                // After the header: the mark of the struct, the mark of a name, the first letter of the name.
                let header = wire::header(good).unwrap().unwrap();
                vec![good[..header.header_len + 3].to_vec()]
            });
        },
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "sends garbage",
        inject: |fake| fake.garbage("sl.stats", &(0..=255).collect::<Vec<_>>()),
        cases: &[case(ALL, BEFORE, "expected a packet that begins with 0xa1, found 0x00")],
        ..Fault::NEW
    },
    Fault {
        description: "is a web server",
        inject: |fake| fake.garbage("*", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        cases: &[case(
            ALL,
            Served::Nothing,
            "expected a packet that begins with 0xa1, found 0x48: the peer does not speak BINRPC",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "is a mail server, which sends a greeting",
        inject: |fake| fake.greet(b"220 sip.example.org ESMTP\r\n"),
        cases: &[case(STREAMS, Served::Nothing, "expected a packet that begins with 0xa1, found 0x32")],
        ..Fault::NEW
    },
    Fault {
        description: "replies with a wrong magic number",
        inject: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xb1, 1, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "expected a packet that begins with 0xa1, found 0xb1")],
        ..Fault::NEW
    },
    Fault {
        description: "replies with a wrong protocol version",
        inject: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa2, 1, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "BINRPC version 2 is not supported")],
        ..Fault::NEW
    },
    Fault {
        description: "replies with a packet of unknown type",
        inject: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa1, 7, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "packet type 7 is neither reply (1) nor fault (3)")],
        ..Fault::NEW
    },
    Fault {
        description: "replies with a request",
        inject: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa1, 0, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "expected a reply, found a request")],
        ..Fault::NEW
    },
    Fault {
        description: "replies to one call with a wrong cookie",
        inject: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), _| vec![reply(Cookie(!cookie), b"")]);
        },
        cases: &[case(STREAMS, WITHOUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "replies to every call with a wrong cookie",
        inject: |fake| fake.mangle("*", Then::GoOn, |Cookie(cookie), _| vec![reply(Cookie(!cookie), b"")]),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "replies to one call with the cookie of the previous call",
        inject: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), _| {
                vec![reply(Cookie(cookie.wrapping_sub(1)), b"")]
            });
        },
        cases: &[case(STREAMS, WITHOUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "replies to one call twice",
        inject: |fake| fake.mangle("sl.stats", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        description: "replies to every call twice",
        inject: |fake| fake.mangle("*", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        description: "replies to two calls in the wrong order",
        inject: |fake| fake.postpone("sl.stats"),
        cases: &[case(STREAMS, WITHOUT_SL, SKIPPED)],
        ..Fault::NEW
    },
    Fault {
        description: "skips one call",
        inject: |fake| fake.skip("sl.stats"),
        cases: &[case(STREAMS, WITHOUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "sends an unsolicited reply",
        inject: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), good| {
                vec![reply(Cookie(!cookie), b"\x10\x07"), good.to_vec()]
            });
        },
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a reply before the first request",
        inject: |fake| fake.greet(&reply(Cookie(0), b"\x10\x07")),
        cases: &[case(STREAMS, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        description: "declares a body of 4 GiB and sends a few bytes",
        inject: |fake| fake.lie("sl.stats", u32::MAX),
        cases: &[case(ALL, BEFORE, "reply body of 4294967295 bytes is over the limit of 8388608")],
        ..Fault::NEW
    },
    Fault {
        description: "declares a body of 8 MiB, which is allowed, and sends a few bytes",
        inject: |fake| fake.lie("sl.stats", 8 << 20),
        cases: &[case(ALL, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "sends an endless body",
        inject: |fake| {
            fake.mangle("sl.stats", Then::Repeat, |cookie, _| {
                vec![packet(0xa1, 1, cookie, 8 << 20, b""), vec![0; 60_000]]
            });
        },
        cases: &[
            case(STREAMS, BEFORE, "reply body has more values than the limit of 262144"),
            case(&[Transport::Unixd], BEFORE, LATE),
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends unsolicited replies endlessly",
        inject: |fake| {
            fake.mangle("sl.stats", Then::Repeat, |Cookie(cookie), _| {
                vec![reply(Cookie(!cookie), &[0; 1000]).repeat(50)]
            });
        },
        cases: &[case(ALL, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "sends a string whose length has 7 bytes",
        inject: |fake| fake.answer("sl.stats", Kind::Reply, b"\xf1\x00\xff\xff\xff\xff\xff\xffx"),
        cases: &[case(
            ALL,
            WITHOUT_SL,
            "string at offset 0 declares 281474976710655 bytes, but the body ends after 1",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "sends 3,000,000 nested structs",
        inject: |fake| fake.answer("sl.stats", Kind::Reply, &vec![3; 3_000_000]),
        timeout: 10,
        cases: &[case(STREAMS, WITHOUT_SL, "struct at offset 32 is nested deeper than the limit of 32")],
        ..Fault::NEW
    },
    Fault {
        description: "sends 50,000 nested structs, in a datagram",
        inject: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![reply(cookie, &vec![3; 50_000])]);
        },
        cases: &[case(DATAGRAMS, WITHOUT_SL, "struct at offset 32 is nested deeper than the limit of 32")],
        ..Fault::NEW
    },
    Fault {
        description: "sends the end of a struct without its start",
        inject: |fake| fake.answer("sl.stats", Kind::Reply, b"\x83"),
        cases: &[case(ALL, WITHOUT_SL, "struct ends at offset 0, but never started")],
        ..Fault::NEW
    },
    Fault {
        description: "sends an int of 9 bytes",
        inject: |fake| fake.answer("sl.stats", Kind::Reply, b"\x90\x09123456789"),
        cases: &[case(ALL, WITHOUT_SL, "int at offset 0 has 9 bytes, which is over the limit of 8")],
        ..Fault::NEW
    },
    Fault {
        description: "sends 200,000 unknown members",
        inject: |fake| {
            let names: Vec<_> = (0..200_000).map(|number| format!("member{number}")).collect();
            let members: Vec<_> = names.iter().map(|name| (name.as_str(), Arg::Int(7))).collect();
            fake.answer("tm.stats", Kind::Reply, &of_struct(&members));
        },
        timeout: 10,
        cases: &[case(STREAMS, EVERYTHING, "")],
        lacks: &["kamailio_tm_stats_"],
        ..Fault::NEW
    },
    Fault {
        description: "sends 200,000 statistics",
        inject: |fake| {
            let names: Vec<_> = (0..200_000).map(|number| format!("script.statistic{number}")).collect();
            let members: Vec<_> = names.iter().map(|name| (name.as_str(), "7".into())).collect();
            fake.answer("stats.fetch", Kind::Reply, &of_struct(&members));
        },
        timeout: 10,
        methods: "auto,-stats",
        cases: &[case(STREAMS, EVERYTHING, "samples over the limit dropped")],
        contains: &["kamailio_exporter_dropped_samples_total{collector=\"stats.fetch\"} 190000"],
        ..Fault::NEW
    },
    Fault {
        description: "sends one byte every half second",
        inject: |fake| fake.chop(1, Duration::from_millis(500)),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "replies with faults of many codes, with a string as the reason",
        inject: |fake| faults(fake, &[Arg::Str(b"it \"said\"\nno")]),
        cases: &[case(
            ALL,
            Served::Only(&["core.uptime"]),
            "Kamailio replied with fault 404: it \\\"said\\\"\\nno",
        )],
        ..Fault::NEW
    },
    Fault {
        description: "replies with faults of many codes, with a number as the reason",
        inject: |fake| faults(fake, &[Arg::Int(-7)]),
        cases: &[case(ALL, Served::Only(&["core.uptime"]), "Kamailio replied with fault 404: -7")],
        ..Fault::NEW
    },
    Fault {
        description: "replies with faults of many codes, without a reason",
        inject: |fake| faults(fake, &[]),
        cases: &[case(ALL, Served::Only(&["core.uptime"]), "Kamailio replied with fault 404: \"")],
        ..Fault::NEW
    },
    Fault {
        description: "replies with a fault without a code",
        inject: |fake| fake.answer("sl.stats", Kind::Fault, b""),
        cases: &[case(ALL, WITHOUT_SL, "Kamailio replied with fault 0: ")],
        ..Fault::NEW
    },
    Fault {
        description: "sends a string with a NUL, 0xff, quotes, a backslash and a line feed",
        inject: |fake| {
            fake.answer("dispatcher.list", Kind::Reply, &destinations([&b"sip:a\0\xff\"\\\nb"[..]]));
        },
        cases: &[case(ALL, EVERYTHING, "")],
        contains: &[
            "kamailio_dispatcher_list_target{setid=\"1\",uri=\"sip:a\0\u{fffd}\\\"\\\\\\nb\",flags=\"AP\"} 1",
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends a string of 1 MiB",
        inject: |fake| {
            fake.answer("dispatcher.list", Kind::Reply, &destinations([&vec![0xff; 1 << 20][..], b"sip:b"]));
        },
        cases: &[case(STREAMS, EVERYTHING, "samples over the limit dropped")],
        contains: &["kamailio_dispatcher_list_target{setid=\"1\",uri=\"sip:b\",flags=\"AP\"} 1"],
        ..Fault::NEW
    },
    Fault {
        description: "sends every list at its maximum length",
        inject: |fake| {
            let uris: Vec<_> = (0..40_000)
                .map(|number| format!("sip:user{number}@very-long-{number:040}.example"))
                .collect();
            let rows = destinations(uris.iter().map(String::as_bytes));
            let names: Vec<_> = (0..40_000).map(|number| format!("script.statistic{number:070}")).collect();
            let members: Vec<_> = names.iter().map(|name| (name.as_str(), "7".into())).collect();
            fake.answer("dispatcher.list", Kind::Reply, &rows);
            fake.answer("stats.fetch", Kind::Reply, &of_struct(&members));
        },
        timeout: 10,
        methods: "auto,-stats",
        cases: &[case(STREAMS, EVERYTHING, "samples over the limit dropped")],
        contains: &[
            "kamailio_dispatcher_list_target{setid=\"1\",uri=\"sip:user6000@very-long-0000000000000000000000000000000000006000.example\",flags=\"AP\"} 1",
            "kamailio_stats_fetch_value{group=\"script\",name=\"statistic0000000000000000000000000000000000000000000000000000000000000000009999\"} 7",
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends numbers as strings: \" 12\", \"1e3\", \"NaN\", \"inf\", \"0x1p4\", \"18446744073709551611\"",
        inject: |fake| {
            let numbers = [" 12", "1e3", "NaN", "inf", "0x1p4", "18446744073709551611", "7"];
            let names = ["script.a", "script.b", "script.c", "script.d", "script.e", "script.f", "script.g"];
            let members: Vec<_> = names.into_iter().zip(numbers.map(Arg::from)).collect();
            fake.answer("stats.fetch", Kind::Reply, &of_struct(&members));
        },
        // Statistics are the only numbers that Kamailio sends as strings.
        methods: "auto,-stats",
        cases: &[case(
            ALL,
            Served::Without(&["stats.fetch"]),
            "unreadable values: 5, the first of them for kamailio_stats_fetch_value",
        )],
        contains: &[
            "kamailio_stats_fetch_value{group=\"script\",name=\"f\"} -5",
            "kamailio_stats_fetch_value{group=\"script\",name=\"g\"} 7",
            "kamailio_exporter_unreadable_values_total{collector=\"stats.fetch\"} 5",
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends a struct and a string in place of ints",
        inject: |fake| {
            let members = [("current", Arg::Struct(&[])), ("waiting", "3".into()), ("total", Arg::Int(7))];
            fake.answer("tm.stats", Kind::Reply, &of_struct(&members));
        },
        cases: &[case(
            ALL,
            WITHOUT_TM,
            "unreadable values: 2, the first of them for kamailio_tm_stats_current",
        )],
        contains: &[
            "kamailio_tm_stats_total_total 7",
            "kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"} 2",
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends an int in place of a struct",
        inject: |fake| fake.answer("tm.stats", Kind::Reply, &body(&[Arg::Int(7)])),
        cases: &[case(ALL, WITHOUT_TM, "unreadable values: 1, the first of them for")],
        contains: &["kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"} 1"],
        lacks: &["kamailio_tm_stats_"],
        ..Fault::NEW
    },
    Fault {
        description: "omits fields",
        inject: |fake| fake.answer("tm.stats", Kind::Reply, &of_struct(&[("waiting", Arg::Int(7))])),
        cases: &[case(ALL, EVERYTHING, "")],
        contains: &["kamailio_tm_stats_waiting 7"],
        lacks: &["kamailio_tm_stats_current"],
        ..Fault::NEW
    },
    Fault {
        description: "sends fields twice",
        inject: |fake| {
            fake.answer("sl.stats", Kind::Reply, &of_struct(&[("200", Arg::Int(3)), ("200", Arg::Int(4))]));
        },
        cases: &[case(ALL, EVERYTHING, "duplicate samples dropped")],
        contains: &[
            "kamailio_sl_stats_codes_total{code=\"200\"} 3",
            "kamailio_exporter_duplicate_rows_total{collector=\"sl.stats\"} 1",
        ],
        ..Fault::NEW
    },
    Fault {
        description: "sends unknown fields",
        inject: |fake| {
            let members = [("waiting", Arg::Int(7)), ("brand_new", Arg::Struct(&[]))];
            fake.answer("tm.stats", Kind::Reply, &of_struct(&members));
        },
        cases: &[case(ALL, EVERYTHING, "")],
        contains: &["kamailio_tm_stats_waiting 7"],
        lacks: &["brand_new"],
        ..Fault::NEW
    },
    Fault {
        description: "sends an empty reply",
        inject: |fake| fake.answer("sl.stats", Kind::Reply, b""),
        cases: &[case(ALL, EVERYTHING, "")],
        lacks: &["kamailio_sl_stats_"],
        ..Fault::NEW
    },
    Fault {
        description: "rejects the request for its list of methods",
        inject: |fake| fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "no".into()])),
        methods: "core.uptime,tm.stats,sl.stats",
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        description: "closes the connection while sending its list of methods",
        inject: |fake| fake.truncate("system.listMethods", 100, Then::Close),
        cases: &[case(STREAMS, Served::Nothing, CLOSED), case(DATAGRAMS, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "closes the connection while sending its list of statistics groups",
        inject: |fake| fake.truncate("cnt.list_groups", 10, Then::Close),
        cases: &[case(STREAMS, Served::Only(&[]), CLOSED), case(DATAGRAMS, Served::Only(&[]), LATE)],
        ..Fault::NEW
    },
    Fault {
        description: "has 200,000 statistics groups",
        inject: |fake| {
            let names: Vec<_> = (0..200_000).map(|number| format!("group{number}")).collect();
            let names: Vec<_> = names.iter().map(|name| name.as_str().into()).collect();
            fake.answer("cnt.list_groups", Kind::Reply, &body(&names));
        },
        timeout: 10,
        until_restart: true,
        cases: &[case(STREAMS, EVERYTHING, "capabilities truncated")],
        ..Fault::NEW
    },
    Fault {
        description: "has 200,000 statistics in every group",
        inject: |fake| {
            let names: Vec<_> = (0..200_000).map(|number| format!("statistic{number}")).collect();
            let names: Vec<_> = names.iter().map(|name| name.as_str().into()).collect();
            fake.answer("cnt.list_vars", Kind::Reply, &body(&names));
        },
        timeout: 10,
        until_restart: true,
        cases: &[case(STREAMS, EVERYTHING, "capabilities truncated")],
        ..Fault::NEW
    },
    Fault {
        description: "reports a different start time in each reply",
        inject: |fake| {
            let times = AtomicUsize::new(0);
            fake.mangle("core.uptime", Then::GoOn, move |cookie, _| {
                let time = format!("Sun Nov 22 14:00:00 {}", times.fetch_add(1, Ordering::Relaxed));
                vec![reply(
                    cookie,
                    &of_struct(&[("up_since", time.as_str().into()), ("uptime", Arg::Int(1))]),
                )]
            });
        },
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
];

/// Makes every call except `core.uptime` a fault, and cycles through the codes.
fn faults(fake: &Fake, reason: &'static [Arg<'static>]) {
    let next = AtomicUsize::new(0);
    fake.mangle("*", Then::GoOn, move |cookie, _| {
        let code = CODES[next.fetch_add(1, Ordering::Relaxed) % CODES.len()];
        let body = body(&[&[Arg::Int(code)], reason].concat());
        vec![packet(0xa1, Kind::Fault as u8, cookie, body.len() as u32, &body)]
    });
    for method in ["system.listMethods", "cnt.list_groups", "cnt.list_vars", "core.uptime"] {
        fake.mangle(method, Then::GoOn, |_, good| vec![good.to_vec()]);
    }
}

/// Codes of SIP, codes that Kamailio uses, and codes that no method uses.
const CODES: [i64; 16] =
    [404, 500, 400, -1, 0, 1, 100, 200, 300, 408, 480, 503, 603, 699, i32::MAX as i64, i32::MIN as i64];
