//! What kamcmd prints and the exporter does not serve as it stands, and why.

/// A value that is not served.
pub(crate) struct LeftOut {
    pub(crate) collector: &'static str,
    /// The last name of its path; `*` is any.
    pub(crate) leaf: &'static str,
    /// Whether it is served if it is not 0.
    pub(crate) only_zero: bool,
    pub(crate) reason: &'static str,
}

/// A value that is served as something else.
pub(crate) struct ReadAs {
    pub(crate) collector: &'static str,
    pub(crate) leaf: &'static str,
    pub(crate) family: &'static str,
    /// A label that the sample has to have.
    pub(crate) label: Option<(&'static str, &'static str)>,
    /// A member that the value's row has to have, or must not have: versions differ in what the value means.
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
    left_out("dispatcher.list", "BODY", "a text, which a quirk of Kamailio's makes look like a number"),
    left_out("dispatcher.list", "IDX", "the place of the destination in its set"),
    left_out("dispatcher.list", "OCMIN", "not yet served"),
    left_out("dispatcher.list", "OCMAX", "not yet served"),
    left_out("dispatcher.list", "PROBING_COUNT", "not yet served"),
    left_out("dispatcher.oclist", "flags", "not yet served"),
    left_out("dispatcher.oclist", "priority", "served by dispatcher.list"),
    left_out("dispatcher.oclist", "ocidx", "not yet served"),
    left_out("dispatcher.oclist", "ocseq", "not yet served"),
    left_out("dispatcher.oclist", "octime_sec", "not yet served"),
    left_out("dispatcher.oclist", "octime_usec", "not yet served"),
    unset("dispatcher.list", "AVG", "a destination that has not answered yet"),
    unset("dispatcher.list", "STD", "a destination that has not answered yet"),
    unset("dispatcher.list", "EST", "a destination that has not answered yet"),
    unset("dispatcher.list", "MAX", "a destination that has not answered yet"),
    left_out("dispatcher.info", "*", "the reply of dispatcher.list once more, for its texts"),
    left_out("dmq.list_nodes", "last_notification", "always 0: Kamailio does not set it"),
    left_out("stats", "imc.active_rooms", "Kamailio does not count in it"),
    left_out("stats", "sl.sent_err_replies", "Kamailio does not count in it"),
    left_out("stats", "sst.expired_sst", "Kamailio does not count in it"),
    left_out("stats", "uac.regactive", "not the number of active registrations"),
    left_out("core.runinfo", "uptime_secs", "served by core.uptime"),
    left_out("pkg.stats", "pid", "a process number, another one after each restart"),
    left_out("rtpengine.show", "recheck_ticks", "a time on Kamailio's own clock"),
    left_out("rtpproxy.list", "recheck", "a time on Kamailio's own clock"),
    left_out("mtree.summary", "ttype", "what was configured"),
    left_out("uac.reg_dump", "timer_expires", "served as the time that remains"),
    left_out("uac.reg_dump", "reg_init", "when the row was loaded"),
    left_out("uac.reg_dump", "reg_delay", "what was configured"),
    left_out("rl.stats", "PIPE[", "the name of the pipe, which is a label of those that are used"),
    unset("rl.stats", "]:", "a pipe that is not used"),
    unset("rl.stats", "/", "a pipe that is not used"),
    unset("rl.stats", "(drop rate:", "a pipe that is not used, or lets everything through"),
    left_out("benchmark.timer_list", "id", "the place of the timer"),
    left_out("benchmark.timer_list", "granularity", "what was configured"),
    left_out("benchmark.timer_list", "period_sum", "of a period, which is a number of runs"),
    left_out("benchmark.timer_list", "period_min", "of a period, which is a number of runs"),
    left_out("benchmark.timer_list", "period_max", "of a period, which is a number of runs"),
    left_out("benchmark.timer_list", "period_media", "of a period, which is a number of runs"),
    left_out("benchmark.timer_list", "global_media", "the sum by the number of runs"),
    left_out("cdp.list_peers", "Accept unknown peers", "what was configured"),
    left_out("cdp.list_peers", "Connect timeout", "what was configured"),
    left_out("cdp.list_peers", "Transaction timeout", "what was configured"),
    left_out("cdp.list_peers", "Default auth session timeout", "what was configured"),
    unset("cdp.list_peers", "Last used", "a peer that was never used"),
    left_out("core.tcp_list", "*", "of one connection; how many there are is compared"),
    left_out("tls.list", "*", "of one connection; how many there are is compared"),
    left_out("ptimer.list", "type", "what was configured"),
    left_out("ptimer.list", "worker", "the index of the worker"),
    left_out("ptimer.list", "pid", "a process number, another one after each restart"),
    left_out("ptimer.list", "ntasks", "of one worker: the timer's, unless the script sets another number"),
    left_out("ptimer.list", "nslices", "of one worker: the timer's, unless the script sets another number"),
    left_out("ptimer.list", "slice", "the slice that the worker has reached: it goes round"),
    left_out("ptimer.list", "paused", "not yet served"),
    left_out("core.psa", "pid", "a process number, another one after each restart"),
    left_out("dbcl.list_connections", "flags", "what was configured"),
    left_out("dbcl.list_connections", "ticks", "a time on Kamailio's own clock"),
    left_out("dbcl.list_connections", "ref", "what was configured"),
    left_out("lcr.dump_gws", "gw_index", "the place of the gateway"),
    left_out("lcr.dump_gws", "port", "what was configured"),
    left_out("lcr.dump_gws", "strip", "what was configured"),
    left_out("lcr.dump_gws", "flags", "what was configured"),
    unset("lcr.dump_gws", "defunct_until", "a gateway that is not defunct"),
];

pub(crate) const READ_AS: &[ReadAs] = &[
    // Up to 5.8, `disabled` is 1 for a node that does not answer; since 6.0, that is `active`.
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
    read_as("ws.dump", "wscounter", "kamailio_websocket_listed_connections", None, |connections| connections),
    read_as("lcr.dump_gws", "state", "kamailio_lcr_gateway_up", None, |state| is(state != 2.0)),
];

/// Replies that are served as the number of their records.
pub(crate) const COUNTED: &[(&str, &str)] = &[
    ("core.tcp_list", "kamailio_tcp_connections_by_state"),
    ("tls.list", "kamailio_tls_connections_by_cipher"),
];

/// Collectors whose methods no Kamailio of the tests has.
pub(crate) const NOT_COMPARED: &[(&str, &str)] = &[
    ("custom", "a page and not a method; it has a test of its own"),
    ("udp.proxy.stats", "after Kamailio 6.1"),
    ("ulscscf.status", "its module needs ims_dialog, which is in the way of dialog"),
    ("sctp.info", "needs a kernel with SCTP"),
];
