//! "Did you mean" suggestions for misspelled names.

/// Returns the known name closest to `word`, or `None` if more than half of the characters differ, because a suggestion
/// that far off only confuses.
///
/// ```
/// use exporter_toolkit::suggestion::nearest;
/// assert_eq!(nearest("ratelimit", ["rate_limit", "basic_auth_users"]), Some("rate_limit"));
/// ```
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let with_distance = known.into_iter().map(|known| (strsim::levenshtein(known, word), known));
    let (distance, nearest) = with_distance.min_by_key(|(distance, _)| *distance)?;
    let length = word.chars().count().max(nearest.chars().count());
    (distance <= length / 2).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_differs_too_much_is_not_suggested() {
        let known = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "stats"];
        for (word, expected) in [
            ("tls_config", Some("tls_server_config")),
            ("ratelimit", Some("rate_limit")),
            ("sta", Some("stats")),
            ("st", None),
            ("garbage", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest("", []), None);
    }
}
