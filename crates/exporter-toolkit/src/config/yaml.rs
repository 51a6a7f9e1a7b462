//! YAML as Prometheus' exporter-toolkit reads it (version 1.1, strict), with the line of every value.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;

/// A value and its line.
#[derive(Clone, Debug)]
pub(super) struct Node {
    line: usize,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// The text, and whether it is without quotes and so may be a number, a boolean or null.
    Scalar(String, bool),
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// Parses the first document; an empty one is null. The error message has the line.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut reader =
            Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0, depth: 0 };
        loop {
            match reader.next()? {
                (Event::DocumentStart(_), _) => return reader.node(),
                (Event::StreamEnd | Event::Nothing, _) => return Ok(Self::null(1)),
                _ => {}
            }
        }
    }

    fn null(line: usize) -> Self {
        Self { line, content: Content::Scalar(String::new(), true) }
    }

    /// Returns an error message with this value's line.
    pub(super) fn error(&self, message: impl std::fmt::Display) -> String {
        format!("line {}: {message}", self.line)
    }

    /// Returns whether the value is missing or null.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(text, true) if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Returns the entries of a mapping (key, node of the key, value), including those merged by `<<`. Null has none.
    pub(super) fn entries(&self, name: &str) -> Result<Vec<(String, Self, &Self)>, String> {
        let mapping = match &self.content {
            Content::Mapping(mapping) => mapping,
            _ if self.is_null() => return Ok(Vec::new()),
            _ => return Err(self.error(format_args!("{name} is not a mapping of keys to values"))),
        };
        let mut entries: Vec<(String, Self, &Self)> = Vec::new();
        let mut merged = Vec::new();
        for (key, value) in mapping {
            match &key.content {
                Content::Scalar(text, true) if text == "<<" => match &value.content {
                    Content::Sequence(all) => merged.extend(all),
                    _ => merged.push(value),
                },
                Content::Scalar(text, _) => {
                    if let Some((_, first, _)) = entries.iter().find(|(known, ..)| known == text) {
                        return Err(key.error(format_args!(
                            "the key \"{text}\" is already on line {}; each key may appear once",
                            first.line
                        )));
                    }
                    entries.push((text.clone(), key.clone(), value));
                }
                _ => return Err(key.error(format_args!("a key of {name} is not a string"))),
            }
        }
        for other in merged {
            for (key, key_node, value) in other.entries(name)? {
                if !entries.iter().any(|(known, ..)| *known == key) {
                    entries.push((key, key_node, value));
                }
            }
        }
        Ok(entries)
    }

    /// Returns the values of a list. Null has none.
    pub(super) fn list(&self, name: &str) -> Result<&[Self], String> {
        match &self.content {
            Content::Sequence(list) => Ok(list),
            _ if self.is_null() => Ok(&[]),
            _ => Err(self.error(format_args!("{name} is not a list"))),
        }
    }

    /// Returns a string: the text of a number or a boolean, and the empty string for null.
    pub(super) fn string(&self, name: &str) -> Result<String, String> {
        match &self.content {
            _ if self.is_null() => Ok(String::new()),
            Content::Scalar(text, _) => Ok(text.clone()),
            _ => Err(self.error(format_args!("{name} is not a string"))),
        }
    }

    /// Returns a boolean of YAML 1.1, which includes `yes`, `no`, `on` and `off`.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, String> {
        match &self.content {
            Content::Scalar(text, true) if TRUE.contains(&text.as_str()) => Ok(true),
            Content::Scalar(text, true) if FALSE.contains(&text.as_str()) => Ok(false),
            _ => Err(self.error(format_args!("{name} is not true or false (without quotes)"))),
        }
    }

    /// Returns an integer, or `None` if the value is something else.
    pub(super) fn integer(&self) -> Option<i64> {
        match &self.content {
            Content::Scalar(text, true) => text.replace('_', "").parse().ok(),
            _ => None,
        }
    }
}

struct Reader<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), String> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(format!("line {}: not YAML: {}", error.marker().line(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self) -> Result<Node, String> {
        let (event, span) = self.next()?;
        self.node_from(event, span)
    }

    fn node_from(&mut self, event: Event<'t>, span: Span) -> Result<Node, String> {
        let line = span.start.line();
        self.nodes += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(format!(
                "line {line}: more than {MAX_DEPTH} levels or {MAX_NODES} values: not a web configuration"
            ));
        }
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !is_string(tag.as_ref(), line)?;
                (Content::Scalar(text.into_owned(), plain), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                is_string(tag.as_ref(), line)?;
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => list.push(self.node_from(event, span)?),
                    }
                }
                (Content::Sequence(list), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                is_string(tag.as_ref(), line)?;
                let mut mapping = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (event, span) => mapping.push((self.node_from(event, span)?, self.node()?)),
                    }
                }
                (Content::Mapping(mapping), anchor)
            }
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| format!("line {line}: an alias inside its own anchor"))?;
                self.nodes += node.count();
                self.depth -= 1;
                return Ok(node);
            }
            _ => return Err(format!("line {line}: the document is incomplete")),
        };
        let node = Node { line, content };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.depth -= 1;
        Ok(node)
    }
}

