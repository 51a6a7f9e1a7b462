//! The output of kamcmd, parsed into a tree.

/// A value of a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Struct(Vec<(String, Self)>),
}

/// A number in a reply, with everything around it that identifies it.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// The names of the path to the number. A nameless value has the name "", and a record has none.
    pub(crate) path: Vec<String>,
    pub(crate) value: f64,
    /// Whether the number is part of a text. Then its path is the text before it.
    pub(crate) is_text: bool,
    /// The names and texts of its row: those of the enclosing structs, and those of sibling structs with a unique name.
    pub(crate) row: Vec<(String, String)>,
}

/// Parses the records of a reply.
pub(crate) fn records(text: &str) -> Vec<Node> {
    let mut open: Vec<(String, Vec<(String, Node)>)> = vec![(String::new(), Vec::new())];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line == "{" {
            open.push((String::new(), Vec::new()));
        } else if let Some(name) = line.strip_suffix(": {") {
            open.push((name.to_owned(), Vec::new()));
        } else if line == "}" {
            let (name, members) = open.pop().unwrap();
            open.last_mut().unwrap().1.push((name, Node::Struct(members)));
        } else {
            // A member of a struct is printed after its name; a record has no name.
            let split = if open.len() > 1 { line.split_once(':') } else { None };
            let (name, value) = split.unwrap_or(("", line));
            let value = Node::Text(value.trim().to_owned());
            open.last_mut().unwrap().1.push((name.to_owned(), value));
        }
    }
    assert_eq!(open.len(), 1, "not all structs are closed: {text}");
    open.remove(0).1.into_iter().map(|(_, node)| node).collect()
}

/// Returns the numbers of a reply.
pub(crate) fn leaves(records: &[Node]) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    let mut heading = String::new();
    for record in records {
        match record {
            Node::Struct(members) => walk(members, &mut Vec::new(), &mut Vec::new(), &mut leaves),
            Node::Text(text) => match number(text) {
                Some(value) => leaves.push(Leaf { path: Vec::new(), value, is_text: false, row: Vec::new() }),
                None if text.contains(|c: char| c.is_ascii_digit()) => text_line(&heading, text, &mut leaves),
                None if text.contains(|c: char| c.is_ascii_alphabetic()) => heading.clone_from(text),
                None => {}
            },
        }
    }
    leaves
}

fn walk(
    members: &[(String, Node)],
    path: &mut Vec<String>,
    row: &mut Vec<(String, String)>,
    leaves: &mut Vec<Leaf>,
) {
    let outside = row.len();
    beside(members, row);
    for (name, node) in members {
        path.push(name.clone());
        match node {
            Node::Text(text) => {
                if let Some(value) = number(text) {
                    leaves.push(Leaf { path: path.clone(), value, is_text: false, row: row.clone() });
                }
            }
            Node::Struct(members) => {
                row.push((String::new(), name.clone()));
                walk(members, path, row, leaves);
                row.pop();
            }
        }
        path.pop();
    }
    row.truncate(outside);
}

fn beside(members: &[(String, Node)], row: &mut Vec<(String, String)>) {
    for (name, node) in members {
        match node {
            Node::Text(text) => row.push((name.clone(), text.clone())),
            Node::Struct(inner) if members.iter().filter(|(other, _)| other == name).count() == 1 => {
                beside(inner, row);
            }
            Node::Struct(_) => {}
        }
    }
}

/// Adds the numbers in a line of text, identified by the text around them.
fn text_line(heading: &str, line: &str, leaves: &mut Vec<Leaf>) {
    // A number in brackets is a name.
    let words = format!("{heading} {line}");
    let words = words.split_inclusive(|c: char| !c.is_ascii_alphanumeric());
    let row: Vec<_> = words
        .filter(|word| word.ends_with(']') || word.contains(|c: char| c.is_ascii_alphabetic()))
        .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase())
        .map(|word| (String::new(), word))
        .collect();
    let mut before = String::new();
    for part in line.split_inclusive(|c: char| !c.is_ascii_digit() && c != '.') {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        if let Some(value) = number(digits) {
            leaves.push(Leaf {
                path: vec![before.trim().to_owned()],
                value,
                is_text: true,
                row: row.clone(),
            });
            before.clear();
        }
        before.push_str(&part[digits.len()..]);
    }
}

/// Parses a number. kamcmd prints a signed long as unsigned.
fn number(text: &str) -> Option<f64> {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
        return None;
    }
    match text.parse::<u64>() {
        Ok(number) => Some(number.cast_signed() as f64),
        Err(_) => text.parse().ok().filter(|number| !NO_VALUE.contains(number)),
    }
}

/// The output of kamcmd for a double that is not a number or too large: converted from 64 bits, and up to 5.4 from 32.
const NO_VALUE: [f64; 2] = [-9_223_372_036_854_775.808, -2_147_483.648];

#[test]
fn a_reply_is_parsed_into_a_tree() {
    let text = "{\n\tID: 1\n\tDEST: {\n\t\tURI: sip:a\n\t\tATTRS: {\n\t\t\tWEIGHT: 50\n\t\t}\n\t}\n\tDEST: {\n\t\tURI: sip:b\n\
                \t\tPRIORITY: 18446744073709551611\n\t}\n}\n7\n";
    let leaves = leaves(&records(text));
    let summary: Vec<_> = leaves.iter().map(|leaf| (leaf.path.join("."), leaf.value)).collect();
    let expected = [("ID", 1.0), ("DEST.ATTRS.WEIGHT", 50.0), ("DEST.PRIORITY", -5.0), ("", 7.0)];
    assert_eq!(summary, expected.map(|(path, value)| (path.to_owned(), value)));
    let row = |leaf: usize, text: &str| leaves[leaf].row.iter().any(|(_, value)| value == text);
    assert!(row(1, "sip:a") && !row(1, "sip:b") && row(2, "sip:b") && row(2, "1"));
}

#[test]
fn a_double_that_is_not_a_number_is_ignored() {
    assert_eq!(leaves(&records("{\n\tAVG: -2147483.648000\n\tSTD: -2147483.647000\n}\n")).len(), 1);
}

#[test]
fn numbers_in_a_line_of_text_are_found() {
    let leaves = leaves(&records("PIPE[0]: 300/20 (drop rate: 1)\n"));
    assert_eq!(leaves.iter().map(|leaf| leaf.value).collect::<Vec<_>>(), [0.0, 300.0, 20.0, 1.0]);
    assert_eq!(leaves[3].path, ["(drop rate:"]);
}
