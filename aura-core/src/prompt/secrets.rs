//! Which variables hold secrets, and in which spellings a secret can appear.

use std::collections::BTreeSet;

use crate::text::head;

/// Shorter values appear by chance.
const SHORTEST: usize = 8;

/// Lines of a longer secret that are secrets themselves.
const SHORTEST_LINE: usize = 16;

/// Longer secrets are looked for in pieces, which bounds what a stream has to hold back.
const PIECE: usize = 1024;

/// Whether a variable of that name is meant to hold a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    const ANYWHERE: [&str; 7] = [
        "TOKEN",
        "SECRET",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "APIKEY",
    ];
    // As whole words only: AUTHOR, KEYBOARD, COMPASS and PATH are none.
    const WORDS: [&str; 10] = [
        "KEY",
        "KEYS",
        "AUTH",
        "AUTHORIZATION",
        "PASS",
        "PWD",
        "PAT",
        "COOKIE",
        "DSN",
        "CREDS",
    ];
    let name = name.to_uppercase();
    ANYWHERE.iter().any(|part| name.contains(part))
        || name
            .split(|character: char| !character.is_ascii_alphanumeric())
            .any(|word| WORDS.contains(&word) || (word.len() > 6 && word.ends_with("KEY")))
}

/// Whether a value can be a secret: long enough, and neither a switch, a number of tokens, nor a place.
pub(super) fn is_secret_value(name: &str, value: &str) -> bool {
    let value = value.trim();
    let counts =
        value.bytes().all(|byte| byte.is_ascii_digit()) && name.to_uppercase().contains("TOKENS");
    value.len() >= SHORTEST && !counts && !is_switch(value) && !is_path(value)
}

fn is_switch(value: &str) -> bool {
    [
        "disabled",
        "required",
        "optional",
        "undefined",
        "password",
        "keychain",
    ]
    .iter()
    .any(|word| value.eq_ignore_ascii_case(word))
}

fn is_path(value: &str) -> bool {
    let bytes = value.as_bytes();
    let from_drive =
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && bytes[2] == b'\\';
    let from_here = ["~/", "./", "../"]
        .iter()
        .any(|start| value.starts_with(start));
    let from_root = value.starts_with('/') && !value.contains(['=', '+']);
    (from_drive || from_here || from_root) && !value.split(['/', '\\']).any(is_random)
}

/// Long, with letters of both kinds and digits: no name of a file, but what a key in base64 with a slash in front looks like.
fn is_random(part: &str) -> bool {
    part.len() >= 20
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && part.bytes().any(|byte| byte.is_ascii_lowercase())
        && part.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// All spellings of a secret that are looked for.
pub(super) fn spellings(value: &str) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let value = value.trim();
    for piece in pieces(value) {
        add_spellings(piece, &mut found);
    }
    for line in value.lines().map(str::trim) {
        if line.len() >= SHORTEST_LINE && line.len() < value.len() {
            pieces(line).for_each(|piece| add_spellings(piece, &mut found));
        }
    }
    found
}

