//! Patterns for paths and host names.

use std::fs;
use std::path::{Path, PathBuf};

/// A path in which `*` matches any part of one path component, but never a `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern {
    components: Vec<String>,
}

/// A host name in which `*` matches anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamePattern {
    name: String,
}

impl PathPattern {
    /// Parses an absolute path without empty, `.` and `..` components. The error is a human-readable message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let components = components(text).ok_or_else(|| {
            format!(
                "the path \"{text}\" does not begin with a single /, or contains an empty component, . or .."
            )
        })?;
        Ok(Self { components: components.into_iter().map(str::to_owned).collect() })
    }

    /// Returns whether the pattern matches one path only.
    pub(super) fn is_literal(&self) -> bool {
        !self.components.iter().any(|name| name.contains('*'))
    }

    /// Returns whether a path with these components matches.
    pub(super) fn matches(&self, path: &[&str]) -> bool {
        all_match(&self.components, path)
    }

    /// Returns whether a path without symbolic links matches. Symbolic links in the leading components of the pattern
    /// that contain no `*` are followed first, because `/var/run` usually is a link to `/run`.
    pub(super) fn matches_real(&self, real: &Path) -> bool {
        // The last component names the socket itself, which must not be a link.
        let directories = self.components.iter().rev().skip(1).rev();
        let literal = directories.take_while(|name| !name.contains('*')).count();
        let (directory, rest) = self.components.split_at(literal);
        let directory: PathBuf = ["/"].into_iter().chain(directory.iter().map(String::as_str)).collect();
        let Ok(directory) = fs::canonicalize(directory) else { return false };
        let below = real.strip_prefix(directory).ok().and_then(Path::to_str);
        below.is_some_and(|below| all_match(rest, &below.split('/').collect::<Vec<_>>()))
    }
}

impl NamePattern {
    /// Parses a host name. The error is a human-readable message.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
        if name.is_empty() || !name.chars().all(known) {
            return Err(format!("\"{text}\" is not a host"));
        }
        let numbers = name.contains(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '*'));
        if numbers || !is_name(&name) {
            return Err(format!("\"{text}\" is not a host name; write addresses as 10.0.0.0/8 or 10.0.0.1"));
        }
        Ok(Self { name })
    }

    /// Returns whether a host is a name and matches. `2130706433`, `0177.0.0.1` and `0x7f.1` are not names: the
    /// system's resolver reads them as addresses.
    pub(super) fn matches(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        is_name(&host) && matches(&self.name, &host)
    }

    /// Returns whether the pattern matches one name only.
    pub(super) fn is_literal(&self) -> bool {
        !self.name.contains('*')
    }
}

/// Splits an absolute path into its components. Returns `None` if one is empty, `.` or `..`.
pub(super) fn components(path: &str) -> Option<Vec<&str>> {
    let names: Vec<_> = path.strip_prefix('/')?.split('/').collect();
    names.iter().all(|name| !matches!(*name, "" | "." | "..")).then_some(names)
}

fn all_match(patterns: &[String], names: &[&str]) -> bool {
    patterns.len() == names.len() && patterns.iter().zip(names).all(|(pattern, name)| matches(pattern, name))
}

/// Returns whether the text matches; `*` matches any text, including none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(first).and_then(|text| text.strip_suffix(last)) else { return false };
    // Matching each part at its first position leaves the most text for the parts that follow.
    let fit = middle.split('*').try_fold(text, |text, part| Some(text.split_once(part)?.1));
    fit.is_some()
}

/// Returns whether no label is empty and the last one is not a number: no top-level domain is one, and `inet_aton` reads
/// a host that ends in a number as an address.
fn is_name(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let decimal = last.bytes().all(|byte| byte.is_ascii_digit());
    let hex = last.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    !decimal && !hex && name.split('.').all(|label| !label.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_text() {
        for (pattern, fitting, other) in [
            ("*", &["", "a", "a.b"][..], &[][..]),
            ("a*", &["a", "ab"], &["", "ba"]),
            ("*.sock", &[".sock", "a.sock"], &["sock", "a.sock2"]),
            ("a*b*c", &["abc", "axbxc", "abbc", "abcbc"], &["ac", "acb", "abcx"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("**", &["", "a"], &[]),
            ("a", &["a"], &["", "aa"]),
        ] {
            for text in fitting {
                assert!(matches(pattern, text), "{pattern} {text}");
            }
            for text in other {
                assert!(!matches(pattern, text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn a_star_in_a_path_does_not_match_a_slash() {
        let pattern = PathPattern::parse("/run/*/ctl*").unwrap();
        for (path, expected) in [
            ("/run/a/ctl", true),
            ("/run/a/ctl.1", true),
            ("/run/ctl", false),
            ("/run/a/b/ctl", false),
            ("/run/a/ctl/b", false),
        ] {
            assert_eq!(pattern.matches(&components(path).unwrap()), expected, "{path}");
        }
        for path in ["", "run", "/", "/run/", "//run", "/run//a", "/run/./a", "/run/../a", "/.."] {
            assert_eq!(components(path), None, "{path}");
            assert!(PathPattern::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn disguised_addresses_are_not_names() {
        let any = NamePattern::parse("*").unwrap();
        for host in [
            "2130706433",
            "0177.0.0.1",
            "0x7f.1",
            "0x7F000001",
            "127.1",
            "127.0.0.1.",
            "1.2.3.0x",
            "a.",
            "a..b",
            ".a",
            "",
            ".",
        ] {
            assert_eq!(any.matches(host), host == "a.", "{host}");
        }
        for host in ["localhost", "SIP1.Example.org", "sip1.example.org.", "0x7f.a", "1a", "10.in-addr.arpa"]
        {
            assert!(any.matches(host), "{host}");
        }
        for text in ["10.0.0.*", "1*", "2130706433", "0x7f.1", "a b", "", "[::1]", "a:b", "/a", "a..b"] {
            assert!(NamePattern::parse(text).is_err(), "{text}");
        }
        assert!(NamePattern::parse("SIP*.Example.Org.").unwrap().matches("sip1.example.org"));
    }
}
