//! Which gates a repository seems to want, by the files in its root. The first kind of project that is found decides.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use super::ConfiguredGate;
use super::presets::command;
use crate::process;
use crate::program;

/// A gate that was detected.
#[derive(Clone)]
pub struct Detected {
    /// The gate, named `build` or `test`, required, for candidates and for the final result.
    pub gate: ConfiguredGate,
    /// What it runs.
    pub command: Vec<String>,
    /// What it was detected by, for people.
    pub why: String,
}

/// The gates for the project in a directory; none when it is of no known kind. Reads a few files and blocks for that long.
pub fn detect(dir: impl AsRef<Path>) -> Vec<ConfiguredGate> {
    let found = detect_explained(dir).into_iter();
    found.map(|detected| detected.gate).collect()
}

/// As [`detect`], with the reasons.
pub fn detect_explained(dir: impl AsRef<Path>) -> Vec<Detected> {
    let path = process::base_environment(&[]).into_iter().rev();
    let path = path.into_iter().find(|(name, _)| name == "PATH");
    Project {
        dir: dir.as_ref(),
        path: path.as_ref().map(|(_, value)| value.as_os_str()),
    }
    .gates()
}

/// A directory, and the `PATH` that its gates will have.
struct Project<'a> {
    dir: &'a Path,
    path: Option<&'a OsStr>,
}

