//! What is asked about, and what is not.

use super::rules::{Guarded, Rules};
use super::sections::Parts;
use super::*;
use crate::gate::presets;
use crate::gate::tests::{context, request};

#[test]
fn what_judges_is_known_by_its_path() {
    let more = ["scripts/gate/".to_owned(), "**/*.proto".to_owned()];
    let named = ["tools/gate.sh", "tests/all.sh", "cargo.toml"];
    let named = named.into_iter().map(ToOwned::to_owned).collect();
    let rules = Rules::new(&more, named).unwrap();
    let whole = "
        .github/workflows/ci.yml .gitlab-ci.yml .circleci/config.yml Jenkinsfile ci/Jenkinsfile.nightly azure-pipelines.yml
        Makefile lib/makefile lib/GNUmakefile build.rs crates/a/build.rs rules.mk justfile noxfile.py
        conftest.py tests/conftest.py tests/unit/conftest.py pytest.ini tox.ini .coveragerc jest.config.js web/vitest.config.mts
        sitecustomize.py a/usercustomize.py unittest.py unittest/__init__.py pytest/__main__.py evil.pth .envrc .cargo/config.toml
        .githooks/pre-commit .husky/pre-push .pre-commit-config.yaml .gitattributes sub/.gitattributes .gitmodules
        vite.config.ts web/vite.config.mjs bunfig.toml go.work CMakeLists.txt sub/CMakeLists.txt build.gradle app/build.gradle.kts
        settings.gradle settings.gradle.kts gradle/wrapper/gradle-wrapper.properties pom.xml sub/pom.xml .mvn/maven.config
        .gitignore sub/.gitignore .gitleaks.toml .ci/run Tools/Gate.sh tasks.yaml plan.json q3.plan.yml node_modules/mocha/index.js
        scripts/gate/check.sh api/v1.proto";
    for path in whole.split_whitespace() {
        assert_eq!(rules.of(path), Guarded::Whole, "{path}");
    }
    for path in [".aura/agent-config.yaml", ".aura/plans/a.yaml", ".Aura/x"] {
        assert_eq!(rules.of(path), Guarded::Always, "{path}");
    }
    let tests = "
        tests/all.sh tests/test_a.py test/a.js src/__tests__/a.ts spec/a_spec.rb pkg/a_test.go web/a.test.tsx web/a.spec.js test_a.py
        src/test/java/ATest.java src/ATests.cs tests/data/x.bin a/testdata/x.golden ui/__snapshots__/a.snap tests suite.bats";
    for path in tests.split_whitespace() {
        assert_eq!(rules.of(path), Guarded::Test, "{path}");
    }
    let parts = [
        ("package.json", Parts::NodePackage),
        ("web/package.json", Parts::NodePackage),
        ("pyproject.toml", Parts::PythonProject),
        ("setup.cfg", Parts::PythonSetup),
        ("crates/a/Cargo.toml", Parts::CargoManifest),
        ("Cargo.toml", Parts::CargoManifest),
    ];
    for (path, kind) in parts {
        assert_eq!(rules.of(path), Guarded::Parts(kind), "{path}");
    }
    let free = "
        src/lib.rs README.md docs/testing.md src/contest.py src/latest.js src/attestation.go package-lock.json Cargo.lock
        src/unittest_helper.py github/a.yml src/planning.json scripts/other.sh";
    for path in free.split_whitespace() {
        assert_eq!(rules.of(path), Guarded::Not, "{path}");
    }
}

