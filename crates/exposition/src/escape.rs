//! Label values as they are written.

/// Appends a label value: any bytes, as UTF-8 in which `\`, `"` and line feeds are escaped.
///
/// ```
/// let mut out = Vec::new();
/// prometheus_exposition::escape_label(b"\"caf\xc3\xa9\"\xff", &mut out);
/// assert_eq!(out, "\\\"caf\u{e9}\\\"\u{fffd}".as_bytes());
/// ```
pub fn escape_label(value: &[u8], out: &mut Vec<u8>) {
    if is_plain(value) {
        return out.extend_from_slice(value);
    }
    for chunk in value.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        let mut copied = 0;
        for (at, byte) in valid.iter().enumerate().filter(|(_, byte)| matches!(byte, b'\\' | b'"' | b'\n')) {
            out.extend_from_slice(&valid[copied..at]);
            out.extend_from_slice(&[b'\\', if *byte == b'\n' { b'n' } else { *byte }]);
            copied = at + 1;
        }
        out.extend_from_slice(&valid[copied..]);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Returns whether a value is written as it is: all bytes are ASCII, and none is escaped. It checks eight bytes at a time, some
/// of them twice.
fn is_plain(value: &[u8]) -> bool {
    if let Some(last) = value.last_chunk::<8>() {
        return value.as_chunks::<8>().0.iter().chain([last]).all(|eight| are_plain(*eight));
    }
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (value.first_chunk(), value.last_chunk()) {
        return are_plain([*a, *b, *c, *d, *e, *f, *g, *h]);
    }
    value.iter().all(|byte| byte.is_ascii() && !matches!(byte, b'\\' | b'"' | b'\n'))
}

/// Returns whether eight bytes are ASCII and need no escape. In `bad`, every other byte has its highest bit set: a byte outside
/// ASCII has it already, and for a byte to escape the subtraction borrows it.
fn are_plain(eight: [u8; 8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_ne_bytes(eight);
    let equal = |byte: u8| (word ^ (EACH * u64::from(byte))).wrapping_sub(EACH);
    let bad = word | equal(b'"') | equal(b'\\') | equal(b'\n');
    bad & (EACH << 7) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_bytes_are_found_at_each_index_of_each_length() {
        for len in 1..20 {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut value = vec![b'~'; len];
                    value[at] = byte;
                    let expected = byte.is_ascii() && !b"\\\"\n".contains(&byte);
                    assert_eq!(is_plain(&value), expected, "{byte} at {at} of {len}");
                }
            }
        }
        assert!(is_plain(b""));
    }

    #[test]
    fn values_are_escaped() {
        for (value, expected) in [
            (&b""[..], ""),
            (b"plain", "plain"),
            (b"a\"b\\c\nd", "a\\\"b\\\\c\\nd"),
            (b"\n\n", "\\n\\n"),
            (b"tab\tbell\x07", "tab\tbell\x07"),
            (b"caf\xc3\xa9", "caf\u{e9}"),
            (b"\xff\xfe\"", "\u{fffd}\u{fffd}\\\""),
            (b"cut \xc3", "cut \u{fffd}"),
        ] {
            let mut out = b"before ".to_vec();
            escape_label(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("before {expected}"));
        }
    }
}
