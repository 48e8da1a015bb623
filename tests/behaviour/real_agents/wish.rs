//! From a sentence to done: one line with a real agent that plans and works, and another one that reviews.

use super::cast::Cast;
use super::command::{aura, cast};

/// A repository with a test, so that there is something to be kept green.
fn prepare(cast: &Cast) {
    cast.repo.write(
        "test_base.py",
        "import unittest\n\n\nclass Base(unittest.TestCase):\n    def test_it(self):\n        self.assertTrue(True)\n",
    );
    cast.repo.write(
        "signup.py",
        "def signup(email):\n    # No validation of the address yet.\n    return {'email': email}\n",
    );
    cast.repo.commit("base");
}

fn done(cast: &Cast, worker: &str, reviewer: &str) {
    prepare(cast);
    let words = [
        "run",
        "Add email validation",
        "--description",
        "Addresses have one at sign; the form refuses others.",
        "--decompose",
        "--agent",
        worker,
        "--review",
        reviewer,
        "--gate",
        "test=python3 -m unittest -q",
        "--parallel",
        "2",
        "--merge",
    ];
    let output = aura(cast, ["ok"; 3], &words);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(cast.left(), [""; 0]);
    for part in [
        "context found: signup.py",
        "plan: 3 tasks in 2 waves",
        "gate review",
        "gate test",
        "landed",
        "check test passed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let files = cast.repo.git(["ls-tree", "--name-only", "main"]);
    assert_eq!(
        files.lines().collect::<Vec<_>>(),
        [
            "README.md",
            "form.py",
            "mail.py",
            "signup.py",
            "test_base.py",
            "test_mail.py"
        ],
        "{said}"
    );
    let log = cast.repo.git(["log", "--format=%s", "-3", "main"]);
    let log: std::collections::BTreeSet<&str> = log.lines().collect();
    assert_eq!(
        log,
        ["Check addresses", "Check the form", "Test the check"].into()
    );
}

#[test]
fn copilot_does_what_a_sentence_says_and_claude_reviews_it() {
    if let Some(cast) = cast() {
        done(&cast, "copilot", "claude");
    }
}

#[test]
fn claude_does_what_a_sentence_says_and_copilot_reviews_it() {
    if let Some(cast) = cast() {
        done(&cast, "claude", "copilot");
    }
}