fn pieces(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = value;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // The last piece must not be so short that it appears by chance.
        let end = if rest.len() < PIECE + SHORTEST_LINE {
            rest.len()
        } else {
            head(rest, PIECE).len()
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn add_spellings(piece: &str, found: &mut BTreeSet<Vec<u8>>) {
    let bytes = piece.as_bytes();
    found.insert(bytes.to_vec());
    let escaped = in_json(piece);
    found.insert(in_json(&escaped).into_bytes());
    found.insert(escaped.replace('/', "\\/").into_bytes());
    found.insert(in_ascii_json(&escaped).into_bytes());
    found.insert(for_html(&escaped).into_bytes());
    found.insert(escaped.into_bytes());
    for upper in [true, false] {
        found.insert(hex(bytes, upper).into_bytes());
        // What the common encoders leave as it is, besides letters and digits.
        for kept in [
            "-._~",
            "-._~!*'()",
            "-._~/",
            "-._~;/?:@&=+$,#!*'()",
            "-._*",
            "",
        ] {
            found.insert(percent(bytes, kept, upper, "%20"));
        }
        found.insert(percent(bytes, "-._*", upper, "+"));
    }
    for url in [true, false] {
        for offset in 0..3 {
            found.insert(base64_core(bytes, offset, url));
        }
    }
}

fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn in_ascii_json(escaped: &str) -> String {
    let mut text = String::new();
    for character in escaped.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

fn for_html(escaped: &str) -> String {
    escaped
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn hex(bytes: &[u8], upper: bool) -> String {
    let digits = |byte: &u8| {
        if upper {
            format!("{byte:02X}")
        } else {
            format!("{byte:02x}")
        }
    };
    bytes.iter().map(digits).collect()
}

fn percent(bytes: &[u8], kept: &str, upper: bool, space: &str) -> Vec<u8> {
    let mut text = Vec::new();
    for &byte in bytes {
        if byte == b' ' {
            text.extend_from_slice(space.as_bytes());
        } else if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) {
            text.push(byte);
        } else {
            text.push(b'%');
            text.extend_from_slice(hex(&[byte], upper).as_bytes());
        }
    }
    text
}

/// The characters of base64 that depend on the secret alone when `offset` bytes stand before it in its group of three.
fn base64_core(bytes: &[u8], offset: usize, url: bool) -> Vec<u8> {
    let alphabet: &[u8; 64] = if url {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    } else {
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    };
    let bit = |index: usize| -> usize {
        let byte = (index / 8)
            .checked_sub(offset)
            .map_or(0, |place| bytes[place]);
        usize::from(byte >> (7 - index % 8) & 1)
    };
    let first = (offset * 8).div_ceil(6);
    let end = (offset + bytes.len()) * 8 / 6;
    (first..end)
        .map(|place| {
            let value = (0..6).fold(0, |value, at| value << 1 | bit(place * 6 + at));
            alphabet[value]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_secrets() {
        let secret = "s3cr3t-Value";
        let cases = [
            ("GITHUB_TOKEN", secret, true),
            ("githubToken", secret, true),
            ("AWS_SECRET_ACCESS_KEY", "/Abc1/dEfGhIjKlMnOpQr5tUvWx", true),
            ("AWS_SECRET_ACCESS_KEY", "/ab+c/def", true),
            ("OPENAI_API_KEY", secret, true),
            ("STRIPE_APIKEY", secret, true),
            ("MYSERVICEKEY", secret, true),
            ("DB_PASS", secret, true),
            ("BASIC_AUTH", secret, true),
            ("SENTRY_DSN", "https://abc@sentry.io/1", true),
            ("DEPLOY_KEY", "-----BEGIN X-----\nabc", true),
            ("PIN_SECRET", "1234567890", true),
            ("GIT_AUTHOR_NAME", "Somebody Else", false),
            ("KEYBOARD_LAYOUT", "us-international", false),
            ("PATH", "/usr/bin:/bin", false),
            ("PWD", "/home/user/project", false),
            ("MONKEY", "banana-split", false),
            ("SSH_AUTH_SOCK", "/tmp/ssh-XXXX/agent.1234", false),
            (
                "GOOGLE_APPLICATION_CREDENTIALS",
                "/home/u/keys/service.json",
                false,
            ),
            ("KEY_FILE", "~/keys/service.pem", false),
            ("KEY_FILE", "C:\\keys\\service.pem", false),
            ("USE_AUTH", "true", false),
            ("MAX_TOKENS", "100000000", false),
            ("API_KEY", "short", false),
        ];
        for (name, value, expected) in cases {
            let found = is_secret_name(name) && is_secret_value(name, value);
            assert_eq!(found, expected, "{name}={value}");
        }
    }

    #[test]
    fn base64_is_found_at_any_offset() {
        // As `base64` writes "x", "xy" and "xyz" followed by the secret and "!".
        let cases = [
            ("cGFzc3dvcmQ/fj4=", "password?~>"),
            ("eHBhc3N3b3JkP34+IQ==", "password?~>"),
            ("eHlwYXNzd29yZD9+PiE=", "password?~>"),
            ("eHl6cGFzc3dvcmQ/fj4h", "password?~>"),
        ];
        for (text, secret) in cases {
            let hit = |url| {
                (0..3).any(|offset| {
                    let core = base64_core(secret.as_bytes(), offset, url);
                    let text = if url {
                        text.replace('+', "-").replace('/', "_")
                    } else {
                        text.to_owned()
                    };
                    text.as_bytes()
                        .windows(core.len())
                        .any(|window| window == core)
                })
            };
            assert!(hit(true) && hit(false), "{text}");
        }
    }

    #[test]
    fn long_secrets_are_cut_into_pieces_without_a_short_rest() {
        for length in [
            1,
            PIECE - 1,
            PIECE,
            PIECE + 1,
            PIECE + 15,
            PIECE + 16,
            3 * PIECE + 5,
        ] {
            let value = "é".repeat(length.div_ceil(2));
            let parts: Vec<_> = pieces(&value).collect();
            assert_eq!(parts.concat(), value);
            let long_enough = |part: &&str| parts.len() == 1 || part.len() >= SHORTEST_LINE;
            assert!(parts.iter().all(long_enough));
            assert!(parts.iter().all(|part| part.len() < PIECE + SHORTEST_LINE));
        }
    }
}
