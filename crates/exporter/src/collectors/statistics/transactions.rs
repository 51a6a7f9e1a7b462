//! Transactions (module tmx), and those that are kept for later (module tsilo).

use super::{counter, family_of_counters, gauge, stat};
use crate::collectors::schema::{Field, is};

const BY_CLASS: Field = family_of_counters(
    "kamailio_tmx_transactions_completed_by_class",
    "Transactions that ended, by the class of their final reply.",
);

/// `tmx/tmx_mod.c`, `mod_stats`, over `tm/t_stats.c`.
pub(super) const TMX: &[Field] = &[
    // tm counts a transaction that it starts itself here too: the number is that of tm.stats' total.
    counter(
        &["tmx.UAS_transactions"],
        "kamailio_tmx_transactions",
        "Transactions since the start, local ones included (statistic UAS_transactions).",
    ),
    counter(
        &["tmx.UAC_transactions"],
        "kamailio_tmx_transactions_local",
        "Transactions since the start that Kamailio began itself (statistic UAC_transactions).",
    ),
    stat(&["tmx.2xx_transactions"], BY_CLASS, &[is("class", "2xx")]),
    stat(&["tmx.3xx_transactions"], BY_CLASS, &[is("class", "3xx")]),
    stat(&["tmx.4xx_transactions"], BY_CLASS, &[is("class", "4xx")]),
    stat(&["tmx.5xx_transactions"], BY_CLASS, &[is("class", "5xx")]),
    stat(&["tmx.6xx_transactions"], BY_CLASS, &[is("class", "6xx")]),
    gauge(&["tmx.inuse_transactions"], "kamailio_tmx_transactions_in_memory", "Transactions in memory."),
    gauge(
        &["tmx.active_transactions"],
        "kamailio_tmx_transactions_active",
        "Transactions in memory that do not wait for their end yet.",
    ),
    counter(
        &["tmx.rpl_received"],
        "kamailio_tmx_replies_received",
        "Replies received that belong to a transaction.",
    ),
    counter(
        &["tmx.rpl_generated"],
        "kamailio_tmx_replies_generated",
        "Replies of transactions that Kamailio made itself.",
    ),
    counter(&["tmx.rpl_sent"], "kamailio_tmx_replies_sent", "Replies sent by transactions."),
    // Differences of counters that are not read at the same instant: they can go down.
    gauge(
        &["tmx.rpl_absorbed"],
        "kamailio_tmx_replies_absorbed",
        "Replies received by transactions and not relayed, since the start; a difference, which can go down.",
    ),
    gauge(
        &["tmx.rpl_relayed"],
        "kamailio_tmx_replies_relayed",
        "Replies relayed by transactions, since the start; a difference, which can go down.",
    ),
];

/// `tsilo/tsilo.c`, `mod_stats`.
pub(super) const TSILO: &[Field] = &[
    gauge(&["tsilo.stored_ruris"], "kamailio_tsilo_ruris", "Request URIs that transactions are kept for."),
    gauge(&["tsilo.stored_transactions"], "kamailio_tsilo_transactions", "Transactions that are kept."),
    counter(
        &["tsilo.total_ruris"],
        "kamailio_tsilo_ruris_stored",
        "Request URIs that transactions were kept for, since the start.",
    ),
    counter(
        &["tsilo.total_transactions"],
        "kamailio_tsilo_transactions_stored",
        "Transactions that were kept, since the start.",
    ),
    counter(
        &["tsilo.added_branches"],
        "kamailio_tsilo_branches_added",
        "Branches added to transactions that were kept.",
    ),
];
