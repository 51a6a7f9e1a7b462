//! The minimal cost of a scrape: connect, write all requests, read all replies, close.

use kamailio_binrpc::wire::{self, Arg, Cookie};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Minimal scrapes of some calls, without decoding, and without allocations after the first scrape.
pub(crate) struct Floor {
    socket: PathBuf,
    requests: Vec<u8>,
    replies: usize,
    input: Vec<u8>,
}

impl Floor {
    /// Creates minimal scrapes of these calls, each a method and its arguments.
    pub(crate) fn new(socket: PathBuf, calls: &[&[&str]]) -> Self {
        let mut requests = Vec::new();
        for (cookie, call) in (1..).zip(calls) {
            let args: Vec<Arg<'_>> = call[1..].iter().map(|arg| Arg::from(*arg)).collect();
            wire::encode_request(Cookie(cookie), call[0], &args, &mut requests).expect("a short request");
        }
        Self { socket, requests, replies: calls.len(), input: vec![0; 1 << 20] }
    }

    /// Makes one scrape. Returns the size of the replies in bytes.
    pub(crate) fn scrape(&mut self) -> usize {
        let mut stream = UnixStream::connect(&self.socket).expect("Kamailio is there");
        stream.write_all(&self.requests).expect("Kamailio reads");
        let (mut end, mut packet, mut replies) = (0, 0, 0);
        while replies < self.replies {
            end += stream.read(&mut self.input[end..]).expect("Kamailio answers");
            while let Ok(Some(header)) = wire::header(&self.input[packet..end]) {
                let next = packet + header.header_len + header.body_len;
                if next > end {
                    break;
                }
                packet = next;
                replies += 1;
            }
        }
        end
    }
}
