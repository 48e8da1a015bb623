//! Other people's code, with other people's tests: a released Python package, worked on by five agents at once.

mod edits;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aura_tests::ScriptedAgent;
use serde_json::Value;

/// The package as pip knows it, pinned to what the edits were written for.
const REQUIREMENT: &str = "more-itertools==10.5.0 \
    --hash=sha256:5482bfef7849c25dc3c6dd53a6173ae4795da2a41a80faea6700d9f5846c5da6\n";
const ARCHIVE: &str = "more-itertools-10.5.0.tar.gz";
const FOLDER: &str = "more-itertools-10.5.0";

/// Two of five tasks are green alone and red together. Exactly one of the two is sent back, is shown why, and repairs its work; the
/// others are started once; the target ends green with all five.
#[test]
fn five_changes_to_a_released_package_land_green() {
    let directory = tempfile::tempdir().expect("a directory");
    let repo = match fetch(directory.path()) {
        Ok(repo) => repo,
        Err(why) => return skip(&why),
    };
    make_repository(&repo);
    let before = unittest(&repo).expect("the released package is green");
    let plan = directory.path().join("plan.yaml");
    std::fs::write(&plan, edits::PLAN).expect("written");
    let agent = ScriptedAgent::new(env!("CARGO_BIN_EXE_fake-agent"), &edits::script());

    let output = Command::new(aura())
        .arg("run")
        .arg(&plan)
        .arg("--repo")
        .arg(&repo)
        .args(["--agent-command", &agent.command().join(" ")])
        .args(["--gate", "unittest=python3 -m unittest"])
        .args(["--parallel", "3", "--merge", "--json"])
        .env("HOME", directory.path())
        .output()
        .expect("aura starts");

    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(agent.failures(), [""; 0]);
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect();
    let report = lines.last().expect("a report");
    assert_eq!(report["outcome"], "completed", "{report}");
    let ejected: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "task.ejected")
        .collect();
    assert_eq!(ejected.len(), 1, "{ejected:#?}");
    assert_eq!(ejected[0]["task"], "pick");
    assert_eq!(ejected[0]["class"], "gate");
    let mut starts: BTreeMap<String, usize> = BTreeMap::new();
    for start in agent.starts() {
        *starts.entry(start.task).or_default() += 1;
    }
    let expected = [
        ("document", 1),
        ("dotproduct", 1),
        ("factor", 1),
        ("nth", 1),
        ("pick", 2),
    ];
    assert_eq!(
        starts,
        BTreeMap::from(expected.map(|(task, times)| (task.to_owned(), times)))
    );

    assert_eq!(git(&repo, &["status", "--porcelain"]), "");
    assert_eq!(git(&repo, &["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    let after = unittest(&repo).expect("main is green");
    // One test was rewritten; the others were added.
    assert_eq!(after, before + edits::NEW_TESTS);
    let documented = git(&repo, &["show", "main:docs/api.rst"]);
    assert!(documented.contains("autofunction:: pick"), "{documented}");
}

/// Gets the package and unpacks it. `Err` when that cannot be done here and now, which says nothing about Aura.
fn fetch(directory: &Path) -> Result<PathBuf, String> {
    let requirements = directory.join("requirements.txt");
    std::fs::write(&requirements, REQUIREMENT).expect("written");
    let pip = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-binary",
        ":all:",
        "--no-deps",
        "--require-hashes",
        "--requirement",
        "requirements.txt",
    ];
    let fetched = python(directory, &pip);
    if let Err(why) = &fetched {
        assert!(!why.contains("DO NOT MATCH THE HASHES"), "{why}");
    }
    fetched?;
    python(directory, &["-m", "tarfile", "--extract", ARCHIVE, "."])?;
    Ok(directory.join(FOLDER))
}

fn python(directory: &Path, args: &[&str]) -> Result<Output, String> {
    let output = Command::new("python3")
        .args(args)
        .current_dir(directory)
        .output()
        .map_err(|error| format!("python3 does not start: {error}"))?;
    if output.status.success() {
        Ok(output)
    } else {
        Err(format!("python3 {}: {}", args.join(" "), told(&output)))
    }
}

/// Says so where the test harness does not keep it to itself, and fails when everything is required.
fn skip(why: &str) {
    assert!(
        std::env::var_os("AURA_REQUIRE_ALL").is_none(),
        "AURA_REQUIRE_ALL is set, and the package could not be fetched: {why}"
    );
    let line = format!("\nSKIPPED: a third-party package, since it could not be fetched: {why}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}

fn make_repository(repo: &Path) {
    git(repo, &["init", "--quiet", "--initial-branch=main"]);
    git(repo, &["config", "user.name", "Tester"]);
    git(repo, &["config", "user.email", "tester@example.org"]);
    // The tasks add to tests that are there, as their plan does not say.
    let config = repo.join(".aura/agent-config.yaml");
    std::fs::create_dir_all(repo.join(".aura")).expect("a directory");
    std::fs::write(config, "protected: { enabled: false }\n").expect("written");
    git(repo, &["add", "."]);
    git(
        repo,
        &["commit", "--quiet", "-m", "The package as released"],
    );
}

/// How many tests there are, when all of them pass.
fn unittest(repo: &Path) -> Result<usize, String> {
    let output = python(repo, &["-B", "-m", "unittest"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    said.lines()
        .find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse().ok())
        .ok_or_else(|| format!("no count of tests: {said}"))
}

/// The `aura` command. It belongs to another package, so that only cargo knows where it is and whether it is up to date.
fn aura() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "aura-cli", "--bin", "aura"])
        .args(["--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo starts");
    assert!(output.status.success(), "{}", told(&output));
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo says where the executable is")
}

fn git(repo: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(repo)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git {args:?}: {}", told(&output));
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

fn told(output: &Output) -> String {
    format!(
        "{}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
