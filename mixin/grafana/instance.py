"""One Kamailio in detail."""

from lib import CONFIG, RULES, SELECTOR, UP, Panels, high, low, module, new, row

panels = Panels(SELECTOR)

STATISTICS = module("kex", "stats")
DIALOG = module("dialog", "stats")
REGISTRAR = module("registrar", "stats")
USRLOC = module("usrloc", "stats")
TCP = "No data: Kamailio runs without TCP (disable_tcp)."


def rate(metric, matchers=""):
    return f"rate({metric}{{{matchers}$S}}[$__rate_interval])"


INVITES = rate("kamailio_core_requests_received_by_method_total", 'method="INVITE",')
ANSWERS = rate("kamailio_core_replies_received_by_class_and_method_total", 'method="INVITE",class!="1xx",')
IN_MEMORY = [("kamailio_tm_stats_current{$S}", "in memory"), ("kamailio_tm_stats_waiting{$S}", "waiting to be removed")]
SECONDS_LEFT = "kamailio_core_shmmem_free{$S} / clamp_min(-deriv(kamailio_core_shmmem_free{$S}[1h]), 0)"


def overview():
    return [
        panels.stat("Kamailio", "short", "min(kamailio_up{$S})", "Whether Kamailio responds.", mappings=UP),
        panels.stat(
            "Uptime",
            "s",
            "kamailio_core_uptime_uptime_total{$S}",
            "Time since Kamailio was started.",
            steps=[("red", None), ("yellow", 900), ("green", 3600)],
        ),
        panels.stat(
            "Calls",
            "reqps",
            f"sum({INVITES})",
            "INVITE requests received.",
            empty=STATISTICS,
        ),
        panels.stat(
            "Answered",
            "percentunit",
            "instance:kamailio_invites_answered:ratio_rate5m{$S}",
            "Answer-seizure ratio: calls answered for each call attempted in the last 5 minutes.",
            steps=low(CONFIG["answerRatio"]),
            empty=RULES,
        ),
        panels.stat(
            "Shared memory free",
            "percentunit",
            "kamailio_core_shmmem_free{$S} / kamailio_core_shmmem_total{$S}",
            "Share of the shared memory that is free.",
            steps=low(CONFIG["memoryFreeRatio"]),
        ),
        panels.stat(
            "Version",
            "short",
            "kamailio_build_info{$S}",
            "Version of Kamailio.",
            legend="{{version}}",
        ),
    ]


def sip():
    return [
        panels.timeseries(
            "Requests by method",
            "reqps",
            [(f"sum by (method) ({rate('kamailio_core_requests_received_by_method_total')})", "{{method}}")],
            "SIP requests received, retransmissions included.",
            empty=STATISTICS,
            stack=True,
        ),
        panels.timeseries(
            "Replies received by class",
            "reqps",
            [(f"sum by (class) ({rate('kamailio_core_replies_received_by_class_total')})", "{{class}}")],
            "SIP replies that Kamailio received from others.",
            empty=STATISTICS,
            stack=True,
        ),
        panels.timeseries(
            "Replies to calls",
            "reqps",
            [(f"sum by (class) ({ANSWERS})", "{{class}}")],
            "Final replies to INVITE requests that Kamailio received from others. 2xx are answered calls.",
            empty=STATISTICS,
            stack=True,
        ),
        panels.timeseries(
            "Answer-seizure ratio",
            "percentunit",
            [
                ("instance:kamailio_invites_answered:ratio_rate5m{$S}", "5 minutes"),
                ("instance:kamailio_invites_answered:ratio_rate1h{$S}", "1 hour"),
                ("instance:kamailio_invites_answered:ratio_rate1h{$S} offset 1w", "1 hour, a week ago"),
            ],
            "Calls answered for each call attempted, and what it was at the same time a week ago.",
            empty=RULES,
            steps=low(CONFIG["answerRatio"]),
        ),
        panels.timeseries(
            "Error ratio",
            "percentunit",
            [('instance_class:kamailio_final_replies:ratio_rate5m{class=~"[56]xx",$S}', "{{class}}")],
            "Share of the final replies, stateless ones included, that are server errors or global failures.",
            empty=RULES,
            steps=high(CONFIG["serverErrorRatio"]),
        ),
        panels.timeseries(
            "Stateless replies",
            "reqps",
            [(f"sum by (code) ({rate('kamailio_sl_stats_codes_total')} > 0)", "{{code}}")],
            "Replies that Kamailio sent without a transaction, by code.",
            empty="No data: Kamailio sent no stateless replies, or has not loaded the module sl.",
            stack=True,
        ),
        panels.timeseries(
            "Forwarded, dropped, rejected",
            "reqps",
            [
                (rate("kamailio_core_requests_forwarded_total"), "requests forwarded without a transaction"),
                (rate("kamailio_core_requests_dropped_total"), "requests dropped"),
                (rate("kamailio_core_requests_rejected_total"), "requests rejected"),
                (rate("kamailio_core_replies_dropped_total"), "replies dropped"),
                (rate("kamailio_core_replies_rejected_total"), "replies rejected"),
            ],
            "Messages that Kamailio did not process by transactions.",
            empty=STATISTICS,
        ),
        panels.timeseries(
            "Malformed",
            "reqps",
            [
                (rate("kamailio_core_bad_headers_total"), "bad headers"),
                (rate("kamailio_core_bad_uris_total"), "bad URIs"),
                (rate("kamailio_core_requests_of_unknown_method_total"), "unknown methods"),
            ],
            "Parts of SIP messages that Kamailio could not parse.",
            empty=STATISTICS,
            steps=high(CONFIG["malformedPerSecond"]),
        ),
        panels.timeseries(
            "DNS",
            "reqps",
            [
                (rate("kamailio_dns_requests_failed_total"), "failed"),
                (rate("kamailio_dns_requests_slow_total"), "slow"),
            ],
            "DNS lookups that failed, and those slower than the core parameter dns_slow_query_ms.",
            empty=STATISTICS,
            steps=high(CONFIG["dnsFailuresPerSecond"]),
        ),
    ]


