//! The processes and sockets that Kamailio's replies name.

use crate::collectors::kernel;
use kamailio_binrpc::{Members, Value};
use std::net::{IpAddr, SocketAddr};

/// The processes and sockets that Kamailio lists, and the process that the kernel reports at the other end of the socket.
#[derive(Debug, Default)]
pub struct Listed {
    /// The process at the other end of the unix socket; `None` if the kernel does not show it here.
    pub peer: Option<u32>,
    /// The processes, by their IDs in Kamailio's PID namespace.
    pub processes: Vec<ListedProcess>,
    /// The sockets of known protocols.
    pub sockets: Vec<ListedSocket>,
}

/// A process in Kamailio's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProcess {
    /// The process ID.
    pub pid: u32,
    /// The type, which processes with the same job have in common.
    pub kind: String,
}

/// A socket in Kamailio's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSocket {
    /// The protocol, address and port as Kamailio prints them, for the labels.
    pub names: [String; 3],
    /// Whether the transport is UDP; TCP otherwise.
    pub udp: bool,
    /// The address.
    pub address: SocketAddr,
}

impl Listed {
    /// Reads the records of a reply, if its method lists processes or sockets.
    pub(in crate::scrape) fn read(&mut self, method: &str, records: Members<'_>) {
        match method {
            _ if method == kernel::PROCESSES.method => self.read_processes(records),
            _ if method == kernel::SOCKETS.method => self.read_sockets(records),
            _ => {}
        }
    }

    /// Reads the records of `core.psa`.
    fn read_processes(&mut self, records: Members<'_>) {
        let process = |record: Value<'_>| {
            let pid = record.get("pid")?.as_u64()?.try_into().ok().filter(|pid| *pid > 0)?;
            let description = String::from_utf8_lossy(record.get("description")?.as_bytes()?).into_owned();
            Some(ListedProcess { pid, kind: kind(&description) })
        };
        let records = records.iter().take(MAX_PROCESSES);
        self.processes = records.filter_map(|member| process(member.value)).collect();
    }

    /// Reads the records of `corex.list_sockets`, whose names are in upper case up to 5.7.
    fn read_sockets(&mut self, records: Members<'_>) {
        let text = |record: Value<'_>, names: [&str; 2]| {
            let value = names.iter().find_map(|name| record.get(name))?;
            let text = std::str::from_utf8(value.as_bytes()?).ok()?;
            (text.len() <= MAX_TEXT).then(|| text.to_owned())
        };
        let socket = |record: Value<'_>| {
            let proto = text(record, ["PROTO", "proto"])?;
            let name = text(record, ["NAME", "name"])?;
            let port = text(record, ["PORT", "port"])?;
            let udp = match proto.as_str() {
                "udp" | "UDP" => true,
                "tcp" | "TCP" | "tls" | "TLS" | "ws" | "WS" | "wss" | "WSS" => false,
                _ => return None,
            };
            // The name of a socket can be a host name; its first address is the one that Kamailio listens on.
            let addresses = ["ADDRLIST", "addrlist"].iter().find_map(|name| record.get(name));
            let address = addresses.and_then(|list| text(list, ["ADDR", "addr"]));
            let address = [Some(&name), address.as_ref()].into_iter().flatten().find_map(|text| ip(text))?;
            let address = SocketAddr::new(address, port.parse().ok()?);
            Some(ListedSocket { names: [proto, name, port], udp, address })
        };
        let records = records.iter().take(MAX_SOCKETS);
        self.sockets = records.filter_map(|member| socket(member.value)).collect();
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Returns the type of a process: its description up to the first word that numbers it or names its socket, so that `udp
/// receiver child=3 sock=192.0.2.1:5060` is a `udp receiver`.
fn kind(description: &str) -> String {
    let is_general =
        |word: &&str| !word.contains(['=', '(', '[', ':']) && !word.bytes().all(|byte| byte.is_ascii_digit());
    let words: Vec<_> = description.split_ascii_whitespace().take_while(is_general).collect();
    let kind = words.join(" ");
    match kind.char_indices().nth(MAX_KIND) {
        Some((end, _)) => kind[..end].to_owned(),
        None if kind.is_empty() => "other".to_owned(),
        None => kind,
    }
}

