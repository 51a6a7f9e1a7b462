//! The schema of a collector: one RPC method, and the tables that its reply is read as.
//!
//! A reply is a list of records. The path `rows` of a [`Table`] leads from a record down to the rows, `labels` identify
//! a row, and each field turns a value of the row into a sample. The scrape's extraction reads every table; a collector
//! is only data.

mod parameters;
mod read;
mod table;

pub(crate) use parameters::parameter;

pub(crate) use read::{boolean, divided, signed, statistic, timestamp, unless_zero, unsigned};
pub use table::{EqualRows, Field, Key, Label, LabelValue, NameMatcher, Table};
pub(crate) use table::{NameLabels, Read, at, counter, field, gauge, info, is, label, unsigned_gauge};

use kamailio_binrpc::{Members, Value};
use prometheus_exposition::Number;

/// One RPC method of Kamailio, and the families that are read from its reply.
pub struct Collector {
    /// The collector's name: that of its method, unless several collectors share a method.
    pub name: &'static str,
    /// The RPC method.
    pub method: &'static str,
    /// Calls (a method and its arguments) that return the same values in a better form. The first one whose method the
    /// server has replaces the collector's own call.
    pub preferred_calls: &'static [&'static str],
    /// The Kamailio module that provides the method; `core` if no module has to be loaded.
    pub module: &'static str,
    /// A sentence that describes the collector.
    pub help: &'static str,
    /// How often the method is called, and with which arguments.
    pub call: Call,
    /// The first version of Kamailio with the method; `None` if 5.6 has it.
    pub since: Option<&'static str>,
    /// How the work of Kamailio for one call grows.
    pub cost: Cost,
    /// Whether `auto` selects the collector: it is cheap for Kamailio and useful to most.
    pub default: bool,
    /// The tables that the reply is read as.
    pub tables: &'static [Table],
    /// Reads the reply in place of the tables' keys: replies printed as text, and records that are only counted.
    pub custom_reader: Option<CustomReader>,
    /// Reasons of faults that mean "nothing is configured". Such a fault is read as a reply without rows.
    pub empty_faults: &'static [&'static str],
    /// Whether the counters start at zero when Kamailio starts, and nothing else resets them.
    pub counts_from_start: bool,
    /// Whether the reply has several records although the method is not known to return a list. Over JSON-RPC, only the last of
    /// them arrives (`jsonrpcs_mod.c`, `jsonrpc_add` and `jsonrpc_rpl_printf` without `RET_ARRAY`).
    pub several_records: bool,
    /// Whether the reply grows with the installation. Such calls are made last.
    pub large: bool,
}

/// How the work of Kamailio for one call grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Constant: a few numbers that Kamailio keeps up to date anyway.
    Constant,
    /// With the number of listed items: processes, destinations, nodes, statistics.
    Linear,
    /// With the size of a table that Kamailio walks under its locks, even if the reply is short: dialogs, connections,
    /// slots.
    LockedWalk,
}

/// The calls that a collector makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// One call with these arguments.
    Once(&'static [&'static str]),
    /// One call for each of these arguments.
    Each(&'static [&'static str]),
    /// One call for each group of statistics that the operator names, with `group:` as its argument.
    NamedGroups,
    /// As few calls as Kamailio can answer for the statistics of all groups.
    AllGroups,
    /// One call for each dialog profile that the operator names, with the profile and optionally a value as arguments.
    NamedProfiles,
    /// One call for each dialog profile of which the operator names all values, with the profile as its argument.
    ProfileValues,
    /// No call: the metrics are fetched from a URL that the operator configures.
    Page,
    /// No call: files that the operator names are read.
    Files,
    /// One call without arguments, whose reply only names things; the kernel of this machine has the values.
    Observed,
    /// One call for each value that another method lists at the first contact.
    EachOf(Listing),
    /// One call for each value that another method lists, with the value as an int.
    EachNumberOf(Listing),
}

/// A method that lists the arguments for calls of another method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listing {
    /// The method.
    pub method: &'static str,
    /// The path from a record of its reply down to the listed values; empty if the records are the values.
    pub path: &'static [&'static str],
}

/// Reads the records of a reply to a call with these arguments, and passes each value to the function.
pub(crate) type CustomReader = fn(Members<'_>, &[String], &mut Emit<'_>);

/// Receives a value from a [`CustomReader`]: the index of its field among [`Collector::fields`], the labels, and the
/// number, which is `None` if the value is unreadable.
pub(crate) type Emit<'e> = dyn FnMut(usize, &[(&'static str, &[u8])], Option<Number>) + 'e;

/// The error for a value that is not what its field expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl Collector {
    /// A collector in `auto` that calls `name` without arguments and has no tables yet.
    pub const fn new(name: &'static str, module: &'static str, help: &'static str) -> Self {
        Self {
            name,
            method: name,
            preferred_calls: &[],
            module,
            help,
            call: Call::Once(&[]),
            since: None,
            cost: Cost::Constant,
            default: true,
            tables: &[],
            custom_reader: None,
            empty_faults: &[],
            counts_from_start: false,
            several_records: false,
            large: false,
        }
    }

    /// A collector that is not in `auto`, because it is expensive for Kamailio or useful to few.
    pub const fn opt_in(name: &'static str, module: &'static str, help: &'static str) -> Self {
        Self { default: false, ..Self::new(name, module, help) }
    }

    /// Whether the operator can name parameters that become labels.
    pub fn has_parameters(&self) -> bool {
        let mut labels = self.fields().flat_map(|field| field.labels);
        labels.any(|label| matches!(label.value, LabelValue::Parameters(_)))
    }

    /// Returns whether earlier records may be missing before these. Newer versions of Kamailio return one struct that contains
    /// a struct for each former record; that reply is complete.
    pub(crate) fn lacks_records(&self, records: Members<'_>) -> bool {
        let is_complete =
            |members: Members<'_>| members.iter().all(|member| member.value.members().is_some());
        self.several_records && !records.first().and_then(Value::members).is_some_and(is_complete)
    }

    /// All fields of all tables, in order.
    pub fn fields(&self) -> impl Iterator<Item = &'static Field> + use<> {
        self.tables.iter().flat_map(Table::all_fields)
    }
}
