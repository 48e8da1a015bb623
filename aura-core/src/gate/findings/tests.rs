//! Recorded outputs of real programs, and any bytes.

use proptest::prelude::*;

use super::*;

macro_rules! fixture {
    ($name:literal) => {
        ($name, include_str!(concat!("fixtures/", $name, ".txt")))
    };
}

fn read(output: &str) -> Parsed {
    parse(&text::clean(output.as_bytes()), Path::new("/repo"), true)
}

/// `FILE:LINE:COLUMN MESSAGE`, with the first line of the message.
fn show(finding: &Finding) -> String {
    let number = |number: Option<u32>| number.map(|n| format!(":{n}")).unwrap_or_default();
    let place = format!(
        "{}{}{}",
        finding.file.as_deref().unwrap_or("-"),
        number(finding.line),
        number(finding.column)
    );
    format!(
        "{place} {}",
        finding.message.lines().next().unwrap_or_default()
    )
}

#[test]
fn recorded_outputs_are_understood() {
    type Case = (
        (&'static str, &'static str),
        Option<(u64, u64, u64)>,
        bool,
        &'static [&'static str],
    );
    let cases: &[Case] = &[
        (
            fixture!("cargo_build_red"),
            None,
            false,
            &[
                "src/lib.rs:36:24 E0308: mismatched types",
                "src/lib.rs:37:5 E0425: cannot find function `undefined_function` in this scope",
            ],
        ),
        (
            fixture!("cargo_syntax"),
            None,
            false,
            &["src/lib.rs:33:9 this file contains an unclosed delimiter"],
        ),
        (
            fixture!("cargo_test_red"),
            Some((3, 3, 1)),
            false,
            &[
                "- tests::returns_an_error: Error: \"no luck\"",
                "src/lib.rs:21:9 tests::adds_wrong: assertion `left == right` failed: sums are off",
                "tests/outer.rs:10:10 outer_panics: index out of bounds: the len is 0 but the index is 3",
            ],
        ),
        (fixture!("cargo_test_green"), Some((3, 0, 1)), false, &[]),
        (
            fixture!("nextest_red"),
            Some((2, 3, 1)),
            false,
            &[
                "- sample tests::returns_an_error: Error: \"no luck\"",
                "src/lib.rs:21:9 sample tests::adds_wrong: assertion `left == right` failed: sums are off",
                "tests/outer.rs:10:10 sample::outer outer_panics: index out of bounds: the len is 0 but the index is 3",
            ],
        ),
        (fixture!("nextest_green"), Some((1, 0, 5)), false, &[]),
        (fixture!("nextest_none"), Some((0, 0, 6)), true, &[]),
        (
            fixture!("pytest_red"),
            Some((3, 4, 1)),
            false,
            &[
                "test_sample.py:7 test_sample.py::test_wrong: AssertionError: sums are off",
                "test_sample.py:11 test_sample.py::TestGroup::test_crash: KeyError: 'missing'",
                "test_sample.py:30 test_sample.py::test_param[2]: assert 2 == 1",
                "test_sample.py:15 test_sample.py::test_fixture: RuntimeError: no database",
            ],
        ),
        (
            fixture!("pytest_red_quiet"),
            Some((3, 4, 1)),
            false,
            &[
                "test_sample.py:7 test_sample.py::test_wrong: AssertionError: sums are off",
                "test_sample.py:11 test_sample.py::TestGroup::test_crash: KeyError: 'missing'",
                "test_sample.py:30 test_sample.py::test_param[2]: assert 2 == 1",
                "test_sample.py:15 test_sample.py::test_fixture: RuntimeError: no database",
            ],
        ),
        (fixture!("pytest_green"), Some((1, 0, 0)), false, &[]),
        (fixture!("pytest_none"), Some((0, 0, 0)), true, &[]),
        (fixture!("pytest_usage"), None, false, &[]),
        (
            fixture!("pytest_import"),
            Some((0, 1, 0)),
            false,
            &["test_bad.py:1 test_bad.py: ModuleNotFoundError: No module named 'no_such_module'"],
        ),
        (
            fixture!("pytest_conftest"),
            None,
            false,
            &["conftest.py:1 conftest: ModuleNotFoundError: No module named 'nosuch'"],
        ),
        (
            fixture!("unittest_red"),
            Some((2, 3, 1)),
            false,
            &[
                "test_sample.py:11 test_crash (test_sample.Sums.test_crash): KeyError: 'missing'",
                "test_sample.py:20 test_many (test_sample.Sums.test_many) (i=1): AssertionError: 1 == 1",
                "test_sample.py:8 test_wrong (test_sample.Sums.test_wrong): AssertionError: 2 != 3 : sums are off",
            ],
        ),
        (
            fixture!("unittest_313"),
            Some((2, 3, 1)),
            false,
            &[
                "test_sample.py:11 test_crash (test_sample.Sums.test_crash): KeyError: 'missing'",
                "test_sample.py:20 test_many (test_sample.Sums.test_many) (i=1): AssertionError: 1 == 1",
                "test_sample.py:8 test_wrong (test_sample.Sums.test_wrong): AssertionError: 2 != 3 : sums are off",
            ],
        ),
        (fixture!("unittest_green"), Some((1, 0, 1)), false, &[]),
        (fixture!("unittest_none"), Some((0, 0, 0)), true, &[]),
        (fixture!("unittest_none_312"), Some((0, 0, 0)), true, &[]),
        (
            fixture!("unittest_import"),
            Some((0, 1, 0)),
            false,
            &[
                "test_bad.py:1 test_bad (unittest.loader._FailedTest.test_bad): ModuleNotFoundError: No module named 'no_such_module'",
            ],
        ),
        (
            fixture!("compileall"),
            None,
            false,
            &["bad.py:1 SyntaxError: invalid syntax"],
        ),
        (
            fixture!("node_tap"),
            Some((1, 3, 1)),
            false,
            &[
                "a.test.js:3:1 wrong: Expected values to be strictly equal:",
                "a.test.js:5:38 inner: boom",
            ],
        ),
        (
            fixture!("node_spec"),
            Some((1, 3, 1)),
            false,
            &[
                "a.test.js:3:1 wrong: AssertionError [ERR_ASSERTION]: Expected values to be strictly equal:",
                "a.test.js:5:38 inner: Error: boom",
            ],
        ),
        (fixture!("node_green"), Some((1, 0, 0)), false, &[]),
    ];
    for ((name, output), counts, ran_nothing, findings) in cases {
        let parsed = read(output);
        let counted = parsed.counts.map(|c| (c.passed, c.failed, c.skipped));
        assert_eq!(counted, *counts, "{name}");
        let shown: Vec<_> = parsed.findings.iter().map(show).collect();
        assert_eq!(shown, *findings, "{name}");
        assert_eq!(parsed.ran_nothing, *ran_nothing, "{name}");
    }
}

