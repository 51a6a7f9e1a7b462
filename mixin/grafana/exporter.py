"""The exporter: whether the numbers on the other dashboards can be trusted."""

from lib import CONFIG, SELECTOR, UP, Panels, high, new, row

panels = Panels(SELECTOR)

# Only the exporter's own page has these, not its probes of other Kamailios.
OWN = "No data: Prometheus does not scrape /metrics of this exporter, or it runs with --web.disable-exporter-metrics."


def stats():
    return [
        panels.stat("Exporter", "short", "min(up{$S})", "Whether Prometheus can scrape the exporter.", mappings=UP),
        panels.stat("Kamailio", "short", "min(kamailio_up{$S})", "Whether Kamailio responds.", mappings=UP),
        panels.stat(
            "Collectors failing",
            "short",
            "count(kamailio_scrape_collector_success{$S} == 0) or 0 * count(kamailio_up{$S})",
            "Collectors that failed at the last scrape.",
            steps=high(1),
        ),
        panels.stat(
            "Scrapes failed",
            "percentunit",
            "sum(rate(kamailio_exporter_failed_scrapes{$S}[$__rate_interval]))"
            " / sum(rate(kamailio_exporter_total_scrapes{$S}[$__rate_interval]))",
            "Share of the scrapes that failed.",
            steps=high(CONFIG["scrapeFailureRatio"]),
            empty=OWN,
        ),
        panels.stat(
            "Samples",
            "short",
            "sum(scrape_samples_scraped{$S})",
            "Samples in the last scrape, as Prometheus counts them.",
        ),
        panels.stat(
            "Version",
            "short",
            "kamailio_exporter_build_info{$S}",
            "Version of the exporter.",
            legend="{{version}}",
            empty=OWN,
        ),
    ]


def scrapes():
    return [
        panels.timeseries(
            "Scrape duration",
            "s",
            [("scrape_duration_seconds{$S}", "{{instance}}")],
            "How long a scrape takes for Prometheus.",
        ),
        panels.timeseries(
            "Duration by collector, the ten slowest",
            "s",
            [("topk(10, max by (collector) (kamailio_scrape_collector_duration_seconds{$S}))", "{{collector}}")],
            "Time until the collector's replies were read.",
        ),
        panels.timeseries(
            "Scrapes",
            "reqps",
            [
                ("rate(kamailio_exporter_total_scrapes{$S}[$__rate_interval])", "{{instance}}"),
                ("rate(kamailio_exporter_failed_scrapes{$S}[$__rate_interval])", "{{instance}} failed"),
            ],
            "Requests for metrics, and those that failed.",
            empty=OWN,
        ),
        panels.timeseries(
            "Values left out",
            "reqps",
            [
                (f"sum by (collector) (rate(kamailio_exporter_{metric}_total{{$S}}[$__rate_interval]) > 0)", legend)
                for metric, legend in (
                    ("dropped_samples", "{{collector}}: beyond the limit"),
                    ("duplicate_rows", "{{collector}}: duplicates"),
                    ("unreadable_values", "{{collector}}: unreadable"),
                )
            ],
            "Samples that the exporter left out, and why.",
            empty="Nothing to show: no samples were left out.",
            span=12,
        ),
        panels.state_timeline(
            "Collectors",
            [("min by (collector) (kamailio_scrape_collector_success{$S})", "{{collector}}")],
            "Whether each collector succeeded.",
            mappings=UP,
            span=12,
            height=8,
        ),
    ]


def process():
    return [
        panels.timeseries(
            "CPU",
            "percentunit",
            [("rate(process_cpu_seconds_total{$S}[$__rate_interval])", "{{instance}}")],
            "Share of one core that the exporter uses.",
            empty=OWN,
        ),
        panels.timeseries(
            "Memory",
            "bytes",
            [("process_resident_memory_bytes{$S}", "{{instance}}")],
            "Memory of the exporter that is in RAM.",
            empty=OWN,
        ),
        panels.timeseries(
            "File descriptors",
            "short",
            [("process_open_fds{$S}", "{{instance}}")],
            "Files and connections that the exporter has open.",
            empty=OWN,
        ),
        panels.timeseries(
            "Web configuration",
            "short",
            [("kamailio_exporter_web_config_last_reload_successful{$S}", "{{instance}}")],
            "1 if the web configuration file was last read successfully.",
            empty="No data: no exporter runs with --web.config.file.",
            span=12,
            top=1,
        ),
        panels.timeseries(
            "Uptime",
            "s",
            [("time() - process_start_time_seconds{$S}", "{{instance}}")],
            "Time since the exporter was started.",
            empty=OWN,
            span=12,
        ),
    ]


def board():
    board = new(
        "kamailio-exporter",
        "Kamailio exporter",
        "The exporter itself: scrapes, collectors, what was left out, and what it costs.",
    )
    for panel in stats():
        board.with_panel(panel)
    for title, part in (("Scrapes", scrapes), ("Process", process)):
        board.with_row(row(title))
        for panel in part():
            board.with_panel(panel)
    return board
