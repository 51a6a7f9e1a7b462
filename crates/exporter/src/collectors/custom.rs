//! Metrics that Kamailio serves itself (module xhttp_prom).

use crate::collectors::schema::{Call, Collector};

/// `xhttp_prom/prom.c`: metrics defined in the configuration script, and statistics.
pub(super) static PAGE: Collector = Collector {
    call: Call::Page,
    ..Collector::new(
        "custom",
        "xhttp_prom",
        "Metrics that Kamailio itself serves at the URL in --kamailio.custom-metrics-url.",
    )
};