#[test]
fn explanations_have_several_lines() {
    let message = |output| read(output).findings.remove(0).message;
    let (_, pytest) = fixture!("pytest_red");
    assert!(message(pytest).ends_with(": AssertionError: sums are off\nassert (1 + 1) == 3"));
    let (_, cargo) = fixture!("cargo_test_red");
    let panic = read(cargo).findings.remove(1).message;
    assert!(
        panic.ends_with("failed: sums are off\nleft: 2\nright: 3"),
        "{panic}"
    );
}

#[test]
fn totals_are_read_in_every_form() {
    for (output, expected) in [
        ("= 2 passed in 0.01s =", Some((2, 0, 0))),
        ("1 failed, 2 passed in 61.05s (0:01:01)", Some((2, 1, 0))),
        ("2 passed, 1 failed in 1.00s", Some((2, 1, 0))),
        ("1 passed, 1 warning in 1.00s", Some((1, 0, 0))),
        ("3 errors in 0.5s", Some((0, 3, 0))),
        ("2 subtests passed, 1 passed in 0.5s", Some((1, 0, 0))),
        ("1 passed, 2 subtests passed in 0.5s", Some((1, 0, 0))),
        ("no tests ran in 0.01s", Some((0, 0, 0))),
        ("5 apples in 3s", None),
        (
            "Ran 3 tests in 0.1s\n\nFAILED (failures=1, errors=1)",
            Some((1, 2, 0)),
        ),
        ("Ran 1 test in 0.1s\n\nFAILED (failures=3)", Some((0, 3, 0))),
        (
            "Ran 2 tests in 0.1s\n\nFAILED (unexpected successes=1)",
            Some((1, 1, 0)),
        ),
        (
            "Ran 1 test in 0.1s\n\nOK\nRan 2 tests in 0.1s\n\nOK",
            Some((3, 0, 0)),
        ),
        (
            "test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out",
            Some((1, 0, 2)),
        ),
        ("    test result: ok. 1 passed; 0 failed; 2 ignored;", None),
        (
            "     Summary [   1.5s] 2/5 tests run: 1 passed (1 slow), 1 timed out, 3 skipped",
            Some((1, 1, 3)),
        ),
        (
            "Passed!  - Failed:     0, Passed:   183, Skipped:     0, Total:   183",
            Some((183, 0, 0)),
        ),
        (
            "Failed!  - Failed:     1, Passed:     2, Skipped:     3, Total:     6, Duration: 2 s - A.dll (net8.0)\n\
             Passed!  - Failed:     0, Passed:     5, Skipped:     0, Total:     5, Duration: 1 s - B.dll (net8.0)",
            Some((7, 1, 3)),
        ),
        (
            "Total tests: 4\n     Passed: 2\n     Failed: 1\n    Skipped: 1",
            Some((2, 1, 1)),
        ),
        ("     Passed: 2", None),
        (
            "Test summary: total: 4, failed: 1, succeeded: 2, skipped: 1, duration: 1.0s",
            Some((2, 1, 1)),
        ),
        ("Tests:       1 failed, 9 passed, 10 total", Some((9, 1, 0))),
        ("      Tests  1 failed | 2 passed (3)", Some((2, 1, 0))),
        (
            "  3 passing (5ms)\n  1 pending\n  2 failing",
            Some((3, 2, 1)),
        ),
        (
            "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n--- SKIP: TestB (0.00s)",
            Some((1, 0, 1)),
        ),
        ("ok  \texample.com/a\t0.002s", None),
        (
            "99999999999999999999999 passed in 1.0s",
            Some((u64::MAX, 0, 0)),
        ),
    ] {
        let counts = read(output).counts.map(|c| (c.passed, c.failed, c.skipped));
        assert_eq!(counts, expected, "{output}");
    }
}

