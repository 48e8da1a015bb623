//! Whether two failures are the same failure.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::model::{Evidence, Finding};
use crate::text::strip_controls;

/// What differs between two runs of the same thing, and what stands for it. Paths have a rule of their own.
static NOISE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b", "<id>"),
        (
            r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?",
            "<time>",
        ),
        (r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d+)?\b", "<time>"),
        (r"\b0x[0-9a-fA-F]{4,}\b", "<address>"),
        (r"\b[0-9a-f]{40}\b", "<id>"),
        (r"(?i)\b(pid|process|thread id|tid)([ =:#]{1,2}|\s*\()\d+", "$1$2<n>"),
        // A thread's number, as panics print it.
        (r"(thread '[^']*' )\(\d+\)", "$1(<n>)"),
        (
            r"\b\d+(?:\.\d+)?\s?(?:ns|us|µs|ms|secs?|seconds?|s|mins?|minutes?|m|hours?|h)(?:\s?\d+(?:\.\d+)?\s?(?:ms|secs?|seconds?|s|mins?|minutes?|m))*\b",
            "<duration>",
        ),
    ]
    .into_iter()
    .map(|(pattern, stand_in)| (fixed(pattern), stand_in))
    .collect()
});

/// An absolute path, with what stands before it so that the end of a relative one is not taken for it.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r#"(?m)(^|[\s'"`(=:\[<,])((?:[A-Za-z]:)?[/\\](?:[\w.+@~$-]+[/\\])+)([\w.+@~$-]*)"#)
});

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

/// Replaces what changes from one run to the next although nothing has changed: times, durations, process and object
/// numbers, addresses, and the directories of absolute paths, of which only the last name is kept.
pub fn normalise(text: &str) -> String {
    let mut text = PATH.replace_all(text, without_directory).into_owned();
    for (pattern, stand_in) in NOISE.iter() {
        if let std::borrow::Cow::Owned(changed) = pattern.replace_all(&text, *stand_in) {
            text = changed;
        }
    }
    text
}

/// What lies directly in a temporary directory has a name of chance.
fn without_directory(path: &Captures<'_>) -> String {
    const TEMPORARY: [&str; 5] = [
        "/tmp/",
        "/var/tmp/",
        "/private/tmp/",
        "/dev/shm/",
        "\\temp\\",
    ];
    let directory = path[2].to_lowercase();
    let by_chance = TEMPORARY.iter().any(|end| directory.ends_with(end));
    match (by_chance, &path[3]) {
        (true, _) => format!("{}<tmp>", &path[1]),
        (false, name) => format!("{}<path>/{name}", &path[1]),
    }
}

/// The same for two failures that a person would call the same. Findings count in any order and stand for the output where there
/// are any. The number never changes for the same evidence, in whatever process or version.
pub fn digest(evidence: &Evidence) -> String {
    let mut hash = Fnv::new();
    hash.field(evidence.gate.as_deref().unwrap_or_default());
    hash.field(&clean(&evidence.summary));
    let mut findings: Vec<String> = evidence.findings.iter().map(finding).collect();
    findings.sort_unstable();
    findings.iter().for_each(|finding| hash.field(finding));
    hash.field("");
    let mut paths: Vec<&str> = evidence.paths.iter().map(String::as_str).collect();
    paths.sort_unstable();
    paths.into_iter().for_each(|path| hash.field(path));
    hash.field("");
    if findings.is_empty() {
        hash.field(&clean(&evidence.output_tail));
    }
    format!("{:016x}", hash.0)
}

fn clean(text: &str) -> String {
    normalise(&strip_controls(text))
}

fn finding(finding: &Finding) -> String {
    let place = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    format!(
        "{}:{}:{}:{}",
        finding.file.as_deref().unwrap_or_default(),
        place(finding.line),
        place(finding.column),
        clean(&finding.message)
    )
}

