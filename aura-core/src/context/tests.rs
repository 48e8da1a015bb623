use super::codebase;
use super::search::{Counter, rank};
use super::words::{Query, identifiers, parts, stem};

#[test]
fn words_are_what_identifiers_are_made_of() {
    for (identifier, expected) in [
        ("readLineBytes", &["read", "Line", "Bytes"][..]),
        ("read_line_bytes", &["read", "line", "bytes"]),
        ("READ_LINE", &["READ", "LINE"]),
        ("HTTPServer", &["HTTP", "Server"]),
        ("utf8Decoder", &["utf", "Decoder"]),
        ("größeÄndern", &["größe", "Ändern"]),
        ("x", &[]),
    ] {
        assert_eq!(
            parts(identifier).collect::<Vec<_>>(),
            expected,
            "{identifier}"
        );
    }
    let found: Vec<&str> = identifiers("fn a_b(x: &Str) -> 7;")
        .map(|(_, word)| word)
        .collect();
    assert_eq!(found, ["fn", "a_b", "x", "Str", "7"]);
}

#[test]
fn forms_of_a_word_have_one_stem() {
    for forms in [
        &["parse", "parser", "parsing", "parses", "parsed"][..],
        &["validate", "validation", "validator", "validating"],
        &["retry", "retries"],
        &["cache", "cached", "caching", "caches"],
        &["split", "splitting", "splits"],
        &["serialize", "serialization", "serializer"],
        &["cancel", "cancelled", "cancels"],
    ] {
        let stems: std::collections::BTreeSet<String> =
            forms.iter().map(|form| stem(form)).collect();
        assert_eq!(stems.len(), 1, "{forms:?}: {stems:?}");
    }
    for different in [
        ["port", "parse"],
        ["status", "state"],
        ["process", "proceed"],
    ] {
        assert_ne!(stem(different[0]), stem(different[1]));
    }
}

#[test]
fn a_story_becomes_words_and_names() {
    let query = Query::of("Add retries to `fetch_page`", "The HttpClient should wait.");
    let stems: Vec<&str> = query.stems.keys().map(String::as_str).collect();
    assert_eq!(stems, ["client", "fetch", "http", "pag", "retry", "wait"]);
    let exact: Vec<&str> = query.exact.keys().map(String::as_str).collect();
    assert_eq!(exact, ["fetch_page", "httpclient"]);
    assert!(Query::of("Add the new one", "").is_empty());
}

#[test]
fn the_file_that_defines_what_is_asked_for_comes_first() {
    let files = [
        (
            "src/mail.py",
            "class EmailParser:\n    def validate(self, address):\n        return '@' in address\n",
        ),
        (
            "src/form.py",
            "from mail import EmailParser\n\nparser = EmailParser()\nprint(parser.validate(email))\n",
        ),
        (
            "tests/test_mail.py",
            "def test_email_validation():\n    assert validate(email)\n    email validation email\n",
        ),
        (
            "README.md",
            "email validation email validation email address validate\n",
        ),
        ("src/other.py", "def unrelated():\n    pass\n"),
    ];
    let query = Query::of("Validate an email address", "");
    let source = files[0].1;
    let mut counter = Counter::new(&query);
    let files = files.iter();
    let counted: Vec<_> = files
        .map(|(path, text)| counter.count(path, text))
        .collect();
    let found = rank(&query, &counted, 3);
    let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["src/mail.py", "src/form.py", "tests/test_mail.py"]);
    assert_eq!(found[0].score, 1000);
    assert_eq!(found[0].matched, ["address", "email", "validate"]);
    let excerpt = counter.excerpt(source);
    let lines: Vec<u32> = excerpt.iter().map(|line| line.line).collect();
    assert_eq!(lines, [1, 2, 3]);
    assert_eq!(rank(&Query::of("Zebra", ""), &counted, 3), []);
}

#[test]
fn a_repository_is_described_by_its_manifests() {
    let paths = [
        "Cargo.toml",
        "src/lib.rs",
        "src/a/b.rs",
        "tests/one.rs",
        "tests/two.rs",
        "web/package.json",
    ];
    let paths: Vec<String> = paths.map(ToOwned::to_owned).into();
    let manifests = [
        ("Cargo.toml", "[package]"),
        (
            "web/package.json",
            "{\"devDependencies\":{\"vitest\":\"1\"}}",
        ),
    ];
    let manifests: Vec<(String, String)> = manifests
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .into();
    let info = codebase::describe(&paths, &manifests);
    assert_eq!(info.project_types, ["rust", "node"]);
    assert_eq!(info.test_framework.as_deref(), Some("cargo test"));
    assert_eq!(
        info.layout,
        [
            "tests/ (2 files)",
            "src/ (1 files)",
            "src/a/ (1 files)",
            "web/ (1 files)"
        ]
    );
    assert_eq!(info.existing_patterns, ["tests lie in `tests/` (2 files)"]);
}