#[test]
fn places_of_other_tools_are_found() {
    for (output, expected) in [
        (
            "Program.cs(3,5): error CS0103: The name 'x' does not exist [/repo/a.csproj]",
            "Program.cs:3:5 CS0103: The name 'x' does not exist",
        ),
        (
            "/repo/src/P.cs(3,5): error CS0103: gone [/repo/a.csproj]",
            "src/P.cs:3:5 CS0103: gone",
        ),
        (
            "src/a.ts(3,5): error TS2322: Type 'x'",
            "src/a.ts:3:5 TS2322: Type 'x'",
        ),
        (
            "src/a.ts:3:5 - error TS2322: Type 'x'",
            "src/a.ts:3:5 TS2322: Type 'x'",
        ),
        ("./a.c:3:5: error: expected ';'", "a.c:3:5 expected ';'"),
        (
            "a.c:3:5: fatal error: no.h: No such file",
            "a.c:3:5 no.h: No such file",
        ),
        (
            "pkg/a.py:3: error: Incompatible types  [assignment]",
            "pkg/a.py:3 Incompatible types  [assignment]",
        ),
        (
            "./add.go:10:2: undefined: missing",
            "add.go:10:2 undefined: missing",
        ),
        (
            "vet: ./add.go:10:2: undefined: missing",
            "add.go:10:2 undefined: missing",
        ),
        ("/usr/include/a.h:3:5: error: odd", "- odd"),
        ("../out/a.c:3:5: error: odd", "- odd"),
        ("a.c:0:5: error: odd", "a.c odd"),
        (
            "--- FAIL: TestAdd (0.00s)\n    add_test.go:9: got 2\n        want 3\nFAIL\nFAIL\texample.com/a\t0.002s",
            "- TestAdd: got 2",
        ),
        (
            "--- FAIL: TestAdd (0.00s)\n    --- FAIL: TestAdd/zero (0.00s)\n        add_test.go:9: got 2\nFAIL",
            "- TestAdd/zero: got 2 (add_test.go:9)",
        ),
        (
            "  Failed A.B.Wrong [12 ms]\n  Error Message:\n   Assert.Equal() Failure\n  Stack Trace:\n     at X.Y() in /usr/x.cs:line 3\n     at A.B.Wrong() in /repo/T.cs:line 11\n",
            "T.cs:11 A.B.Wrong: Assert.Equal() Failure",
        ),
        (
            "Traceback (most recent call last):\n  File \"/repo/run.py\", line 4, in <module>\n    f()\n  File \"/usr/lib/x.py\", line 9, in f\n    raise E\npkg.Odd: gone",
            "run.py:4 pkg.Odd: gone",
        ),
        (
            "---- a stdout ----\nthread 'a' panicked at 'no: ''quoted''', src/x.rs:5:9\nnote: run",
            "src/x.rs:5:9 a: no: ''quoted''",
        ),
        (
            "error: linking with `cc` failed: exit status: 1",
            "- linking with `cc` failed: exit status: 1",
        ),
    ] {
        let findings = read(output).findings;
        assert_eq!(
            findings.iter().map(show).collect::<Vec<_>>(),
            [expected],
            "{output}"
        );
    }
}

