// Everything that an operator may want to change: selectors and thresholds. The dashboards take theirs from here too.
{
  _config+:: {
    // Jobs that scrape an exporter, for the metrics whose names do not say Kamailio: up.
    exporterSelector: 'job=~".*kamailio.*"',
    // Added to every other metric, for example 'env="production"'. Empty: every Kamailio that Prometheus knows.
    selector: '',

    runbookURL: 'https://github.com/kamailio-exporter/kamailio_exporter/blob/main/docs/runbooks.md#',

    // Exporter.
    scrapeFailureRatio: 0.1,
    // Destinations in one set that ctl can list with its default buffer of 8 KiB for each struct, 8 bytes for each.
    dispatcherSetLimit: 1024,
    dispatcherSetRatio: 0.9,

    // Kamailio.
    restartsPerHour: 3,

    // Memory: share that is free, and the free share below which a trend counts.
    memoryFreeRatio: 0.1,
    memoryTrendFreeRatio: 0.4,
    memoryTrendSeconds: 4 * 3600,
    // Bytes: Kamailio needs several KiB in one piece for a transaction.
    fragmentMeanBytes: 4096,

    // TCP and TLS.
    connectionRatio: 0.8,
    // Bytes. Kamailio drops messages at tcp_wq_max (10 MiB), and at tcp_conn_wq_max (32 KiB) for one connection.
    tcpQueueBytes: 1024 * 1024,

    // Dispatcher.
    setActiveRatio: 0.5,
    latencySeconds: 0.5,
    flapsPerHour: 6,

    // SIP: shares, and the rate a second below which a share means nothing.
    serverErrorRatio: 0.05,
    globalFailureRatio: 0.05,
    repliesPerSecond: 1,
    answerRatioOfLastWeek: 0.7,
    answerRatio: 0.05,
    invitesPerSecond: 0.5,
    // Mean seconds that a transaction lives: five after its end, and two minutes of ringing before it.
    transactionSeconds: 300,
    transactions: 1000,
    dialogExpiredRatio: 0.05,
    dialogsExpiredPerHour: 10,
    registrationsRatio: 0.7,
    registrations: 50,
    registrationsRejectedRatio: 0.2,
    registrationsPerSecond: 0.5,
    malformedPerSecond: 1,
    dnsFailuresPerSecond: 0.2,
  },
}
