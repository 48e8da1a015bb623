//! The parts of the suites.

use std::env;
use std::path::Path;

use crate::suite::{Suite, root, succeeds, target};
use crate::{installs, say};

/// What the test command was asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Nothing: all of them.
    languages: Vec<Language>,
    /// Also what takes long.
    extended: bool,
    /// A missing tool is a failure.
    require_all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Language {
    Rust,
    Python,
    Node,
    VsCode,
}

impl Options {
    pub(crate) fn parse(words: &[String]) -> Result<Self, String> {
        let mut options = Self::default();
        for word in words {
            match word.as_str() {
                "rust" => options.languages.push(Language::Rust),
                "py" => options.languages.push(Language::Python),
                "node" => options.languages.push(Language::Node),
                "vscode" => options.languages.push(Language::VsCode),
                "--extended" => options.extended = true,
                "--require-all" => options.require_all = true,
                other => return Err(format!("`{other}` is not understood")),
            }
        }
        Ok(options)
    }

    fn wants(&self, language: Language) -> bool {
        self.languages.is_empty() || self.languages.contains(&language)
    }

    /// What tests look at.
    fn environment(&self) -> Vec<(&'static str, &'static str)> {
        let flags = [
            (self.extended, "AURA_EXTENDED"),
            (self.require_all, "AURA_REQUIRE_ALL"),
        ];
        let set = flags.into_iter().filter(|(set, _)| *set);
        set.map(|(_, name)| (name, "1")).collect()
    }
}

/// All tests.
pub(crate) fn test(options: &Options) -> Suite {
    let mut suite = Suite::of_tests(options.require_all);
    if options.wants(Language::Rust) {
        rust(&mut suite, options);
    } else if !suite.run("programs for the tests", PROGRAMS) {
        return suite;
    }
    if options.wants(Language::Python) {
        python(&mut suite, options);
    }
    if options.wants(Language::Node) {
        node(&mut suite, options);
    }
    if options.wants(Language::VsCode) {
        vscode(&mut suite, options);
    }
    suite
}

/// The scripted agent and what else the tests of other languages start; the Rust tests build them, too.
const PROGRAMS: &[&str] = &[
    "cargo",
    "build",
    "--package",
    "aura-tests",
    "--package",
    "aura-cli",
    "--bins",
];

/// What a build with the feature can do besides, and what its dependencies change for everything else: maps of JSON keep their order.
const LLM: &[&str] = &[
    "cargo",
    "test",
    "--package",
    "aura-core",
    "--package",
    "aura-cli",
    "--package",
    "aura-tests",
    "--features",
    "aura-tests/llm",
    "--lib",
    "--test",
    "behaviour",
    "--no-fail-fast",
    "--",
    "llm",
    "language_model",
    "embed",
    "sample",
    "schema",
    "asked",
];

fn rust(suite: &mut Suite, options: &Options) {
    installs::install(suite, options.extended);
    let environment = options.environment();
    if succeeds(&["cargo", "nextest", "--version"]) {
        let words = ["cargo", "nextest", "run", "--workspace", "--no-fail-fast"];
        suite.run_with("tests", &root(), &words, &environment);
        let words = ["cargo", "test", "--workspace", "--doc"];
        suite.run_with("doc tests", &root(), &words, &environment);
    } else {
        let words = ["cargo", "test", "--workspace", "--no-fail-fast"];
        suite.run_with("tests and doc tests", &root(), &words, &environment);
    }
    for example in ["run_plan", "own_agent", "own_gate"] {
        let words = [
            "cargo",
            "run",
            "--quiet",
            "-p",
            "aura-examples",
            "--bin",
            example,
        ];
        suite.run(&format!("example {example}"), &words);
    }
    demo(suite);
    // Last of those that build the programs, since these are then without it again.
    suite.run_with("tests of language models", &root(), LLM, &environment);
    // Tests of other languages need them also where no test of this language does.
    suite.run("programs for the tests", PROGRAMS);
}

fn python(suite: &mut Suite, options: &Options) {
    if !succeeds(&["python3", "-m", "venv", "--help"]) {
        suite.missing("python", "python3 with venv is not installed");
        return;
    }
    let venv = target().join("venv");
    let python = venv.join("bin/python");
    let (place, python) = (text(&venv), text(&python));
    let ready = suite.run("python: environment", &["python3", "-m", "venv", &place])
        && suite.run(
            "python: packages",
            &[
                &python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "-r",
                "aura-py/requirements-dev.txt",
            ],
        )
        && suite.run_with(
            "python: build",
            &root(),
            &[
                &python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--force-reinstall",
                "--no-deps",
                "./aura-py",
            ],
            // The profile that everything else was built with.
            &[("MATURIN_PEP517_ARGS", "--profile dev")],
        );
    if ready {
        let words = [&python, "-m", "pytest", "-q", "aura-py/tests"];
        suite.run_with(
            "python: tests",
            &root(),
            &words,
            &with_bin(options).borrowed(),
        );
    }
}