/// FNV-1a with 64 bits, over fields that cannot run into one another.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn field(&mut self, text: &str) {
        // No byte of UTF-8 is 0xff.
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_by_itself_is_replaced() {
        let cases = [
            ("2026-11-20T19:57:37.123Z started", "<time> started"),
            (
                "at 2026-11-20 19:57:37 +0100, or 19:57:37",
                "at <time>, or <time>",
            ),
            ("finished in 0.52s", "finished in <duration>"),
            (
                "took 1m 32s, then 350 ms and 12.5 seconds",
                "took <duration>, then <duration> and <duration>",
            ),
            (
                "pid 4242, PID: 7, process 99 (pid=3)",
                "pid <n>, PID: <n>, process <n> (pid=<n>)",
            ),
            (
                "thread 'main' (12345) panicked",
                "thread 'main' (<n>) panicked",
            ),
            ("object at 0x7f3a2b10dead", "object at <address>"),
            (
                "commit e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
                "commit <id>",
            ),
            ("run 0190163d-8694-739b-aea5-966c26f8ad91", "run <id>"),
            ("/tmp/tmpx1b2: gone", "<tmp>: gone"),
            (
                "in \"/tmp/pytest-3/test0/out.txt\"",
                "in \"<path>/out.txt\"",
            ),
            (
                "/home/u/app-worktrees/story-1/src/lib.rs:3:7: error",
                "<path>/lib.rs:3:7: error",
            ),
            (
                "C:\\Users\\u\\AppData\\Local\\Temp\\x1 and C:\\a\\b.rs:3",
                "<tmp> and <path>/b.rs:3",
            ),
            ("cd /a/b /c/d", "cd <path>/b <path>/d"),
            // What means something stays.
            (
                "src/lib.rs:3:7: expected 4, found 5",
                "src/lib.rs:3:7: expected 4, found 5",
            ),
            ("3 tests failed, 1/2 done", "3 tests failed, 1/2 done"),
            (
                "error[E0308]: mismatched types",
                "error[E0308]: mismatched types",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(normalise(given), expected);
            assert_eq!(normalise(expected), expected, "again");
        }
    }

    fn evidence(summary: &str, findings: &[(&str, u32, &str)], tail: &str) -> Evidence {
        Evidence {
            gate: Some("test".into()),
            output_tail: tail.into(),
            findings: findings
                .iter()
                .map(|&(file, line, message)| Finding {
                    file: Some(file.into()),
                    line: Some(line),
                    column: None,
                    message: message.into(),
                })
                .collect(),
            log: Some(format!("/logs/{}", tail.len())),
            ..Evidence::summary(summary)
        }
    }

    #[test]
    fn the_same_failure_has_the_same_digest() {
        let first = ("a.rs", 1, "left in 3ms");
        let again = ("a.rs", 1, "left in 8ms");
        let second = ("b.rs", 2, "right");
        let same = [
            evidence("2 failed in 1.5s", &[first, second], "at 10:00:00"),
            evidence("2 failed in 9.5s", &[second, again], "something else"),
        ];
        assert_eq!(digest(&same[0]), digest(&same[1]));
        let tails = [
            evidence("red", &[], "\u{1b}[31mfailed\u{1b}[0m in 3ms\r\n"),
            evidence("red", &[], "failed in 99ms\n"),
        ];
        assert_eq!(digest(&tails[0]), digest(&tails[1]));
    }

    #[test]
    fn another_failure_has_another_digest() {
        let mut paths = evidence("red", &[], "");
        paths.paths = vec!["a".into()];
        let mut gate = evidence("red", &[], "");
        gate.gate = Some("build".into());
        let different = [
            evidence("red", &[], ""),
            evidence("blue", &[], ""),
            evidence("red", &[], "tail"),
            evidence("red", &[("a.rs", 1, "m")], ""),
            evidence("red", &[("a.rs", 2, "m")], ""),
            evidence("red", &[("a.rs", 1, "m"), ("a.rs", 1, "m")], ""),
            paths,
            gate,
        ];
        let digests: std::collections::BTreeSet<_> = different.iter().map(digest).collect();
        assert_eq!(digests.len(), different.len());
    }

    /// The number is stored: it may never change.
    #[test]
    fn the_digest_is_the_same_for_ever() {
        let evidence = evidence("2 failed", &[("a.rs", 1, "left")], "tail");
        assert_eq!(digest(&evidence), "a89cc599d131a51d");
        assert_eq!(digest(&Evidence::default()), "ac3fdc08a1c002aa");
    }
}
