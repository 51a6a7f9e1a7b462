//! The operating system's view of Kamailio, where the exporter runs on the same machine: its processes and the sockets that it
//! listens on. Kamailio's replies only name them; the values come from the kernel.

use crate::collectors::schema::{Call, Collector, Cost, Field, Key, Table, counter, field, label, unsigned};
use prometheus_exposition::Kind;

/// `core/core_cmd.c`, `core_psa`: one record per process.
pub(crate) static PROCESSES: Collector = Collector {
    method: "core.psa",
    call: Call::Observed,
    tables: &[
        Table { fields: &[PROCESSES_VISIBLE], ..Table::NEW },
        Table {
            labels: &[label("type", &["description"])],
            fields: &[
                PROCESS_COUNT,
                CPU_SECONDS,
                RESIDENT_MEMORY,
                PRIVATE_MEMORY,
                CONTEXT_SWITCHES,
                OPEN_FDS,
                MAX_FDS,
            ],
            ..Table::NEW
        },
    ],
    cost: Cost::Linear,
    ..Collector::new(
        "kernel.processes",
        "core",
        "CPU time, memory, context switches and open files of Kamailio's processes, by type, as the kernel counts them. Needs \
         a Kamailio on the same machine, a unix socket, and a shared PID namespace.",
    )
};

/// `corex/corex_rpc.c`, `corex_rpc_list_sockets`: one record per socket. `core.sockets_list` is not a substitute, because it also
/// prints each socket to Kamailio's standard output.
pub(crate) static SOCKETS: Collector = Collector {
    method: "corex.list_sockets",
    call: Call::Observed,
    tables: &[
        Table { fields: &[SOCKETS_VISIBLE], ..Table::NEW },
        Table {
            labels: &[label("proto", &["PROTO"]), label("address", &["NAME"]), label("port", &["PORT"])],
            fields: &[
                RECEIVE_QUEUE,
                RECEIVE_BUFFER,
                RECEIVE_DROPS,
                ACCEPT_QUEUE,
                ACCEPT_QUEUE_MAX,
                ACCEPT_DROPS,
            ],
            ..Table::NEW
        },
    ],
    cost: Cost::Linear,
    ..Collector::new(
        "kernel.sockets",
        "corex",
        "Queues and drops of the sockets that Kamailio listens on, as the kernel counts them. Needs a Kamailio on the same \
         machine, a unix socket, and shared PID and network namespaces.",
    )
};

const fn value(kind: Kind, name: &'static str, help: &'static str) -> Field {
    field(Key::Custom, kind, name, help, unsigned)
}

/// `kamailio_processes_visible`.
pub(crate) const PROCESSES_VISIBLE: Field = value(
    Kind::Gauge,
    "kamailio_processes_visible",
    "1 if the exporter sees Kamailio's processes in /proc, 0 if not, for example because Kamailio runs in another PID \
     namespace.",
);
/// `kamailio_processes`.
pub(crate) const PROCESS_COUNT: Field =
    value(Kind::Gauge, "kamailio_processes", "Processes of Kamailio of this type.");
/// `kamailio_process_cpu_seconds_total`.
pub(crate) const CPU_SECONDS: Field = counter(
    Key::Custom,
    "kamailio_process_cpu_seconds",
    "CPU time of the processes of this type, in user and kernel mode, in seconds.",
);
/// `kamailio_process_resident_memory_bytes`.
pub(crate) const RESIDENT_MEMORY: Field = value(
    Kind::Gauge,
    "kamailio_process_resident_memory_bytes",
    "Resident memory of the processes of this type, in bytes. Shared memory counts once for each process that has touched it.",
);
/// `kamailio_process_private_memory_bytes`.
pub(crate) const PRIVATE_MEMORY: Field = value(
    Kind::Gauge,
    "kamailio_process_private_memory_bytes",
    "Resident memory of the processes of this type that belongs to no file and is not shared memory, in bytes.",
);
/// `kamailio_process_context_switches_total`.
pub(crate) const CONTEXT_SWITCHES: Field = counter(
    Key::Custom,
    "kamailio_process_context_switches",
    "Context switches of the processes of this type: voluntary to wait, involuntary because another process needed the CPU.",
)
.with(&[label("kind", &["kind"])]);
/// `kamailio_process_open_fds`.
pub(crate) const OPEN_FDS: Field = value(
    Kind::Gauge,
    "kamailio_process_open_fds",
    "Highest number of open file descriptors of any process of this type. Left out if the exporter is not permitted to count them, or \
     above 4,096 before Linux 6.2.",
);
/// `kamailio_process_max_fds`.
pub(crate) const MAX_FDS: Field = value(
    Kind::Gauge,
    "kamailio_process_max_fds",
    "Lowest limit on open file descriptors among the processes of this type.",
);
/// `kamailio_sockets_visible`.
pub(crate) const SOCKETS_VISIBLE: Field = value(
    Kind::Gauge,
    "kamailio_sockets_visible",
    "1 if the exporter sees Kamailio's sockets, 0 if not, for example because Kamailio runs in another network namespace.",
);
/// `kamailio_socket_receive_queue_bytes`.
pub(crate) const RECEIVE_QUEUE: Field = value(
    Kind::Gauge,
    "kamailio_socket_receive_queue_bytes",
    "Kernel memory of the packets that the UDP socket has received and Kamailio has not read, in bytes.",
);
/// `kamailio_socket_receive_buffer_bytes`.
pub(crate) const RECEIVE_BUFFER: Field = value(
    Kind::Gauge,
    "kamailio_socket_receive_buffer_bytes",
    "Size of the receive buffer of the UDP socket, in bytes. The kernel drops packets that exceed it.",
);
/// `kamailio_socket_receive_drops_total`.
pub(crate) const RECEIVE_DROPS: Field = counter(
    Key::Custom,
    "kamailio_socket_receive_drops",
    "Packets that the kernel dropped at the UDP socket, mostly because the receive buffer was full.",
);
/// `kamailio_socket_accept_queue_connections`.
pub(crate) const ACCEPT_QUEUE: Field = value(
    Kind::Gauge,
    "kamailio_socket_accept_queue_connections",
    "Connections of the TCP socket that Kamailio has not accepted yet.",
);
/// `kamailio_socket_accept_queue_max_connections`.
pub(crate) const ACCEPT_QUEUE_MAX: Field = value(
    Kind::Gauge,
    "kamailio_socket_accept_queue_max_connections",
    "Backlog of the TCP socket: the kernel drops further connections.",
);
/// `kamailio_socket_accept_drops_total`.
pub(crate) const ACCEPT_DROPS: Field = counter(
    Key::Custom,
    "kamailio_socket_accept_drops",
    "Connection attempts that the kernel dropped at the TCP socket, mostly because the backlog was full.",
);

/// The labels of the two kinds of context switches.
pub(crate) const SWITCH_KINDS: [&str; 2] = ["voluntary", "involuntary"];
