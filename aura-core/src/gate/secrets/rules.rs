//! The kinds of secrets that are known, by the shapes that their issuers document.

use super::rule::{Rule, Shape, Where};

mod cloud;
mod code;
mod services;

/// Every rule. Where two find the same text, the earlier one names it.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        cloud::RULES,
        code::RULES,
        services::RULES,
        STRUCTURES,
        GUESSES,
    ]
    .into_iter()
    .flatten()
}

/// A token with a shape of its own.
const fn token(
    id: &'static str,
    what: &'static str,
    keys: &'static [&'static str],
    token: &'static str,
) -> Rule {
    rule(id, what, keys, Shape::Token(token), 3.0)
}

/// A value near the name of its issuer.
const fn near(
    id: &'static str,
    what: &'static str,
    keys: &'static [&'static str],
    word: &'static str,
    value: &'static str,
) -> Rule {
    rule(id, what, keys, Shape::Near(word, value), 3.0)
}

const fn rule(
    id: &'static str,
    what: &'static str,
    keys: &'static [&'static str],
    shape: Shape,
    entropy: f64,
) -> Rule {
    Rule {
        id,
        what,
        keys,
        shape,
        entropy,
    }
}

/// What holds secrets of any issuer.
const STRUCTURES: &[Rule] = &[
    rule(
        "private-key",
        "a private key",
        &["private key"],
        Shape::Block(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?s:.){0,400}?[A-Za-z0-9+/]{40,})",
        ),
        3.0,
    ),
    token(
        "json-web-token",
        "a signed JSON web token",
        &["eyj"],
        r"eyJ[A-Za-z0-9_-]{14,}\.eyJ[A-Za-z0-9_-]{14,}\.[A-Za-z0-9_-]{20,}",
    ),
    rule(
        "url-password",
        "a password in an address",
        &["://"],
        Shape::Guess(
            r#"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s:/@"'<>{}$]{0,100}:([^\s/@"'<>{}$]{8,150})@[A-Za-z0-9\[]"#,
            Where::Written,
        ),
        2.8,
    ),
    rule(
        "authorization-header",
        "the credentials of an HTTP request",
        &["authorization"],
        Shape::Guess(
            r#"(?i)authorization["']?[ \t]{0,4}[:=,][ \t]{0,4}["']?(?:basic|bearer|token)[ \t]{1,4}([\w.=+/~-]{16,400})(?:["'`\s;,)\\]|$)"#,
            Where::Written,
        ),
        3.3,
    ),
];

/// What nobody gave a shape.
const GUESSES: &[Rule] = &[
    rule(
        "quoted-credential",
        "a key or a token that is written down",
        &["key", "token", "secret", "credential", "auth"],
        Shape::Guess(
            r#"(?i)(?:(?:api|access|auth|secret|private|encryption|signing|master|service|account|license)[_. -]?key|token|secret|credentials?|auth)[\w.-]{0,30}["'`\])]{0,3}[ \t]{0,8}(?::[ \t]{0,2}[&'\w.<>|? ]{1,30}=|:=|=>|->|[=:,])[ \t]{0,8}["'`]([^\s"'`\\]{16,200})["'`]"#,
            Where::Written,
        ),
        3.2,
    ),
    rule(
        "quoted-password",
        "a password that is written down",
        &["pass", "pwd"],
        Shape::Guess(
            r#"(?i)(?:passw(?:or)?d|passphrase|pwd)[\w.-]{0,30}["'`\])]{0,3}[ \t]{0,8}(?::[ \t]{0,2}[&'\w.<>|? ]{1,30}=|:=|=>|->|[=:,])[ \t]{0,8}["'`]([^\s"'`\\]{8,150})["'`]"#,
            Where::Written,
        ),
        2.8,
    ),
    rule(
        "plain-credential",
        "a key, a token or a password in settings",
        &[
            "key",
            "token",
            "secret",
            "credential",
            "pass",
            "pwd",
            "auth",
        ],
        Shape::Guess(
            r#"(?i)(?:^|[\s_.-])(?:(?:api|access|auth|secret|private|encryption|signing|master|service|account)[_.-]?key|token|secret|credentials?|auth|passw(?:or)?d|passphrase|pwd)[\w.-]{0,30}[ \t]{0,8}[=:][ \t]{0,8}([^\s"'`\\$<>{}(),;]{10,200})(?:\s|$)"#,
            Where::Settings,
        ),
        3.0,
    ),
];
