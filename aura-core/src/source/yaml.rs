//! YAML to a tree, from the events of the parser.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Marker, Options, Parser, ScalarStyle, ScanError, options,
};

use super::node::{
    Data, Field, MAX_DEPTH, MAX_INPUT, MAX_VALUES, Node, duplicate_key, too_deep, too_many_values,
};
use crate::error::Problem;
use crate::plan::{Place, Problems, shown};

/// The one document of `text`, or `None` with the reason in `problems`.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, settings()) {
        match event {
            Ok((event, span)) => {
                let at = place(span.start);
                report_tag(&event, span.tag_start().map_or(at, place), problems);
                if !builder.take(event, at, problems) {
                    return None;
                }
            }
            Err(error) => {
                report(&error, problems);
                return None;
            }
        }
    }
    if builder.root.is_none() {
        problems.push(
            Problem::error("empty_input", "there is nothing in it"),
            Some(START),
        );
    }
    builder.root
}

const START: Place = Place::new(1, 1);

fn settings() -> Options {
    options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    }
}

fn place(mark: Marker) -> Place {
    let line = u32::try_from(mark.line()).unwrap_or(u32::MAX).max(1);
    let column = u32::try_from(mark.col() + 1).unwrap_or(u32::MAX);
    Place::new(line, column)
}

fn report(error: &ScanError, problems: &mut Problems) {
    use serde_saphyr::granit_parser::ErrorKind;
    let at = place(*error.marker());
    let problem = match error.kind() {
        ErrorKind::RecursionLimitExceeded => return too_deep(at, problems),
        ErrorKind::UnknownAnchor => Problem::error(
            "unknown_alias",
            "an alias names an anchor that is not there",
        )
        .help("a text that begins with `*` needs quotes"),
        ErrorKind::MappingKeyNotAllowed
        | ErrorKind::InvalidMappingValueWhitespace
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::MappingValueNotAllowed
        | ErrorKind::SimpleKeyExpected => {
            syntax(error).help("a text that contains `: ` needs quotes")
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => syntax(error).help("indent with spaces"),
        _ => syntax(error),
    };
    problems.push(problem, Some(at));
}

fn syntax(error: &ScanError) -> Problem {
    Problem::error("syntax", format!("not valid YAML: {}", error.info()))
}

/// A list or mapping that is not complete yet.
struct Open {
    at: Place,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Map {
        fields: Vec<Field>,
        seen: HashMap<String, Place>,
        /// A key whose value comes next; `None` inside it where the key is a repeated one.
        key: Option<(Option<String>, Place)>,
    },
}

#[derive(Default)]
struct Builder {
    root: Option<Node>,
    documents: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    values: usize,
    bytes: usize,
}

impl Builder {
    /// Returns `false` when reading on is pointless.
    fn take(&mut self, event: Event<'_>, at: Place, problems: &mut Problems) -> bool {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                self.anchors.clear();
                if self.documents > 1 {
                    problems.push(
                        Problem::error("multiple_documents", "a second document begins here")
                            .help("a plan is one document; remove the `---`"),
                        Some(at),
                    );
                    return false;
                }
                true
            }
            Event::Scalar(text, style, anchor, tag) => {
                let as_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let data = if style == ScalarStyle::Plain && !as_text {
                    resolve(&text)
                } else {
                    Data::Text(text.into_owned())
                };
                self.complete(Node { at, data }, anchor, problems)
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begin(at, anchor, OpenKind::List(Vec::new()), problems)
            }
            Event::MappingStart(_, anchor, _) => {
                let kind = OpenKind::Map {
                    fields: Vec::new(),
                    seen: HashMap::new(),
                    key: None,
                };
                self.begin(at, anchor, kind, problems)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else {
                    return false;
                };
                let data = match open.kind {
                    OpenKind::List(items) => Data::List(items),
                    OpenKind::Map { fields, .. } => Data::Map(fields),
                };
                self.complete(Node { at: open.at, data }, open.anchor, problems)
            }
            Event::Alias(id) => self.alias(id, at, problems),
            _ => true,
        }
    }

    fn begin(&mut self, at: Place, anchor: usize, kind: OpenKind, problems: &mut Problems) -> bool {
        if self.open.len() >= MAX_DEPTH {
            too_deep(at, problems);
            return false;
        }
        self.open.push(Open { at, anchor, kind });
        true
    }

    /// Repeats an anchored value, within the same bounds as if it had been written out.
    fn alias(&mut self, id: usize, at: Place, problems: &mut Problems) -> bool {
        let Some(target) = self.anchors.get(&id) else {
            problems.push(
                Problem::error(
                    "alias_in_itself",
                    "an alias repeats the value it is part of",
                ),
                Some(at),
            );
            return false;
        };
        let (values, bytes, depth) = weigh(target);
        if !self.charge(values, bytes, at, problems) {
            return false;
        }
        if self.open.len() + depth > MAX_DEPTH {
            too_deep(at, problems);
            return false;
        }
        let Some(target) = self.anchors.get(&id) else {
            return false;
        };
        let mut copy = target.clone();
        copy.at = at;
        self.complete(copy, 0, problems)
    }

    /// Counts what is kept twice. A few short lines must not grow into gigabytes.
    fn charge(&mut self, values: usize, bytes: usize, at: Place, problems: &mut Problems) -> bool {
        self.values += values;
        self.bytes += bytes;
        let fits = self.bytes <= MAX_INPUT && self.values <= MAX_VALUES;
        if !fits {
            problems.push(
                Problem::error("alias_expansion", "aliases make this document too large")
                    .help("write the values out"),
                Some(at),
            );
        }
        fits
    }

    /// Puts a complete value where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, problems: &mut Problems) -> bool {
        self.values += 1;
        if self.values > MAX_VALUES {
            too_many_values(node.at, problems);
            return false;
        }
        if anchor > 0 {
            let (values, bytes, _) = weigh(&node);
            if !self.charge(values, bytes, node.at, problems) {
                return false;
            }
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map { fields, seen, key }) => match key.take() {
                None => *key = Some((take_key(&node, seen, problems), node.at)),
                Some((Some(key), at)) => fields.push(Field {
                    key,
                    at,
                    value: node,
                }),
                Some((None, _)) => {}
            },
        }
        true
    }
}

