// Recording rules: what several alerts or panels need, and what is too slow to compute from a week of raw samples.
// Labels are taken away by name (without), so that cluster, job, instance and any other target label stay.
local lib = import 'lib.libsonnet';

{
  prometheusRules+:: {
    groups+: [{
      name: 'kamailio.rules',
      rules: [
        { record: rule[0], expr: lib.promql(rule[1], $._config) }
        for rule in $._recordingRules
      ],
    }],
  },

  _recordingRules:: [
    ['instance:kamailio_core_shmmem_free:ratio', |||
      kamailio_core_shmmem_free{%(selector)s} / kamailio_core_shmmem_total{%(selector)s}
    |||],
    ['instance:kamailio_pkgmem_free:min_ratio', |||
      min without (entry, rank, desc) (
        kamailio_pkgmem_free_bytes{%(selector)s} / kamailio_pkgmem_size_bytes{%(selector)s}
      )
    |||],
    ['instance:kamailio_core_tcp_connections:ratio', |||
      kamailio_core_tcp_info_opened_connections{%(selector)s}
      / kamailio_core_tcp_info_max_connections{%(selector)s}
    |||],
    ['instance:kamailio_core_tls_connections:ratio', |||
      kamailio_core_tcp_info_opened_tls_connections{%(selector)s}
      / kamailio_core_tcp_info_max_tls_connections{%(selector)s}
    |||],
    // Final replies of transactions and stateless ones together: a Kamailio that refuses everything does so without
    // transactions. Stateless 2xx replies are left out, because answered keepalives would hide failing calls. The label
    // "from" keeps the two apart until the sum.
    ['instance_class:kamailio_final_replies:rate5m', |||
      sum without (code, from) (
        label_replace(
          label_replace(rate(kamailio_tm_stats_codes_total{%(selector)s}[5m]), "class", "$1", "code", "(.*)"),
          "from", "tm", "", ""
        )
        or
        label_replace(
          label_replace(
            rate(kamailio_sl_stats_codes_total{code=~"[3-6].*",%(selector)s}[5m]), "class", "${1}xx", "code", "(.).*"
          ),
          "from", "sl", "", ""
        )
      )
    |||],
    ['instance:kamailio_final_replies:rate5m', |||
      sum without (class) (instance_class:kamailio_final_replies:rate5m{%(selector)s})
    |||],
    ['instance_class:kamailio_final_replies:ratio_rate5m', |||
      instance_class:kamailio_final_replies:rate5m{%(selector)s}
      / ignoring (class) group_left ()
      (instance:kamailio_final_replies:rate5m{%(selector)s} > 0)
    |||],
    ['instance:kamailio_invites:rate5m', |||
      sum without (method) (rate(kamailio_core_requests_received_by_method_total{method="INVITE",%(selector)s}[5m]))
    |||],
    ['instance:kamailio_invites:rate1h', |||
      sum without (method) (rate(kamailio_core_requests_received_by_method_total{method="INVITE",%(selector)s}[1h]))
    |||],
    // Answer-seizure ratio: calls answered for each call attempted.
    ['instance:kamailio_invites_answered:ratio_rate5m', |||
      sum without (class, method) (
        rate(kamailio_core_replies_received_by_class_and_method_total{class="2xx",method="INVITE",%(selector)s}[5m])
      )
      / (instance:kamailio_invites:rate5m{%(selector)s} > 0)
    |||],
    ['instance:kamailio_invites_answered:ratio_rate1h', |||
      sum without (class, method) (
        rate(kamailio_core_replies_received_by_class_and_method_total{class="2xx",method="INVITE",%(selector)s}[1h])
      )
      / (instance:kamailio_invites:rate1h{%(selector)s} > 0)
    |||],
    // Transactions in memory divided by those created each second: how long a transaction lives on average.
    ['instance:kamailio_tm_transaction_seconds:mean15m', |||
      kamailio_tm_stats_current{%(selector)s} / rate(kamailio_tm_stats_created_total{%(selector)s}[15m])
    |||],
    // Destinations that an operator switched off do not count.
    ['instance_setid:kamailio_dispatcher_destinations_active:ratio', |||
      sum without (state) (kamailio_dispatcher_set_destinations{state=~"active|trying",%(selector)s})
      / (sum without (state) (kamailio_dispatcher_set_destinations{state!="disabled",%(selector)s}) > 0)
    |||],
    ['instance:kamailio_registrations_rejected:ratio_rate5m', |||
      sum without (result) (rate(kamailio_registrar_registrations_total{result="rejected",%(selector)s}[5m]))
      / (sum without (result) (rate(kamailio_registrar_registrations_total{%(selector)s}[5m])) > 0)
    |||],
  ],
}
