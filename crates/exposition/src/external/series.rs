//! Series as they are written after their family's name, `_bucket{le="1",x="y"}`: how to compare two of them.

use std::hash::BuildHasher;

/// Hashes a series; the order of its labels makes no difference.
pub(super) fn hash(hasher: &impl BuildHasher, family: usize, suffix: &str, labels: &[(&str, &str)]) -> u32 {
    let sum = labels.iter().fold(0, |sum: u64, label| sum.wrapping_add(hasher.hash_one(label)));
    hasher.hash_one((family, suffix, sum)) as u32
}

/// Returns whether two series are the same, wherever their labels stand.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    // In another order, the same labels take as many bytes.
    one == other || one.len() == other.len() && parts(one) == parts(other)
}

/// Returns the suffix, then each label with its value, in alphabetical order.
fn parts(series: &str) -> Vec<&str> {
    let (suffix, mut rest) = series.split_once('{').unwrap_or((series, ""));
    let mut parts = vec![suffix];
    while let Some(end) = label_end(rest) {
        parts.push(&rest[..end]);
        rest = &rest[end + 1..];
    }
    parts[1..].sort_unstable();
    parts
}

/// Returns the index after the quote that ends the first label's value.
fn label_end(labels: &str) -> Option<usize> {
    let value = labels.find('"')? + 1;
    let mut is_escaped = false;
    let end = labels.bytes().skip(value).position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.map(|end| value + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_labels_makes_no_difference() {
        let hasher = hashbrown::DefaultHashBuilder::default();
        for (one, other, same) in [
            (vec![("a", "1"), ("b", "2")], vec![("b", "2"), ("a", "1")], true),
            (vec![("a", "\\\\"), ("b", "\\\",c=\\\"")], vec![("b", "\\\",c=\\\""), ("a", "\\\\")], true),
            (vec![("a", "\\\","), ("b", "2")], vec![("b", "2"), ("a", "\\\",")], true),
            (vec![("a", "\\\\"), ("b", "2")], vec![("b", "2"), ("a", "\\\\")], true),
            (vec![("a", "1"), ("b", "2")], vec![("a", "2"), ("b", "1")], false),
            (vec![("a", "1"), ("b", "2")], vec![("a", "1"), ("b", "3")], false),
            (vec![("a", "1"), ("b", "2"), ("c", "3")], vec![("a", "1"), ("b", "2"), ("d", "3")], false),
            (vec![("a", "1")], vec![("a", "1"), ("b", "2")], false),
            (vec![], vec![], true),
        ] {
            let write = |labels: &[(&str, &str)]| {
                let labels: Vec<_> =
                    labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
                format!("{{{}}}", labels.join(","))
            };
            assert_eq!(is_same(&write(&one), &write(&other)), same, "{one:?} {other:?}");
            assert_eq!(hash(&hasher, 1, "", &one) == hash(&hasher, 1, "", &other), same, "{one:?} {other:?}");
        }
        assert!(!is_same("_sum{a=\"1\",b=\"2\"}", "_sum{b=\"1\",a=\"2\"}"));
        assert!(!is_same("_sum{a=\"1\",b=\"2\"}", "_max{b=\"2\",a=\"1\"}"));
    }

    #[test]
    fn families_and_suffixes_have_series_of_their_own() {
        let hasher = hashbrown::DefaultHashBuilder::default();
        let hashes = [(1, "_sum"), (2, "_sum"), (1, "_count"), (1, "")]
            .map(|(family, suffix)| hash(&hasher, family, suffix, &[("a", "1")]));
        assert!((1..4).all(|at| !hashes[..at].contains(&hashes[at])), "{hashes:?}");
    }
}
