// Alerts. Severity critical pages the engineer on call, warning can wait for the morning, info explains other alerts.
local lib = import 'lib.libsonnet';

{
  prometheusAlerts+:: {
    groups+: [
      {
        name: group.name,
        [if std.objectHas(group, 'interval') then 'interval']: group.interval,
        rules: [
          {
            alert: alert.name,
            expr: lib.promql(alert.expr, $._config),
            [if alert.duration != '0m' then 'for']: alert.duration,
            labels: { severity: alert.severity },
            annotations: {
              summary: alert.summary,
              description: std.strReplace(std.stripChars(alert.description, '\n'), '\n', ' '),
              runbook_url: $._config.runbookURL + std.asciiLower(alert.name),
            },
          }
          for alert in group.alerts
        ],
      }
      for group in $._alertGroups
    ],
  },

  local alert(name, severity, duration, summary, description, expr) = {
    name: name,
    severity: severity,
    duration: duration,
    summary: summary,
    description: description,
    expr: expr,
  },

  _alertGroups:: [
    {
      name: 'kamailio-exporter',
      alerts: [
        alert(
          'KamailioExporterDown',
          'critical',
          '5m',
          'Prometheus cannot scrape the Kamailio exporter.',
          'Prometheus has been unable to scrape the exporter {{ $labels.instance }} for 5 minutes. The state of its Kamailio is unknown.',
          'up{%(exporterSelector)s} == 0',
        ),
        alert(
          'KamailioScrapesFailing',
          'warning',
          '10m',
          'Scrapes of Kamailio fail now and then.',
          '{{ $value | humanizePercentage }} of the scrapes on {{ $labels.instance }} failed in the last 5 minutes, although Kamailio is up.',
          |||
            (
              increase(kamailio_exporter_failed_scrapes{%(selector)s}[5m])
              / increase(kamailio_exporter_total_scrapes{%(selector)s}[5m])
              > %(scrapeFailureRatio)g
            )
            unless (kamailio_up{%(selector)s} == 0)
            unless ignoring (collector)
            (max_over_time(kamailio_scrape_collector_success{%(selector)s}[5m]) == 0)
          |||,
        ),
        alert(
          'KamailioCollectorFailing',
          'warning',
          '10m',
          'A collector of the Kamailio exporter fails.',
          'Collector {{ $labels.collector }} on {{ $labels.instance }} has failed for 10 minutes. Its metrics are missing.',
          |||
            (max_over_time(kamailio_scrape_collector_success{%(selector)s}[5m]) == 0)
            unless ignoring (collector) (kamailio_up{%(selector)s} == 0)
          |||,
        ),
        alert(
          'KamailioSamplesDropped',
          'warning',
          '10m',
          'The Kamailio exporter leaves out samples.',
          'Collector {{ $labels.collector }} on {{ $labels.instance }} leaves out {{ $value | humanize }} samples a second, because there are more than its limit.',
          'rate(kamailio_exporter_dropped_samples_total{%(selector)s}[5m]) > 0',
        ),
        alert(
          'KamailioReplyNearLimit',
          'warning',
          '15m',
          "A dispatcher set is about to outgrow Kamailio's control interface.",
          'Set {{ $labels.setid }} on {{ $labels.instance }} has {{ $value }} destinations. Kamailio can list %d of them by default; beyond that, all dispatcher metrics are missing.'
          % $._config.dispatcherSetLimit,
          |||
            sum without (state) (kamailio_dispatcher_set_destinations{%(selector)s})
            > %(dispatcherSetLimit)g * %(dispatcherSetRatio)g
          |||,
        ),
        alert(
          'KamailioExporterWebConfigStale',
          'warning',
          '15m',
          'The Kamailio exporter cannot load its web configuration file.',
          'The exporter {{ $labels.instance }} still uses an older version of its web configuration file, because the current one is invalid.',
          'kamailio_exporter_web_config_last_reload_successful{%(selector)s} == 0',
        ),
      ],
    },
    {
      name: 'kamailio',
      alerts: [
        alert(
          'KamailioDown',
          'critical',
          '2m',
          'Kamailio does not respond.',
          'The Kamailio of {{ $labels.instance }} has not responded to the exporter for 2 minutes.',
          'kamailio_up{%(selector)s} == 0',
        ),
        alert(
          'KamailioRestarted',
          'info',
          '0m',
          'Kamailio was restarted.',
          'The Kamailio of {{ $labels.instance }} was restarted {{ $value }} time(s) in the last 15 minutes.',
          'changes(kamailio_start_time_seconds{%(selector)s}[15m]) > 0',
        ),
        alert(
          'KamailioRestartingRepeatedly',
          'critical',
          '0m',
          'Kamailio restarts again and again.',
          'The Kamailio of {{ $labels.instance }} was restarted {{ $value }} times in the last hour.',
          'changes(kamailio_start_time_seconds{%(selector)s}[1h]) >= %(restartsPerHour)g',
        ),
      ],
    },
    {
      name: 'kamailio-memory',
      alerts: [
        alert(
          'KamailioSharedMemoryLow',
          'critical',
          '5m',
          'Kamailio is running out of shared memory.',
          'Only {{ $value | humanizePercentage }} of the shared memory on {{ $labels.instance }} is free.',
          'instance:kamailio_core_shmmem_free:ratio{%(selector)s} < %(memoryFreeRatio)g',
        ),
        alert(
          'KamailioSharedMemoryFillingUp',
          'warning',
          '1h',
          'Kamailio will run out of shared memory within hours.',
          'At the rate of the last 6 hours, the shared memory on {{ $labels.instance }} is full within %d hours. {{ $value | humanizePercentage }} is still free.'
          % ($._config.memoryTrendSeconds / 3600),
          |||
            instance:kamailio_core_shmmem_free:ratio{%(selector)s} < %(memoryTrendFreeRatio)g
            and predict_linear(instance:kamailio_core_shmmem_free:ratio{%(selector)s}[6h], %(memoryTrendSeconds)g) < 0
          |||,
        ),
        alert(
          'KamailioSharedMemoryFragmented',
          'warning',
          '15m',
          'The free shared memory of Kamailio is in small pieces.',
          'The free shared memory on {{ $labels.instance }} is in pieces of {{ $value | humanize1024 }}B on average. Kamailio needs larger ones for transactions.',
          |||
            kamailio_core_shmmem_free{%(selector)s} / kamailio_core_shmmem_fragments{%(selector)s} < %(fragmentMeanBytes)g
          |||,
        ),
        alert(
          'KamailioPrivateMemoryLow',
          'warning',
          '5m',
          'A Kamailio process is running out of private memory.',
          'A process on {{ $labels.instance }} has only {{ $value | humanizePercentage }} of its private memory free.',
          'instance:kamailio_pkgmem_free:min_ratio{%(selector)s} < %(memoryFreeRatio)g',
        ),
        alert(
          'KamailioPrivateMemoryFillingUp',
          'warning',
          '1h',
          'A Kamailio process will run out of private memory within hours.',
          'At the rate of the last 6 hours, the private memory of a process on {{ $labels.instance }} is full within %d hours. {{ $value | humanizePercentage }} is still free.'
          % ($._config.memoryTrendSeconds / 3600),
          |||
            instance:kamailio_pkgmem_free:min_ratio{%(selector)s} < %(memoryTrendFreeRatio)g
            and predict_linear(instance:kamailio_pkgmem_free:min_ratio{%(selector)s}[6h], %(memoryTrendSeconds)g) < 0
          |||,
        ),
      ],
    },
    {
      name: 'kamailio-tcp',
      alerts: [
        alert(
          'KamailioTCPConnectionsHigh',
          'warning',
          '5m',
          'Kamailio is near its limit of TCP connections.',
          '{{ $value | humanizePercentage }} of the TCP connections allowed on {{ $labels.instance }} are open.',
          'instance:kamailio_core_tcp_connections:ratio{%(selector)s} > %(connectionRatio)g',
        ),
        alert(
          'KamailioTLSConnectionsHigh',
          'warning',
          '5m',
          'Kamailio is near its limit of TLS connections.',
          '{{ $value | humanizePercentage }} of the TLS connections allowed on {{ $labels.instance }} are open.',
          'instance:kamailio_core_tls_connections:ratio{%(selector)s} > %(connectionRatio)g',
        ),
        alert(
          'KamailioTCPConnectionsRejected',
          'warning',
          '5m',
          'Kamailio rejects TCP connections.',
          'Kamailio on {{ $labels.instance }} rejects {{ $value | humanize }} TCP connections a second, because a limit is reached.',
          'rate(kamailio_tcp_connections_rejected_total{%(selector)s}[5m]) > 0',
        ),
        alert(
          'KamailioTCPWriteQueueHigh',
          'warning',
          '5m',
          'Data for TCP connections piles up in Kamailio.',
          '{{ $value | humanize1024 }}B wait to be written to TCP connections on {{ $labels.instance }}.',
          'kamailio_core_tcp_info_write_queued_bytes{%(selector)s} > %(tcpQueueBytes)d',
        ),
        alert(
          'KamailioTCPSendsFailing',
          'warning',
          '10m',
          'Kamailio cannot write to TCP connections.',
          '{{ $value | humanize }} writes to TCP connections a second fail on {{ $labels.instance }}: they time out or find a full queue.',
          |||
            rate(kamailio_tcp_sends_timed_out_total{%(selector)s}[5m])
            + rate(kamailio_tcp_sends_refused_total{%(selector)s}[5m])
            > 0
          |||,
        ),
        alert(
          'KamailioTLSHandshakesStalled',
          'warning',
          '5m',
          'TLS handshakes of Kamailio do not complete.',
          '{{ $value | humanize1024 }}B on {{ $labels.instance }} have waited for TLS handshakes for 5 minutes.',
          'min_over_time(kamailio_tls_clear_text_write_queued_bytes{%(selector)s}[5m]) > 0',
        ),
      ],
    },
    {
      name: 'kamailio-dispatcher',
      alerts: [
        alert(
          'KamailioDispatcherTargetDown',
          'warning',
          '2m',
          'A dispatcher destination is down.',
          'Destination {{ $labels.uri }} of set {{ $labels.setid }} on {{ $labels.instance }} has not answered for 2 minutes.',
          'kamailio_dispatcher_destination_inactive{%(selector)s} == 1',
        ),
        alert(
          'KamailioDispatcherSetDown',
          'critical',
          '1m',
          'All destinations of a dispatcher set are down.',
          'No destination of set {{ $labels.setid }} on {{ $labels.instance }} is active. Requests for this set fail.',
          'instance_setid:kamailio_dispatcher_destinations_active:ratio{%(selector)s} == 0',
        ),
        alert(
          'KamailioDispatcherSetDegraded',
          'warning',
          '5m',
          'Most destinations of a dispatcher set are down.',
          'Only {{ $value | humanizePercentage }} of the destinations of set {{ $labels.setid }} on {{ $labels.instance }} are active.',
          |||
            0 < instance_setid:kamailio_dispatcher_destinations_active:ratio{%(selector)s} < %(setActiveRatio)g
          |||,
        ),
      ],
    },
    {
      // They read much of each destination, which with tens of thousands of destinations is too costly every few seconds.
      name: 'kamailio-dispatcher-slow',
      interval: '1m',
      alerts: [
        alert(
          'KamailioDispatcherLatencyHigh',
          'warning',
          '5m',
          'A dispatcher destination answers slowly.',
          'Destination {{ $labels.uri }} of set {{ $labels.setid }} on {{ $labels.instance }} takes {{ $value | humanizeDuration }} to answer probes.',
          |||
            kamailio_dispatcher_destination_latency_estimate_seconds{%(selector)s} > %(latencySeconds)g
            unless kamailio_dispatcher_destination_inactive{%(selector)s} == 1
            unless kamailio_dispatcher_destination_disabled{%(selector)s} == 1
          |||,
        ),
        alert(
          'KamailioDispatcherTargetFlapping',
          'warning',
          '0m',
          'A dispatcher destination goes up and down.',
          'Destination {{ $labels.uri }} of set {{ $labels.setid }} on {{ $labels.instance }} changed its state {{ $value }} times in the last hour.',
          'changes(kamailio_dispatcher_destination_up{%(selector)s}[1h]) > %(flapsPerHour)g',
        ),
      ],
    },
    {
      name: 'kamailio-sip',
      alerts: [
        alert(
          'KamailioServerErrorRatioHigh',
          'warning',
          '5m',
          'Kamailio answers many requests with a server error.',
          '{{ $value | humanizePercentage }} of the final replies on {{ $labels.instance }} are 5xx.',
          |||
            instance_class:kamailio_final_replies:ratio_rate5m{class="5xx",%(selector)s} > %(serverErrorRatio)g
            and ignoring (class) instance:kamailio_final_replies:rate5m{%(selector)s} > %(repliesPerSecond)g
          |||,
        ),
        alert(
          'KamailioGlobalFailureRatioHigh',
          'warning',
          '5m',
          'Kamailio answers many requests with a global failure.',
          '{{ $value | humanizePercentage }} of the final replies on {{ $labels.instance }} are 6xx.',
          |||
            instance_class:kamailio_final_replies:ratio_rate5m{class="6xx",%(selector)s} > %(globalFailureRatio)g
            and ignoring (class) instance:kamailio_final_replies:rate5m{%(selector)s} > %(repliesPerSecond)g
          |||,
        ),
        alert(
          'KamailioCallsNotAnswered',
          'critical',
          '10m',
          'Calls through Kamailio are not answered.',
          'Only {{ $value | humanizePercentage }} of the calls on {{ $labels.instance }} are answered.',
          |||
            instance:kamailio_invites_answered:ratio_rate5m{%(selector)s} < %(answerRatio)g
            and instance:kamailio_invites:rate5m{%(selector)s} > %(invitesPerSecond)g
          |||,
        ),
        alert(
          'KamailioAnswerRatioFallen',
          'warning',
          '15m',
          'Fewer calls through Kamailio are answered than a week ago.',
          'The share of calls answered on {{ $labels.instance }} is {{ $value | humanizePercentage }} of what it was at the same time last week.',
          |||
            instance:kamailio_invites_answered:ratio_rate1h{%(selector)s}
            / (instance:kamailio_invites_answered:ratio_rate1h{%(selector)s} offset 1w > 0)
            < %(answerRatioOfLastWeek)g
            and instance:kamailio_invites:rate1h{%(selector)s} > %(invitesPerSecond)g
            and instance:kamailio_invites:rate1h{%(selector)s} offset 1w > %(invitesPerSecond)g
          |||,
        ),
        alert(
          'KamailioTransactionsPilingUp',
          'warning',
          '15m',
          'Transactions pile up in Kamailio.',
          'Transactions on {{ $labels.instance }} live for {{ $value | humanizeDuration }} on average. They are not ending as they should.',
          |||
            instance:kamailio_tm_transaction_seconds:mean15m{%(selector)s} > %(transactionSeconds)g
            and kamailio_tm_stats_current{%(selector)s} > %(transactions)g
          |||,
        ),
        alert(
          'KamailioDialogsStuck',
          'warning',
          '15m',
          'Calls through Kamailio end by timeout.',
          '{{ $value | humanizePercentage }} of the dialogs on {{ $labels.instance }} ended by timeout in the last hour, without a BYE.',
          |||
            increase(kamailio_dialog_expired_total{%(selector)s}[1h])
            / (increase(kamailio_dialog_processed_total{%(selector)s}[1h]) > 0)
            > %(dialogExpiredRatio)g
            and increase(kamailio_dialog_expired_total{%(selector)s}[1h]) > %(dialogsExpiredPerHour)g
          |||,
        ),
        alert(
          'KamailioRegistrationsDropped',
          'warning',
          '5m',
          'Many registrations are gone.',
          'The registered users on {{ $labels.instance }} are {{ $value | humanizePercentage }} of what they were 30 minutes ago.',
          |||
            kamailio_usrloc_registered_users{%(selector)s}
            / (kamailio_usrloc_registered_users{%(selector)s} offset 30m > %(registrations)g)
            < %(registrationsRatio)g
          |||,
        ),
        alert(
          'KamailioRegistrationsRejected',
          'warning',
          '10m',
          'Kamailio rejects many registrations.',
          '{{ $value | humanizePercentage }} of the registrations on {{ $labels.instance }} are rejected.',
          |||
            instance:kamailio_registrations_rejected:ratio_rate5m{%(selector)s} > %(registrationsRejectedRatio)g
            and sum without (result) (rate(kamailio_registrar_registrations_total{%(selector)s}[5m]))
            > %(registrationsPerSecond)g
          |||,
        ),
        alert(
          'KamailioMalformedTraffic',
          'info',
          '10m',
          'Kamailio receives malformed SIP.',
          '{{ $value | humanize }} malformed headers, URIs, requests or unknown methods a second arrive on {{ $labels.instance }}.',
          |||
            rate(kamailio_core_bad_headers_total{%(selector)s}[5m])
            + rate(kamailio_core_bad_uris_total{%(selector)s}[5m])
            + rate(kamailio_core_requests_rejected_total{%(selector)s}[5m])
            + rate(kamailio_core_requests_of_unknown_method_total{%(selector)s}[5m])
            > %(malformedPerSecond)g
          |||,
        ),
        alert(
          'KamailioFlood',
          'warning',
          '0m',
          'Kamailio blocks addresses that flood it.',
          'Module pike blocked addresses {{ $value | humanize }} times on {{ $labels.instance }} in the last 5 minutes.',
          'increase(kamailio_pike_ips_blocked_total{%(selector)s}[5m]) > 0',
        ),
        alert(
          'KamailioDNSFailures',
          'warning',
          '10m',
          'DNS lookups of Kamailio fail.',
          '{{ $value | humanize }} DNS lookups a second fail on {{ $labels.instance }}.',
          'rate(kamailio_dns_requests_failed_total{%(selector)s}[5m]) > %(dnsFailuresPerSecond)g',
        ),
      ],
    },
    {
      name: 'kamailio-cluster',
      alerts: [
        alert(
          'KamailioDMQNodeDown',
          'warning',
          '3m',
          'A node of the distributed message queue is down.',
          'Node {{ $labels.host }}:{{ $labels.port }} of the message queue does not respond to {{ $labels.instance }}. What the nodes share is no longer replicated to it.',
          'kamailio_dmq_node_up{%(selector)s} == 0',
        ),
        alert(
          'KamailioRtpengineNodeDown',
          'warning',
          '2m',
          'A media relay is down.',
          'The rtpengine {{ $labels.url }} of set {{ $labels.set }} does not respond to {{ $labels.instance }}.',
          |||
            kamailio_rtpengine_node_up{%(selector)s} == 0
            and kamailio_rtpengine_node_disabled{%(selector)s} == 0
          |||,
        ),
        alert(
          'KamailioRtpengineSetDown',
          'critical',
          '1m',
          'All media relays of a set are down.',
          'No rtpengine of set {{ $labels.set }} responds to {{ $labels.instance }}. Calls through it have no media.',
          'max without (url, index) (kamailio_rtpengine_node_up{%(selector)s}) == 0',
        ),
      ],
    },
  ],
}