impl Project<'_> {
    fn gates(&self) -> Vec<Detected> {
        let kinds = [
            Self::dotnet,
            Self::node,
            Self::python_project,
            Self::cargo,
            Self::go,
            Self::make,
            Self::python_scripts,
        ];
        kinds.iter().find_map(|kind| kind(self)).unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.dir.join(name).is_file()
    }

    /// The text of a file, empty when it cannot be read.
    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.dir.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn first_of(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// The first file of a folder, by name, that a test of it accepts.
    fn file_in(&self, folder: &str, accepts: fn(&str) -> bool) -> Option<String> {
        let entries = fs::read_dir(self.dir.join(folder)).ok()?;
        let names = entries.flatten().filter(|entry| entry.path().is_file());
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        names.filter(|name| accepts(name)).min()
    }

    fn dotnet(&self) -> Option<Vec<Detected>> {
        let is_project = |name: &str| {
            [".sln", ".slnx", ".csproj"]
                .iter()
                .any(|end| name.ends_with(end))
        };
        let file = self.file_in(".", is_project)?;
        Some(vec![
            gate("build", &["dotnet", "build", "-v", "q"], &file),
            gate("test", &["dotnet", "test", "-v", "q"], &file),
        ])
    }

    fn node(&self) -> Option<Vec<Detected>> {
        let file = self.first_of(&["package.json"])?;
        let text = self.read(file);
        let package: serde_json::Value =
            serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
        let script = |name: &str| package.get("scripts")?.get(name)?.as_str();
        let mut gates = Vec::new();
        if script("build").is_some() {
            gates.push(gate(
                "build",
                &["npm", "run", "build"],
                "the script build in package.json",
            ));
        }
        // What `npm init` writes only says that there is no test.
        if script("test").is_some_and(|test| !test.contains("no test specified")) {
            gates.push(gate(
                "test",
                &["npm", "test"],
                "the script test in package.json",
            ));
        }
        (!gates.is_empty()).then_some(gates)
    }

    fn python_project(&self) -> Option<Vec<Detected>> {
        let file = self.first_of(&["pyproject.toml", "setup.py"])?;
        Some(self.python(file))
    }

    /// Python without a project file.
    fn python_scripts(&self) -> Option<Vec<Detected>> {
        let file = self.first_of(&["setup.cfg", "pytest.ini", "tox.ini", "requirements.txt"]);
        match file {
            Some(file) => Some(self.python(file)),
            None => self.python_tests().map(|(_, file)| self.python(&file)),
        }
    }

    fn python(&self, file: &str) -> Vec<Detected> {
        let mut gates = vec![gate(
            "build",
            &["python3", "-m", "compileall", "-q", "."],
            file,
        )];
        gates.extend(self.python_test());
        gates
    }

    fn python_test(&self) -> Option<Detected> {
        let configured = self.pytest_configuration();
        let tests = self.python_tests();
        if configured.is_none() && tests.is_none() {
            return None;
        }
        let installed = self.pytest_command();
        let why = match (&configured, &tests) {
            (Some(file), _) => format!("{file} configures pytest"),
            (None, Some((_, test))) if installed.is_some() => {
                format!("{test}, and pytest is installed")
            }
            (None, Some((_, test))) => test.clone(),
            (None, None) => return None,
        };
        match (installed, configured, tests) {
            (Some(argv), _, _) => Some(gate("test", argv, &why)),
            (None, Some(_), _) => Some(gate("test", &["python3", "-m", "pytest"], &why)),
            (None, None, Some((argv, _))) => Some(gate("test", argv, &why)),
            (None, None, None) => None,
        }
    }

    /// The file that says that the tests are for pytest.
    fn pytest_configuration(&self) -> Option<&'static str> {
        const SIGNS: &[(&str, &str)] = &[
            ("pytest.ini", ""),
            ("conftest.py", ""),
            ("tests/conftest.py", ""),
            ("pyproject.toml", "pytest"),
            ("setup.cfg", "[tool:pytest]"),
            ("tox.ini", "[pytest]"),
            ("requirements.txt", "pytest"),
            ("requirements-dev.txt", "pytest"),
            ("dev-requirements.txt", "pytest"),
        ];
        let found = SIGNS
            .iter()
            .find(|(file, sign)| self.has(file) && self.read(file).contains(sign))?;
        Some(found.0)
    }

    /// How to start pytest, when it is installed. By `python3 -m` where that is the same one, since then the tests can
    /// import what lies in the root.
    fn pytest_command(&self) -> Option<&'static [&'static str]> {
        let pytest = program::find("pytest", self.path)?;
        let python = program::find("python3", self.path)?;
        if pytest.parent() == python.parent() {
            Some(&["python3", "-m", "pytest"])
        } else {
            Some(&["pytest"])
        }
    }

    /// How `unittest` finds the tests, and one of them.
    fn python_tests(&self) -> Option<(&'static [&'static str], String)> {
        let is_test = |name: &str| name.starts_with("test") && name.ends_with(".py");
        if let Some(file) = self.file_in(".", is_test) {
            return Some((&["python3", "-m", "unittest"], file));
        }
        let folders: [(&str, &[&str]); 2] = [
            (
                "tests",
                &["python3", "-m", "unittest", "discover", "-s", "tests"],
            ),
            (
                "test",
                &["python3", "-m", "unittest", "discover", "-s", "test"],
            ),
        ];
        for (folder, discover) in folders {
            if let Some(file) = self.file_in(folder, is_test) {
                let file = format!("{folder}/{file}");
                if self.has(&format!("{folder}/__init__.py")) {
                    return Some((&["python3", "-m", "unittest"], file));
                }
                return Some((discover, file));
            }
        }
        None
    }

    fn cargo(&self) -> Option<Vec<Detected>> {
        let file = self.first_of(&["Cargo.toml"])?;
        Some(vec![
            gate("build", &["cargo", "build"], file),
            gate("test", &["cargo", "test"], file),
        ])
    }

    fn go(&self) -> Option<Vec<Detected>> {
        let file = self.first_of(&["go.mod"])?;
        Some(vec![
            gate("build", &["go", "build", "./..."], file),
            // Without `-v` it does not say how many tests ran.
            gate("test", &["go", "test", "-v", "./..."], file),
        ])
    }

    fn make(&self) -> Option<Vec<Detected>> {
        let file = self.first_of(&["GNUmakefile", "makefile", "Makefile"])?;
        let text = self.read(file);
        let has_target = |target: &str| {
            text.lines().any(|line| {
                let rest = line.strip_prefix(target).map(str::trim_start);
                rest.is_some_and(|rest| rest.starts_with(':') && !rest.starts_with(":="))
            })
        };
        let targets: [(&str, &[&str]); 2] =
            [("build", &["make", "build"]), ("test", &["make", "test"])];
        let gates = targets.into_iter().filter(|(target, _)| has_target(target));
        let gates = gates
            .map(|(target, argv)| gate(target, argv, &format!("the target {target} in {file}")));
        let gates: Vec<_> = gates.collect();
        (!gates.is_empty()).then_some(gates)
    }
}

