// Every alert on a faulty instance and beside a healthy one. The counters of the healthy one start again at zero in the
// middle of the test, as they do when Kamailio restarts.
local mixin = import '../mixin.libsonnet';
local lib = import 'lib.libsonnet';
local s = lib.series;

// Counters.
local steady = '0+60x24 0+60x120';
local none = '0x200';
// Nothing for 20 minutes, then 60 a minute for 30, then nothing again.
local burst = '0x20 60+60x29 1800x100';

local target = 'setid="1",uri="sip:192.0.2.1:5060"';
local other = 'setid="1",uri="sip:192.0.2.2:5060"';
local set(active, inactive, trying='0x200', disabled='0x200', healthy='2x200') = [
  s('kamailio_dispatcher_set_destinations', active, healthy, 'setid="1",state="active"'),
  s('kamailio_dispatcher_set_destinations', inactive, none, 'setid="1",state="inactive"'),
  s('kamailio_dispatcher_set_destinations', trying, none, 'setid="1",state="trying"'),
  s('kamailio_dispatcher_set_destinations', disabled, none, 'setid="1",state="disabled"'),
];
local invites(sick, healthy=steady) =
  s('kamailio_core_requests_received_by_method_total', sick, healthy, 'method="INVITE"');
local answers(sick, healthy=steady) =
  s('kamailio_core_replies_received_by_class_and_method_total', sick, healthy, 'class="2xx",method="INVITE"');

