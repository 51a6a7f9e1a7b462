use crate::recorded::{packets, replies, reply};
use kamailio_binrpc::wire::{self, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES};
use kamailio_binrpc::{Arg, Cookie, Error, Session};

/// Writes as a driver does, and returns the bytes.
fn written(session: &mut Session) -> Vec<u8> {
    let bytes = session.outgoing().to_vec();
    session.sent(bytes.len());
    bytes
}

fn cookies(bytes: &[u8]) -> Vec<Cookie> {
    packets(bytes).iter().map(|packet| wire::header(packet).unwrap().unwrap().cookie).collect()
}

#[test]
fn cookies_are_consecutive_from_a_random_start() {
    let starts: Vec<u32> = (0..8)
        .map(|_| {
            let mut session = Session::stream();
            let sent: Vec<u32> = (0..10).map(|_| session.queue("core.uptime", &[]).unwrap().0).collect();
            assert!(!sent.contains(&0));
            assert!(sent.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1).max(1)));
            sent[0]
        })
        .collect();
    assert!(starts.iter().any(|start| *start != starts[0]), "{starts:?}");
}

#[test]
fn many_calls_are_one_write() {
    let mut session = Session::stream();
    let sent: Vec<Cookie> = (0..9).map(|_| session.queue("core.uptime", &[]).unwrap()).collect();
    assert_eq!(cookies(&written(&mut session)), sent);
    assert_eq!((session.outgoing(), session.awaiting()), (&[][..], 9));
}

#[test]
fn a_partial_write_continues_where_it_stopped() {
    let mut session = Session::stream();
    session.queue("core.uptime", &[]).unwrap();
    session.queue("core.version", &[]).unwrap();
    let all = session.outgoing().to_vec();
    let mut pieces = Vec::new();
    while let Some(byte) = session.outgoing().first().copied() {
        pieces.push(byte);
        session.sent(1);
        if pieces.len() == 7 {
            session.queue("core.info", &[]).unwrap();
        }
    }
    assert_eq!(pieces[..all.len()], all);
    assert_eq!(packets(&pieces).len(), 3);
}

#[test]
fn the_window_opens_by_one_with_each_reply() {
    let mut session = Session::stream();
    let sent: Vec<Cookie> = (0..100).map(|_| session.queue("core.uptime", &[]).unwrap()).collect();
    let mut in_flight = cookies(&written(&mut session));
    assert_eq!(in_flight, sent[..MAX_IN_FLIGHT]);
    for (index, cookie) in sent.iter().enumerate() {
        session.feed(&reply(b"", *cookie));
        assert_eq!(session.poll().unwrap().unwrap().cookie(), *cookie);
        in_flight.extend(cookies(&written(&mut session)));
        assert_eq!(in_flight.len(), (index + 1 + MAX_IN_FLIGHT).min(100));
    }
    assert_eq!((in_flight, session.awaiting()), (sent, 0));
}

#[test]
fn the_window_limits_bytes_and_a_large_request_is_sent_alone() {
    let mut session = Session::stream();
    let large = vec![b'x'; MAX_IN_FLIGHT_BYTES];
    let third = vec![b'x'; MAX_IN_FLIGHT_BYTES / 3];
    let mut sent = Vec::new();
    for text in [&large, &third, &third, &third, &large] {
        sent.push(session.queue("core.echo", &[Arg::Str(text)]).unwrap());
    }
    let mut flights = Vec::new();
    for _ in 0..5 {
        flights.push(cookies(&written(&mut session)));
        for cookie in flights.last().unwrap().clone() {
            session.feed(&reply(b"", cookie));
            session.poll().unwrap().unwrap();
        }
    }
    assert_eq!(flights, [&sent[..1], &sent[1..3], &sent[3..4], &sent[4..], &[]]);
}

#[test]
fn a_datagram_session_sends_one_call_at_a_time() {
    let mut session = Session::datagram();
    let sent: Vec<Cookie> = (0..3).map(|_| session.queue("core.uptime", &[]).unwrap()).collect();
    for cookie in sent {
        assert_eq!(cookies(&written(&mut session)), [cookie]);
        assert_eq!(session.outgoing(), b"");
        session.feed(&reply(b"", cookie));
        session.poll().unwrap().unwrap();
    }
}

#[test]
fn a_skipped_call_is_reported_before_the_reply_that_skipped_it() {
    let mut session = Session::stream();
    let sent: Vec<Cookie> = (0..5).map(|_| session.queue("core.uptime", &[]).unwrap()).collect();
    session.feed(&reply(b"\x10\x01", sent[0]));
    session.feed(&reply(b"\x10\x04", sent[3]));
    for (cookie, records) in [(0, Some("1")), (1, None), (2, None), (3, Some("4"))] {
        let reply = session.poll().unwrap().unwrap();
        assert_eq!(reply.cookie(), sent[cookie]);
        match (records, reply.records()) {
            (Some(number), Ok(records)) => {
                assert_eq!(records.first().unwrap().as_u64().unwrap().to_string(), number);
                assert!(!reply.packet().is_empty());
            }
            (None, Err(Error::NoReply)) => assert_eq!(reply.packet(), b""),
            (_, other) => panic!("{cookie}: {other:?}"),
        }
    }
    assert!(session.poll().unwrap().is_none());
    assert_eq!(session.awaiting(), 1);
}

#[test]
fn replies_that_no_call_awaits_are_ignored() {
    let mut session = Session::stream();
    let first = session.queue("core.uptime", &[]).unwrap();
    let second = session.queue("core.uptime", &[]).unwrap();
    for cookie in
        [Cookie(0), Cookie(first.0.wrapping_sub(1)), first, first, Cookie(second.0.wrapping_add(1)), second]
    {
        session.feed(&reply(b"\x07 not decoded when not awaited", cookie));
    }
    let seen: Vec<Cookie> = replies(&mut session).into_iter().map(|(cookie, _)| cookie).collect();
    assert_eq!(seen, [first, second]);
}

#[test]
fn an_error_of_the_stream_is_final() {
    let mut session = Session::stream();
    let first = session.queue("core.uptime", &[]).unwrap();
    let second = session.queue("core.uptime", &[]).unwrap();
    session.feed(&reply(b"", first));
    session.feed(b"\xffout of step");
    assert_eq!(session.poll().unwrap().unwrap().cookie(), first);
    let error = session.poll().unwrap_err();
    session.feed(&reply(b"", second));
    assert_eq!(session.poll().unwrap_err(), error);
}

#[test]
fn all_replies_have_arrived_before_they_are_polled() {
    let mut session = Session::stream();
    assert!(session.has_all_replies(), "no call awaits a reply");
    let cookies: Vec<Cookie> =
        (0..MAX_IN_FLIGHT + 1).map(|_| session.queue("core.uptime", &[]).unwrap()).collect();
    let (last, others) = cookies.split_last().unwrap();
    assert!(!session.has_all_replies());
    for cookie in others {
        session.feed(&reply(b"\x10\x01", *cookie));
        assert!(!session.has_all_replies(), "a call is queued");
    }
    session.poll().unwrap().unwrap();
    assert!(!session.has_all_replies());
    let bytes = reply(b"\x10\x01", *last);
    let (first_half, second_half) = bytes.split_at(bytes.len() - 1);
    session.feed(first_half);
    assert!(!session.has_all_replies());
    session.feed(second_half);
    assert!(session.has_all_replies());
    assert_eq!(replies(&mut session).len(), MAX_IN_FLIGHT);
    assert!(session.has_all_replies());
}
