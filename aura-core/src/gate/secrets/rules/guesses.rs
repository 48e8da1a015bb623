//! What nobody gave a shape: values whose names say what they are, and what stands where a password does.

use super::own;
use crate::gate::secrets::rule::{Rule, Where};

/// A guess: its name, what it finds, words, the expression whose first group is the value, where it is made, and bits per byte.
type Guess = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static str,
    Where,
    f64,
);

#[rustfmt::skip]
const GUESSES: &[Guess] = &[
    (
        "url-password",
        "a password in an address",
        &["://"],
        r#"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@"'<>{}$]{0,100}:([^\s/@"'<>{}$]{8,150})@[A-Za-z0-9\[]"#,
        Where::Written,
        2.8,
    ),
    (
        "authorization-header",
        "the credentials of an HTTP request",
        &["authorization"],
        r#"(?i)authorization["']?[ \t]{0,4}[:=,][ \t]{0,4}["']?(?:basic|bearer|token)[ \t]{1,4}([\w.=+/~-]{16,400})(?:["'`\s;,)\\]|$)"#,
        Where::Written,
        3.3,
    ),
    (
        "quoted-credential",
        "a key or a token that is written down",
        &["key", "token", "secret", "credential", "auth"],
        r#"(?i)(?:(?:api|access|auth|secret|private|encryption|signing|master|service|account|license)[_. -]?key|token|secret|credentials?|auth)[\w.-]{0,30}["'`\])]{0,3}[ \t]{0,8}(?::[ \t]{0,2}[&'\w.<>|? ]{1,30}=|:=|=>|->|[=:,])[ \t]{0,8}["'`]([^\s"'`\\]{16,200})["'`]"#,
        Where::Written,
        3.2,
    ),
    (
        "quoted-password",
        "a password that is written down",
        &["pass", "pwd"],
        r#"(?i)(?:passw(?:or)?d|passphrase|pwd)[\w.-]{0,30}["'`\])]{0,3}[ \t]{0,8}(?::[ \t]{0,2}[&'\w.<>|? ]{1,30}=|:=|=>|->|[=:,])[ \t]{0,8}["'`]([^\s"'`\\]{8,150})["'`]"#,
        Where::Written,
        2.8,
    ),
    (
        "plain-credential",
        "a key, a token or a password in settings",
        &["key", "token", "secret", "credential", "pass", "pwd", "auth"],
        r#"(?i)(?:^|[\s_.-])(?:(?:api|access|auth|secret|private|encryption|signing|master|service|account)[_.-]?key|token|secret|credentials?|auth|passw(?:or)?d|passphrase|pwd)[\w.-]{0,30}[ \t]{0,8}[=:][ \t]{0,8}([^\s"'`\\$<>{}(),;]{10,200})(?:\s|$)"#,
        Where::Settings,
        3.0,
    ),
];

/// These rules.
pub(super) fn rules() -> impl Iterator<Item = Rule> {
    GUESSES
        .iter()
        .map(|(id, what, keys, expression, place, entropy)| Rule {
            guess: Some(*place),
            ..own(id, what, keys, (*expression).to_owned(), *entropy)
        })
}
