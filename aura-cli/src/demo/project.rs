//! The repository that the demo works on.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aura_core::{Error, ErrorKind, Result};

/// A repository with one commit on `main`, and a plan beside it.
#[derive(Debug)]
pub(crate) struct Project {
    /// What the program is written in.
    pub(crate) language: &'static str,
    /// Where everything is.
    pub(crate) dir: PathBuf,
    /// The repository.
    pub(crate) repo: PathBuf,
    /// The plan.
    pub(crate) plan: PathBuf,
    /// Who judges, as `--gate` takes it.
    pub(crate) gates: [&'static str; 2],
}

/// What a project is made from.
pub(super) struct Template {
    language: &'static str,
    files: &'static [(&'static str, &'static str)],
    pub(super) plan: &'static str,
    gates: [&'static str; 2],
}

macro_rules! files {
    ($dir:literal: $($path:literal),+) => {
        &[$(($path, include_str!(concat!($dir, "/", $path)))),+]
    };
}

/// A program in Python with tests of its own.
pub(super) const PYTHON: Template = Template {
    language: "Python",
    files: files!("python":
        ".gitignore", "README.md", "shop/__init__.py", "shop/__main__.py", "shop/cart.py", "shop/total.py",
        "shop/commands.py", "tests/__init__.py", "tests/test_cart.py", "tests/test_commands.py"),
    plan: include_str!("python/plan.yaml"),
    gates: [
        "build=python3 -m compileall -q shop tests",
        "test=python3 -m unittest",
    ],
};

/// The same for where there is no Python.
pub(super) const SHELL: Template = Template {
    language: "shell",
    files: files!("shell": "README.md", "shop.sh", "lib/cart.sh", "tests/run.sh", "tests/test_total.sh"),
    plan: include_str!("shell/plan.yaml"),
    // A file that is named here would be a judge, and the tasks change it.
    gates: [
        "build=find . -maxdepth 1 -name *.sh -exec sh -n {} +",
        "test=sh tests/run.sh",
    ],
};

impl Project {
    /// Makes the project in a directory that is empty or not there yet.
    ///
    /// # Errors
    /// `InvalidInput` where something is in the directory; `Io` and `Git` where it cannot be made.
    pub(crate) fn make(dir: &Path) -> Result<Self> {
        let template = if has_python() { &PYTHON } else { &SHELL };
        Self::of(template, dir)
    }

    pub(super) fn of(template: &Template, dir: &Path) -> Result<Self> {
        let dir = std::path::absolute(dir).map_err(|error| Error::io("resolve", dir, error))?;
        let is_used = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
        if is_used {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("{} is not empty", dir.display()),
            )
            .with_help("name a new directory, so that nothing of yours is touched"));
        }
        let repo = dir.join("shop");
        for (path, text) in template.files {
            write(&repo.join(path), text)?;
        }
        let plan = dir.join("plan.yaml");
        write(&plan, template.plan)?;
        git(&repo, ["init", "--quiet", "--initial-branch=main"])?;
        git(&repo, ["config", "user.name", "Aura demo"])?;
        git(&repo, ["config", "user.email", "demo@example.invalid"])?;
        git(&repo, ["add", "--all"])?;
        git(&repo, ["commit", "--quiet", "--message=A small shop"])?;
        Ok(Self {
            language: template.language,
            dir,
            repo,
            plan,
            gates: template.gates,
        })
    }

    /// The first ten characters of what a branch or `HEAD` names.
    ///
    /// # Errors
    /// `Git` where there is no such thing.
    pub(crate) fn commit(&self, name: &str) -> Result<String> {
        git(&self.repo, ["rev-parse", "--short=10", name])
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
    }
    std::fs::write(path, text).map_err(|error| Error::io("write", path, error))
}

fn has_python() -> bool {
    let mut python = Command::new("python3");
    let version = python
        .args(["-c", "import unittest, compileall"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}

/// Runs git untouched by whatever the user has configured.
fn git<const N: usize>(repo: &Path, arguments: [&str; N]) -> Result<String> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            command.env_remove(name);
        }
    }
    let nothing = if cfg!(windows) { "NUL" } else { "/dev/null" };
    let output = command
        .args([
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "commit.gpgSign=false",
        ])
        .args(arguments)
        .current_dir(repo)
        .env("GIT_CONFIG_GLOBAL", nothing)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            Error::new(ErrorKind::Git, format!("git could not be started: {error}"))
                .with_help("install git and put it on PATH")
                .with_source(error)
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Error::new(
        ErrorKind::Git,
        format!(
            "git {} failed: {}",
            arguments.first().unwrap_or(&""),
            String::from_utf8_lossy(&output.stderr).trim()
        ),
    ))
}

/// A path as a word of a command line.
pub(super) fn text(path: impl AsRef<OsStr>) -> String {
    path.as_ref().to_string_lossy().into_owned()
}
