//! The start of Kamailio as a Unix time.

use kamailio_binrpc::Value;
use std::time::SystemTime;

/// Returns the start of Kamailio in seconds since 1970, from a record of `core.uptime`. The result is the same in every
/// scrape of one run of Kamailio and from every exporter, as long as the clocks differ by less than 7 minutes.
///
/// Kamailio prints the start (`core/core_cmd.c`, `core_uptime`) by `ctime`: in its local time, without the offset from UTC.
/// Today's offsets are multiples of 15 minutes, so the start modulo 15 minutes is exact, and the uptime is only needed to
/// find the right quarter of an hour.
pub(super) fn start_time(record: Value<'_>, now: SystemTime) -> Option<i64> {
    let printed = seconds_of_hour(record.get("up_since")?.as_bytes()?)?;
    let uptime = i64::try_from(record.get("uptime")?.as_u64()?).ok()?;
    let now = i64::try_from(now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let estimate = now - uptime;
    let difference = (printed - estimate).rem_euclid(OFFSET_UNIT);
    let nearest = if difference < OFFSET_UNIT / 2 { difference } else { difference - OFFSET_UNIT };
    Some(estimate + nearest)
}

/// Returns the minutes and seconds of a time such as `Sun Nov 22 13:43:07 2026`, in seconds.
fn seconds_of_hour(ctime: &[u8]) -> Option<i64> {
    let mut fields = std::str::from_utf8(ctime).ok()?.split_ascii_whitespace().nth(3)?.split(':');
    let mut number = || fields.next()?.parse::<u8>().ok();
    let (_hour, minute, second) = (number()?, number()?, number()?);
    (minute < 60 && second <= 60).then(|| i64::from(minute) * 60 + i64::from(second))
}

/// Offsets of time zones from UTC are multiples of this number of seconds.
const OFFSET_UNIT: i64 = 15 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use kamailio_binrpc::wire::{Arg, Nodes};
    use std::time::Duration;

    fn start(up_since: &str, uptime: u32, now: u64) -> Option<i64> {
        let row = [(Some("up_since"), up_since.into()), (Some("uptime"), Arg::Int(uptime.into()))];
        let body = fake_kamailio::body(&[Arg::Struct(&row)]);
        let mut nodes = Nodes::new();
        nodes.decode(&body).unwrap();
        let record = nodes.members(&body).first().unwrap();
        start_time(record, SystemTime::UNIX_EPOCH + Duration::from_secs(now))
    }

    /// 2026-03-29 00:59:58 UTC.
    const START: u64 = 1_774_745_998;

    #[test]
    fn the_start_does_not_depend_on_the_time_of_the_scrape_nor_on_the_zone() {
        // UTC, UTC+1, UTC-3:30, UTC+5:45, UTC+12:45; the 31st of March would be as good, as only minutes count.
        for text in [
            "Sun Mar 29 00:59:58 2026",
            "Sun Mar 29 01:59:58 2026",
            "Sat Mar 28 21:29:58 2026",
            "Sun Mar 29 06:44:58 2026",
            "Sun Mar 29 13:44:58 2026",
        ] {
            for (uptime, skew) in
                [(0, 0), (1, 0), (59, 1), (3600, -1), (86_400 * 200, 3), (77, 400), (78, -400)]
            {
                let now = (START + u64::from(uptime)).saturating_add_signed(skew);
                assert_eq!(start(text, uptime, now), Some(START.cast_signed()), "{text} {uptime} {skew}");
            }
        }
    }

    #[test]
    fn a_restart_within_a_second_of_the_start_is_another_start() {
        let (first, second) = ("Sun Mar 29 00:59:58 2026", "Sun Mar 29 00:59:59 2026");
        assert_eq!(start(first, 1, START + 1), Some(START.cast_signed()));
        assert_eq!(start(second, 0, START + 1), Some(START.cast_signed() + 1));
    }

    #[test]
    fn a_reply_without_a_time_has_no_start() {
        for text in
            ["", "yesterday", "Sun Mar 29 00:59 2026", "Sun Mar 29 00:60:00 2026", "Sun Mar 29 aa:bb:cc 2026"]
        {
            assert_eq!(start(text, 1, START), None, "{text}");
        }
    }
}
