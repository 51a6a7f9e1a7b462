// For those who vendor mixins: prometheusAlerts, prometheusRules and _config.
(import 'config.libsonnet') +
(import 'alerts.libsonnet') +
(import 'rules.libsonnet')
