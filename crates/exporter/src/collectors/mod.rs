//! The collectors, one file a subject.

mod core;
mod custom;
mod dialog;
mod dispatcher;
mod dmq;
mod sl;
mod statistics;
mod tls;
mod tm;

use crate::collector::Collector;

/// Every collector, in the order of the exposition.
pub static ALL: &[&Collector] = &[
    &tm::STATS,
    &sl::STATS,
    &core::SHMMEM,
    &core::UPTIME,
    &core::TCP_INFO,
    &dispatcher::LIST,
    &tls::INFO,
    &dialog::STATS_ACTIVE,
    &dmq::LIST_NODES,
    &statistics::FETCH,
    &statistics::TYPED,
    &custom::PAGE,
];

/// The collector that tells how long Kamailio runs: it is asked in every scrape, because a restart is seen by it.
pub static UPTIME: &Collector = &core::UPTIME;
