//! The processes and sockets that Kamailio's replies name.

use crate::collectors::kernel;
use kamailio_binrpc::{Members, Value};
use std::net::{IpAddr, SocketAddr};

/// The processes and sockets of a Kamailio by its own account, and its process by the kernel's.
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
