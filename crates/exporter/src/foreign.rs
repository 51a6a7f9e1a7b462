//! Families that no table of ours has: those of somebody else's page, and statistics whose name says what they are.

use crate::metric::{Number, Pushed};
use std::collections::{HashMap, HashSet};

/// Such families, without duplicates.
pub struct ForeignFamilies {
    /// How many families there may be, and how many samples each may have.
    limit: usize,
    families: Vec<ForeignFamily>,
    places: HashMap<String, usize>,
    seen: HashSet<Series>,
}

/// A family's place, and a sample's suffix and labels.
type Series = (usize, &'static str, Vec<(String, String)>);

/// A family of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ForeignFamily {
    /// Its name.
    pub name: String,
    /// Its type, as the text format writes it; empty if the page does not say.
    pub kind: &'static str,
    /// Its help, unescaped; empty if the page has none.
    pub help: String,
    /// Its samples.
    pub samples: Vec<ForeignSample>,
}

/// A sample of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignSample {
    /// What follows the family's name: nothing, or `_bucket` and the like.
    pub suffix: &'static str,
    /// Names and values of its labels.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: Number,
}

impl ForeignFamilies {
    /// None yet.
    pub fn new(limit: usize) -> Self {
        Self { limit, families: Vec::new(), places: HashMap::new(), seen: HashSet::new() }
    }

    /// Adds a sample; type and help are those of the family's first.
    pub fn push(&mut self, name: &str, kind: &'static str, help: &str, sample: ForeignSample) -> Pushed {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if self.families.len() >= self.limit => return Pushed::OverLimit,
            None => {
                let (name, help) = (name.to_owned(), help.to_owned());
                self.places.insert(name.clone(), self.families.len());
                self.families.push(ForeignFamily { name, kind, help, samples: Vec::new() });
                self.families.len() - 1
            }
        };
        if self.families[place].samples.len() >= self.limit {
            return Pushed::OverLimit;
        }
        if !self.seen.insert((place, sample.suffix, sample.labels.clone())) {
            return Pushed::Duplicate;
        }
        self.families[place].samples.push(sample);
        Pushed::Added
    }

    /// The families, in the order of their arrival.
    pub fn families(&self) -> &[ForeignFamily] {
        &self.families
    }
}

/// Reads a page. Timestamps are dropped: what is served is what was read just now. Lines that make no sense are
/// counted, and the first of them is returned to name it.
pub fn parse(page: &str) -> (Vec<ForeignFamily>, u64, Option<String>) {
    let mut reader = Reader::default();
    let (mut unreadable, mut first) = (0, None);
    for line in page.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let read = match line.strip_prefix('#') {
            Some(comment) => reader.comment(comment.trim_start()),
            None => reader.sample(line),
        };
        if read.is_none() {
            unreadable += 1;
            first.get_or_insert_with(|| line.chars().take(MAX_QUOTE).collect());
        }
    }
    reader.families.retain(|family| !family.samples.is_empty());
    (reader.families, unreadable, first)
}

#[derive(Default)]
struct Reader {
    families: Vec<ForeignFamily>,
    places: HashMap<String, usize>,
}

impl Reader {
    fn family(&mut self, name: &str) -> &mut ForeignFamily {
        let place = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.families.push(ForeignFamily { name: name.to_owned(), ..ForeignFamily::default() });
            self.families.len() - 1
        });
        &mut self.families[place]
    }

    fn comment(&mut self, comment: &str) -> Option<()> {
        let (keyword, rest) = comment.split_once(' ').unwrap_or((comment, ""));
        if !matches!(keyword, "HELP" | "TYPE") {
            return Some(());
        }
        let (name, text) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        if !is_name(name) {
            return None;
        }
        if keyword == "HELP" {
            self.family(name).help = unescape(text)?;
        } else {
            self.family(name).kind = KINDS.iter().find(|kind| **kind == text.trim())?;
        }
        Some(())
    }

    fn sample(&mut self, line: &str) -> Option<()> {
        let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
        let (name, rest) = line.split_at(end);
        if !is_name(name) {
            return None;
        }
        let (labels, rest) = match rest.trim_start().strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        let mut words = rest.split_ascii_whitespace();
        let value = number(words.next()?)?;
        // The timestamp, if there is one, and nothing else.
        if words.next().is_some_and(|time| time.parse::<i64>().is_err()) || words.next().is_some() {
            return None;
        }
        let (family, suffix) = self.owner(name);
        let family = family.to_owned();
        self.family(&family).samples.push(ForeignSample { suffix, labels, value });
        Some(())
    }

    /// The family that a sample's name belongs to, and what is behind it.
    fn owner<'n>(&self, name: &'n str) -> (&'n str, &'static str) {
        let owner = SUFFIXES.iter().find_map(|(suffix, kinds)| {
            let family = name.strip_suffix(suffix)?;
            let kind = self.families[*self.places.get(family)?].kind;
            kinds.contains(&kind).then_some((family, *suffix))
        });
        owner.unwrap_or((name, ""))
    }
}

