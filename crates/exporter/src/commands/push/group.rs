//! The group of metrics that is pushed, identified by its labels.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE;
use std::fmt::Write as _;

/// The labels that identify a group at the Pushgateway. They replace labels of the same names in the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    labels: Vec<(String, String)>,
}

impl Group {
    /// Creates a group from the job, which must not be empty, and further labels. The error is a human-readable message.
    pub(crate) fn new(job: &str, more: impl IntoIterator<Item = (String, String)>) -> Result<Self, String> {
        if job.is_empty() {
            return Err("the job of a group must not be empty".to_owned());
        }
        let mut labels = vec![("job".to_owned(), job.to_owned())];
        for (name, value) in more {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.starts_with(|c: char| c.is_ascii_digit())
                || name.is_empty()
                || !name.chars().all(word)
                || name.starts_with("__")
            {
                return Err(format!(
                    "\"{name}\" is not a label name: expected letters, digits and _, beginning with neither a digit nor __"
                ));
            }
            if labels.iter().any(|(known, _)| *known == name) {
                return Err(format!("the label {name} is given twice"));
            }
            labels.push((name, value));
        }
        Ok(Self { labels })
    }

    /// Returns `/metrics/job/JOB/NAME/VALUE…`, as `handler/push.go` of the Pushgateway splits it. A value that a path
    /// cannot carry (empty, with a `/`, or one or two dots, which servers resolve) is encoded in base64.
    pub(super) fn path(&self) -> String {
        let mut path = "/metrics".to_owned();
        for (name, value) in &self.labels {
            path.push('/');
            path.push_str(name);
            if matches!(value.as_str(), "" | "." | "..") || value.contains('/') {
                path.push_str("@base64/");
                path.push_str(if value.is_empty() { "=" } else { "" });
                path.push_str(&BASE64_URL_SAFE.encode(value));
                continue;
            }
            path.push('/');
            for byte in value.bytes() {
                if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                    path.push(char::from(byte));
                } else {
                    let _ = write!(path, "%{byte:02X}");
                }
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(more: &[(&str, &str)]) -> Result<Group, String> {
        Group::new("kamailio", more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn label_values_are_encoded_in_the_path() {
        for (value, path) in [
            ("sip1.example.org", "a/sip1.example.org"),
            ("10.0.0.1:9494", "a/10.0.0.1%3A9494"),
            ("a b%+ü", "a/a%20b%25%2B%C3%BC"),
            ("", "a@base64/="),
            (".", "a@base64/Lg=="),
            ("..", "a@base64/Li4="),
            ("unix:/run/a?", "a@base64/dW5peDovcnVuL2E_"),
            ("/~~>", "a@base64/L35-Pg=="),
        ] {
            let path = format!("/metrics/job/kamailio/{path}");
            assert_eq!(group(&[("a", value)]).unwrap().path(), path);
        }
    }

    #[test]
    fn labels_that_a_gateway_would_refuse_are_refused() {
        for (labels, error) in [
            (&[("job", "x")][..], "the label job is given twice"),
            (&[("a", "1"), ("a", "1")], "the label a is given twice"),
            (&[("", "x")], "\"\" is not a label name"),
            (&[("__name__", "x")], "\"__name__\" is not a label name"),
            (&[("1a", "x")], "\"1a\" is not"),
            (&[("a-b", "x")], "\"a-b\" is not"),
            (&[("ä", "x")], "\"ä\" is not"),
        ] {
            let message = group(labels).unwrap_err();
            assert!(message.starts_with(error), "{message}");
        }
        assert_eq!(Group::new("", []), Err("the job of a group must not be empty".to_owned()));
    }
}