#[test]
fn a_file_of_a_go_test_is_found_in_the_folder_of_its_package() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("pkg/inner")).unwrap();
    std::fs::write(folder.path().join("pkg/inner/add_test.go"), "").unwrap();
    let output = "--- FAIL: TestAdd (0.00s)\n    add_test.go:9: got 2\nFAIL\nFAIL\texample.com/mod/pkg/inner\t0.002s\n";
    let found = parse(output, folder.path(), true).findings;
    assert_eq!(
        found.iter().map(show).collect::<Vec<_>>(),
        ["pkg/inner/add_test.go:9 TestAdd: got 2"]
    );
}

const RULE: &str = "----------------------------------------------------------------------";
const DOUBLE_RULE: &str = "======================================================================";

#[test]
fn each_failure_has_its_own_explanation() {
    let trace =
        "Traceback (most recent call last):\n  File \"/repo/b.py\", line 4, in t\nKeyError: 1";
    for (output, expected) in [
        (
            "not ok 1 - a\nnot ok 2 - b\n  ---\n  location: 'b.js:1:1'\n  error: 'boom'\n  ...\nnot ok 3 - c\nok 4 - d\n  \
             error: 'other'"
                .to_owned(),
            vec!["- a: failed", "b.js:1:1 b: boom", "- c: failed"],
        ),
        (
            format!("{DOUBLE_RULE}\nFAIL: a\n{DOUBLE_RULE}\nFAIL: b\nabout b\n{RULE}\n{trace}\n\n{RULE}\nRan 2 tests in 0.1s\n"),
            vec!["- a: failed", "b.py:4 b: KeyError: 1"],
        ),
        (
            "____ test_x ____\nE   one\na.py:1: E\n____ test_x ____\nE   two\nb.py:2: E\n____ ERROR collecting c.py ____\nE   three\n\
             c.py:3: E\n____ ERROR at setup of T.test_y ____\nE   four\nlib.py:4: E\n= short test summary info =\n\
             FAILED b.py::test_x - x\nFAILED a.py::test_x - x\nERROR c.py\nERROR d.py::T::test_y - x\nFAILED e.py::test_z - x"
                .to_owned(),
            vec![
                "b.py:2 b.py::test_x: two",
                "a.py:1 a.py::test_x: one",
                "c.py:3 c.py: three",
                "lib.py:4 d.py::T::test_y: four",
                "e.py e.py::test_z: x",
            ],
        ),
        (
            "---- a stdout ----\n---- b stdout ----\nError: two\n---- a stdout ----\nError: one".to_owned(),
            vec!["- a: Error: one", "- b: Error: two"],
        ),
    ] {
        let findings = read(&output).findings;
        let shown: Vec<_> = findings.iter().map(show).collect();
        assert_eq!(shown, expected, "{output}");
    }
}