fn node(suite: &mut Suite, options: &Options) {
    if !succeeds(&["npm", "--version"]) {
        suite.missing("node", "node with npm is not installed");
        return;
    }
    let package = root().join("aura-node");
    if install(suite, "node", &package)
        && suite.run_with("node: build", &package, &["npm", "run", "build:debug"], &[])
    {
        let words = ["npm", "test"];
        suite.run_with(
            "node: tests",
            &package,
            &words,
            &with_bin(options).borrowed(),
        );
    }
}

/// After [`node`]: the extension embeds the package as it was built.
fn vscode(suite: &mut Suite, options: &Options) {
    let package = root().join("examples/vscode");
    if !succeeds(&["npm", "--version"]) {
        suite.missing("vscode", "node with npm is not installed");
        return;
    }
    if !root().join("aura-node/dist").is_dir() {
        suite.missing("vscode", "the package for node is not built");
        return;
    }
    if !install(suite, "vscode", &package) {
        return;
    }
    let environment = with_bin(options);
    let words = ["npm", "test"];
    let passed = suite.run_with("vscode: tests", &package, &words, &environment.borrowed());
    if passed && options.extended {
        let words = ["node", "drive/main.mjs"];
        suite.run_with(
            "vscode: in an editor",
            &package,
            &words,
            &environment.borrowed(),
        );
    }
}

fn install(suite: &mut Suite, name: &str, package: &Path) -> bool {
    let words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    suite.run_with(&format!("{name}: packages"), package, &words, &[])
}

/// The environment of tests that start programs that cargo built.
struct Environment(Vec<(&'static str, String)>);

impl Environment {
    fn borrowed(&self) -> Vec<(&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, value)| (*name, value.as_str())).collect()
    }
}

fn with_bin(options: &Options) -> Environment {
    let flags = options.environment().into_iter();
    let mut all: Vec<_> = flags
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    all.push(("AURA_TEST_BIN", text(&target().join("debug"))));
    Environment(all)
}

/// Formatting, lints and documentation.
pub(crate) fn lint() -> Suite {
    let mut suite = Suite::default();
    suite.run("format", &["cargo", "fmt", "--all", "--check"]);
    let words = [
        "cargo",
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    suite.run("clippy", &words);
    let features = "aura-node/llm,aura-py/llm,aura-tests/llm";
    let words = [
        "cargo",
        "clippy",
        "--workspace",
        "--features",
        features,
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    suite.run("clippy with language models", &words);
    let words = [
        "cargo",
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ];
    let environment = [("RUSTDOCFLAGS", "-D warnings")];
    suite.run_with("documentation", &root(), &words, &environment);
    let words = [
        "cargo",
        "doc",
        "--package",
        "aura-core",
        "--features",
        "llm",
        "--no-deps",
        "--document-private-items",
    ];
    suite.run_with(
        "documentation of language models",
        &root(),
        &words,
        &environment,
    );
    suite
}

/// The demo, in a directory that goes away when it passed.
fn demo(suite: &mut Suite) {
    let dir = env::temp_dir().join(format!("aura-xtask-demo-{}", std::process::id()));
    let place = text(&dir);
    let words = [
        "cargo", "run", "--quiet", "-p", "aura-cli", "--", "demo", "--keep", &place,
    ];
    if suite.run("demo", &words) {
        let _ = std::fs::remove_dir_all(&dir);
    } else {
        say(&format!("the demo's files are in {place}"));
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        let words: Vec<String> = line.split_whitespace().map(ToOwned::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_understood_or_refused() {
        let all = parse("").expect("options");
        let every = [
            Language::Rust,
            Language::Python,
            Language::Node,
            Language::VsCode,
        ];
        assert!(every.iter().all(|language| all.wants(*language)));
        let some = parse("--extended rust py --require-all").expect("options");
        assert!(some.wants(Language::Python) && !some.wants(Language::Node));
        assert_eq!(
            some.environment(),
            [("AURA_EXTENDED", "1"), ("AURA_REQUIRE_ALL", "1")]
        );
        assert!(parse("rust cobol").is_err());
    }
}
