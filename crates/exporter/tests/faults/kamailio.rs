//! Faults of a hostile or broken Kamailio: what it does, over which transports, and the expected scrape.

use crate::packets::{body, destinations, of_struct, packet, reply};
use fake_kamailio::{Fake, Then};
use kamailio_binrpc::Cookie;
use kamailio_binrpc::wire::{self, Arg, Kind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A fault.
pub(crate) struct Fault {
    /// Its description in the document, with Kamailio as the subject.
    pub(crate) what: &'static str,
    /// Makes the fake Kamailio misbehave.
    pub(crate) how: fn(&Fake),
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
    /// Lines that the exposition must contain.
    pub(crate) shows: &'static [&'static str],
    /// Texts that the exposition must not contain.
    pub(crate) hides: &'static [&'static str],
}

/// The expected result over some transports.
pub(crate) struct Case {
    pub(crate) over: &'static [Transport],
    pub(crate) served: Served,
    /// Part of the expected log line; empty if none is expected.
    pub(crate) said: &'static str,
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
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unix => "unix",
            Self::Unixd => "unixd",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl Fault {
    const NEW: Self = Self {
        what: "",
        how: |_| {},
        listens: true,
        methods: "auto",
        timeout: 1,
        until_restart: false,
        cases: &[],
        shows: &[],
        hides: &[],
    };
}

const fn case(over: &'static [Transport], served: Served, said: &'static str) -> Case {
    Case { over, served, said }
}

const STREAMS: &[Transport] = &[Transport::Unix, Transport::Tcp];
const DATAGRAMS: &[Transport] = &[Transport::Unixd, Transport::Udp];
const ALL: &[Transport] = &[Transport::Unix, Transport::Unixd, Transport::Tcp, Transport::Udp];

/// Most faults affect the reply to `sl.stats`, which is the third: these collectors are read before it.
const BEFORE: Served = Served::Only(&["core.uptime", "tm.stats"]);
const BUT_SL: Served = Served::Without(&["sl.stats"]);
const BUT_TM: Served = Served::Without(&["tm.stats"]);
const EVERYTHING: Served = Served::Without(&[]);

const LATE: &str = "the deadline passed with ";
const CLOSED: &str = "Kamailio closed the connection with ";
const SKIPPED: &str = "Kamailio skipped this call and answered a later one";

pub(crate) const FAULTS: &[Fault] = &[
    Fault {
        what: "does not listen",
        listens: false,
        cases: &[case(ALL, Served::Nothing, "o process listens")],
        ..Fault::NEW
    },
    Fault {
        what: "accepts the connection and sends nothing",
        how: |fake| fake.silent(true),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "closes the connection at once",
        how: |fake| fake.refuse(true),
        cases: &[case(STREAMS, Served::Nothing, CLOSED)],
        ..Fault::NEW
    },
    Fault {
        what: "closes the connection after the request",
        how: |fake| fake.truncate("*", 0, Then::Close),
        cases: &[case(STREAMS, Served::Nothing, CLOSED)],
        ..Fault::NEW
    },
    Fault {
        what: "stops in the middle of a header",
        how: |fake| fake.truncate("sl.stats", 3, Then::Close),
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "stops in the middle of a record",
        how: |fake| fake.mangle("sl.stats", Then::Close, |_, good| vec![good[..good.len() - 1].to_vec()]),
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "stops in the middle of a string",
        how: |fake| {
            fake.mangle("sl.stats", Then::Close, |_, good| {
                // Behind the header: the struct's mark, a name's mark, the name's first letter.
                let header = wire::header(good).unwrap().unwrap();
                vec![good[..header.header_len + 3].to_vec()]
            });
        },
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "sends garbage",
        how: |fake| fake.garbage("sl.stats", &(0..=255).collect::<Vec<_>>()),
        cases: &[case(ALL, BEFORE, "expected a packet that begins with 0xa1, found 0x00")],
        ..Fault::NEW
    },
    Fault {
        what: "is a web server",
        how: |fake| fake.garbage("*", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        cases: &[case(
            ALL,
            Served::Nothing,
            "expected a packet that begins with 0xa1, found 0x48: the peer does not speak BINRPC",
        )],
        ..Fault::NEW
    },
    Fault {
        what: "is a mail server, which sends a greeting",
        how: |fake| fake.greet(b"220 sip.example.org ESMTP\r\n"),
        cases: &[case(STREAMS, Served::Nothing, "expected a packet that begins with 0xa1, found 0x32")],
        ..Fault::NEW
    },
    Fault {
        what: "replies with a wrong magic number",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xb1, 1, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "expected a packet that begins with 0xa1, found 0xb1")],
        ..Fault::NEW
    },
    Fault {
        what: "replies with a wrong protocol version",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa2, 1, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "BINRPC version 2 is not supported")],
        ..Fault::NEW
    },
    Fault {
        what: "replies with a packet of unknown type",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa1, 7, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "packet type 7 is neither reply (1) nor fault (3)")],
        ..Fault::NEW
    },
    Fault {
        what: "replies with a request",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa1, 0, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "expected a reply, found a request")],
        ..Fault::NEW
    },
    Fault {
        what: "replies to one call with a wrong cookie",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), _| vec![reply(Cookie(!cookie), b"")]);
        },
        cases: &[case(STREAMS, BUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "replies to every call with a wrong cookie",
        how: |fake| fake.mangle("*", Then::GoOn, |Cookie(cookie), _| vec![reply(Cookie(!cookie), b"")]),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "replies to one call with the cookie of the previous call",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), _| {
                vec![reply(Cookie(cookie.wrapping_sub(1)), b"")]
            });
        },
        cases: &[case(STREAMS, BUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "replies to one call twice",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "replies to every call twice",
        how: |fake| fake.mangle("*", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "replies to two calls in the wrong order",
        how: |fake| fake.postpone("sl.stats"),
        cases: &[case(STREAMS, BUT_SL, SKIPPED)],
        ..Fault::NEW
    },
    Fault {
        what: "skips one call",
        how: |fake| fake.skip("sl.stats"),
        cases: &[case(STREAMS, BUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "sends an unsolicited reply",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), good| {
                vec![reply(Cookie(!cookie), b"\x10\x07"), good.to_vec()]
            });
        },
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "sends a reply before the first request",
        how: |fake| fake.greet(&reply(Cookie(0), b"\x10\x07")),
        cases: &[case(STREAMS, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "declares a body of 4 GiB and sends a few bytes",
        how: |fake| fake.lie("sl.stats", u32::MAX),
        cases: &[case(ALL, BEFORE, "reply body of 4294967295 bytes is over the limit of 8388608")],
        ..Fault::NEW
    },
    Fault {
        what: "declares a body of 8 MiB, which is allowed, and sends a few bytes",
        how: |fake| fake.lie("sl.stats", 8 << 20),
        cases: &[case(ALL, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "sends an endless body",
        how: |fake| {
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
        what: "sends unsolicited replies endlessly",
        how: |fake| {
            fake.mangle("sl.stats", Then::Repeat, |Cookie(cookie), _| {
                vec![reply(Cookie(!cookie), &[0; 1000]).repeat(50)]
            });
        },
        cases: &[case(ALL, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "sends a string whose length has 7 bytes",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b"\xf1\x00\xff\xff\xff\xff\xff\xffx"),
        cases: &[case(
            ALL,
            BUT_SL,
            "string at offset 0 declares 281474976710655 bytes, but the body ends after 1",
        )],
        ..Fault::NEW
    },
    Fault {
        what: "sends 3,000,000 nested structs",
        how: |fake| fake.answer("sl.stats", Kind::Reply, &vec![3; 3_000_000]),
        timeout: 10,
        cases: &[case(STREAMS, BUT_SL, "struct at offset 32 is nested deeper than the limit of 32")],
        ..Fault::NEW
    },
    Fault {
        what: "sends 50,000 nested structs, in a datagram",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![reply(cookie, &vec![3; 50_000])]);
        },
        cases: &[case(DATAGRAMS, BUT_SL, "struct at offset 32 is nested deeper than the limit of 32")],
        ..Fault::NEW
    },
    Fault {
        what: "sends the end of a struct without its start",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b"\x83"),
        cases: &[case(ALL, BUT_SL, "struct ends at offset 0, but never started")],
        ..Fault::NEW
    },
    Fault {
        what: "sends an int of 9 bytes",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b"\x90\x09123456789"),
        cases: &[case(ALL, BUT_SL, "int at offset 0 has 9 bytes, which is over the limit of 8")],
        ..Fault::NEW
    },
    Fault {
        what: "sends 200,000 unknown members",
        how: |fake| {
            let names: Vec<_> = (0..200_000).map(|number| format!("member{number}")).collect();
            let members: Vec<_> = names.iter().map(|name| (name.as_str(), Arg::Int(7))).collect();
            fake.answer("tm.stats", Kind::Reply, &of_struct(&members));
        },
        timeout: 10,
        cases: &[case(STREAMS, EVERYTHING, "")],
        hides: &["kamailio_tm_stats_"],
        ..Fault::NEW
    },
    Fault {
        what: "sends 200,000 statistics",
        how: |fake| {
            let names: Vec<_> = (0..200_000).map(|number| format!("script.statistic{number}")).collect();
            let members: Vec<_> = names.iter().map(|name| (name.as_str(), "7".into())).collect();
            fake.answer("stats.fetch", Kind::Reply, &of_struct(&members));
        },
        timeout: 10,
        methods: "auto,-stats",
        cases: &[case(STREAMS, EVERYTHING, "samples over the limit dropped")],
        shows: &["kamailio_exporter_dropped_samples_total{collector=\"stats.fetch\"} 190000"],
        ..Fault::NEW
    },
    Fault {
        what: "sends one byte every half second",
        how: |fake| fake.chop(1, Duration::from_millis(500)),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "replies with faults of many codes, with a string as the reason",
        how: |fake| faults(fake, &[Arg::Str(b"it \"said\"\nno")]),
        cases: &[case(
            ALL,
            Served::Only(&["core.uptime"]),
            "Kamailio answered with fault 404: it \\\"said\\\"\\nno",
        )],
        ..Fault::NEW
    },
    Fault {
        what: "replies with faults of many codes, with a number as the reason",
        how: |fake| faults(fake, &[Arg::Int(-7)]),
        cases: &[case(ALL, Served::Only(&["core.uptime"]), "Kamailio answered with fault 404: -7")],
        ..Fault::NEW
    },
    Fault {
        what: "replies with faults of many codes, without a reason",
        how: |fake| faults(fake, &[]),
        cases: &[case(ALL, Served::Only(&["core.uptime"]), "Kamailio answered with fault 404: \"")],
        ..Fault::NEW
    },
    Fault {
        what: "replies with a fault without a code",
        how: |fake| fake.answer("sl.stats", Kind::Fault, b""),
        cases: &[case(ALL, BUT_SL, "Kamailio answered with fault 0: ")],
        ..Fault::NEW
    },
    Fault {
        what: "sends a string with a NUL, 0xff, quotes, a backslash and a line feed",
        how: |fake| {
            fake.answer("dispatcher.list", Kind::Reply, &destinations([&b"sip:a\0\xff\"\\\nb"[..]]));
        },
        cases: &[case(ALL, EVERYTHING, "")],
        shows: &[
            "kamailio_dispatcher_list_target{setid=\"1\",uri=\"sip:a\0\u{fffd}\\\"\\\\\\nb\",flags=\"AP\"} 1",
        ],
        ..Fault::NEW
    },
    Fault {
        what: "sends a string of 1 MiB",
        how: |fake| {
            fake.answer("dispatcher.list", Kind::Reply, &destinations([&vec![0xff; 1 << 20][..], b"sip:b"]));
        },
        cases: &[case(STREAMS, EVERYTHING, "samples over the limit dropped")],
        shows: &["kamailio_dispatcher_list_target{setid=\"1\",uri=\"sip:b\",flags=\"AP\"} 1"],
        ..Fault::NEW
    },
    Fault {
        what: "sends every list at its maximum length",
        how: |fake| {
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
        ..Fault::NEW
    },
    Fault {
        what: "sends numbers as strings: \" 12\", \"1e3\", \"NaN\", \"inf\", \"0x1p4\", \"18446744073709551611\"",
        how: |fake| {
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
            "5 values could not be read, the first of them for kamailio_stats_fetch_value",
        )],
        shows: &[
            "kamailio_stats_fetch_value{group=\"script\",name=\"f\"} -5",
            "kamailio_stats_fetch_value{group=\"script\",name=\"g\"} 7",
            "kamailio_exporter_unreadable_values_total{collector=\"stats.fetch\"} 5",
        ],
        ..Fault::NEW
    },
    Fault {
        what: "sends a struct and a string in place of ints",
        how: |fake| {
            let members = [("current", Arg::Struct(&[])), ("waiting", "3".into()), ("total", Arg::Int(7))];
            fake.answer("tm.stats", Kind::Reply, &of_struct(&members));
        },
        cases: &[case(
            ALL,
            BUT_TM,
            "2 values could not be read, the first of them for kamailio_tm_stats_current",
        )],
        shows: &[
            "kamailio_tm_stats_total_total 7",
            "kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"} 2",
        ],
        ..Fault::NEW
    },
    Fault {
        what: "sends an int in place of a struct",
        how: |fake| fake.answer("tm.stats", Kind::Reply, &body(&[Arg::Int(7)])),
        cases: &[case(ALL, BUT_TM, "1 values could not be read")],
        shows: &["kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"} 1"],
        hides: &["kamailio_tm_stats_"],
        ..Fault::NEW
    },
    Fault {
        what: "omits fields",
        how: |fake| fake.answer("tm.stats", Kind::Reply, &of_struct(&[("waiting", Arg::Int(7))])),
        cases: &[case(ALL, EVERYTHING, "")],
        shows: &["kamailio_tm_stats_waiting 7"],
        hides: &["kamailio_tm_stats_current"],
        ..Fault::NEW
    },
    Fault {
        what: "sends fields twice",
        how: |fake| {
            fake.answer("sl.stats", Kind::Reply, &of_struct(&[("200", Arg::Int(3)), ("200", Arg::Int(4))]));
        },
        cases: &[case(ALL, EVERYTHING, "duplicate samples dropped")],
        shows: &[
            "kamailio_sl_stats_codes_total{code=\"200\"} 3",
            "kamailio_exporter_duplicate_rows_total{collector=\"sl.stats\"} 1",
        ],
        ..Fault::NEW
    },
    Fault {
        what: "sends unknown fields",
        how: |fake| {
            let members = [("waiting", Arg::Int(7)), ("brand_new", Arg::Struct(&[]))];
            fake.answer("tm.stats", Kind::Reply, &of_struct(&members));
        },
        cases: &[case(ALL, EVERYTHING, "")],
        shows: &["kamailio_tm_stats_waiting 7"],
        hides: &["brand_new"],
        ..Fault::NEW
    },
    Fault {
        what: "sends an empty reply",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b""),
        cases: &[case(ALL, EVERYTHING, "")],
        hides: &["kamailio_sl_stats_"],
        ..Fault::NEW
    },
    Fault {
        what: "rejects the request for its list of methods",
        how: |fake| fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "no".into()])),
        methods: "core.uptime,tm.stats,sl.stats",
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "closes the connection while sending its list of methods",
        how: |fake| fake.truncate("system.listMethods", 100, Then::Close),
        cases: &[case(STREAMS, Served::Nothing, CLOSED), case(DATAGRAMS, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "closes the connection while sending its list of statistics groups",
        how: |fake| fake.truncate("cnt.list_groups", 10, Then::Close),
        cases: &[case(STREAMS, Served::Only(&[]), CLOSED), case(DATAGRAMS, Served::Only(&[]), LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "has 200,000 statistics groups",
        how: |fake| {
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
        what: "has 200,000 statistics in every group",
        how: |fake| {
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
        what: "reports a different start time in each reply",
        how: |fake| {
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
