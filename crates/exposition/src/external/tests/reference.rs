//! A simple parser of valid pages, for comparison: it takes the whole page, allocates every text, and has no limits.

use std::collections::{HashMap, HashSet};

/// A family, its help unescaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) help: String,
    pub(super) samples: Vec<Sample>,
}

/// A sample: the suffix of its name, its labels unescaped, and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) suffix: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: String,
}

type Series = (String, Vec<(String, String)>);

#[derive(Default)]
struct Reader {
    families: Vec<Family>,
    indices: HashMap<String, usize>,
    /// By family: suffix and sorted labels.
    seen: HashSet<(usize, Series)>,
}

/// Parses a page, and returns the families that have samples and the number of duplicates.
///
/// # Panics
/// If the page is invalid.
pub(super) fn parse(page: &str) -> (Vec<Family>, u64) {
    let mut reader = Reader::default();
    let mut duplicates = 0;
    for line in page.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(comment) => reader.comment(comment),
            None => duplicates += u64::from(!reader.sample(line)),
        }
    }
    reader.families.retain(|family| !family.samples.is_empty());
    (reader.families, duplicates)
}

impl Reader {
    fn family(&mut self, name: &str) -> usize {
        *self.indices.entry(name.to_owned()).or_insert_with(|| {
            self.families.push(Family { name: name.to_owned(), ..Family::default() });
            self.families.len() - 1
        })
    }

    fn comment(&mut self, comment: &str) {
        let mut words = comment.splitn(3, ' ');
        let (Some(keyword @ ("HELP" | "TYPE")), Some(name)) = (words.next(), words.next()) else { return };
        let text = words.next().unwrap_or_default();
        let family = self.family(name);
        let family = &mut self.families[family];
        if keyword == "TYPE" {
            family.kind = text.to_owned();
        } else if family.help.is_empty() {
            family.help = unescape(text);
        }
    }

    /// Returns whether the sample is new, and not a duplicate.
    fn sample(&mut self, line: &str) -> bool {
        let (name, rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest),
            None => (Vec::new(), rest),
        };
        let value = rest.split_ascii_whitespace().next().expect("a value").to_owned();
        let suffixes =
            [("_bucket", "histogram"), ("_sum", "histogram summary"), ("_count", "histogram summary")];
        let owner = suffixes.iter().find_map(|(suffix, kinds)| {
            let family = *self.indices.get(name.strip_suffix(suffix)?)?;
            let kind = &self.families[family].kind;
            (!kind.is_empty() && kinds.contains(kind.as_str())).then(|| (family, (*suffix).to_owned()))
        });
        let (family, suffix) = owner.unwrap_or_else(|| (self.family(name), String::new()));
        let mut sorted = labels.clone();
        sorted.sort_unstable();
        let is_new = self.seen.insert((family, (suffix.clone(), sorted)));
        if is_new {
            self.families[family].samples.push(Sample { suffix, labels, value });
        }
        is_new
    }
}

/// Returns the labels that are not empty, and what follows the closing brace.
fn labels(mut rest: &str) -> (Vec<(String, String)>, &str) {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if let Some(rest) = rest.strip_prefix('}') {
            return (labels, rest);
        }
        let (name, quoted) = rest.split_once("=\"").expect("a label");
        let mut escaped = false;
        let end = quoted.find(|c| {
            let is_end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        });
        let (value, after) = quoted.split_at(end.expect("a quote"));
        if !value.is_empty() {
            labels.push((name.to_owned(), unescape(value)));
        }
        rest = &after[1..];
    }
}

pub(super) fn unescape(text: &str) -> String {
    let mut chars = text.chars();
    let mut unescaped = String::new();
    while let Some(c) = chars.next() {
        unescaped.push(match c {
            '\\' if chars.clone().next() == Some('n') => chars.next().map_or(c, |_| '\n'),
            '\\' => chars.next().expect("an escaped character"),
            c => c,
        });
    }
    unescaped
}