impl Node {
    fn count(&self) -> usize {
        match &self.content {
            Content::Scalar(..) => 1,
            Content::Sequence(list) => 1 + list.iter().map(Self::count).sum::<usize>(),
            Content::Mapping(mapping) => {
                1 + mapping.iter().map(|(key, value)| key.count() + value.count()).sum::<usize>()
            }
        }
    }
}

/// Returns whether a tag makes the value a string whatever its form. Tags other than those of YAML are refused.
fn is_string(tag: Option<&Cow<'_, Tag>>, line: usize) -> Result<bool, String> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
        Some(tag) => Err(format!("line {line}: unknown tag {}{}", tag.handle, tag.suffix)),
    }
}

const TRUE: [&str; 11] = ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"];
const FALSE: [&str; 11] = ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"];
/// A web configuration has four levels.
const MAX_DEPTH: usize = 32;
/// Far more values than any configuration has. Without the limit, aliases of aliases could fill the memory.
const MAX_NODES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_1_1_booleans_are_parsed() {
        for (text, expected) in
            [("yes", Some(true)), ("off", Some(false)), ("True", Some(true)), ("n", Some(false))]
        {
            assert_eq!(Node::parse(text).unwrap().boolean("x").ok(), expected, "{text}");
        }
        for text in ["\"true\"", "'no'", "1", "", "tRUE", "!!str yes", "[true]"] {
            let error = Node::parse(text).unwrap().boolean("x").unwrap_err();
            assert!(error.ends_with("x is not true or false (without quotes)"), "{text}: {error}");
        }
    }

    #[test]
    fn scalars_are_strings_where_strings_are_expected() {
        for (text, expected) in [
            ("1.50", "1.50"),
            ("true", "true"),
            ("~", ""),
            ("null", ""),
            ("'null'", "null"),
            ("|\n  a\n  b\n", "a\nb\n"),
        ] {
            assert_eq!(Node::parse(text).unwrap().string("x").as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn only_the_first_document_is_read_and_an_empty_one_is_null() {
        for text in ["", "# a comment\n", "---\n", "null"] {
            assert!(Node::parse(text).unwrap().is_null(), "{text}");
        }
        assert_eq!(Node::parse("a\n---\nb: [").unwrap().string("x").as_deref(), Ok("a"));
    }

    #[test]
    fn error_messages_have_the_line() {
        for (text, part) in [
            ("a: 1\nb: 2\na: 3\n", "line 3: the key \"a\" is already on line 1"),
            ("a: 1\n b: [\n", "line 2: not YAML"),
            ("x: 1\n? [a]\n: 2\n", "line 2: a key of top is not a string"),
            ("- a\n", "line 1: top is not a mapping"),
        ] {
            let error = Node::parse(text).and_then(|node| node.entries("top").map(|_| ())).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn aliases_and_merges_work_within_a_limit() {
        for (merge, expected) in [
            ("*x", &[("l", Some(3)), ("k", Some(1))][..]),
            ("[*x, *y]", &[("l", Some(3)), ("k", Some(1)), ("m", Some(5))]),
            ("", &[("l", Some(3))]),
        ] {
            let text = format!("a: &x {{k: 1, l: 2}}\nb: &y {{k: 4, m: 5}}\nc: {{<<: {merge}, l: 3}}\n");
            let node = Node::parse(&text).unwrap();
            let entries = node.entries("top").unwrap();
            let merged = entries[2].2.entries("c").unwrap();
            let merged: Vec<_> =
                merged.iter().map(|(key, _, value)| (key.as_str(), value.integer())).collect();
            assert_eq!(merged, expected, "{merge}");
        }
        assert_eq!(Node::parse("{a: 1, b: [2, 3], c: {d: 4}}").unwrap().count(), 11);
        // The depth is that of the tree and not the number of its nodes.
        for value in ["1", "[1]", "{k: 1}", "*x"] {
            let list = vec![value; 2 * MAX_DEPTH].join(",");
            let node = Node::parse(&format!("- &x 1\n- [{list}]\n")).unwrap();
            assert_eq!(node.list("top").unwrap()[1].list("x").unwrap().len(), 2 * MAX_DEPTH, "{value}");
        }
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..9 {
            let before = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(","));
        }
        assert!(Node::parse(&bomb).unwrap_err().contains("not a web configuration"));
        assert!(Node::parse(&"[".repeat(10_000)).is_err());
    }
}