def transactions():
    return [
        panels.timeseries(
            "Transactions in memory",
            "short",
            IN_MEMORY,
            "Transactions that Kamailio keeps in memory.",
            empty=module("tm", "tm.stats"),
        ),
        panels.timeseries(
            "Transactions by final reply",
            "reqps",
            [(f"sum by (code) ({rate('kamailio_tm_stats_codes_total')})", "{{code}}")],
            "Transactions by the class of their final reply. Kamailio's own requests count too, such as probes.",
            empty=module("tm", "tm.stats"),
            stack=True,
        ),
        panels.timeseries(
            "Lifetime of transactions",
            "s",
            [("instance:kamailio_tm_transaction_seconds:mean15m{$S}", "mean")],
            "How long a transaction stays in memory on average. It includes ringing, and five seconds after the end.",
            empty=RULES,
            steps=high(CONFIG["transactionSeconds"]),
        ),
    ]


def calls_and_registrations():
    return [
        panels.timeseries(
            "Dialogs",
            "short",
            [("sum by (state) (kamailio_dialog_dialogs{$S})", "{{state}}")],
            "Calls under way, as the module dialog counts them.",
            empty=DIALOG,
            stack=True,
        ),
        panels.timeseries(
            "Dialogs that ended badly",
            "reqps",
            [
                (rate("kamailio_dialog_failed_total"), "never answered"),
                (rate("kamailio_dialog_expired_total"), "ended by timeout"),
            ],
            "Dialogs that were refused or cancelled, and those that ended because their lifetime was over.",
            empty=DIALOG,
        ),
        panels.timeseries(
            "Registrations",
            "reqps",
            [(f"sum by (result) ({rate('kamailio_registrar_registrations_total')})", "{{result}}")],
            "REGISTER requests by result.",
            empty=REGISTRAR,
            stack=True,
        ),
        panels.timeseries(
            "Registered users",
            "short",
            [
                ("kamailio_usrloc_registered_users{$S}", "users"),
                ("sum by (table) (kamailio_usrloc_contacts{$S})", "contacts in {{table}}"),
            ],
            "Addresses of record with a contact, and contacts.",
            empty=USRLOC,
        ),
        panels.timeseries(
            "Media relays",
            "short",
            [("kamailio_rtpengine_node_up{$S}", "{{url}} (set {{set}})")],
            "1 for each rtpengine that Kamailio uses.",
            empty=module("rtpengine", "rtpengine.show"),
            top=1,
        ),
        panels.timeseries(
            "Message queue nodes",
            "short",
            [("kamailio_dmq_node_up{$S}", "{{host}}:{{port}}")],
            "1 for each node of the distributed message queue (module dmq) that is active.",
            empty=module("dmq", "dmq.list_nodes"),
            top=1,
        ),
    ]


