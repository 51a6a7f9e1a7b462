// For those who vendor mixins: prometheusAlerts, prometheusRules, grafanaDashboards and _config. The dashboards are
// generated with the thresholds of config.libsonnet; they take their selection from variables.
(import 'config.libsonnet') +
(import 'alerts.libsonnet') +
(import 'rules.libsonnet') +
{
  grafanaDashboards+:: {
    'kamailio-dispatcher.json': import 'dashboards/kamailio-dispatcher.json',
    'kamailio-exporter.json': import 'dashboards/kamailio-exporter.json',
    'kamailio-fleet.json': import 'dashboards/kamailio-fleet.json',
    'kamailio-instance.json': import 'dashboards/kamailio-instance.json',
  },
}
