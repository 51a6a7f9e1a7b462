//! Lists of parameters, as in the attributes of a dispatcher destination.

/// Returns the value of a parameter in a list such as `weight=50;name="gw 1"`; empty if the list lacks the parameter.
/// Quotes around a value are removed, and a semicolon inside of them separates nothing (`core/parser/parse_param.c`).
pub(crate) fn parameter<'l>(list: &'l [u8], name: &str) -> &'l [u8] {
    let mut quoted = false;
    let mut parameters = list.split(|byte| {
        quoted ^= *byte == b'"';
        *byte == b';' && !quoted
    });
    let value = parameters.find_map(|parameter| {
        let equals = parameter.iter().position(|byte| *byte == b'=')?;
        let is_it = parameter[..equals].trim_ascii() == name.as_bytes();
        is_it.then(|| parameter[equals + 1..].trim_ascii())
    });
    let value = value.unwrap_or_default();
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        let list = b"weight=50; carrier = \"Acme; North\";name=gw1;flag;name=gw2;note=a=b;open=\"x";
        for (name, value) in [
            ("weight", "50"),
            ("carrier", "Acme; North"),
            ("name", "gw1"),
            ("note", "a=b"),
            ("open", "\"x"),
            ("flag", ""),
            ("eight", ""),
            ("North\"", ""),
            ("", ""),
        ] {
            assert_eq!(parameter(list, name), value.as_bytes(), "{name}");
        }
        assert_eq!(parameter(b"", "name"), b"");
    }
}
