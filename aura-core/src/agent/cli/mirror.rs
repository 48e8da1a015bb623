//! A home for one start of an agent that reads its settings from its home only: the user's, with settings that Aura adds to.
//!
//! Gemini CLI reads settings that are not the user's from files of root alone, in folders of root. So it gets a home in which everything
//! is a link to the user's own, logins and sessions too, but for the file of settings.

use std::io;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};

/// Folders that are to outlast the start, whether the user has them already or not.
const KEPT: &[&str] = &["tmp", "history"];

/// Fills `home` with links to what lies in the user's folder of that name, and with the settings. The user's own win.
pub(super) fn fill(home: &Path, user: &Path, folder: &str, settings: &Value) -> Result<()> {
    let (own, users) = (home.join(folder), user.join(folder));
    for place in KEPT
        .iter()
        .map(|kept| users.join(kept))
        .chain([own.clone()])
    {
        std::fs::create_dir_all(&place).map_err(|error| Error::io("create", &place, error))?;
    }
    let file = users.join("settings.json");
    let mut merged = settings.clone();
    let is_read = match std::fs::read_to_string(&file) {
        Ok(text) => match serde_json::from_str(&without_comments(&text)) {
            Ok(Value::Object(theirs)) => {
                lay_over(&mut merged, Value::Object(theirs));
                true
            }
            // It is the agent's to complain about.
            _ => false,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(_) => false,
    };
    let entries = std::fs::read_dir(&users).map_err(|error| Error::io("read", &users, error))?;
    for entry in entries.filter_map(std::result::Result::ok) {
        if !is_read || entry.file_name() != "settings.json" {
            link(&entry.path(), &own.join(entry.file_name()))?;
        }
    }
    if is_read {
        let path = own.join("settings.json");
        std::fs::write(&path, merged.to_string())
            .map_err(|error| Error::io("write", &path, error))?;
    }
    let skills = user.join(".agents");
    if skills.is_dir() {
        link(&skills, &home.join(".agents"))?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> Result<()> {
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(from, to);
    #[cfg(not(unix))]
    let made = if from.is_dir() {
        std::os::windows::fs::symlink_dir(from, to)
    } else {
        std::os::windows::fs::symlink_file(from, to)
    };
    made.map_err(|error| Error::io("create", to, error))
}

/// Objects are merged; of anything else the one above counts.
fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                lay_over(below.entry(name).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

/// JSON as people write it, without `//` and `/* */`.
fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with('"') {
            let end = end_of_string(rest);
            plain.push_str(&rest[..end]);
            end
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            plain.push('/');
            1
        };
        rest = &rest[end..];
    }
    plain.push_str(rest);
    plain
}

/// Where a string that begins here ends.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn settings_of(home: &Path) -> Value {
        let text = fs::read_to_string(home.join(".gemini/settings.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn everything_is_the_users_but_what_is_added() {
        let place = tempfile::tempdir().unwrap();
        let (home, user) = (place.path().join("home"), place.path().join("user"));
        fs::create_dir_all(user.join(".gemini")).unwrap();
        fs::create_dir_all(user.join(".agents")).unwrap();
        fs::write(user.join(".gemini/oauth_creds.json"), "login").unwrap();
        let own = "{ // mine\n \"a\": {\"x\": \"http://h\"}, /* no */ \"b\": \"\\\"//\" }";
        fs::write(user.join(".gemini/settings.json"), own).unwrap();
        let added = json!({"a": {"x": "ours", "y": 1}, "b": {"c": 2}, "d": 3});
        fill(&home, &user, ".gemini", &added).unwrap();
        assert_eq!(
            settings_of(&home),
            json!({"a": {"x": "http://h", "y": 1}, "b": "\"//", "d": 3})
        );
        assert!(fs::read_to_string(user.join(".gemini/settings.json")).unwrap() == own);
        assert_eq!(
            fs::read(home.join(".gemini/oauth_creds.json")).unwrap(),
            b"login"
        );
        assert!(home.join(".agents").is_dir());
        fs::create_dir(home.join(".gemini/tmp/session")).unwrap();
        fs::remove_dir_all(&home).unwrap();
        assert!(user.join(".gemini/tmp/session").is_dir() && user.join(".agents").is_dir());
    }

    #[test]
    fn a_user_without_settings_gets_those_and_one_with_broken_ones_their_own() {
        let place = tempfile::tempdir().unwrap();
        let user = place.path().join("user");
        fill(
            &place.path().join("one"),
            &user,
            ".gemini",
            &json!({"a": 1}),
        )
        .unwrap();
        assert_eq!(settings_of(&place.path().join("one")), json!({"a": 1}));
        fs::write(user.join(".gemini/settings.json"), "{ no").unwrap();
        let two = place.path().join("two");
        fill(&two, &user, ".gemini", &json!({"a": 1})).unwrap();
        assert_eq!(
            fs::read(two.join(".gemini/settings.json")).unwrap(),
            b"{ no"
        );
    }
}
