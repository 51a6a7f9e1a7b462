//! Values that kamcmd prints and that the exporter omits or converts, with the reasons.

/// A value that the exporter omits.
pub(crate) struct LeftOut {
    pub(crate) collector: &'static str,
    /// The last name of the path to the value; `*` matches any.
    pub(crate) leaf: &'static str,
    /// Whether the exporter omits only 0.
    pub(crate) only_zero: bool,
    pub(crate) reason: &'static str,
}

/// A value that the exporter converts.
pub(crate) struct ReadAs {
    pub(crate) collector: &'static str,
    pub(crate) leaf: &'static str,
    pub(crate) family: &'static str,
    /// A label that the sample must have.
    pub(crate) label: Option<(&'static str, &'static str)>,
    /// A member that the row of the value must have or lack, because the meaning of the value depends on the version.
    pub(crate) member: Option<(&'static str, bool)>,
    pub(crate) value: fn(f64) -> f64,
}

const fn left_out(collector: &'static str, leaf: &'static str, reason: &'static str) -> LeftOut {
    LeftOut { collector, leaf, only_zero: false, reason }
}

const fn unset(collector: &'static str, leaf: &'static str, reason: &'static str) -> LeftOut {
    LeftOut { collector, leaf, only_zero: true, reason }
}

const fn read_as(
    collector: &'static str,
    leaf: &'static str,
    family: &'static str,
    label: Option<(&'static str, &'static str)>,
    value: fn(f64) -> f64,
) -> ReadAs {
    ReadAs { collector, leaf, family, label, member: None, value }
}

impl ReadAs {
    const fn with(self, member: &'static str) -> Self {
        Self { member: Some((member, true)), ..self }
    }