/// Processes of one Kamailio that are read: more than any installation has. Reading as many takes some 15 ms.
const MAX_PROCESSES: usize = 1024;
/// Sockets of one Kamailio that are read.
const MAX_SOCKETS: usize = 256;
/// Characters of a type; Kamailio's descriptions have 127 bytes (`core/pt.h`, `MAX_PT_DESC`).
const MAX_KIND: usize = 64;
/// Bytes of a socket's name: those of a host name.
const MAX_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;
    use kamailio_binrpc::wire::{Arg, Nodes};

    fn read(method: &str, records: &[Arg<'_>]) -> Listed {
        let body = fake_kamailio::body(records);
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        let mut listed = Listed::default();
        listed.read(method, nodes.members(&body));
        listed
    }

    #[test]
    fn processes_have_an_id_and_a_type() {
        let process =
            |pid, description| [(Some("pid"), Arg::Int(pid)), (Some("description"), Arg::from(description))];
        let processes = [process(17, "timer"), process(0, "none"), process(18, "JSONRPC")];
        let records: Vec<_> = processes.iter().map(|process| Arg::Struct(process)).collect();
        let listed = |pid, kind: &str| ListedProcess { pid, kind: kind.to_owned() };
        let found = read(kernel::PROCESSES.method, &records);
        assert_eq!(found.processes, [listed(17, "timer"), listed(18, "JSONRPC")]);
        for method in ["core.ps", kernel::SOCKETS.method] {
            assert_eq!(read(method, &records).processes, [], "{method}");
        }
    }

    #[test]
    fn sockets_have_a_transport_and_an_address() {
        let socket = |proto, name, port| {
            [
                (Some("PROTO"), Arg::from(proto)),
                (Some("NAME"), Arg::from(name)),
                (Some("PORT"), Arg::from(port)),
            ]
        };
        for (proto, udp) in [
            ("udp", true),
            ("UDP", true),
            ("tcp", false),
            ("TCP", false),
            ("tls", false),
            ("TLS", false),
            ("ws", false),
            ("WS", false),
            ("wss", false),
            ("WSS", false),
        ] {
            let sockets =
                read(kernel::SOCKETS.method, &[Arg::Struct(&socket(proto, "192.0.2.1", "5060"))]).sockets;
            let names = [proto, "192.0.2.1", "5060"].map(str::to_owned);
            assert_eq!(sockets, [ListedSocket { names, udp, address: "192.0.2.1:5060".parse().unwrap() }]);
        }
        let record = socket("udp", "[2001:db8::1]", "5060");
        let sockets = read(kernel::SOCKETS.method, &[Arg::Struct(&record)]).sockets;
        assert_eq!(sockets[0].address, "[2001:db8::1]:5060".parse().unwrap());
        for (proto, name, port) in
            [("sctp", "192.0.2.1", "5060"), ("udp", "sip.example.org", "5060"), ("udp", "192.0.2.1", "65536")]
        {
            let record = socket(proto, name, port);
            assert_eq!(
                read(kernel::SOCKETS.method, &[Arg::Struct(&record)]).sockets,
                [],
                "{proto} {name} {port}"
            );
        }
        for method in ["core.sockets_list", kernel::PROCESSES.method] {
            assert_eq!(read(method, &[Arg::Struct(&record)]).sockets, [], "{method}");
        }
    }

    #[test]
    fn a_socket_with_the_name_of_a_host_has_its_first_address() {
        for length in [MAX_TEXT, MAX_TEXT + 1] {
            let name = "a".repeat(length);
            let addresses = [(Some("addr"), Arg::from("192.0.2.7"))];
            let record = [
                (Some("proto"), Arg::from("udp")),
                (Some("name"), Arg::from(&*name)),
                (Some("port"), Arg::from("5060")),
                (Some("addrlist"), Arg::Struct(&addresses)),
            ];
            let sockets = read(kernel::SOCKETS.method, &[Arg::Struct(&record)]).sockets;
            let addresses: Vec<_> = sockets.iter().map(|socket| socket.address.to_string()).collect();
            let expected: &[&str] = if length == MAX_TEXT { &["192.0.2.7:5060"] } else { &[] };
            assert_eq!(addresses, expected, "{length}");
        }
    }

    #[test]
    fn the_type_of_a_process_has_neither_number_nor_address() {
        for (description, expected) in [
            ("main process - attendant", "main process - attendant"),
            ("udp receiver child=7 sock=192.0.2.9:5062", "udp receiver"),
            ("udp receiver child=0 sock=[2001:db8::1]:5060 (198.51.100.3:5060)", "udp receiver"),
            ("tcp receiver (generic)", "tcp receiver"),
            ("tcp receiver (tls:192.0.2.9:5061)", "tcp receiver"),
            ("tcp main process", "tcp main process"),
            ("PRESENCE NOTIFY TIMER 12", "PRESENCE NOTIFY TIMER"),
            ("RTIMER EXEC child=2 timer=ta", "RTIMER EXEC"),
            ("", "other"),
            ("17", "other"),
        ] {
            assert_eq!(kind(description), expected, "{description}");
        }
        assert_eq!(kind(&"ä".repeat(200)).chars().count(), MAX_KIND);
    }
}
