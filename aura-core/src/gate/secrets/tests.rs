//! The rules one by one, and all of them on secrets that are made here.

mod external;
mod gate;
mod measured;
mod synthetic;

use super::allow::{Allowed, is_built_in, may_be_rule};
use super::doubt;
use super::exception::{Exception, Find};
use super::rule::{Reach, Rule, Where, compile, entropy};
use super::rules::{self, Rules};
use super::scan::{Scanner, scanner};

use synthetic::{KINDS, LINE, Random, file, github, private_key};

/// What is found in a file: `RULE:LINE`, with `!` before what its line lets through.
fn found(path: &str, text: &str) -> Vec<String> {
    let hits = scanner().unwrap().scan(path, text.as_bytes()).unwrap();
    let show = |hit: super::scan::Hit| {
        let allowed = if hit.allowed { "!" } else { "" };
        format!("{allowed}{}:{}", hit.rule, hit.line)
    };
    hits.into_iter().map(show).collect()
}

#[test]
fn every_rule_can_be_used() {
    let Rules {
        all,
        never,
        unwritten,
        ..
    } = rules::built_in().unwrap();
    let mut ids: Vec<_> = all.iter().map(|rule| &rule.id).collect();
    assert!(ids.len() > 250, "{} rules", ids.len());
    let find = Find {
        path: "",
        secret: b"",
        matched: b"",
        lines: b"",
    };
    for rule in &all {
        let id = &rule.id;
        for expression in rule.expression.iter().chain(&rule.files) {
            compile(expression).unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        for exception in &rule.exceptions {
            exception
                .covers(&find)
                .unwrap_or_else(|error| panic!("{id}: {error}"));
        }
        let is_a_file = rule.expression.is_none() && rule.files.is_some();
        assert!(is_a_file || !rule.keys.is_empty(), "{id} is never asked");
        for key in &rule.keys {
            assert_eq!(*key, key.to_lowercase(), "{id}");
        }
    }
    never.covers(&find).unwrap();
    unwritten.covers_path("").unwrap();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "a name stands for two rules");
}

#[test]
fn at_least_95_of_100_secrets_are_found_and_none_is_shown() {
    const EACH: usize = 30;
    // The second seed was not looked at while the rules were written.
    for seed in [5, 20_261_125] {
        find_synthetic(seed, EACH);
    }
}

fn find_synthetic(seed: u64, each: usize) {
    let mut random = Random::new(seed);
    let (mut missed, mut lost_kinds) = (Vec::new(), 0);
    for kind in KINDS {
        let before = missed.len();
        for _ in 0..each {
            let (path, text, secret) = file(kind, &mut random);
            let hits = scanner().unwrap().scan(path, text.as_bytes()).unwrap();
            if !hits.iter().any(|hit| hit.line == LINE) {
                missed.push(format!("{} in {path}", kind.name));
            }
            let told = format!("{hits:?}");
            assert!(!told.contains(&secret), "{} is told", kind.name);
        }
        lost_kinds += usize::from((missed.len() - before) * 20 > each);
    }
    let all = KINDS.len() * each;
    println!(
        "seed {seed}: {} kinds, {} of {all} secrets found; {lost_kinds} kinds below 95 %; missed: {missed:?}",
        KINDS.len(),
        all - missed.len()
    );
    assert!(KINDS.len() >= 40);
    assert!(missed.len() * 20 <= all, "{missed:?}");
    assert!(lost_kinds * 20 <= KINDS.len(), "{missed:?}");
}

