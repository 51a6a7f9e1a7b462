//! Loopback addresses whose ports are free.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// A loopback address that no other instance uses, so its ports are free.
///
/// All of 127.0.0.0/8 is local on Linux. A listener claims the address as long as it is in use.
#[derive(Debug)]
pub(crate) struct Address {
    pub(crate) ip: Ipv4Addr,
    _claim: TcpListener,
}

impl Address {
    pub(crate) fn claim() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        for _ in 0..ATTEMPTS {
            let n = process::id().wrapping_mul(SPREAD).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
            // 127.1.x.y to 127.254.x.y, with 1 to 254 at the end.
            let ip =
                Ipv4Addr::new(127, (n / 65_024 % 254 + 1) as u8, (n / 254 % 256) as u8, (n % 254 + 1) as u8);
            if let Ok(claim) = TcpListener::bind((ip, CLAIM_PORT)) {
                return Self { ip, _claim: claim };
            }
        }
        panic!("no loopback address has TCP port {CLAIM_PORT} free after {ATTEMPTS} attempts");
    }
}

/// Below the ephemeral ports, like all ports of the testbed, so no client socket can have it.
const CLAIM_PORT: u16 = 25_000;

const ATTEMPTS: u32 = 1_000;

/// The number of addresses between those of consecutive process ids.
const SPREAD: u32 = 97;