/// The key as spelled; `None` where it repeats another one or is no name, which is reported.
fn take_key(
    node: &Node,
    seen: &mut HashMap<String, Place>,
    problems: &mut Problems,
) -> Option<String> {
    let key = match &node.data {
        Data::Text(text) | Data::Number(text) => text.clone(),
        Data::Bool(value) => value.to_string(),
        Data::Null | Data::List(_) | Data::Map(_) => {
            let text = format!("a key must be a text, not {}", node.described());
            problems.push(Problem::error("invalid_key", text), Some(node.at));
            return None;
        }
    };
    match seen.get(&key) {
        Some(first) => {
            duplicate_key(&key, *first, node.at, problems);
            None
        }
        None => {
            seen.insert(key.clone(), node.at);
            Some(key)
        }
    }
}

/// Values, bytes of text, and nesting.
fn weigh(node: &Node) -> (usize, usize, usize) {
    let add = |(values, bytes, depth): (usize, usize, usize), child: &Node| {
        let (v, b, d) = weigh(child);
        (values + v, bytes + b, depth.max(d))
    };
    let (values, bytes, depth) = match &node.data {
        Data::Null | Data::Bool(_) => return (1, 0, 0),
        Data::Number(text) | Data::Text(text) => return (1, text.len(), 0),
        Data::List(items) => items.iter().fold((0, 0, 0), add),
        Data::Map(fields) => fields.iter().fold((0, 0, 0), |sum, field| {
            let (values, bytes, depth) = add(sum, &field.value);
            (values, bytes + field.key.len(), depth)
        }),
    };
    (values + 1, bytes, depth + 1)
}

fn report_tag(event: &Event<'_>, at: Place, problems: &mut Problems) {
    let Some(tag) = event.tag().filter(|tag| !tag.is_yaml_core_schema()) else {
        return;
    };
    problems.push(
        Problem::error(
            "unsupported_tag",
            format!("the tag `{}` means nothing here", shown(&tag.original())),
        )
        .help("remove it; a text that begins with `!` needs quotes"),
        Some(at),
    );
}

/// What an unquoted scalar is, by the core schema of YAML 1.2.
fn resolve(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        _ if is_number(text) => Data::Number(text.to_owned()),
        _ => Data::Text(text.to_owned()),
    }
}

fn is_number(text: &str) -> bool {
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa && exponent
}
