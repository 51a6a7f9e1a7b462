//! WebSocket connections (module websocket): in total and by subprotocol.

use super::{counter, family_of_counters, family_of_gauges, gauge, stat};
use crate::collectors::schema::{Field, is};

const CONNECTIONS: Field = family_of_gauges(
    "kamailio_websocket_connections_by_subprotocol",
    "Open WebSocket connections, by subprotocol.",
);
const MAX_CONNECTIONS: Field = family_of_gauges(
    "kamailio_websocket_max_concurrent_connections_by_subprotocol",
    "Highest number of WebSocket connections open at the same time, by subprotocol.",
);
const FAILED: Field = family_of_counters(
    "kamailio_websocket_connections_failed_by_subprotocol",
    "WebSocket connections that failed, by subprotocol.",
);
const CLOSED: Field = family_of_counters(
    "kamailio_websocket_connections_closed",
    "WebSocket connections closed, by the side that closed them.",
);
const CLOSED_BY_SUBPROTOCOL: Field = family_of_counters(
    "kamailio_websocket_connections_closed_by_subprotocol",
    "WebSocket connections closed, by subprotocol and by the side that closed them.",
);
const RECEIVED: Field = family_of_counters(
    "kamailio_websocket_frames_received_by_subprotocol",
    "WebSocket frames received, by subprotocol.",
);
const TRANSMITTED: Field = family_of_counters(
    "kamailio_websocket_frames_transmitted_by_subprotocol",
    "WebSocket frames sent, by subprotocol.",
);
const HANDSHAKES: Field =
    family_of_counters("kamailio_websocket_handshakes", "WebSocket handshakes by result.");
const SUCCESSFUL_HANDSHAKES: Field = family_of_counters(
    "kamailio_websocket_successful_handshakes_by_subprotocol",
    "WebSocket handshakes that succeeded, by subprotocol.",
);

macro_rules! by_subprotocol {
    ($($name:literal),*) => {
        &[$(
            stat(&[ws!($name, "current_connections")], CONNECTIONS, &[is(SUBPROTOCOL, $name)]),
            stat(&[ws!($name, "max_concurrent_connections")], MAX_CONNECTIONS, &[is(SUBPROTOCOL, $name)]),
            stat(&[ws!($name, "failed_connections")], FAILED, &[is(SUBPROTOCOL, $name)]),
            stat(
                &[ws!($name, "local_closed_connections")],
                CLOSED_BY_SUBPROTOCOL,
                &[is(SUBPROTOCOL, $name), is("side", "local")],
            ),
            stat(
                &[ws!($name, "remote_closed_connections")],
                CLOSED_BY_SUBPROTOCOL,
                &[is(SUBPROTOCOL, $name), is("side", "remote")],
            ),
            stat(&[ws!($name, "received_frames")], RECEIVED, &[is(SUBPROTOCOL, $name)]),
            stat(&[ws!($name, "transmitted_frames")], TRANSMITTED, &[is(SUBPROTOCOL, $name)]),
            stat(&[ws!($name, "successful_handshakes")], SUCCESSFUL_HANDSHAKES, &[is(SUBPROTOCOL, $name)]),
        )*]
    };
}

macro_rules! ws {
    ($subprotocol:literal, $name:literal) => {
        concat!("websocket.ws_", $subprotocol, "_", $name)
    };
}

/// `websocket/websocket.c`, `stats`.
pub(super) const WEBSOCKET: &[Field] = &[
    gauge(
        &["websocket.ws_current_connections"],
        "kamailio_websocket_connections",
        "Open WebSocket connections.",
    ),
    gauge(
        &["websocket.ws_max_concurrent_connections"],
        "kamailio_websocket_max_concurrent_connections",
        "Highest number of WebSocket connections open at the same time.",
    ),
    counter(
        &["websocket.ws_failed_connections"],
        "kamailio_websocket_connections_failed",
        "WebSocket connections that failed.",
    ),
    stat(&["websocket.ws_local_closed_connections"], CLOSED, &[is("side", "local")]),
    stat(&["websocket.ws_remote_closed_connections"], CLOSED, &[is("side", "remote")]),
    counter(
        &["websocket.ws_received_frames"],
        "kamailio_websocket_frames_received",
        "WebSocket frames received.",
    ),
    counter(
        &["websocket.ws_transmitted_frames"],
        "kamailio_websocket_frames_transmitted",
        "WebSocket frames sent.",
    ),
    stat(&["websocket.ws_successful_handshakes"], HANDSHAKES, &[is("result", "success")]),
    stat(&["websocket.ws_failed_handshakes"], HANDSHAKES, &[is("result", "failure")]),
];

/// The subprotocols that Kamailio speaks.
pub(super) const BY_SUBPROTOCOLS: &[Field] = by_subprotocol!["sip", "msrp"];

const SUBPROTOCOL: &str = "subprotocol";