local cases = [
  {
    alert: 'KamailioExporterDown',
    severity: 'critical',
    series: [s('up', '1x9 0x20 1x30', '1x60')],
    begins: 10,
    lasts: 5,
    resolved: 31,
    description: 'Prometheus has been unable to scrape the exporter a for 5 minutes. The state of its Kamailio is unknown.',
  },
  {
    alert: 'KamailioScrapesFailing',
    severity: 'warning',
    series: [
      s('kamailio_up', '1x100', '1x100'),
      s('kamailio_exporter_total_scrapes', '0+4x100', '0+4x24 0+4x100'),
      s('kamailio_exporter_failed_scrapes', '0x20 2+2x29 60x100', none),
      s('kamailio_scrape_collector_success', '1x22 0 1x100', '1x200', 'collector="tm.stats"'),
    ],
    begins: 22,
    lasts: 10,
    resolved: 60,
    description: '50% of the scrapes on a failed in the last 5 minutes, although Kamailio is up.',
  },
  {
    alert: 'KamailioCollectorFailing',
    severity: 'warning',
    series: [
      s('kamailio_up', '1x100', '1x100'),
      s('kamailio_exporter_total_scrapes', '0+4x100', '0+4x24 0+4x100'),
      s('kamailio_exporter_failed_scrapes', '0x20 4+4x29 120x100', none),
      s('kamailio_scrape_collector_success', '1x19 0x29 1x100', '1x200', 'collector="dispatcher.list"'),
      s('kamailio_scrape_collector_success', '1x200', '1x200', 'collector="tm.stats"'),
    ],
    begins: lib.whole_range(25),
    lasts: 10,
    resolved: 50,
    labels: { collector: 'dispatcher.list' },
    description: 'Collector dispatcher.list on a has failed for 10 minutes. Its metrics are missing.',
  },
  {
    alert: 'KamailioSamplesDropped',
    severity: 'warning',
    series: [s('kamailio_exporter_dropped_samples_total', burst, none, 'collector="dispatcher.list"')],
    begins: 21,
    lasts: 10,
    resolved: 60,
    labels: { collector: 'dispatcher.list' },
    description: 'Collector dispatcher.list on a leaves out 1 samples a second, because there are more than its limit.',
  },
  {
    alert: 'KamailioReplyNearLimit',
    severity: 'warning',
    series: set('500x19 950x29 500x100', none, healthy='900x200'),
    begins: 20,
    lasts: 15,
    resolved: 50,
    labels: { setid: '1' },
    description: 'Set 1 on a has 950 destinations. Kamailio can list 1024 of them by default; beyond that, all dispatcher metrics are missing.',
  },
  {
    alert: 'KamailioExporterWebConfigStale',
    severity: 'warning',
    series: [s('kamailio_exporter_web_config_last_reload_successful', '1x9 0x29 1x50', '1x100')],
    begins: 10,
    lasts: 15,
    resolved: 40,
    description: 'The exporter a still uses an older version of its web configuration file, because the current one is invalid.',
  },
  {
    alert: 'KamailioDown',
    severity: 'critical',
    series: [s('up', '1x100', '1x100'), s('kamailio_up', '1x9 0x9 1x50', '1x100')],
    begins: 10,
    lasts: 2,
    resolved: 20,
    description: 'The Kamailio of a has not responded to the exporter for 2 minutes.',
  },
  {
    alert: 'KamailioRestarted',
    severity: 'info',
    series: [s('kamailio_start_time_seconds', '1000x19 2200x100', '1000x200')],
    begins: 20,
    lasts: 0,
    resolved: 35,
    description: 'The Kamailio of a was restarted 1 time(s) in the last 15 minutes.',
  },
  {
    alert: 'KamailioRestartingRepeatedly',
    severity: 'critical',
    series: [s('kamailio_start_time_seconds', '1000x19 2200x9 2800x9 3400x100', '1000x39 3400x200')],
    begins: 40,
    lasts: 0,
    resolved: 80,
    also: ['KamailioRestarted'],
    description: 'The Kamailio of a was restarted 3 times in the last hour.',
  },
  {
    alert: 'KamailioSharedMemoryLow',
    severity: 'critical',
    series: [
      s('kamailio_core_shmmem_free', '50x9 8x19 50x50', '50x100'),
      s('kamailio_core_shmmem_total', '100x100', '100x100'),
    ],
    begins: 10,
    lasts: 5,
    resolved: 30,
    description: 'Only 8% of the shared memory on a is free.',
  },
  {
    alert: 'KamailioSharedMemoryFillingUp',
    severity: 'warning',
    // A leak of 0.2% a minute; after a restart everything is free again. The healthy one is as full, and stays so.
    series: [
      s('kamailio_core_shmmem_free', '1000-2x400 900x600', '350x1000'),
      s('kamailio_core_shmmem_total', '1000x1000', '1000x1000'),
    ],
    begins: 301,
    lasts: 60,
    resolved: 405,
    description: 'At the rate of the last 6 hours, the shared memory on a is full within 4 hours. 27.8% is still free.',
  },
  {
    alert: 'KamailioSharedMemoryFragmented',
    severity: 'warning',
    series: [
      s('kamailio_core_shmmem_free', '20480000x100', '20480000x100'),
      s('kamailio_core_shmmem_fragments', '100x9 10000x29 100x50', '1000x100'),
    ],
    begins: 10,
    lasts: 15,
    resolved: 40,
    description: 'The free shared memory on a is in pieces of 2kiB on average. Kamailio needs larger ones for transactions.',
  },
  {
    alert: 'KamailioPrivateMemoryLow',
    severity: 'warning',
    series: [
      s('kamailio_pkgmem_free_bytes', '50x9 8x19 50x50', '50x100', 'entry="1",rank="1",desc="udp receiver"'),
      s('kamailio_pkgmem_size_bytes', '100x100', '100x100', 'entry="1",rank="1",desc="udp receiver"'),
      s('kamailio_pkgmem_free_bytes', '60x100', '60x100', 'entry="3",rank="-1",desc="timer"'),
      s('kamailio_pkgmem_size_bytes', '100x100', '100x100', 'entry="3",rank="-1",desc="timer"'),
    ],
    begins: 10,
    lasts: 5,
    resolved: 30,
    description: 'A process on a has only 8% of its private memory free.',
  },
  {
    alert: 'KamailioPrivateMemoryFillingUp',
    severity: 'warning',
    series: [
      s('kamailio_pkgmem_free_bytes', '1000-2x400 900x600', '350x1000', 'entry="1",rank="1",desc="udp receiver"'),
      s('kamailio_pkgmem_size_bytes', '1000x1000', '1000x1000', 'entry="1",rank="1",desc="udp receiver"'),
    ],
    begins: 301,
    lasts: 60,
    resolved: 405,
    description: 'At the rate of the last 6 hours, the private memory of a process on a is full within 4 hours. 27.8% is still free.',
  },
  {
    alert: 'KamailioTCPConnectionsHigh',
    severity: 'warning',
    series: [
      s('kamailio_core_tcp_info_opened_connections', '100x9 1700x19 100x50', '1600x100'),
      s('kamailio_core_tcp_info_max_connections', '2048x100', '2048x100'),
    ],
    begins: 10,
    lasts: 5,
    resolved: 30,
    description: '83.01% of the TCP connections allowed on a are open.',
  },
  {
    alert: 'KamailioTLSConnectionsHigh',
    severity: 'warning',
    series: [
      s('kamailio_core_tcp_info_opened_tls_connections', '100x9 1700x19 100x50', '1600x100'),
      s('kamailio_core_tcp_info_max_tls_connections', '2048x100', '2048x100'),
    ],
    begins: 10,
    lasts: 5,
    resolved: 30,
    description: '83.01% of the TLS connections allowed on a are open.',
  },
  {
    alert: 'KamailioTCPConnectionsRejected',
    severity: 'warning',
    series: [s('kamailio_tcp_connections_rejected_total', burst, none)],
    begins: 21,
    lasts: 5,
    resolved: 60,
    description: 'Kamailio on a rejects 1 TCP connections a second, because a limit is reached.',
  },
  {
    alert: 'KamailioTCPWriteQueueHigh',
    severity: 'warning',
    series: [s('kamailio_core_tcp_info_write_queued_bytes', '0x9 2097152x19 0x50', '65536x100')],
    begins: 10,
    lasts: 5,
    resolved: 30,
    description: '2MiB wait to be written to TCP connections on a.',
  },
  {
    alert: 'KamailioTCPSendsFailing',
    severity: 'warning',
    series: [
      s('kamailio_tcp_sends_timed_out_total', burst, none),
      s('kamailio_tcp_sends_refused_total', burst, none),
    ],
    begins: 21,
    lasts: 10,
    resolved: 60,
    description: '2 writes to TCP connections a second fail on a: they time out or find a full queue.',
  },
  {
    alert: 'KamailioTLSHandshakesStalled',
    severity: 'warning',
    // The healthy one has handshakes under way at every second look.
    series: [s('kamailio_tls_clear_text_write_queued_bytes', '0x9 1024x19 0x50', '0 500 0 500 0 500 0 500 0 500 0 500 0 500 0 500 0 500 0 500 0 500 0 500')],
    begins: lib.whole_range(15),
    lasts: 5,
    resolved: 30,
    description: '1kiB on a have waited for TLS handshakes for 5 minutes.',
  },
  {
    alert: 'KamailioDispatcherTargetDown',
    severity: 'warning',
    series: [
      s('kamailio_dispatcher_destination_inactive', '0x9 1x9 0x50', '0x100', target),
      s('kamailio_dispatcher_destination_inactive', '0x100', '0x100', other),
    ],
    begins: 10,
    lasts: 2,
    resolved: 20,
    labels: { setid: '1', uri: 'sip:192.0.2.1:5060' },
    description: 'Destination sip:192.0.2.1:5060 of set 1 on a has not answered for 2 minutes.',
  },
  {
    alert: 'KamailioDispatcherSetDown',
    severity: 'critical',
    series: set('2x9 0x9 2x50', '0x9 2x9 0x50'),
    begins: 10,
    lasts: 1,
    resolved: 20,
    labels: { setid: '1' },
    description: 'No destination of set 1 on a is active. Requests for this set fail.',
  },
  {
    alert: 'KamailioDispatcherSetDegraded',
    severity: 'warning',
    series: set('4x9 1x19 4x50', '0x9 3x19 0x50'),
    begins: 10,
    lasts: 5,
    resolved: 30,
    labels: { setid: '1' },
    description: 'Only 25% of the destinations of set 1 on a are active.',
  },
  {
    alert: 'KamailioDispatcherLatencyHigh',
    severity: 'warning',
    series: [
      s('kamailio_dispatcher_destination_latency_estimate_seconds', '0.1x9 0.75x19 0.1x50', '0.1x100', target),
      s('kamailio_dispatcher_destination_inactive', '0x100', '0x100', target),
      s('kamailio_dispatcher_destination_disabled', '0x100', '0x100', target),
      // What has failed or was switched off keeps the last estimate.
      s('kamailio_dispatcher_destination_latency_estimate_seconds', '0.9x100', '0.9x100', other),
      s('kamailio_dispatcher_destination_inactive', '0x100', '0x100', other),
      s('kamailio_dispatcher_destination_disabled', '1x100', '1x100', other),
    ],
    begins: 10,
    lasts: 5,
    resolved: 30,
    labels: { setid: '1', uri: 'sip:192.0.2.1:5060' },
    description: 'Destination sip:192.0.2.1:5060 of set 1 on a takes 750ms to answer probes.',
  },
  {
    alert: 'KamailioDispatcherTargetFlapping',
    severity: 'warning',
    series: [s('kamailio_dispatcher_destination_up', '1x9 0 1x4 0 1x4 0 1x4 0 1x100', '1x9 0 1x100', target)],
    begins: 28,
    lasts: 0,
    resolved: 90,
    labels: { setid: '1', uri: 'sip:192.0.2.1:5060' },
    description: 'Destination sip:192.0.2.1:5060 of set 1 on a changed its state 7 times in the last hour.',
  },
  {
    alert: 'KamailioServerErrorRatioHigh',
    severity: 'warning',
    series: [
      s('kamailio_tm_stats_codes_total', '0+540x200', '0+540x24 0+540x120', 'code="2xx"'),
      s('kamailio_tm_stats_codes_total', '0x20 30+30x29 900x100', '0+6x24 0+6x100', 'code="5xx"'),
      s('kamailio_sl_stats_codes_total', '0x20 30+30x29 900x100', '0+6x24 0+6x100', 'code="500"'),
      // Answered keepalives do not hide it.
      s('kamailio_sl_stats_codes_total', '0+60000x200', '0+60000x24 0+60000x120', 'code="200"'),
    ],
    begins: 23,
    lasts: 5,
    resolved: 60,
    labels: { class: '5xx' },
    description: '10% of the final replies on a are 5xx.',
  },
  {
    alert: 'KamailioGlobalFailureRatioHigh',
    severity: 'warning',
    series: [
      s('kamailio_tm_stats_codes_total', '0+540x200', '0+540x24 0+540x120', 'code="2xx"'),
      s('kamailio_tm_stats_codes_total', '0x20 60+60x29 1800x100', '0+6x24 0+6x100', 'code="6xx"'),
    ],
    begins: 23,
    lasts: 5,
    resolved: 60,
    labels: { class: '6xx' },
    description: '10% of the final replies on a are 6xx.',
  },
  {
    alert: 'KamailioCallsNotAnswered',
    severity: 'critical',
    series: [invites('0+60x200'), answers('0+40x20 800x29 800+40x100')],
    begins: lib.whole_range(25),
    lasts: 10,
    resolved: 60,
    description: 'Only 0% of the calls on a are answered.',
  },
  {
    alert: 'KamailioTransactionsPilingUp',
    severity: 'warning',
    series: [
      s('kamailio_tm_stats_created_total', '0+60x200', '0+6000x24 0+6000x120'),
      s('kamailio_tm_stats_current', '600x19 1200x39 600x100', '2000x200'),
    ],
    begins: 20,
    lasts: 15,
    resolved: 60,
    description: 'Transactions on a live for 20m 0s on average. They are not ending as they should.',
  },
  {
    alert: 'KamailioDialogsStuck',
    severity: 'warning',
    series: [
      s('kamailio_dialog_processed_total', '0+10x200', '0+10x24 0+10x200'),
      s('kamailio_dialog_expired_total', '0x60 2+2x60 120x300', '0x200'),
    ],
    begins: 76,
    lasts: 15,
    resolved: 190,
    description: '10.33% of the dialogs on a ended by timeout in the last hour, without a BYE.',
  },
  {
    alert: 'KamailioRegistrationsDropped',
    severity: 'warning',
    series: [s('kamailio_usrloc_registered_users', '1000x39 500x100', '1000x39 800x100')],
    begins: 40,
    lasts: 5,
    resolved: 70,
    description: 'The registered users on a are 50% of what they were 30 minutes ago.',
  },
  {
    alert: 'KamailioRegistrationsRejected',
    severity: 'warning',
    series: [
      s('kamailio_registrar_registrations_total', '0+60x200', steady, 'result="accepted"'),
      s('kamailio_registrar_registrations_total', '0x20 60+60x29 1800x100', '0+3x24 0+3x120', 'result="rejected"'),
    ],
    begins: 22,
    lasts: 10,
    resolved: 60,
    description: '50% of the registrations on a are rejected.',
  },
  {
    alert: 'KamailioMalformedTraffic',
    severity: 'info',
    series: [
      s('kamailio_core_bad_headers_total', '0x20 600+600x29 18000x100', '0+6x24 0+6x120'),
      s('kamailio_core_bad_uris_total', '0x200', none),
      s('kamailio_core_requests_rejected_total', '0x200', none),
      s('kamailio_core_requests_of_unknown_method_total', '0x20 60+60x29 1800x100', none),
    ],
    begins: 21,
    lasts: 10,
    resolved: 60,
    description: '11 malformed headers, URIs, requests or unknown methods a second arrive on a.',
  },
  {
    alert: 'KamailioFlood',
    severity: 'warning',
    series: [s('kamailio_pike_ips_blocked_total', '0x20 5x100', '7x24 0x100')],
    begins: 21,
    lasts: 0,
    resolved: 27,
    description: 'Module pike blocked addresses 5 times on a in the last 5 minutes.',
  },
  {
    alert: 'KamailioDNSFailures',
    severity: 'warning',
    series: [s('kamailio_dns_requests_failed_total', '0x20 60+60x29 1800x100', '0+6x24 0+6x120')],
    begins: 22,
    lasts: 10,
    resolved: 60,
    description: '1 DNS lookups a second fail on a.',
  },
  {
    alert: 'KamailioDMQNodeDown',
    severity: 'warning',
    series: [s('kamailio_dmq_node_up', '1x9 0x9 1x50', '1x100', 'host="192.0.2.1",port="5060"')],
    begins: 10,
    lasts: 3,
    resolved: 20,
    labels: { host: '192.0.2.1', port: '5060' },
    description: 'Node 192.0.2.1:5060 of the message queue does not respond to a. What the nodes share is no longer replicated to it.',
  },
  {
    alert: 'KamailioRtpengineNodeDown',
    severity: 'warning',
    series: [
      s('kamailio_rtpengine_node_up', '1x9 0x9 1x50', '1x100', 'url="udp:192.0.2.1:22222",set="0",index="0"'),
      s('kamailio_rtpengine_node_disabled', none, none, 'url="udp:192.0.2.1:22222",set="0",index="0"'),
      s('kamailio_rtpengine_node_up', '1x100', '1x100', 'url="udp:192.0.2.2:22222",set="0",index="1"'),
      s('kamailio_rtpengine_node_disabled', none, none, 'url="udp:192.0.2.2:22222",set="0",index="1"'),
    ],
    begins: 10,
    lasts: 2,
    resolved: 20,
    labels: { url: 'udp:192.0.2.1:22222', set: '0', index: '0' },
    description: 'The rtpengine udp:192.0.2.1:22222 of set 0 does not respond to a.',
  },
  {
    alert: 'KamailioRtpengineSetDown',
    severity: 'critical',
    series: [
      s('kamailio_rtpengine_node_up', '1x9 0x9 1x50', '1x100', 'url="udp:192.0.2.1:22222",set="0",index="0"'),
      s('kamailio_rtpengine_node_disabled', none, none, 'url="udp:192.0.2.1:22222",set="0",index="0"'),
    ],
    begins: 10,
    lasts: 1,
    resolved: 20,
    labels: { set: '0' },
    description: 'No rtpengine of set 0 responds to a. Calls through it have no media.',
  },
];

local week = 7 * 24 * 60;
// The increases of an hour with samples every five minutes.
local increases = if lib.ranges_are_open then 11 else 12;
// The part that is left of the share of calls answered last week, when half as many are answered since so many samples.
local left(samples) = 1 - samples / increases / 2;
local fallen = std.find(true, [left(samples) < mixin._config.answerRatioOfLastWeek for samples in std.range(0, increases)])[0];
// Two thirds of the calls are answered, and a third for two hours after a week. The healthy one restarts then.
local cases_of_a_week = [{
  alert: 'KamailioAnswerRatioFallen',
  severity: 'warning',
  series: [
    invites('0+300x2200', '0+300x2016 0+300x200'),
    answers('0+200x2016 403300+100x24 405900+200x200', '0+200x2016 0+200x200'),
  ],
  begins: week + 5 * fallen,
  lasts: 15,
  resolved: week + 240,
  description: 'The share of calls answered on a is %.4g%% of what it was at the same time last week.' % (100 * left(fallen + 3)),
}];

assert lib.complete(cases + cases_of_a_week);

{
  'alerts.json': lib.file([lib.fires(case) for case in cases]),
  'alerts-of-a-week.json': lib.file([lib.fires(case, 5) for case in cases_of_a_week], '5m'),
}