#[test]
fn what_is_no_secret_is_not_found() {
    let hex = "3f2a9c".repeat(6);
    let made_up = ["q8Zr2", "Lw9Xv", "4Tb7Y", "n1Kd6"].concat();
    for (path, text) in [
        // Names, calls, references, placeholders.
        (
            "a.rs",
            "let token = self.next_token(TokenKind::Number2);".to_owned(),
        ),
        ("a.py", "password = os.environ['DB_PASSWORD_V2']".to_owned()),
        ("a.py", "token = \"<your-token-here-1234>\"".to_owned()),
        ("a.yaml", "api_key: ${API_KEY_V2_2024}".to_owned()),
        ("a.yaml", "token: {{ secrets.token2b3c4d5e }}".to_owned()),
        (
            "a.js",
            "const key = { apiKey: 'YOUR_API_KEY_1234567' };".to_owned(),
        ),
        (".env", "PASSWORD=changeme12345A1b2".to_owned()),
        (".env", format!("GITHUB=ghp_{}", "x".repeat(36))),
        // Digests and ids that nobody calls a secret.
        ("a.json", format!("\"integrity\": \"sha512-{hex}\"")),
        ("a.rs", format!("const DIGEST: &str = \"{hex}\";")),
        (
            "a.json",
            format!("\"token\": \"{}\"", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"),
        ),
        // Ciphers, addresses, paths.
        ("a.c", "auth = \"ECDHE-RSA-AES128-GCM-SHA256\"".to_owned()),
        ("a.md", "postgres://user:password@localhost/db".to_owned()),
        (
            "a.py",
            "secret = \"/run/secrets/app1/key2/Value3\"".to_owned(),
        ),
        ("package-lock.json", format!("\"authToken\": \"{made_up}\"")),
        // Only the mark of a private key.
        (
            "a.c",
            format!(
                "if (starts(line, \"-----BEGIN RSA PRIVATE {}-----\"))",
                "KEY"
            ),
        ),
    ] {
        assert_eq!(found(path, &text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_line_is_needed_for_what_has_a_shape_and_several_for_a_key() {
    let mut random = Random::new(7);
    let key = private_key(&mut random);
    assert_eq!(found("id", &format!("x\n{key}")), ["private-key:2"]);
    // A word in it does not make it an example.
    let (mark, lines) = key.split_once('\n').unwrap();
    let commented = format!("{mark}\nComment: EXAMPLE\n{lines}");
    assert_eq!(found("id", &commented), ["private-key:1"]);
    // As a string of a program, with its line ends written out.
    let escaped = key.replace('\n', "\\n");
    assert_eq!(
        found("a.js", &format!("const k = '{escaped}';")),
        ["private-key:1"]
    );
    let (one, two) = (github(&mut random), github(&mut random));
    assert_eq!(
        found("a", &format!("{one} {two}\r\n\n{one}\n")),
        ["github-pat:1", "github-pat:1", "github-pat:3"]
    );
    // What is part of something longer may be something else.
    let short = "q8Zr2Lw9Xv4Tb7Yn1Kd6Hs3Jf5Gm0Pc9";
    assert_eq!(found("a", &format!("cio{short}")), ["crates-token:1"]);
    assert_eq!(found("a", &format!("xcio{short}")), [""; 0]);
    // Of two rules for one text the more exact one names it.
    assert_eq!(
        found("a.py", &format!("api_token = \"{one}\"")),
        ["github-pat:1"]
    );
    // Bytes that are no text are no obstacle.
    let mut bytes = b"\xff\xfe\x80 ".to_vec();
    bytes.extend_from_slice(one.as_bytes());
    let hits = scanner().unwrap().scan("a", &bytes).unwrap();
    assert_eq!((hits.len(), hits[0].line, hits[0].column), (1, 1, 5));
    assert_eq!(hits[0].length, Some(40));
}

#[test]
fn a_line_may_say_that_it_is_none() {
    let token = github(&mut Random::new(9));
    assert_eq!(
        found("a.py", &format!("{token} # gitleaks:allow\n{token}\n")),
        ["!github-pat:1", "github-pat:2"]
    );
}

#[test]
fn a_list_allows_files_and_rules() {
    let list = "# comment\n\ntests/**\ndocs/*.md github-pat\nwith blank.txt\n";
    let allowed = Allowed::parse(list, is_built_in).unwrap();
    for (path, rule, expected) in [
        ("tests/a/b.rs", "any", true),
        ("tests.rs", "any", false),
        ("docs/a.md", "github-pat", true),
        ("docs/a.md", "private-key", false),
        ("docs/deep/a.md", "github-pat", false),
        ("with blank.txt", "any", true),
    ] {
        assert_eq!(allowed.has(path, rule), expected, "{path} {rule}");
    }
    // A program has rules of its own.
    let list = "b.txt company-token\nwith blank.txt\n";
    let allowed = Allowed::parse(list, may_be_rule).unwrap();
    for (path, rule, expected) in [
        ("b.txt", "company-token", true),
        ("b.txt", "other", false),
        ("with blank.txt", "other", true),
    ] {
        assert_eq!(allowed.has(path, rule), expected, "{path} {rule}");
    }
    let why = Allowed::parse("fine\nbroken[", is_built_in).unwrap_err();
    assert!(why.contains(".aura/secrets-allow, line 2"), "{why}");
}

#[test]
fn words_entropy_and_doubt_each_decide() {
    let token = github(&mut Random::new(11));
    let rule = |key: &str, entropy| Rule {
        id: "one".to_owned(),
        keys: vec![key.to_owned()],
        expression: Some("ghp_[A-Za-z0-9]{36}".to_owned()),
        entropy,
        ..Rule::default()
    };
    let scanner = |rule| {
        Scanner::new(Rules {
            all: vec![rule],
            never: Exception::default(),
            unwritten: Exception::default(),
            definition: String::new(),
        })
        .unwrap()
    };
    let count = |rule, text: &str| scanner(rule).scan("a", text.as_bytes()).unwrap().len();
    assert_eq!(count(rule("ghp_", 3.0), &token), 1);
    // Without its word on the line, a rule is not asked, unless it is asked about all lines.
    assert_eq!(count(rule("elsewhere", 3.0), &token), 0);
    let beside = format!("elsewhere\n{token}");
    assert_eq!(count(rule("elsewhere", 3.0), &beside), 0);
    let everywhere = Rule {
        reach: Reach::Text,
        ..rule("elsewhere", 3.0)
    };
    assert_eq!(count(everywhere, &beside), 1);
    // The same letter again and again is no secret, unless nobody asks how random it is.
    let dull = format!("ghp_{}", "abc".repeat(12));
    assert_eq!(count(rule("ghp_", 3.0), &dull), 0);
    assert_eq!(count(rule("ghp_", 0.0), &dull), 1);
    // A rule that cannot be compiled is not passed over.
    let broken = Rule {
        expression: Some("(?<unclosed".to_owned()),
        ..rule("ghp_", 0.0)
    };
    let why = scanner(broken).scan("a", b"ghp_");
    assert!(why.unwrap_err().contains("the rule one cannot be used"));
}

#[test]
fn measures_are_as_published() {
    for (value, bits) in [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0)] {
        assert!((entropy(value.as_bytes()) - bits).abs() < 1e-9, "{value}");
    }
    for (value, random) in [
        ("q8Zr2Lw9Xv4Tb7Yn1Kd6", true),
        ("9f3b7c2e1a8d4f60b5c9e7d2", true),
        ("access-key-for-this-user-1", false),
        ("one-two-three-4", false),
        ("https://x9y8z7.io/a1b2", false),
        ("20240131235959000", false),
    ] {
        assert_eq!(doubt::looks_random(value.as_bytes()), random, "{value}");
    }
    for (path, written, settings) in [
        ("a.rs", true, false),
        ("deep/.env", true, true),
        (".env.local", true, true),
        ("app.YAML", true, true),
        ("Dockerfile", true, true),
        (".npmrc", true, true),
        ("Cargo.lock", false, false),
        ("app.min.js", false, false),
        ("pnpm-lock.yaml", false, false),
    ] {
        let both = [Where::Written, Where::Settings].map(|at| doubt::is_guessed_in(path, at));
        assert_eq!(both, [written, settings], "{path}");
    }
}

#[test]
fn places_are_told_in_long_lines_and_after_them() {
    let token = github(&mut Random::new(13));
    let many = format!("{token} ").repeat(3_000);
    let text = format!("one\n{many}\n\n  {token}");
    let hits = scanner().unwrap().scan("a", text.as_bytes()).unwrap();
    let places: Vec<_> = hits.iter().map(|hit| (hit.line, hit.column)).collect();
    let width = u32::try_from(token.len() + 1).unwrap();
    let expected = (0..3_000).map(|at| (2, at * width + 1));
    assert_eq!(places, expected.chain([(4, 3)]).collect::<Vec<_>>());
    // What lets a line through stands near to what it is about.
    let far = format!("{token}{}gitleaks:allow", " ".repeat(2_000));
    assert_eq!(found("a", &far), ["github-pat:1"]);
}
