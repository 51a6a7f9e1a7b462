// What looks like a fault and is none: no alert fires.
local lib = import 'lib.libsonnet';
local one = lib.one;

local every(metric, label, values, matchers='') = std.flattenArrays([
  one(metric, values[value], '%s="%s"' % [label, value] + matchers)
  for value in std.objectFields(values)
]);

local cases = [
  {
    name: 'a Kamailio that is down does not fail collectors and scrapes as well',
    series: [
      one('up', '1x60'),
      one('kamailio_up', '1x9 0x50'),
      one('kamailio_exporter_total_scrapes', '0+4x60'),
      one('kamailio_exporter_failed_scrapes', '0x9 4+4x50'),
      every('kamailio_scrape_collector_success', 'collector', { 'tm.stats': '1x9 0x50', 'core.shmmem': '1x9 0x50' }),
    ],
    except: 'KamailioDown',
    at: [10, 15, 30, 55],
  },
  {
    name: 'a collector that always fails does not make scrapes fail now and then',
    series: [
      one('kamailio_up', '1x60'),
      one('kamailio_exporter_total_scrapes', '0+4x60'),
      one('kamailio_exporter_failed_scrapes', '0+4x60'),
      every('kamailio_scrape_collector_success', 'collector', { 'tm.stats': '1x60', 'dispatcher.list': '0x60' }),
    ],
    except: 'KamailioCollectorFailing',
    at: [10, 20, 55],
  },
  {
    name: 'a restart resets every counter and frees the memory',
    series: [
      one('kamailio_up', '1x29 0 1x90'),
      one('kamailio_start_time_seconds', '1000x30 2800x90'),
      one('kamailio_core_shmmem_total', '64000000x120'),
      one('kamailio_core_shmmem_free', '32000000-64000x29 _ 60000000-600000x10 54000000x80'),
      one('kamailio_core_shmmem_fragments', '10x29 _ 1x90'),
      every('kamailio_tm_stats_codes_total', 'code', {
        '2xx': '1000000+600x29 _ 0+600x90',
        '4xx': '500000+60x29 _ 0+60x90',
        '5xx': '400000+6x29 _ 0+6x90',
        '6xx': '400000+6x29 _ 0+6x90',
      }),
      every('kamailio_sl_stats_codes_total', 'code', { '500': '900000+3x29 _ 0+3x90', xxx: '5x29 _ 0x90' }),
      one('kamailio_tm_stats_created_total', '2000000+700x29 _ 0+700x90'),
      one('kamailio_tm_stats_current', '5000x29 _ 1200x90'),
      one('kamailio_core_requests_received_by_method_total', '700000+300x29 _ 0+300x90', 'method="INVITE"'),
      one(
        'kamailio_core_replies_received_by_class_and_method_total',
        '400000+200x29 _ 0+200x90',
        'class="2xx",method="INVITE"'
      ),
      one('kamailio_dialog_processed_total', '700000+300x29 _ 0+300x90'),
      one('kamailio_dialog_expired_total', '300000x29 _ 0x90'),
      every('kamailio_registrar_registrations_total', 'result', {
        accepted: '80000+600x29 _ 0+600x90',
        rejected: '70000+6x29 _ 0+6x90',
      }),
      one('kamailio_usrloc_registered_users', '1000x29 _ 990x90'),
      one('kamailio_core_bad_headers_total', '5000x29 _ 0x90'),
      one('kamailio_core_bad_uris_total', '5000x29 _ 0x90'),
      one('kamailio_core_requests_rejected_total', '5000x29 _ 0x90'),
      one('kamailio_core_requests_of_unknown_method_total', '5000x29 _ 0x90'),
      one('kamailio_dns_requests_failed_total', '5000x29 _ 0x90'),
      one('kamailio_pike_ips_blocked_total', '50x29 _ 0x90'),
      one('kamailio_tcp_connections_rejected_total', '50x29 _ 0x90'),
      one('kamailio_tcp_sends_timed_out_total', '50x29 _ 0x90'),
      one('kamailio_tcp_sends_refused_total', '50x29 _ 0x90'),
    ],
    except: 'KamailioRestarted',
    at: [31, 33, 36, 45, 60, 90, 115],
  },
  {
    name: 'a set and a media relay that were switched off on purpose',
    series: [
      every(
        'kamailio_dispatcher_set_destinations',
        'state',
        { active: '2x9 0x50', inactive: '0x60', trying: '0x60', disabled: '0x9 2x50' },
        ',setid="1"'
      ),
      one('kamailio_dispatcher_destination_inactive', '0x60', 'setid="1",uri="sip:192.0.2.1:5060"'),
      // The other relay of the set works.
      one('kamailio_rtpengine_node_up', '1x9 0x50', 'url="udp:192.0.2.1:22222",set="0",index="0"'),
      one('kamailio_rtpengine_node_disabled', '0x9 1x50', 'url="udp:192.0.2.1:22222",set="0",index="0"'),
      one('kamailio_rtpengine_node_up', '1x60', 'url="udp:192.0.2.2:22222",set="0",index="1"'),
      one('kamailio_rtpengine_node_disabled', '0x60', 'url="udp:192.0.2.2:22222",set="0",index="1"'),
    ],
    at: [11, 30, 55],
  },
  {
    name: 'a destination that is tried again has not failed yet',
    series: [
      every(
        'kamailio_dispatcher_set_destinations',
        'state',
        { active: '1x9 0x50', inactive: '0x60', trying: '0x9 1x50', disabled: '0x60' },
        ',setid="1"'
      ),
      one('kamailio_dispatcher_destination_inactive', '0x60', 'setid="1",uri="sip:192.0.2.1:5060"'),
    ],
    at: [11, 30, 55],
  },
  {
    name: 'a few errors and unanswered calls at night',
    series: [
      every('kamailio_tm_stats_codes_total', 'code', { '2xx': '0x60', '5xx': '0+6x60', '6xx': '0+6x60' }),
      one('kamailio_core_requests_received_by_method_total', '0+12x60', 'method="INVITE"'),
      one('kamailio_core_replies_received_by_class_and_method_total', '0x60', 'class="2xx",method="INVITE"'),
      every('kamailio_registrar_registrations_total', 'result', { accepted: '0x60', rejected: '0+6x60' }),
      one('kamailio_usrloc_registered_users', '40x30 1x30'),
      one('kamailio_dialog_processed_total', '0+0.1x60'),
      one('kamailio_dialog_expired_total', '0+0.1x60'),
    ],
    at: [10, 20, 35, 55],
  },
  {
    name: 'no requests at all',
    series: [
      every('kamailio_tm_stats_codes_total', 'code', { '2xx': '7x60', '5xx': '3x60' }),
      one('kamailio_tm_stats_created_total', '10x60'),
      one('kamailio_tm_stats_current', '0x60'),
      one('kamailio_core_requests_received_by_method_total', '0x60', 'method="INVITE"'),
      one('kamailio_core_replies_received_by_class_and_method_total', '0x60', 'class="2xx",method="INVITE"'),
      every('kamailio_registrar_registrations_total', 'result', { accepted: '0x60', rejected: '0x60' }),
      one('kamailio_usrloc_registered_users', '0x60'),
      one('kamailio_dialog_processed_total', '0x60'),
      one('kamailio_dialog_expired_total', '0x60'),
      one('kamailio_core_shmmem_fragments', '0x60'),
      one('kamailio_core_shmmem_free', '60000000x60'),
      one('kamailio_core_shmmem_total', '64000000x60'),
    ],
    at: [10, 20, 35, 55],
  },
];

{ 'quiet.json': lib.file([lib.quiet(case) for case in cases]) }
