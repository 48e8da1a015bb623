//! What looks like a secret and is none: examples, names, paths, files that programs write.

use std::path::Path;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::rule::Where;

/// What people write in place of any secret.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "redacted",
    "your_",
    "your-",
    "xxxxxx",
    "000000000",
    "******",
    "......",
    "abcdefgh",
    "0123456789",
    "1234567890",
    "deadbeefdeadbeef",
];

/// What people call values that are no secrets, or that stand for one. No random value of usual length has them.
const WORDS: &[&str] = &[
    "secret",
    "passw",
    "token",
    "credential",
    "sample",
    "dummy",
    "fake",
    "mock",
    "test",
    "default",
    "value",
    "string",
    "username",
    "localhost",
    "hunter2",
    "foobar",
    "correct",
    "hello",
    "invalid",
    "public",
    "account",
    "client",
    "server",
    "config",
    "undefined",
    "process.env",
    "os.environ",
];

/// Ends of files that programs write, or that people write in another sense. Whole names, and ends after the last dot.
const NOT_WRITTEN: &[&str] = &[
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "go.sum",
    ".lock",
    ".lockb",
    ".map",
    ".svg",
    ".pdf",
    ".min.js",
    ".min.css",
    ".snap",
    ".ipynb",
    ".pem.pub",
];

/// Ends of files in which values stand without quotes.
const SETTINGS: &[&str] = &[
    "env",
    "ini",
    "cfg",
    "conf",
    "config",
    "properties",
    "toml",
    "yaml",
    "yml",
    "tfvars",
    "netrc",
    "npmrc",
    "pypirc",
    "credentials",
    "sh",
    "bash",
    "zsh",
    "ps1",
    "bat",
    "txt",
];

/// Signs that stand in passwords and not between words.
const SIGNS: &[u8] = b"!#%*+=?&^~";

fn searcher(words: &[&str]) -> AhoCorasick {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(words)
        .expect("the words are fixed and few")
}

static IS_PLACEHOLDER: LazyLock<AhoCorasick> = LazyLock::new(|| searcher(PLACEHOLDERS));
static HAS_WORD: LazyLock<AhoCorasick> = LazyLock::new(|| searcher(WORDS));

/// The longest value that an example's words say something about; a key of many lines has room for any word.
const SHORT: usize = 256;

/// Whether any secret, of whatever shape, would be written so by somebody who only shows what one looks like.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    value.len() <= SHORT && IS_PLACEHOLDER.is_match(value)
}

/// Whether a value that nothing but its name makes a secret looks as if a machine or a careful person had made it up.
pub(super) fn looks_random(value: &[u8]) -> bool {
    !HAS_WORD.is_match(value) && !is_place(value) && !is_unique_id(value) && is_mixed(value)
}

/// Letters with digits or signs among them, or letters that change their size all the time, and not as words do.
fn is_mixed(value: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| value.iter().any(is);
    let signs = value.iter().filter(|byte| SIGNS.contains(byte)).count();
    let changes = changes(value);
    let needed = if value.len() < 20 { 3 } else { 4 };
    has(u8::is_ascii_alphabetic)
        && (has(u8::is_ascii_digit) || signs >= 2 || changes >= 6)
        && changes + signs >= needed
}

/// A path, an address, or a name with a file's ending.
fn is_place(value: &[u8]) -> bool {
    let starts = [
        &b"/"[..],
        b"./",
        b"../",
        b"~/",
        b"$",
        b"%",
        b"{",
        b"<",
        b"@",
        b"#",
    ];
    starts.iter().any(|start| value.starts_with(start))
        || value.windows(3).any(|three| three == b"://")
        || value
            .windows(2)
            .any(|two| two == b"::" || two == b"${" || two == b"{{")
}

/// Eight, four, four, four and twelve digits: a name far more often than a secret.
fn is_unique_id(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// How often letters become digits, or digits letters, or small letters capitals: words in a row do so at their borders only.
fn changes(value: &[u8]) -> usize {
    let kind = |byte: &u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let pairs = value.windows(2);
    pairs
        .filter(|pair| {
            let (one, two) = (kind(&pair[0]), kind(&pair[1]));
            // A capital and then small letters is how words begin; a separator is how they end.
            one != two && (one, two) != (1, 0) && one != 3 && two != 3
        })
        .count()
}

/// Whether a guess is worth its while in that file.
pub(super) fn is_guessed_in(path: &str, place: Where) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    if NOT_WRITTEN.iter().any(|end| name.ends_with(end)) {
        return false;
    }
    let ending = Path::new(&name).extension();
    let ending = ending.and_then(|ending| ending.to_str()).unwrap_or("");
    match place {
        Where::Written => true,
        Where::Settings => {
            SETTINGS.contains(&ending)
                || name.starts_with(".env")
                || (ending.is_empty() && SETTINGS.contains(&name.trim_start_matches('.')))
                || name.starts_with("dockerfile")
        }
    }
}
