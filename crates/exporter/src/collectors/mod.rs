//! The collectors: what Kamailio is asked and how its replies become metrics, one file per subject.

mod benchmark;
mod call_obj;
mod capture;
pub(crate) mod catalogue;
mod cdp;
pub(crate) mod certificates;
mod cnxcc;
mod configuration;
mod core;
mod ctl;
mod custom;
mod db_cluster;
mod dialog;
mod dispatcher;
mod dlgs;
mod dmq;
mod dns;
pub(crate) mod exporter;
mod htable;
mod imc;
mod keepalive;
pub(crate) mod kernel;
mod lcr;
mod mqueue;
mod msrp;
mod mtree;
mod pdb;
mod peerstate;
mod pike;
mod pipelimit;
mod process;
mod ptimer;
mod ratelimit;
mod rtpengine;
mod rtpproxy;
mod sca;
pub(crate) mod schema;
mod sctp;
mod secfilter;
mod sl;
pub(crate) mod statistics;
mod tcp;
mod tls;
mod tm;
mod tsilo;
mod uac;
mod udp_proxy;
mod ulscscf;
mod websocket;

use crate::collectors::schema::Collector;

/// Every collector, in the order of the exposition.
pub static ALL: &[&Collector] = &[
    &tm::STATS,
    &sl::STATS,
    &core::SHMMEM,
    &core::UPTIME,
    &tcp::INFO,
    &dispatcher::LIST,
    &tls::INFO,
    &dialog::STATS_ACTIVE,
    &dmq::LIST_NODES,
    &statistics::FETCH,
    &statistics::TYPED,
    &custom::PAGE,
    &certificates::FILES,
    &core::RUNINFO,
    &process::PKG_STATS,
    &kernel::PROCESSES,
    &kernel::SOCKETS,
    &rtpengine::SHOW,
    &htable::STATS,
    &mqueue::GET_SIZES,
    &pipelimit::LIST,
    &keepalive::LIST,
    &mtree::SUMMARY,
    &dialog::PROFILE_GET_SIZE,
    &dialog::PROFILE_LIST,
    &dispatcher::INFO,
    &dispatcher::OCLIST,
    &rtpengine::HASH_TOTAL,
    &rtpproxy::LIST,
    &uac::REG_DUMP,
    &secfilter::STATS,
    &ratelimit::STATS,
    &pike::TOP,
    &call_obj::STATS,
    &benchmark::TIMER_LIST,
    &dlgs::STATS,
    &peerstate::STATS,
    &ptimer::LIST,
    &udp_proxy::PROXY_STATS,
    &cnxcc::STATS,
    &cdp::LIST_PEERS,
    &ulscscf::STATUS,
    &sctp::INFO,
    &tcp::LIST,
    &tls::LIST,
    &websocket::DUMP,
    &process::PSA,
    &msrp::CMAPLIST,
    &imc::LIST_ROOMS,
    &tsilo::DUMP,
    &db_cluster::LIST_CONNECTIONS,
    &lcr::DUMP_GWS,
    &sca::SUBSCRIPTION_COUNT,
    &capture::SIPTRACE,
    &capture::SIPCAPTURE,
    &pdb::STATUS,
    &dns::MEM_INFO,
    &dns::BLOCKLIST_MEM_INFO,
    &ctl::CONNECTIONS,
    &configuration::CHECK_CONFIG_HASH,
    &configuration::MODULES,
    &configuration::SOCKETS,
];

/// The collector of Kamailio's uptime. Every scrape calls its method to detect restarts.
pub static UPTIME: &Collector = &core::UPTIME;
