//! Member names: camel case in JavaScript, snake case in the library.

use serde_json::{Map, Value};

/// Members whose contents belong to the user, names included.
const FOREIGN: [&str; 4] = ["metadata", "env", "fallback", "patterns"];
/// The members whose own members are names that the user chose; what stands under these names is the library's.
const NAMED: [&str; 2] = ["agents", "servers"];

/// A JSON text for JavaScript.
pub(crate) fn to_camel(text: &str) -> String {
    convert(text, camel)
}

/// A JSON text for the library.
pub(crate) fn to_snake(text: &str) -> String {
    convert(text, snake)
}

/// What is not JSON stays as it is: the library says what is wrong with it.
fn convert(text: &str, rename: fn(&str) -> String) -> String {
    let Ok(value) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    walk(value, rename).to_string()
}

fn walk(value: Value, rename: fn(&str) -> String) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(|item| walk(item, rename)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    value if FOREIGN.contains(&name.as_str()) => value,
                    Value::Object(named) if NAMED.contains(&name.as_str()) => {
                        under_names(named, rename)
                    }
                    value => walk(value, rename),
                };
                (rename(&name), value)
            })
            .collect(),
        other => other,
    }
}

fn under_names(named: Map<String, Value>, rename: fn(&str) -> String) -> Value {
    named
        .into_iter()
        .map(|(name, value)| (name, walk(value, rename)))
        .collect()
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

fn snake(name: &str) -> String {
    let mut written = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            written.push('_');
        }
        written.push(letter.to_ascii_lowercase());
    }
    written
}
