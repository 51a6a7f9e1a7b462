//! What somebody meant who wrote a word that there is not.

/// The word that is most like this one, if half of it is right at least: a suggestion that is nothing like it only
/// confuses.
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
    fn what_is_nothing_like_it_is_no_suggestion() {
        let known = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit", "stats"];
        for (word, meant) in [
            ("tls_config", Some("tls_server_config")),
            ("ratelimit", Some("rate_limit")),
            ("sta", Some("stats")),
            ("st", None),
            ("garbage", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest("", []), None);
    }
}
