//! Families that no table of ours has: those of somebody else's page, and statistics whose name says what they are.

use crate::metric::{Number, Pushed};
use std::collections::{HashMap, HashSet};

/// Such families, without duplicates.
pub struct ExternalFamilies {
    /// How many families there may be, and how many samples each may have.
    limit: usize,
    families: Vec<ExternalFamily>,
    places: HashMap<String, usize>,
    /// Those that the samples of the families have or may have.
    names: HashSet<String>,
    seen: HashSet<Series>,
}

/// A family's place, and a sample's suffix and labels, sorted.
type Series = (usize, &'static str, Vec<(String, String)>);

/// A family of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExternalFamily {
    /// Its name.
    pub name: String,
    /// Its type, as the text format writes it; empty if the page does not say.
    pub kind: &'static str,
    /// Its help, unescaped; empty if the page has none.
    pub help: String,
    /// Its samples.
    pub samples: Vec<ExternalSample>,
}

/// A sample of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalSample {
    /// What follows the family's name: nothing, or `_bucket` and the like.
    pub suffix: &'static str,
    /// Names and values of its labels.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: Number,
}

impl ExternalFamilies {
    /// None yet.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            families: Vec::new(),
            places: HashMap::new(),
            names: HashSet::new(),
            seen: HashSet::new(),
        }
    }

    /// Adds a sample; the help is that of the family's first. A family that has another type already, or whose samples
    /// would be called as those of another one, is as good as a duplicate.
    pub fn push(&mut self, name: &str, kind: &'static str, help: &str, sample: ExternalSample) -> Pushed {
        let place = match self.places.get(name) {
            Some(place) if self.families[*place].kind != kind => return Pushed::Duplicate,
            Some(place) => *place,
            None if self.families.len() >= self.limit => return Pushed::OverLimit,
            None if sample_names(name, kind).any(|name| self.names.contains(&name)) => {
                return Pushed::Duplicate;
            }
            None => {
                self.names.extend(sample_names(name, kind));
                let (name, help) = (name.to_owned(), help.to_owned());
                self.places.insert(name.clone(), self.families.len());
                self.families.push(ExternalFamily { name, kind, help, samples: Vec::new() });
                self.families.len() - 1
            }
        };
        if self.families[place].samples.len() >= self.limit {
            return Pushed::OverLimit;
        }
        let mut labels = sample.labels.clone();
        labels.sort_unstable();
        if !self.seen.insert((place, sample.suffix, labels)) {
            return Pushed::Duplicate;
        }
        self.families[place].samples.push(sample);
        Pushed::Added
    }

    /// The families, in the order of their arrival.
    pub fn families(&self) -> &[ExternalFamily] {
        &self.families
    }

    /// Whether a family or its samples are called so.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// What the samples of a family are called, and the family itself.
pub fn sample_names(family: &str, kind: &str) -> impl Iterator<Item = String> {
    let suffixes = SUFFIXES.iter().filter(move |(_, kinds)| kinds.contains(&kind)).map(|(suffix, _)| *suffix);
    [""].into_iter().chain(suffixes).map(move |suffix| format!("{family}{suffix}"))
}

/// Reads a page. Timestamps are dropped: what is served is what was read just now. Lines that make no sense are
/// counted, and the first of them is returned to name it.
pub fn parse(page: &str) -> (Vec<ExternalFamily>, u64, Option<String>) {
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
    families: Vec<ExternalFamily>,
    places: HashMap<String, usize>,
}

