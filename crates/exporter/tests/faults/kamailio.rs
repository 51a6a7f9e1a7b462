//! A hostile or broken Kamailio: what it does, over what, and what has to become of a scrape.

use crate::packets::{body, destinations, of_struct, packet, reply};
use fake_kamailio::{Fake, Then};
use kamailio_binrpc::Cookie;
use kamailio_binrpc::wire::{self, Arg, Kind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a Kamailio does.
pub(crate) struct Fault {
    /// As the document has it.
    pub(crate) what: &'static str,
    /// Makes a fake one do it.
    pub(crate) how: fn(&Fake),
    /// Whether anybody listens.
    pub(crate) listens: bool,
    /// The exporter's `--kamailio.methods`.
    pub(crate) methods: &'static str,
    /// Its `--kamailio.timeout` in seconds, longer for what takes long to read.
    pub(crate) timeout: u64,
    /// Whether it takes a restart of Kamailio to end it: what it has is learned only then.
    pub(crate) until_restart: bool,
    /// What has to hold, by transport.
    pub(crate) cases: &'static [Case],
    /// Lines of the page.
    pub(crate) shows: &'static [&'static str],
    /// What is nowhere on the page.
    pub(crate) hides: &'static [&'static str],
}

/// What has to hold over some transports.
pub(crate) struct Case {
    pub(crate) over: &'static [Transport],
    pub(crate) served: Served,
    /// Part of the line in the log; empty if there is none.
    pub(crate) said: &'static str,
}

/// What is served.
#[derive(Clone, Copy)]
pub(crate) enum Served {
    /// `kamailio_up 0`, and nothing of Kamailio's.
    Nothing,
    /// These collectors, and no others.
    Only(&'static [&'static str]),
    /// All but these.
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