    const fn without(self, member: &'static str) -> Self {
        Self { member: Some((member, false)), ..self }
    }
}

fn is(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

pub(crate) const LEFT_OUT: &[LeftOut] = &[
    left_out("dispatcher.list", "BODY", "a text that happens to look like a number"),
    unset("dispatcher.list", "AVG", "a destination that has not answered yet"),
    unset("dispatcher.list", "STD", "a destination that has not answered yet"),
    unset("dispatcher.list", "EST", "a destination that has not answered yet"),
    unset("dispatcher.list", "MAX", "a destination that has not answered yet"),
    left_out("dispatcher.list", "IDX", "the index of the destination in its set"),
    left_out("dispatcher.oclist", "flags", "the state, which dispatcher.list serves"),
    left_out("dispatcher.oclist", "priority", "served by dispatcher.list"),
    left_out("dispatcher.oclist", "ocidx", "the position in a shuffled list"),
    unset("dispatcher.oclist", "ocseq", "a destination without an update of its rate"),
    unset("dispatcher.oclist", "octime_sec", "a destination without an update of its rate"),
    unset("dispatcher.oclist", "octime_usec", "a destination without an update of its rate"),
    left_out("dispatcher.info", "*", "the texts of the reply of dispatcher.list"),
    left_out("dmq.list_nodes", "last_notification", "always 0: Kamailio never sets it"),
    left_out("stats", "imc.active_rooms", "Kamailio never updates it"),
    left_out("stats", "sl.sent_err_replies", "Kamailio never updates it"),
    left_out("stats", "sst.expired_sst", "Kamailio never updates it"),
    unset("stats", "cdp.average_response_time", "the average of no reply"),
    left_out("stats", "uac.regactive", "not the number of active registrations"),
    left_out("core.runinfo", "uptime_secs", "served by core.uptime"),
    left_out("pkg.stats", "pid", "a process ID, which changes with each restart"),
    left_out("rtpengine.show", "recheck_ticks", "ticks of Kamailio's own clock"),
    left_out("rtpproxy.list", "recheck", "ticks of Kamailio's own clock"),
    left_out("mtree.summary", "ttype", "configuration"),
    left_out("uac.reg_dump", "timer_expires", "served as the remaining time"),
    left_out("uac.reg_dump", "reg_init", "the time at which the row was loaded"),
    left_out("uac.reg_dump", "reg_delay", "configuration"),
    left_out("rl.stats", "PIPE[", "the name of the pipe, which is a label"),
    unset("rl.stats", "]:", "an unused pipe"),
    unset("rl.stats", "/", "an unused pipe"),
    unset("rl.stats", "(drop rate:", "an unused pipe, or one that drops nothing"),
    left_out("benchmark.timer_list", "id", "the index of the timer"),
    left_out("benchmark.timer_list", "granularity", "configuration"),
    left_out("benchmark.timer_list", "period_sum", "restarts with each period"),
    left_out("benchmark.timer_list", "period_min", "restarts with each period"),
    left_out("benchmark.timer_list", "period_max", "restarts with each period"),
    left_out("benchmark.timer_list", "period_media", "restarts with each period"),
    left_out("benchmark.timer_list", "global_media", "the quotient of two served values"),
    left_out("cdp.list_peers", "Accept unknown peers", "configuration"),
    left_out("cdp.list_peers", "Connect timeout", "configuration"),
    left_out("cdp.list_peers", "Transaction timeout", "configuration"),
    left_out("cdp.list_peers", "Default auth session timeout", "configuration"),
    unset("cdp.list_peers", "Last used", "a peer never used"),
    left_out("core.tcp_list", "*", "only the number of connections is served"),
    left_out("tls.list", "*", "only the number of connections is served"),
    left_out("ptimer.list", "type", "configuration"),
    left_out("ptimer.list", "worker", "the index of the worker"),
    left_out("ptimer.list", "pid", "a process ID, which changes with each restart"),
    left_out("ptimer.list", "ntasks", "of one worker: the timer's, unless the script sets another number"),
    left_out("ptimer.list", "nslices", "of one worker: the timer's, unless the script sets another number"),
    left_out("ptimer.list", "slice", "the current slice of the worker, which cycles"),
    left_out("core.psa", "pid", "a process ID, which changes with each restart"),
    left_out("dbcl.list_connections", "flags", "configuration"),
    left_out("dbcl.list_connections", "ticks", "ticks of Kamailio's own clock"),
    left_out("dbcl.list_connections", "ref", "configuration"),
    left_out("lcr.dump_gws", "gw_index", "the index of the gateway"),
    left_out("lcr.dump_gws", "port", "configuration"),
    left_out("lcr.dump_gws", "strip", "configuration"),
    left_out("lcr.dump_gws", "flags", "configuration"),
    unset("lcr.dump_gws", "defunct_until", "a gateway that is not defunct"),
];

pub(crate) const READ_AS: &[ReadAs] = &[
    // Up to 5.8, `disabled` is 1 for a node that does not answer. Since 6.0, `active` is 0 for such a node.
    read_as("rtpengine.show", "disabled", "kamailio_rtpengine_node_up", None, |disabled| is(disabled == 0.0))
        .without("active"),
    read_as("rtpengine.show", "active", "kamailio_rtpengine_node_up", None, |active| is(active != 0.0)),
    read_as("rtpengine.show", "disabled", "kamailio_rtpengine_node_disabled", None, |disabled| {
        is(disabled != 0.0)
    })
    .with("active"),
    read_as("rtpproxy.list", "disabled", "kamailio_rtpproxy_node_up", None, |disabled| is(disabled == 0.0)),
    read_as("keepalive.list", "state", "kamailio_keepalive_destination_up", None, |state| is(state == 1.0)),
    read_as(
        "keepalive.list",
        "state",
        "kamailio_keepalive_destination_state",
        Some(("state", "down")),
        |state| is(state == 2.0),
    ),
    read_as("uac.reg_dump", "flags", "kamailio_uac_registration_up", None, |flags| is(flags as u64 & 4 != 0)),
    read_as("uac.reg_dump", "flags", "kamailio_uac_registration_ongoing", None, |flags| {
        is(flags as u64 & 2 != 0)
    }),
    read_as("uac.reg_dump", "flags", "kamailio_uac_registration_disabled", None, |flags| {
        is(flags as u64 & 1 != 0)
    }),
    read_as(
        "secfilter.stats",
        "[+] Destinations   :",
        "kamailio_secfilter_matches",
        Some(("type", "destination")),
        |matches| matches,
    ),
    read_as("benchmark.timer_list", "global_min", "kamailio_benchmark_timer_min_seconds", None, |us| {
        us / 1e6
    }),
    read_as("benchmark.timer_list", "global_max", "kamailio_benchmark_timer_max_seconds", None, |us| {
        us / 1e6
    }),
    read_as("uac.reg_dump", "diff_expires", "kamailio_uac_registration_remaining_seconds", None, |seconds| {
        seconds
    }),
    read_as("ws.dump", "wscounter", "kamailio_websocket_listed_connections", None, |connections| connections),
    read_as("lcr.dump_gws", "state", "kamailio_lcr_gateway_up", None, |state| is(state != 2.0)),
];

/// Values that differ over JSON-RPC from what kamcmd prints.
pub(crate) struct Difference {
    pub(crate) collector: &'static str,
    /// The last names of the paths to the values; none for every value of the collector.
    pub(crate) values: &'static [&'static str],
    /// The beginnings of the addresses over which they differ.
    pub(crate) over: &'static [&'static str],
    /// The beginning of a text beside the value, such as the name of its process.
    pub(crate) row: Option<&'static str>,
    /// Whether they differ in every run, and not only when Kamailio changes them at that moment.
    pub(crate) is_steady: bool,
    pub(crate) reason: &'static str,
}