/// The labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let end = closing_quote(quoted)?;
        let name = name.trim();
        if !is_label(name) || labels.len() == MAX_LABELS || labels.iter().any(|(known, _)| known == name) {
            return None;
        }
        labels.push((name.to_owned(), unescape(&quoted[..end])?));
        rest = quoted[end + 1..].trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        end.then_some(at)
    })
}

fn unescape(text: &str) -> Option<String> {
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        unescaped.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            },
            c => c,
        });
    }
    Some(unescaped)
}

fn number(text: &str) -> Option<Number> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Number::Unsigned);
    }
    match text {
        "NaN" => Some(Number::Float(f64::NAN)),
        "+Inf" | "Inf" => Some(Number::Float(f64::INFINITY)),
        "-Inf" => Some(Number::Float(f64::NEG_INFINITY)),
        _ if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
            text.parse().ok().map(Number::Float)
        }
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    is_label(name)
        || name.starts_with(|c: char| c.is_ascii_alphabetic() || c == ':')
            && is_label(&name.replace(':', "_"))
}

fn is_label(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(valid)
}

const KINDS: [&str; 5] = ["counter", "gauge", "histogram", "summary", "untyped"];
/// What a sample's name has behind the family's, and in families of which types.
const SUFFIXES: [(&str, &[&str]); 3] =
    [("_bucket", &["histogram"]), ("_sum", &["histogram", "summary"]), ("_count", &["histogram", "summary"])];
/// Labels of a sample: xhttp_prom allows three.
const MAX_LABELS: usize = 64;
/// As much of a bad line as the log shows.
const MAX_QUOTE: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_xhttp_prom_is_read() {
        let page = "# User defined metrics:\n# TYPE kamailio_cnt_first counter\nkamailio_cnt_first 714 1795355190000\n\
             # TYPE kamailio_h1 histogram\nkamailio_h1_bucket{my=\"x\", le=\"0.5\"} 2 1795355190000\n\
             kamailio_h1_bucket{my=\"x\", le=\"+Inf\"} 2\nkamailio_h1_sum{my=\"x\"} 0.4\nkamailio_h1_count{my=\"x\"} 2\n\
             # HELP kamailio_g1 A gauge\\nof mine.\n# TYPE kamailio_g1 gauge\nkamailio_g1{m=\"IN\\\"VITE\"} -1.5\n\n\
             kamailio_core_bad_URIs_rcvd 0 1795355190000\nkamailio_script_neg 18446744073709551611\n";
        let (families, unreadable, _) = parse(page);
        assert_eq!(unreadable, 0);
        let names: Vec<_> = families.iter().map(|f| (f.name.as_str(), f.kind, f.samples.len())).collect();
        assert_eq!(
            names,
            [
                ("kamailio_cnt_first", "counter", 1),
                ("kamailio_h1", "histogram", 4),
                ("kamailio_g1", "gauge", 1),
                ("kamailio_core_bad_URIs_rcvd", "", 1),
                ("kamailio_script_neg", "", 1),
            ]
        );
        assert_eq!(families[0].samples[0].value, Number::Unsigned(714));
        assert_eq!(families[1].samples[0].suffix, "_bucket");
        assert_eq!(families[1].samples[1].labels[1], ("le".to_owned(), "+Inf".to_owned()));
        assert_eq!(families[2].help, "A gauge\nof mine.");
        assert_eq!(families[2].samples[0].labels, [("m".to_owned(), "IN\"VITE".to_owned())]);
        assert_eq!(families[2].samples[0].value, Number::Float(-1.5));
    }

    #[test]
    fn lines_that_make_no_sense_are_counted() {
        for line in [
            "x",
            "x y",
            "1x 1",
            "x{ 1",
            "x{a} 1",
            "x{a=b} 1",
            "x{a=\"b} 1",
            "x{a=\"\\z\"} 1",
            "x{a=\"1\",a=\"2\"} 1",
            "x 1 2 3",
            "x 1 soon",
            "x 0x10",
            "x inf",
            "# TYPE x nonsense",
            "# TYPE 1x counter",
            "<html>",
        ] {
            let (families, unreadable, first) = parse(&format!("ok 1\n{line}\n"));
            assert_eq!((families.len(), unreadable, first.as_deref()), (1, 1, Some(line)), "{line}");
        }
    }
}
