use crate::recorded::{read, replies, with_cookie};
use kamailio_binrpc::{Cookie, Session};
use proptest::prelude::*;

const NAMES: [&str; 8] = [
    "core.uptime",
    "tm.stats",
    "no.such.command",
    "core.echo",
    "dispatcher.list.50dest",
    "stats.fetch_all",
    "ul.lookup_location_noq@localhost",
    "mtree.list_mtree",
];

/// A session that awaits these replies, and their bytes after a packet that no call awaits.
fn stream(names: &[usize], skipped: usize) -> (Session, Vec<u8>) {
    let mut session = Session::stream();
    let mut bytes = with_cookie(&read("5.6.3/core.flags.reply"), Cookie(0));
    for (index, name) in names.iter().enumerate() {
        let name = NAMES[*name];
        let cookie = session.queue(name, &[]).unwrap();
        if index != skipped {
            bytes.extend(with_cookie(&read(&format!("5.6.3/{name}.reply")), cookie));
        }
    }
    (session, bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// The replies are the same for chunks of any size, whether copied to the session or read into its memory.
    #[test]
    fn chunk_sizes_do_not_change_the_replies(
        names in prop::collection::vec(0..NAMES.len(), 1..12),
        skipped in 0..24_usize,
        sizes in prop::collection::vec((prop_oneof![1..8_usize, 1..200_usize, 1..70_000_usize], any::<bool>()), 1..40),
    ) {
        let (mut session, bytes) = stream(&names, skipped);
        let cookies: Vec<Cookie> = {
            session.feed(&bytes);
            replies(&mut session).into_iter().map(|(cookie, _)| cookie).collect()
        };
        prop_assert_eq!(cookies.len(), names.len() - usize::from(skipped == names.len() - 1));

        let (mut whole, bytes) = stream(&names, skipped);
        whole.feed(&bytes);
        let expected: Vec<String> = replies(&mut whole).into_iter().map(|(_, records)| records).collect();

        let (mut session, bytes) = stream(&names, skipped);
        let mut got = Vec::new();
        let mut rest = &bytes[..];
        for (size, copied) in sizes.iter().cycle() {
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            if *copied {
                session.feed(chunk);
            } else {
                let mut left = chunk;
                while !left.is_empty() {
                    let spare = session.spare();
                    let n = left.len().min(spare.len());
                    spare[..n].copy_from_slice(&left[..n]);
                    session.filled(n);
                    left = &left[n..];
                }
            }
            got.extend(replies(&mut session).into_iter().map(|(_, records)| records));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(got, expected);
    }

    /// No input makes the session panic or loop.
    #[test]
    fn arbitrary_bytes_yield_replies_or_an_error(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20),
        headed in any::<bool>(),
    ) {
        let mut session = Session::stream();
        let cookie = session.queue("core.uptime", &[]).unwrap();
        for mut chunk in chunks {
            if headed {
                chunk = crate::recorded::reply(&chunk, cookie);
            }
            session.feed(&chunk);
            replies(&mut session);
        }
    }

    /// No change to a reply of Kamailio makes the session panic or loop.
    #[test]
    fn damaged_replies_yield_replies_or_an_error(
        name in 0..NAMES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut session = Session::stream();
        let cookie = session.queue(NAMES[name], &[]).unwrap();
        let mut packet = with_cookie(&read(&format!("5.6.3/{}.reply", NAMES[name])), cookie);
        for (index, byte) in damage {
            let at = index.index(packet.len());
            packet[at] = byte;
        }
        session.feed(&packet);
        prop_assert!(replies(&mut session).len() <= 2);
    }
}