fn gate(name: &str, argv: &[&str], why: &str) -> Detected {
    Detected {
        gate: command(name, argv.iter().copied()).counts_tests(name == "test"),
        command: argv.iter().map(ToString::to_string).collect(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::model::GateSchedule;

    /// A folder with these files, each with its text.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    /// `NAME: COMMAND (WHY)` of what is detected with these folders in `PATH`.
    fn show(dir: &Path, path: &[&Path]) -> Vec<String> {
        let path = std::env::join_paths(path).unwrap();
        let project = Project {
            dir,
            path: Some(&path),
        };
        let line = |one: Detected| {
            let definition = one.gate.definition();
            assert!(definition.required);
            assert_eq!(
                definition.at,
                [GateSchedule::AfterWave, GateSchedule::Final]
            );
            format!(
                "{}: {} ({})",
                definition.name,
                one.command.join(" "),
                one.why
            )
        };
        project.gates().into_iter().map(line).collect()
    }

    #[test]
    fn the_first_kind_of_project_decides() {
        const COMPILE: &str = "build: python3 -m compileall -q .";
        let package = r#"{"scripts": {"build": "tsc", "test": "node --test"}}"#;
        let untested = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
        type Files = [(&'static str, &'static str)];
        let cases: &[(&Files, &[&str])] = &[
            (&[], &[]),
            (&[("README.md", "x")], &[]),
            (
                &[("Cargo.toml", ""), ("Makefile", "build:\ntest:\n")],
                &[
                    "build: cargo build (Cargo.toml)",
                    "test: cargo test (Cargo.toml)",
                ],
            ),
            (
                &[("B.csproj", ""), ("A.sln", ""), ("package.json", package)],
                &[
                    "build: dotnet build -v q (A.sln)",
                    "test: dotnet test -v q (A.sln)",
                ],
            ),
            (
                &[("package.json", package), ("Cargo.toml", "")],
                &[
                    "build: npm run build (the script build in package.json)",
                    "test: npm test (the script test in package.json)",
                ],
            ),
            (&[("package.json", untested)], &[]),
            (
                &[("package.json", "{}"), ("go.mod", "")],
                &[
                    "build: go build ./... (go.mod)",
                    "test: go test -v ./... (go.mod)",
                ],
            ),
            (
                &[("package.json", "{"), ("Cargo.toml", "")],
                &[
                    "build: cargo build (Cargo.toml)",
                    "test: cargo test (Cargo.toml)",
                ],
            ),
            (
                &[("go.mod", "")],
                &[
                    "build: go build ./... (go.mod)",
                    "test: go test -v ./... (go.mod)",
                ],
            ),
            (
                &[("Makefile", "build := x\ntest: build\n\tcheck\nbuilder:\n")],
                &["test: make test (the target test in Makefile)"],
            ),
            (&[("Makefile", "all:\n")], &[]),
            (
                &[("pyproject.toml", "")],
                &[&format!("{COMPILE} (pyproject.toml)")],
            ),
            (
                &[("setup.py", ""), ("tests/test_a.py", "")],
                &[
                    &format!("{COMPILE} (setup.py)"),
                    "test: python3 -m unittest discover -s tests (tests/test_a.py)",
                ],
            ),
            (
                &[
                    ("setup.py", ""),
                    ("tests/test_a.py", ""),
                    ("tests/__init__.py", ""),
                ],
                &[
                    &format!("{COMPILE} (setup.py)"),
                    "test: python3 -m unittest (tests/test_a.py)",
                ],
            ),
            (
                &[("test_b.py", ""), ("test_a.py", "")],
                &[
                    &format!("{COMPILE} (test_a.py)"),
                    "test: python3 -m unittest (test_a.py)",
                ],
            ),
            (
                &[("pyproject.toml", "[tool.pytest.ini_options]")],
                &[
                    &format!("{COMPILE} (pyproject.toml)"),
                    "test: python3 -m pytest (pyproject.toml configures pytest)",
                ],
            ),
            (
                &[("requirements.txt", "pytest==8"), ("test_a.py", "")],
                &[
                    &format!("{COMPILE} (requirements.txt)"),
                    "test: python3 -m pytest (requirements.txt configures pytest)",
                ],
            ),
        ];
        for (files, expected) in cases {
            assert_eq!(show(folder(files).path(), &[]), *expected, "{files:?}");
        }
    }

    #[test]
    fn pytest_is_used_where_it_is_installed() {
        let project = folder(&[("test_a.py", "")]);
        let python = folder(&[("python3", "")]);
        let pytest = folder(&[("pytest", "")]);
        let both = folder(&[("python3", ""), ("pytest", "")]);
        for (path, expected) in [
            (vec![python.path()], "test: python3 -m unittest (test_a.py)"),
            (
                vec![both.path()],
                "test: python3 -m pytest (test_a.py, and pytest is installed)",
            ),
            (
                vec![python.path(), pytest.path()],
                "test: pytest (test_a.py, and pytest is installed)",
            ),
        ] {
            assert_eq!(show(project.path(), &path).last().unwrap(), expected);
        }
    }

    #[test]
    fn detected_gates_are_configured_gates() {
        let project = folder(&[("Cargo.toml", "")]);
        let names: Vec<_> = detect(project.path())
            .iter()
            .map(|gate| gate.definition().name)
            .collect();
        assert_eq!(names, ["build", "test"]);
        assert!(detect(project.path().join("missing")).is_empty());
    }
}