#[test]
fn only_some_parts_of_project_files_judge() {
    let node = r#"{"version": "1", "scripts": {"test": "mocha"}}"#;
    let python = "[project]\ndependencies = []\n[tool.pytest.ini_options]\naddopts = '-q'\n";
    let setup = "[metadata]\nname = a\n[tool:pytest]\naddopts =\n    -q\n";
    let cargo = "[package]\nname = 'a'\n[[bin]]\nname = 'b'\n[lints]\nworkspace = true\n[workspace]\nmembers = ['a']\n[dependencies]\n";
    // What is put in the place of a text, and whether all that judges is as it was.
    type Case = (&'static str, &'static str, bool);
    let cases: [(Parts, &str, &[Case]); 4] = [
        (
            Parts::NodePackage,
            node,
            &[
                ("\"1\"", r#""2", "dependencies": {"a": "1"}"#, true),
                ("mocha", "true", false),
                (r#", "scripts": {"test": "mocha"}"#, "", false),
                (r#""test""#, r#""posttest": "x", "test""#, false),
                ("{\"version", "{{", false),
                (node, "", false),
                (node, "[]", false),
            ],
        ),
        (
            Parts::PythonProject,
            python,
            &[
                ("[]", "['a']\n\n# why", true),
                ("[project]", "[tool.ruff]\nx = 1\n[project]", true),
                ("[project]", "[tool.pytester]\nx = 1\n[project]", true),
                ("addopts = '-q'", "'addopts'=\"-q\" # the same", true),
                (
                    "[tool.pytest.ini_options]\n",
                    "[tool]\npytest.ini_options.",
                    true,
                ),
                ("-q", "-q -k no", false),
                ("[tool.pytest.ini_options]\naddopts = '-q'", "", false),
                (
                    "[project]",
                    "[ 'tool' . \"pytest\" ]\nx = 1\n[project]",
                    false,
                ),
                (
                    "[project]",
                    "tool.coverage.run.omit = ['*']\n[project]",
                    false,
                ),
                ("[project]", "tool = { tox = { x = 1 } }\n[project]", false),
                ("[project]", "[tool.pytest_env]\nX = '1'\n[project]", false),
                (
                    "[project]",
                    "[tool.hatch.envs.default.scripts]\ntest = 'true'\n[project]",
                    false,
                ),
                (
                    "[project]",
                    "[build-system]\nbackend-path = ['.']\n[project]",
                    false,
                ),
                (
                    "[project]",
                    "[project.entry-points.pytest11]\nx = 'x'\n[project]",
                    false,
                ),
                ("[project]", "[project", false),
                ("[project]", "[project]\na = 1\na = 2", false),
            ],
        ),
        (
            Parts::PythonSetup,
            setup,
            &[
                ("= a", "= b", true),
                ("-q", "-q -x", false),
                ("-q", "-q\n    [x]\naddopts = -k no", false),
                (
                    "[metadata]",
                    "  [coverage:run]\nomit = *\n[metadata]",
                    false,
                ),
            ],
        ),
        (
            Parts::CargoManifest,
            cargo,
            &[
                ("name = 'a'", "name = 'a'\nversion = '2'", true),
                (
                    "[dependencies]",
                    "[dependencies]\nb = '1'\n[dev-dependencies.c]\npath = 'c'",
                    true,
                ),
                ("[dependencies]", "[workspace.dependencies]\nb = '1'", true),
                ("[[bin]]", "[[bin]]\nname = 'c'\n[[bin]]", true),
                ("name = 'a'", "name = 'a'\nautotests = false", false),
                ("name = 'a'", "name = 'a'\n\"autotests\" = false", false),
                ("name = 'a'", "name = 'a'\nbuild = 'src/gen.rs'", false),
                (
                    "[package]",
                    "package.build = 'src/gen.rs'\n[package]",
                    false,
                ),
                ("[package]", "lib.test = false\n[package]", false),
                ("[[bin]]", "[[bin]]\ntest = false", false),
                (
                    "[[bin]]",
                    "[[test]]\nname = 'x'\nharness = false\n[[bin]]",
                    false,
                ),
                (
                    "[[bin]]",
                    "[patch.crates-io]\nb = { path = 'b' }\n[[bin]]",
                    false,
                ),
                (
                    "[[bin]]",
                    "[profile.test]\ndebug-assertions = false\n[[bin]]",
                    false,
                ),
                ("['a']", "[]", false),
                ("[lints]\nworkspace = true", "", false),
                ("[[bin]]", "[[bin", false),
            ],
        ),
    ];
    for (parts, before, cases) in cases {
        for (from, to, same) in cases {
            assert!(before.contains(from), "{parts:?}: {from}");
            let after = before.replace(from, to);
            let is_same = parts.are_same(Some(before), Some(&after));
            assert_eq!(is_same, *same, "{parts:?}: {after}");
        }
    }
}

#[test]
fn a_new_project_file_may_say_what_others_say() {
    for (parts, new, same) in [
        (Parts::NodePackage, "{\"name\": \"a\"}", true),
        (Parts::PythonProject, "[project]\nname = 'a'", true),
        (Parts::PythonProject, "[tool.pytest]\nx = 1", false),
        (
            Parts::CargoManifest,
            "[package]\nname = 'a'\n[lints]\nworkspace = true",
            true,
        ),
        (Parts::CargoManifest, "[package]\nbuild = 'x.rs'", false),
    ] {
        assert_eq!(parts.are_same(None, Some(new)), same, "{parts:?}: {new}");
    }
}

struct Repo {
    folder: tempfile::TempDir,
    repo: git2::Repository,
}

impl Repo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let repo = git2::Repository::init(folder.path()).unwrap();
        Self { folder, repo }
    }

    /// A commit with exactly these files.
    fn commit(&self, files: &[(&str, &str)]) -> Oid {
        let files = files.iter().map(|(path, text)| (*path, 0o100_644, *text));
        self.commit_as(&files.collect::<Vec<_>>())
    }

    /// The same, where each has its mode.
    fn commit_as(&self, files: &[(&str, u32, &str)]) -> Oid {
        let repo = &self.repo;
        let mut index = git2::Index::new().unwrap();
        for (path, mode, text) in files {
            let id = match mode {
                0o160_000 => Oid::from_bytes(&[9; 20]).unwrap(),
                _ => repo.blob(text.as_bytes()).unwrap(),
            };
            let entry = git2::IndexEntry {
                ctime: git2::IndexTime::new(0, 0),
                mtime: git2::IndexTime::new(0, 0),
                dev: 0,
                ino: 0,
                mode: *mode,
                uid: 0,
                gid: 0,
                file_size: 0,
                id,
                flags: 0,
                flags_extended: 0,
                path: path.as_bytes().to_vec(),
            };
            index.add(&entry).unwrap();
        }
        let tree = repo.find_tree(index.write_tree_to(repo).unwrap()).unwrap();
        let who = git2::Signature::new("A", "a@example.com", &git2::Time::new(0, 0)).unwrap();
        repo.commit(None, &who, &who, "x", &tree, &[]).unwrap()
    }

    async fn judge(&self, task: StoryTask, base: Oid, commit: Oid) -> GateVerdict {
        self.judge_with(&[], task, base, commit).await
    }

    /// The verdict in a run whose gates start these commands, each one a line.
    async fn judge_with(
        &self,
        commands: &[&str],
        task: StoryTask,
        base: Oid,
        commit: Oid,
    ) -> GateVerdict {
        let words = |line: &&str| line.split('|').map(ToOwned::to_owned).collect();
        let request = GateRequest {
            task: Some(task.id.clone()),
            subject: Some(std::sync::Arc::new(task)),
            base: base.into(),
            commit: commit.into(),
            commands: std::sync::Arc::new(commands.iter().map(words).collect()),
            ..request(self.folder.path())
        };
        let gate = presets::protected_paths();
        gate.gate().check(request, context().0).await.verdict
    }
}

const BASE: &[(&str, &str)] = &[
    ("src/a.py", "1"),
    ("tests/test_a.py", "a"),
    ("tests/test_b.py", "b"),
    ("Makefile", "test:"),
    (".aura/secrets-allow", ""),
    ("package.json", r#"{"scripts": {}}"#),
];

fn with<'a>(changes: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    let kept = BASE.iter().copied();
    let kept = kept.filter(|(path, _)| !changes.iter().any(|(changed, _)| changed == path));
    let new = changes
        .iter()
        .filter_map(|(path, text)| Some((*path, (*text)?)));
    kept.chain(new).collect()
}

#[tokio::test]
async fn undeclared_changes_of_what_judges_need_a_person() {
    let repo = Repo::new();
    let base = repo.commit(BASE);
    type Changes = &'static [(&'static str, Option<&'static str>)];
    let cases: &[(Changes, &[&str], &[&str])] = &[
        (&[("src/a.py", Some("2"))], &[], &[]),
        (
            &[("src/a.py", Some("2")), ("tests/test_c.py", Some("c"))],
            &[],
            &[],
        ),
        (
            &[("tests/test_a.py", Some("weaker"))],
            &[],
            &["tests/test_a.py"],
        ),
        (&[("tests/test_a.py", None)], &[], &["tests/test_a.py"]),
        (
            &[("tests/test_a.py", None), ("tests/no_a.py", Some("a"))],
            &[],
            &["tests/test_a.py"],
        ),
        (
            &[("tests/test_a.py", Some("x")), ("Makefile", Some("x"))],
            &["tests/"],
            &["Makefile"],
        ),
        (&[("tests/test_a.py", Some("x"))], &["tests/test_a.py"], &[]),
        (&[("tests/test_a.py", Some("x"))], &["tests/*.py"], &[]),
        (
            &[("tests/test_a.py", Some("x"))],
            &["tests/test_b.py"],
            &["tests/test_a.py"],
        ),
        (
            &[("tests/test_a.py", Some("x"))],
            &["tests/test_a.py/deeper"],
            &["tests/test_a.py"],
        ),
        (&[("tests/test_a.py", Some("x"))], &["**"], &[]),
        (
            &[(".aura/secrets-allow", Some("**"))],
            &["**"],
            &[".aura/secrets-allow"],
        ),
        (
            &[
                ("Makefile", Some("x")),
                (".aura/agent-config.yaml", Some("x")),
            ],
            &["src/", ".aura/agent-config.yaml"],
            &["Makefile", ".aura/agent-config.yaml"],
        ),
        (
            &[("tests/conftest.py", Some("x"))],
            &[],
            &["tests/conftest.py"],
        ),
        (
            &[(".github/workflows/a.yml", Some("x"))],
            &["src/"],
            &[".github/workflows/a.yml"],
        ),
        (
            &[("package.json", Some(r#"{"scripts": {}, "name": "x"}"#))],
            &[],
            &[],
        ),
        (
            &[("package.json", Some(r#"{"scripts": {"test": ""}}"#))],
            &[],
            &["package.json"],
        ),
    ];
    for (changes, files, asked) in cases {
        let commit = repo.commit(&with(changes));
        let task = StoryTask::new("a", "A").files(files.iter().copied());
        let verdict = repo.judge(task, base, commit).await;
        match (&verdict, asked.is_empty()) {
            (GateVerdict::Passed, true) => {}
            (GateVerdict::NeedsHuman { why }, false) => {
                for path in BASE.iter().chain(&with(changes)).map(|(path, _)| path) {
                    let named = why.contains(&format!("`{path}`"));
                    assert_eq!(named, asked.contains(path), "{path}: {why}");
                }
                assert!(why.contains("approve task `a`"), "{why}");
            }
            _ => panic!("{changes:?} with {files:?}: {verdict:?}"),
        }
    }
}

#[tokio::test]
async fn another_kind_of_file_is_a_change_of_it() {
    const FILE: u32 = 0o100_644;
    const PROGRAM: u32 = 0o100_755;
    const LINK: u32 = 0o120_000;
    const SUBMODULE: u32 = 0o160_000;
    let repo = Repo::new();
    let manifest = "[project]\nname = 'a'\n";
    let files = [
        ("pyproject.toml", FILE, manifest),
        ("package.json", PROGRAM, "{}"),
        ("tests/test_a.py", FILE, "a"),
        ("src/a.py", FILE, "a"),
    ];
    let base = repo.commit_as(&files);
    for (change, is_asked) in [
        (("pyproject.toml", FILE, "[project]\nname = 'b'\n"), false),
        (("pyproject.toml", PROGRAM, manifest), true),
        (("pyproject.toml", LINK, "new.toml"), true),
        (("pyproject.toml", LINK, "a='b'"), true),
        (("pyproject.toml", SUBMODULE, ""), true),
        (("package.json", PROGRAM, r#"{"name": "b"}"#), false),
        (("package.json", FILE, "{}"), true),
        (("tests/test_a.py", PROGRAM, "a"), true),
        (("src/a.py", PROGRAM, "a"), false),
        (("web/pyproject.toml", FILE, manifest), false),
        (("web/pyproject.toml", LINK, "a='b'"), true),
        // Everything below such a path is new, too.
        (("unittest", LINK, "src"), true),
        (("unittest", SUBMODULE, ""), true),
        (("unittest", FILE, ""), false),
        ((".aura", LINK, "src"), true),
        (("src/b", LINK, "a.py"), false),
        (("src/tests", LINK, "../tests"), false),
    ] {
        let kept = files.iter().copied().filter(|file| file.0 != change.0);
        let commit = repo.commit_as(&kept.chain([change]).collect::<Vec<_>>());
        let verdict = repo.judge(StoryTask::new("a", "A"), base, commit).await;
        let asks = matches!(verdict, GateVerdict::NeedsHuman { .. });
        assert_eq!(asks, is_asked, "{change:?}: {verdict:?}");
    }
}

#[tokio::test]
async fn files_that_the_commands_of_gates_name_judge() {
    let repo = Repo::new();
    let files = [
        ("scripts/check.sh", 0o100_644, "1"),
        ("scripts/link.sh", 0o120_000, "../tools/real.sh"),
        ("tools/real.sh", 0o100_755, "1"),
        ("ci", 0o120_000, "tools"),
        ("checks/all.py", 0o100_644, "1"),
        ("checks/__init__.py", 0o100_644, ""),
        ("a b.sh", 0o100_644, "1"),
        ("Cargo.toml", 0o100_644, ""),
        ("code.txt", 0o100_644, "1"),
    ];
    let base = repo.commit_as(&files);
    // Words of a command, with `|` between them; what was changed; whether a person is asked.
    for (command, changed, is_asked) in [
        ("sh|scripts/check.sh", "scripts/check.sh", true),
        ("sh|scripts/check.sh", "code.txt", false),
        ("make|-C|.", "scripts/check.sh", false),
        ("./scripts/check.sh", "scripts/check.sh", true),
        (
            "sh|./scripts/../scripts//check.sh",
            "scripts/check.sh",
            true,
        ),
        ("run|--config=scripts/check.sh", "scripts/check.sh", true),
        (
            "sh|-c|set -e; sh 'scripts/check.sh' && true",
            "scripts/check.sh",
            true,
        ),
        ("sh|-c|\"$PWD/scripts/check.sh\"", "scripts/check.sh", true),
        ("sh|-c|cd scripts && ./check.sh", "scripts/check.sh", true),
        ("sh|scripts/link.sh", "tools/real.sh", true),
        ("sh|scripts/link.sh", "scripts/link.sh", true),
        ("sh|ci/real.sh", "tools/real.sh", true),
        ("sh|ci/real.sh", "ci", true),
        ("python3|-m|checks.all", "checks/all.py", true),
        ("python3|-m|checks", "checks/__init__.py", true),
        ("sh|a b.sh", "a b.sh", true),
        // A whole folder is no script.
        ("lint|scripts", "scripts/check.sh", false),
        ("sh|/scripts/check.sh", "scripts/check.sh", false),
        ("sh|scripts/gone.sh", "scripts/check.sh", false),
        ("cargo|--manifest-path|Cargo.toml", "Cargo.toml", false),
    ] {
        let changes = files.map(|(path, mode, text)| match path == changed {
            true => (
                path,
                mode,
                if mode == 0o120_000 { "scripts" } else { "# 2" },
            ),
            false => (path, mode, text),
        });
        let commit = repo.commit_as(&changes);
        let task = StoryTask::new("a", "A").files(["src/"]);
        let commands = ["make|test", command];
        let verdict = repo.judge_with(&commands, task, base, commit).await;
        let asks = matches!(verdict, GateVerdict::NeedsHuman { .. });
        assert_eq!(asks, is_asked, "{command}, {changed}: {verdict:?}");
        let task = StoryTask::new("a", "A").files([changed]);
        let verdict = repo.judge_with(&commands, task, base, commit).await;
        assert_eq!(verdict, GateVerdict::Passed, "{command}, {changed}");
    }
}

#[tokio::test]
async fn what_cannot_be_compared_blames_nobody() {
    let repo = Repo::new();
    let base = repo.commit(BASE);
    let gone = Oid::from_bytes(&[7; 20]).unwrap();
    let task = StoryTask::new("a", "A");
    let verdict = repo.judge(task, base, gone).await;
    assert!(matches!(verdict, GateVerdict::Broken { .. }), "{verdict:?}");
    let gate = presets::protected_paths();
    let whole = gate.gate().check(request(repo.folder.path()), context().0);
    let verdict = whole.await.verdict;
    let GateVerdict::Broken { why } = verdict else {
        panic!("{verdict:?}");
    };
    assert!(why.contains("`after_task`"), "{why}");
}

#[test]
fn its_paths_are_checked_and_part_of_its_digest() {
    let digest = |paths: &[&str]| {
        let gate = presets::protected_paths_and(paths).unwrap();
        gate.definition().digest
    };
    assert_eq!(digest(&[]), presets::protected_paths().definition().digest);
    assert_ne!(digest(&[]), digest(&["a"]));
    assert_ne!(digest(&["a", "b"]), digest(&["ab"]));
    for wrong in ["../x", "/x", ""] {
        let error = presets::protected_paths_and([wrong]).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}