/// Most faults hit the reply to `sl.stats`, which is the third: these are the first two.
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
        cases: &[case(ALL, Served::Nothing, "obody listens")],
        ..Fault::NEW
    },
    Fault {
        what: "accepts and says nothing",
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
        what: "ends in the middle of a header",
        how: |fake| fake.truncate("sl.stats", 3, Then::Close),
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "ends in the middle of a record",
        how: |fake| fake.mangle("sl.stats", Then::Close, |_, good| vec![good[..good.len() - 1].to_vec()]),
        cases: &[case(STREAMS, BEFORE, CLOSED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "ends in the middle of a string",
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
        what: "answers garbage",
        how: |fake| fake.garbage("sl.stats", &(0..=255).collect::<Vec<_>>()),
        cases: &[case(ALL, BEFORE, "the first byte of a packet is 0x00 and not 0xa1")],
        ..Fault::NEW
    },
    Fault {
        what: "is a web server",
        how: |fake| fake.garbage("*", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        cases: &[case(
            ALL,
            Served::Nothing,
            "the first byte of a packet is 0x48 and not 0xa1: this is not BINRPC",
        )],
        ..Fault::NEW
    },
    Fault {
        what: "is a mail server, which speaks first",
        how: |fake| fake.greet(b"220 sip.example.org ESMTP\r\n"),
        cases: &[case(STREAMS, Served::Nothing, "the first byte of a packet is 0x32 and not 0xa1")],
        ..Fault::NEW
    },
    Fault {
        what: "answers with another magic number",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xb1, 1, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "the first byte of a packet is 0xb1 and not 0xa1")],
        ..Fault::NEW
    },
    Fault {
        what: "answers in another version",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa2, 1, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "BINRPC version 2 is not supported")],
        ..Fault::NEW
    },
    Fault {
        what: "answers with a packet of an unknown type",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa1, 7, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "packet type 7 is neither reply (1) nor fault (3)")],
        ..Fault::NEW
    },
    Fault {
        what: "answers with a request",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |cookie, _| vec![packet(0xa1, 0, cookie, 0, b"")]),
        cases: &[case(ALL, BEFORE, "a request came where only replies can")],
        ..Fault::NEW
    },
    Fault {
        what: "answers a call with the wrong cookie",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), _| vec![reply(Cookie(!cookie), b"")]);
        },
        cases: &[case(STREAMS, BUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "answers every call with the wrong cookie",
        how: |fake| fake.mangle("*", Then::GoOn, |Cookie(cookie), _| vec![reply(Cookie(!cookie), b"")]),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "answers a call with the cookie of the call before",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), _| {
                vec![reply(Cookie(cookie.wrapping_sub(1)), b"")]
            });
        },
        cases: &[case(STREAMS, BUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "answers a call twice",
        how: |fake| fake.mangle("sl.stats", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "answers every call twice",
        how: |fake| fake.mangle("*", Then::GoOn, |_, good| vec![good.to_vec(), good.to_vec()]),
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "answers two calls in the wrong order",
        how: |fake| fake.postpone("sl.stats"),
        cases: &[case(STREAMS, BUT_SL, SKIPPED)],
        ..Fault::NEW
    },
    Fault {
        what: "skips a call",
        how: |fake| fake.skip("sl.stats"),
        cases: &[case(STREAMS, BUT_SL, SKIPPED), case(DATAGRAMS, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "sends a reply that nobody asked for",
        how: |fake| {
            fake.mangle("sl.stats", Then::GoOn, |Cookie(cookie), good| {
                vec![reply(Cookie(!cookie), b"\x10\x07"), good.to_vec()]
            });
        },
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "sends a reply before it is asked",
        how: |fake| fake.greet(&reply(Cookie(0), b"\x10\x07")),
        cases: &[case(STREAMS, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "declares 4 GiB and sends a little",
        how: |fake| fake.lie("sl.stats", u32::MAX),
        cases: &[case(ALL, BEFORE, "reply body of 4294967295 bytes is over the limit of 8388608")],
        ..Fault::NEW
    },
    Fault {
        what: "declares 8 MiB, which is allowed, and sends a little",
        how: |fake| fake.lie("sl.stats", 8 << 20),
        cases: &[case(ALL, BEFORE, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "sends a body without end",
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
        what: "sends replies that nobody asked for, without end",
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
        cases: &[case(ALL, BUT_SL, "string at offset 0 has 281474976710655 bytes where only 1 are left")],
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
        what: "sends the end of a struct that has not begun",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b"\x83"),
        cases: &[case(ALL, BUT_SL, "struct ends at offset 0 and has not begun")],
        ..Fault::NEW
    },
    Fault {
        what: "sends an int of 9 bytes",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b"\x90\x09123456789"),
        cases: &[case(ALL, BUT_SL, "int at offset 0 has 9 bytes, which is over the limit of 8")],
        ..Fault::NEW
    },
    Fault {
        what: "sends 200,000 members that nobody knows",
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
        what: "sends a byte every half second",
        how: |fake| fake.chop(1, Duration::from_millis(500)),
        cases: &[case(ALL, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "answers with faults of many codes, with a text as their reason",
        how: |fake| faults(fake, &[Arg::Str(b"it \"said\"\nno")]),
        cases: &[case(
            ALL,
            Served::Only(&["core.uptime"]),
            "Kamailio answered with fault 404: it \\\"said\\\"\\nno",
        )],
        ..Fault::NEW
    },
    Fault {
        what: "answers with faults of many codes, with a number as their reason",
        how: |fake| faults(fake, &[Arg::Int(-7)]),
        cases: &[case(ALL, Served::Only(&["core.uptime"]), "Kamailio answered with fault 404: -7")],
        ..Fault::NEW
    },
    Fault {
        what: "answers with faults of many codes, without a reason",
        how: |fake| faults(fake, &[]),
        cases: &[case(ALL, Served::Only(&["core.uptime"]), "Kamailio answered with fault 404: \"")],
        ..Fault::NEW
    },
    Fault {
        what: "answers with a fault without a code",
        how: |fake| fake.answer("sl.stats", Kind::Fault, b""),
        cases: &[case(ALL, BUT_SL, "Kamailio answered with fault 0: ")],
        ..Fault::NEW
    },
    Fault {
        what: "sends a string with a NUL, 0xff, quotes, a backslash and a line feed",
        how: |fake| {
            fake.answer("dispatcher.list", Kind::Reply, &destinations([&b"sip:a\0\xff\"\\\n"[..]]));
        },
        cases: &[case(ALL, EVERYTHING, "")],
        shows: &[
            "kamailio_dispatcher_list_target{setid=\"1\",uri=\"sip:a\0\u{fffd}\\\"\\\\\\n\",flags=\"AP\"} 1",
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
        what: "sends every list as long as it can be",
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
        what: "sends a struct and a string where ints were",
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
        what: "sends an int where a struct was",
        how: |fake| fake.answer("tm.stats", Kind::Reply, &body(&[Arg::Int(7)])),
        cases: &[case(ALL, BUT_TM, "1 values could not be read")],
        shows: &["kamailio_exporter_unreadable_values_total{collector=\"tm.stats\"} 1"],
        hides: &["kamailio_tm_stats_"],
        ..Fault::NEW
    },
    Fault {
        what: "leaves fields out",
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
        what: "sends fields that are not known",
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
        what: "answers with an empty reply",
        how: |fake| fake.answer("sl.stats", Kind::Reply, b""),
        cases: &[case(ALL, EVERYTHING, "")],
        hides: &["kamailio_sl_stats_"],
        ..Fault::NEW
    },
    Fault {
        what: "does not tell its methods",
        how: |fake| fake.answer("system.listMethods", Kind::Fault, &body(&[Arg::Int(500), "no".into()])),
        methods: "core.uptime,tm.stats,sl.stats",
        cases: &[case(ALL, EVERYTHING, "")],
        ..Fault::NEW
    },
    Fault {
        what: "closes the connection while it tells its methods",
        how: |fake| fake.truncate("system.listMethods", 100, Then::Close),
        cases: &[case(STREAMS, Served::Nothing, CLOSED), case(DATAGRAMS, Served::Nothing, LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "closes the connection while it tells its groups of statistics",
        how: |fake| fake.truncate("cnt.list_groups", 10, Then::Close),
        cases: &[case(STREAMS, Served::Only(&[]), CLOSED), case(DATAGRAMS, Served::Only(&[]), LATE)],
        ..Fault::NEW
    },
    Fault {
        what: "has 200,000 groups of statistics",
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
        what: "was started at another time in each answer",
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

/// Every call but the uptime is a fault, with one code after the other.
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

/// Those of SIP, those that Kamailio has, and those that no method has.
const CODES: [i64; 16] =
    [404, 500, 400, -1, 0, 1, 100, 200, 300, 408, 480, 503, 603, 699, i32::MAX as i64, i32::MIN as i64];
