//! A document as a tree whose every value knows its place and its spelling.

use serde_json::{Map, Number, Value};

use crate::error::Problem;
use crate::plan::{Place, Problems, shown};

/// Bytes of a document.
pub(super) const MAX_INPUT: usize = 16 * 1024 * 1024;
/// Nested lists and mappings of a document.
pub(super) const MAX_DEPTH: usize = 64;
/// Values of a document, those that aliases repeat included.
pub(super) const MAX_VALUES: usize = 1_000_000;

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) data: Data,
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    Null,
    Bool(bool),
    /// As it is spelled: `1.10` stays `1.10`.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Field>),
}

/// One key of a mapping with its value. Keys of a mapping are unique.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) at: Place,
    pub(super) value: Node,
}

impl Node {
    /// What a message calls it.
    pub(super) fn described(&self) -> String {
        match &self.data {
            Data::Null => "nothing".to_owned(),
            Data::Bool(value) => format!("`{value}`"),
            Data::Number(text) => format!("the number `{}`", shown(text)),
            Data::Text(text) => format!("the text `{}`", shown(text)),
            Data::List(_) => "a list".to_owned(),
            Data::Map(_) => "a mapping".to_owned(),
        }
    }

    /// The text or the number as spelled.
    pub(super) fn spelling(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) | Data::Number(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// The value without places; a number that would lose digits or is not finite is a problem.
    pub(super) fn to_value(&self, problems: &mut Problems) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(value) => Value::Bool(*value),
            Data::Text(text) => Value::String(text.clone()),
            Data::Number(text) => number(text).map_or_else(
                || {
                    problems.push(
                        Problem::error(
                            "number_out_of_range",
                            format!("the number {} cannot be kept exactly", shown(text)),
                        )
                        .help("put quotes around it to keep it as a text"),
                        Some(self.at),
                    );
                    Value::Null
                },
                Value::Number,
            ),
            Data::List(items) => items.iter().map(|item| item.to_value(problems)).collect(),
            Data::Map(fields) => Value::Object(to_map(fields, problems)),
        }
    }
}

/// A mapping without places.
pub(super) fn to_map(fields: &[Field], problems: &mut Problems) -> Map<String, Value> {
    fields
        .iter()
        .map(|field| (field.key.clone(), field.value.to_value(problems)))
        .collect()
}

/// Reports a second use of a key.
pub(super) fn duplicate_key(key: &str, first: Place, at: Place, problems: &mut Problems) {
    problems.push(
        Problem::error(
            "duplicate_key",
            format!("the key `{}` is already in line {}", shown(key), first.line),
        ),
        Some(at),
    );
}

/// Reports a document whose nesting is out of bounds.
pub(super) fn too_deep(at: Place, problems: &mut Problems) {
    problems.push(
        Problem::error(
            "too_deep",
            format!("lists and mappings are nested more than {MAX_DEPTH} levels deep"),
        ),
        Some(at),
    );
}

/// Reports a document with too many values.
pub(super) fn too_many_values(at: Place, problems: &mut Problems) {
    problems.push(
        Problem::error(
            "too_many_values",
            format!("the document has more than {MAX_VALUES} values"),
        ),
        Some(at),
    );
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let radix = match digits.get(..2) {
        Some("0x") => Some(16),
        Some("0o") => Some(8),
        _ => None,
    };
    if let Some(radix) = radix {
        return u64::from_str_radix(&digits[2..], radix)
            .ok()
            .map(Number::from);
    }
    let is_integer = digits
        .strip_prefix('-')
        .unwrap_or(digits)
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    if is_integer {
        let whole = digits.parse::<i64>().ok().map(Number::from);
        return whole.or_else(|| digits.parse::<u64>().ok().map(Number::from));
    }
    digits.parse::<f64>().ok().and_then(Number::from_f64)
}
