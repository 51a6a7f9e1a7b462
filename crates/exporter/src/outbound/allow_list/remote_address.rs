//! The addresses that a name may resolve to if only a wildcard rule allows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns whether an address is another machine's: not loopback, not multicast or broadcast, and not link-local, where
/// clouds serve a machine's credentials.
pub(super) fn is_remote(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, ..] = address.octets();
            !(first == 0
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast())
        }
        IpAddr::V6(address) => match embedded(address) {
            Some(address) => is_remote(address.into()),
            None => {
                !(address.is_unicast_link_local() || address.is_multicast() || METADATA.contains(&address))
            }
        },
    }
}

/// The IPv4 address that a router or the system derives from an IPv6 address: IPv4-compatible or IPv4-mapped (RFC 4291),
/// 6to4 (RFC 3056) and NAT64 (RFC 6052). `::` and `::1` become 0.0.0.0 and 0.0.0.1.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        _ => None,
    }
}

/// The addresses from which Amazon's and Google's clouds serve a machine's credentials over IPv6. Over IPv4 that address
/// is link-local.
const METADATA: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];
