//! Fuzz target: replies of JSON-RPC.

use kamailio_binrpc::wire::{Body, Nodes};
use kamailio_exporter::internals::jsonrpc_reply::read;

/// Reads the input as a reply. Checks that the decoder accepts the resulting body, unless it is over a limit.
pub fn jsonrpc(input: &[u8]) {
    let mut body = Body::new();
    match read(input, 7, &mut body) {
        Err(message) => assert!(!message.is_empty()),
        Ok(_) => {
            let mut nodes = Nodes::new();
            match nodes.decode(body.as_bytes()) {
                Ok(()) => assert!(nodes.members(body.as_bytes()).iter().count() <= input.len()),
                Err(error) => assert!(error.to_string().contains("limit"), "{error}"),
            }
        }
    }
}
