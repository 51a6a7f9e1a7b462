//! A page of metrics that Kamailio serves itself (module xhttp_prom).

use crate::collectors::schema::{Call, Collector};

/// `xhttp_prom/prom.c`: metrics of the configuration script, and statistics.
pub(super) static PAGE: Collector = Collector {
    call: Call::Page,
    ..Collector::new(
        "custom",
        "xhttp_prom",
        "The metrics of the page that --kamailio.custom-metrics-url names.",
    )
};