const fn differs(
    collector: &'static str,
    values: &'static [&'static str],
    over: &'static [&'static str],
    reason: &'static str,
) -> Difference {
    Difference { collector, values, over, row: None, is_steady: true, reason }
}

const fn lost(collector: &'static str) -> Difference {
    differs(collector, &[], &["http", "jsonrpc"], LAST_RECORD)
}

/// The Kamailio with few modules, over UDP, is at rest: its values have to be equal.
const fn moving(collector: &'static str, values: &'static [&'static str]) -> Difference {
    Difference { is_steady: false, ..differs(collector, values, BUSY, CACHED) }
}

const OWN_CONNECTION: &str = "the exporter's own connection is one of TCP";
const OWN_MEMORY: &str = "the exporter's own connection has a buffer in shared memory (tcpconn_new, core/tcp_main.c), and \
                          each process keeps a copy of the statistics for a second or two (core_stats.c)";
const CACHED: &str =
    "each process of Kamailio keeps a copy of these for a second or two (tmx_mod.c, sl_stats.c)";
const LAST_RECORD: &str =
    "jsonrpc_add and jsonrpc_rpl_printf (jsonrpcs_mod.c) keep the last record of a method without RET_ARRAY";

/// The addresses of the Kamailio whose modules send and receive requests all the time.
const BUSY: &[&str] = &["http", "jsonrpc+unix", "jsonrpc+tcp"];

const OF_SHMEM: &[&str] = &["shmem.fragments", "shmem.free_size", "shmem.real_used_size", "shmem.used_size"];

const OF_SL: &[&str] = &["sl.200_replies", "sl.500_replies", "sl.6xx_replies", "sl.sent_replies"];

const OF_TMX: &[&str] = &[
    "tmx.2xx_transactions",
    "tmx.4xx_transactions",
    "tmx.UAC_transactions",
    "tmx.UAS_transactions",
    "tmx.inuse_transactions",
    "tmx.rpl_generated",
    "tmx.rpl_received",
    "tmx.rpl_relayed",
    "tmx.rpl_sent",
];

pub(crate) const OVER_JSONRPC: &[Difference] = &[
    differs("core.tcp_info", &["opened_connections"], &["http"], OWN_CONNECTION),
    differs("core.tcp_info", &["opened_tls_connections"], &["https"], OWN_CONNECTION),
    differs("core.tcp_list", &[RECORDS], &["http"], OWN_CONNECTION),
    differs("tls.info", &["opened_connections"], &["https"], OWN_CONNECTION),
    differs("tls.list", &[RECORDS], &["https"], OWN_CONNECTION),
    differs("stats.fetch", &["tcp.current_opened_connections"], &["http"], OWN_CONNECTION),
    differs("stats", &["tcp.current_opened_connections"], &["http"], OWN_CONNECTION),
    differs("stats.fetch", &["tls.opened_connections"], &["https"], OWN_CONNECTION),
    differs("stats", &["tls.opened_connections"], &["https"], OWN_CONNECTION),
    differs("core.shmmem", &["free", "used", "real_used", "fragments"], &["http"], OWN_MEMORY),
    differs("stats.fetch", OF_SHMEM, BUSY, OWN_MEMORY),
    differs("stats", OF_SHMEM, BUSY, OWN_MEMORY),
    moving("stats.fetch", OF_SL),
    moving("stats", OF_SL),
    moving("stats.fetch", OF_TMX),
    moving("stats", OF_TMX),
    Difference {
        row: Some("tcp receiver"),
        ..differs(
            "pkg.stats",
            &["used", "free", "real_used", "total_frags"],
            &["http"],
            "the process that replies has the reply in its memory",
        )
    },
    lost("keepalive.list"),
    lost("secfilter.stats"),
    lost("rl.stats"),
    lost("call_obj.stats"),
    lost("dns.mem_info"),
    lost("dst_blocklist.mem_info"),
    differs(
        "ctl.connections",
        &[],
        &["http", "jsonrpc"],
        "replies with a fault over other protocols than BINRPC (ctl.c)",
    ),
];

/// The name of the difference between the number of records and that of the rows that are served.
pub(crate) const RECORDS: &str = "number of records";

/// Replies from which the exporter serves only the number of records.
pub(crate) const COUNTED: &[(&str, &str)] = &[
    ("core.tcp_list", "kamailio_tcp_connections_by_state"),
    ("tls.list", "kamailio_tls_connections_by_cipher"),
];

/// Collectors whose methods no test server has.
pub(crate) const NOT_COMPARED: &[(&str, &str)] = &[
    ("custom", "not a method; external_pages.rs tests it"),
    ("tls.certificates", "not a method; its own tests read files"),
    ("udp.proxy.stats", "after Kamailio 6.1"),
    ("ulscscf.status", "its module needs ims_dialog, which conflicts with dialog"),
    ("sctp.info", "needs a kernel with SCTP"),
];