/// Takes very long where each failure is looked for from the beginning, or to the end.
#[test]
fn many_failures_are_read_like_few() {
    type Line = fn(usize) -> String;
    const COUNT: usize = 10_000;
    let lines = |line: Line| (0..COUNT).map(line).collect::<String>();
    let package = format!("FAIL\t{}", "p/".repeat(100_000));
    let summary = lines(|n| format!("FAILED a.py::t{n} - x\n"));
    let summary = format!("= short test summary info =\n{summary}");
    let forms: &[(Line, &str)] = &[
        (|n| format!("not ok {n} - t{n}\n"), ""),
        (|n| format!("{DOUBLE_RULE}\nFAIL: t{n}\n"), ""),
        (|n| format!("---- t{n} stdout ----\n"), ""),
        (|n| format!("___ t{n} ___\na.py:1: E\n"), &summary),
        (|_| "___ t1 ___\nb.py:1: E\n".to_owned(), &summary),
        (
            |n| format!("--- FAIL: t{n} (0.00s)\n    a_test.go:1: x\n"),
            &package,
        ),
    ];
    for (form, end) in forms {
        let parsed = read(&(lines(*form) + end));
        assert_eq!(parsed.findings.len(), MAX_FINDINGS, "{}", form(1));
    }
}

#[test]
fn what_is_kept_is_bounded_and_said_once() {
    let errors: String = (1..=200)
        .map(|i| format!("a.c:{i}:1: error: {}\n", "x".repeat(5000)))
        .collect();
    let parsed = read(&errors);
    assert_eq!(parsed.findings.len(), MAX_FINDINGS);
    assert!(
        parsed
            .findings
            .iter()
            .all(|one| one.message.len() == MAX_MESSAGE)
    );
    assert_eq!(read(&"a.c:1:1: error: x\n".repeat(3)).findings.len(), 1);
}

#[test]
fn a_part_of_an_output_gives_no_counts() {
    let output =
        "test result: ok. 1 passed; 0 failed; 0 ignored;\nno tests ran in 0.01s\na.c:1:1: error: x";
    let parsed = parse(output, Path::new("/repo"), false);
    assert_eq!(
        (parsed.counts, parsed.ran_nothing, parsed.findings.len()),
        (None, false, 1)
    );
}

/// Lines that parsers look for, in pieces, so that random texts come near to them.
const PIECES: &[&str] = &[
    "error",
    "[E0308]",
    ": ",
    "--> ",
    "src/x.rs",
    ":1:2",
    ":",
    "\n",
    "---- ",
    " stdout ----",
    "thread 'a' panicked at ",
    "'",
    "', ",
    "test result: ok. ",
    "1 passed; 2 failed; 3 ignored;",
    "     Summary [ 0.1s] ",
    "5 tests run: ",
    "9 passed, ",
    "FAIL [ 0.1s] ",
    "= short test summary info =",
    "FAILED ",
    "ERROR ",
    "a.py::b",
    " - ",
    "____ a ____",
    "E   x",
    " in 0.1s",
    "Ran 3 tests in 0.1s",
    "OK",
    "FAILED (failures=1)",
    "FAIL: a",
    "======================================================================",
    "----------------------------------------------------------------------",
    "Traceback (most recent call last):",
    "  File \"/repo/a.py\", line 3",
    "Error: x",
    "--- FAIL: T (0.0s)",
    "    a_test.go:3: x",
    "FAIL\tp\t1s",
    "not ok 1 - x",
    "location: '",
    "error: |-",
    "...",
    "✖ failing tests:",
    "test at ",
    "✖ a (1ms)",
    "  Failed a [1 ms]",
    "Error Message:",
    "ℹ pass 18446744073709551615",
    "\u{e9}",
    "99999999999999999999",
    " ",
    "",
];

#[test]
fn numbers_that_no_suite_has_are_survived() {
    let most = u64::MAX;
    let output = format!(
        "     Summary [   0.1s] 1 tests run: {most} passed, {most} passed, {most} skipped, {most} skipped\n"
    );
    let counts = parse(&output, Path::new("/repo"), true).counts;
    let counts = counts.expect("a summary");
    assert_eq!((counts.passed, counts.skipped), (most, most));
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes: Vec<u8>, complete: bool) {
        parse(&text::clean(&bytes), Path::new("/repo"), complete);
    }

    #[test]
    fn any_text_near_to_real_output_is_survived(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let output: String = pieces.into_iter().map(|index| PIECES[index]).collect();
        let parsed = parse(&output, Path::new("/repo"), true);
        prop_assert!(parsed.findings.len() <= MAX_FINDINGS);
        for finding in parsed.findings {
            prop_assert!(finding.file.is_none_or(|file| !file.starts_with('/') && file.split('/').all(|part| part != "..")));
            prop_assert!(finding.line != Some(0) && finding.message.len() <= MAX_MESSAGE);
        }
    }
}