def memory():
    return [
        panels.timeseries(
            "Shared memory",
            "bytes",
            [
                ("kamailio_core_shmmem_real_used{$S}", "used"),
                ("kamailio_core_shmmem_max_used{$S}", "most used so far"),
                ("kamailio_core_shmmem_total{$S}", "size"),
            ],
            "Shared memory, the allocator's overhead included.",
        ),
        panels.timeseries(
            "Hours until the shared memory is full",
            "h",
            [(f"{SECONDS_LEFT} / 3600 < 720", "hours")],
            "At the rate of the last hour.",
            empty="Nothing to show: at the rate of the last hour, the shared memory lasts for more than 30 days.",
        ),
        panels.timeseries(
            "Mean size of a free piece",
            "bytes",
            [("kamailio_core_shmmem_free{$S} / kamailio_core_shmmem_fragments{$S}", "free bytes per fragment")],
            "Free shared memory divided by the number of its fragments. Transactions need several KiB in one piece.",
            steps=low(CONFIG["fragmentMeanBytes"]),
        ),
        panels.timeseries(
            "Private memory free, the five fullest processes",
            "percentunit",
            [
                (
                    "bottomk(5, kamailio_pkgmem_free_bytes{$S} / kamailio_pkgmem_size_bytes{$S})",
                    "{{entry}} {{desc}}",
                )
            ],
            "Share of the private memory that is free, for the processes with the least.",
            empty=module("kex", "pkg.stats"),
            steps=low(CONFIG["memoryFreeRatio"]),
            span=16,
            top=1,
        ),
        panels.timeseries(
            "Hash tables",
            "short",
            [("kamailio_htable_items{$S}", "{{name}}")],
            "Items in each hash table (module htable).",
            empty=module("htable", "htable.stats"),
        ),
    ]


def tcp():
    return [
        panels.timeseries(
            "Connections",
            "short",
            [
                ("kamailio_core_tcp_info_opened_connections{$S}", "TCP"),
                ("kamailio_core_tcp_info_opened_tls_connections{$S}", "of these TLS"),
                ("kamailio_core_tcp_info_max_connections{$S}", "limit"),
            ],
            "Open connections, and how many there may be.",
            empty=TCP,
        ),
        panels.timeseries(
            "Connection errors",
            "reqps",
            [
                (rate("kamailio_tcp_connections_rejected_total"), "rejected: limit reached"),
                (rate("kamailio_tcp_connects_failed_total"), "connects failed"),
                (rate("kamailio_tcp_connections_reset_total"), "reset by the peer"),
                (rate("kamailio_tcp_sends_timed_out_total"), "writes timed out"),
                (rate("kamailio_tcp_sends_refused_total"), "writes refused: queue full"),
            ],
            "Errors of TCP connections.",
            empty=TCP,
        ),
        panels.timeseries(
            "Write queues",
            "bytes",
            [
                ("kamailio_core_tcp_info_write_queued_bytes{$S}", "TCP"),
                ("kamailio_tls_clear_text_write_queued_bytes{$S}", "TLS, waiting for a handshake"),
            ],
            "Data that waits to be written.",
            empty=TCP,
            steps=high(CONFIG["tcpQueueBytes"]),
        ),
    ]


def processes():
    return [
        panels.timeseries(
            "Private memory by kind of process",
            "bytes",
            [
                (
                    'sum by (kind) (label_replace(kamailio_pkgmem_real_used_bytes{$S},'
                    ' "kind", "$1", "desc", "(.*?)(?: child=.*| sock=.*|=.*)?"))',
                    "{{kind}}",
                )
            ],
            "Private memory in use, added up over the processes of one kind.",
            empty=module("kex", "pkg.stats"),
            span=12,
            stack=True,
        ),
        panels.timeseries(
            "Processes",
            "short",
            [("count(kamailio_pkgmem_size_bytes{$S})", "processes")],
            "Processes of Kamailio.",
            empty=module("kex", "pkg.stats"),
            span=12,
        ),
    ]


def board():
    board = new(
        "kamailio-instance",
        "Kamailio instance",
        "One Kamailio: SIP traffic, transactions, calls, registrations, memory, connections and processes.",
        one_instance=True,
    )
    for panel in overview():
        board.with_panel(panel)
    for title, part in (
        ("SIP traffic", sip),
        ("Transactions", transactions),
        ("Calls and registrations", calls_and_registrations),
        ("Memory", memory),
        ("TCP and TLS", tcp),
        ("Processes", processes),
    ):
        board.with_row(row(title))
        for panel in part():
            board.with_panel(panel)
    return board
