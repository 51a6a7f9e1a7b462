//! Reads labels from their text in an exposition: `{a="x",b="y"}`.

/// Returns the value of a label, shortened to a number of bytes.
pub(super) fn value(labels: &[u8], name: &str, max: usize) -> Option<String> {
    Some(unescaped(text(labels, name)?, max))
}

/// Returns a value from its escaped text, shortened to a number of bytes.
pub(super) fn unescaped(text: &[u8], max: usize) -> String {
    let mut value = Vec::new();
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
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
    shortened(&String::from_utf8_lossy(&value), max)
}

/// Returns the value of a label, still escaped. Because values are escaped, a value cannot contain the name and the
/// quotation mark of another label.
pub(super) fn text<'l>(labels: &'l [u8], name: &str) -> Option<&'l [u8]> {
    let mut rest = labels.get(1..)?;
    loop {
        if let Some(value) = rest.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=\"")) {
            return Some(&value[..end(value)]);
        }
        let comma = rest.iter().position(|byte| *byte == b',')?;
        rest = &rest[comma + 1..];
    }
}

/// Returns whether two samples of one scrape have the same labels. Those of one row of a reply are the same slice.
pub(super) fn are_same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other) || one == other
}

/// Returns the position of the closing quotation mark.
fn end(value: &[u8]) -> usize {
    // Almost always, nothing is escaped.
    let first = value.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(value.len());
    if value.get(first) == Some(&b'"') {
        return first;
    }
    let mut escaped = false;
    let is_end = |byte: &u8| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    };
    value.iter().position(is_end).unwrap_or(value.len())
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
    fn a_label_is_found_only_as_a_whole() {
        let labels = br#"{a="x",bb="y\\",c="z,bb=\"9"}"#;
        assert_eq!(text(labels, "bb").unwrap(), br"y\\");
        assert_eq!(text(labels, "c").unwrap(), br#"z,bb=\"9"#);
        for absent in ["b", "bbb", ""] {
            assert_eq!(text(labels, absent), None, "{absent}");
        }
    }
}
