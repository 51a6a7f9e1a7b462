//! Reads labels from their text in an exposition: `{a="x",b="y"}`.

/// Returns the value of a label, shortened to a number of bytes. The text is escaped, so that a value cannot contain the name
/// and the quotation mark of another label.
pub(super) fn value(labels: &[u8], name: &str, max: usize) -> Option<String> {
    let start = find(labels, &[name.as_bytes(), b"=\""].concat())?;
    let mut value = Vec::new();
    let mut rest = labels.get(start..)?.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => break,
            b'\\' => match rest.next() {
                Some(b'n') => value.push(b'\n'),
                Some(byte) => value.push(*byte),
                None => break,
            },
            byte => value.push(*byte),
        }
        if value.len() > max {
            break;
        }
    }
    Some(shortened(&String::from_utf8_lossy(&value), max))
}

/// Returns whether the labels contain a pair: `method="INVITE"`.
pub(super) fn has(labels: &[u8], pair: &[u8]) -> bool {
    find(labels, pair).is_some_and(|end| matches!(labels.get(end), Some(b',' | b'}')))
}

/// Returns the position after a text that follows the opening brace or a comma.
fn find(labels: &[u8], text: &[u8]) -> Option<usize> {
    let mut start = 1;
    loop {
        let rest = labels.get(start..)?;
        if rest.starts_with(text) {
            return Some(start + text.len());
        }
        start += rest.iter().position(|byte| *byte == b',')? + 1;
    }
}

/// Returns the beginning of a text, with an ellipsis if the text is longer than `max` bytes.
fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.char_indices().map(|(index, c)| index + c.len_utf8()).take_while(|end| *end <= max).last();
    format!("{}…", text.get(..end.unwrap_or_default()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_it_was_before_it_was_escaped() {
        let labels = br#"{uri="sip:a\"b\\c\nd,set=\"9",set="1",name="ab"}"#;
        assert_eq!(value(labels, "uri", 99).unwrap(), "sip:a\"b\\c\nd,set=\"9");
        assert_eq!(value(labels, "set", 99).unwrap(), "1");
        assert_eq!(value(labels, "et", 99), None);
        assert_eq!(value(labels, "uri", 5).unwrap(), "sip:a…");
        assert_eq!(value(b"", "uri", 5), None);
        assert_eq!(value("{a=\"ééé\"}".as_bytes(), "a", 3).unwrap(), "é…");
        assert_eq!(value(b"{a=\"x\\", "a", 3).unwrap(), "x");
    }

    #[test]
    fn a_pair_is_found_only_as_a_whole() {
        let labels = br#"{a="x",b="yy"}"#;
        for (pair, found) in [
            (r#"a="x""#, true),
            (r#"b="yy""#, true),
            (r#"b="y""#, false),
            (r#"="x""#, false),
            (r#"b="yyy""#, false),
        ] {
            assert_eq!(has(labels, pair.as_bytes()), found, "{pair}");
        }
        assert!(!has(br#"{b="1,a=\"x\""}"#, br#"a="x""#));
    }
}