impl Reader {
    fn family(&mut self, name: &str) -> &mut ExternalFamily {
        let place = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.families.push(ExternalFamily { name: name.to_owned(), ..ExternalFamily::default() });
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
        let family = self.family(name);
        if keyword == "HELP" {
            family.help = unescape(text)?;
            return Some(());
        }
        let kind = KINDS.iter().find(|kind| **kind == text.trim())?;
        // Samples that came before were read as those of another type.
        if family.kind != *kind && !family.samples.is_empty() {
            return None;
        }
        family.kind = kind;
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
        let family = self.family(&family);
        if family.kind == "histogram" && suffix.is_empty() {
            return None;
        }
        family.samples.push(ExternalSample { suffix, labels, value });
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
        // Those with two underscores are Prometheus' own: `__name__` is the name of the metric.
        if !is_label(name)
            || name.starts_with("__")
            || labels.len() == MAX_LABELS
            || labels.iter().any(|(known, _)| known == name)
        {
            return None;
        }
        let value = unescape(&quoted[..end])?;
        // To Prometheus a label without a value is none.
        if !value.is_empty() {
            labels.push((name.to_owned(), value));
        }
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
    // One that is too large for that is a float, like everything else.
    if let Ok(whole) = text.parse().map(Number::Unsigned)
        && text.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some(whole);
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

    /// What is left of a page, and how many samples are not.
    fn pushed(page: &str) -> (Vec<String>, usize) {
        let mut families = ExternalFamilies::new(100);
        let mut refused = 0;
        for family in parse(page).0 {
            for sample in family.samples {
                let pushed = families.push(&family.name, family.kind, &family.help, sample);
                refused += usize::from(pushed == Pushed::Duplicate);
            }
        }
        let names = families.families().iter().flat_map(|family| {
            family.samples.iter().map(|sample| format!("{}{}", family.name, sample.suffix))
        });
        (names.collect(), refused)
    }

    #[test]
    fn two_families_do_not_have_samples_of_one_name() {
        for (page, names, refused) in [
            ("# TYPE h histogram\nh_sum 1\nh_count 1\n# TYPE h_sum gauge\n", &["h_sum", "h_count"][..], 0),
            ("h_sum 1\n# TYPE h histogram\nh_sum 2\nh_count 2\n", &["h_sum"], 2),
            ("# TYPE s summary\ns{quantile=\"1\"} 1\ns_sum 1\n", &["s", "s_sum"], 0),
            ("# TYPE s_sum summary\ns_sum 1\n# TYPE s summary\ns 1\n", &["s_sum"], 1),
        ] {
            assert_eq!(
                pushed(page),
                (names.iter().map(|name| (*name).to_owned()).collect(), refused),
                "{page}"
            );
        }
    }

    #[test]
    fn a_series_is_the_same_wherever_its_labels_stand() {
        for page in ["x{a=\"1\",b=\"2\"} 1\nx{b=\"2\",a=\"1\"} 2\n", "x 1\nx{a=\"\"} 2\n", "x 1\nx{} 2\n"] {
            assert_eq!(pushed(page), (vec!["x".to_owned()], 1), "{page}");
        }
    }

    #[test]
    fn a_type_that_comes_late_does_not_change_what_was_read() {
        for page in ["h 1\n# TYPE h histogram\n", "# TYPE h histogram\nh_sum 1\n# TYPE h gauge\n"] {
            let (families, unreadable, _) = parse(page);
            assert_eq!((families.len(), unreadable), (1, 1), "{page}");
        }
        let (families, unreadable, _) = parse("# TYPE h histogram\nh 1\n");
        assert_eq!((families.len(), unreadable), (0, 1), "a histogram has no sample of its name");
    }

    #[test]
    fn a_family_has_one_type() {
        let mut families = ExternalFamilies::new(100);
        let sample = |suffix| ExternalSample { suffix, labels: Vec::new(), value: Number::Unsigned(1) };
        assert_eq!(families.push("x", "counter", "", sample("")), Pushed::Added);
        assert_eq!(families.push("x", "histogram", "", sample("_sum")), Pushed::Duplicate);
    }

    #[test]
    fn numbers_of_any_size_are_read() {
        for (text, value) in [
            ("18446744073709551615", Number::Unsigned(u64::MAX)),
            ("18446744073709551616", Number::Float(18_446_744_073_709_551_616.0)),
            ("+5", Number::Float(5.0)),
            ("-5", Number::Float(-5.0)),
            ("1e3", Number::Float(1000.0)),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
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
            "x{__name__=\"y\"} 1",
            "# TYPE ok gauge",
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
