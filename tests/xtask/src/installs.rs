//! What tests run or read and registries have: coding agents in `agents`, and packages in `packages`, of the target directory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::say;
use crate::suite::{Suite, root, succeeds, target};

/// Installs what is not there yet. Without a registry the tests leave themselves out, unless everything is required.
pub(crate) fn install(suite: &mut Suite, extended: bool) {
    if !succeeds(&["npm", "--version"]) {
        suite.missing("packages", "node with npm is not installed");
        return;
    }
    npm(suite, "agents/npm", "tests/agents");
    npm(suite, "packages/npm", "tests/packages");
    pip(suite, "packages/pip", "tests/packages");
    if extended {
        npm(suite, "agents/extended", "tests/agents/extended");
        pip(suite, "agents/aider", "tests/agents/extended");
    }
}

/// What the manifest in `source` pins.
fn npm(suite: &mut Suite, place: &str, source: &str) {
    let place = target().join(place);
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let words = [
        "npm",
        "ci",
        "--no-progress",
        "--prefer-offline",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
    ];
    let source = root().join(source);
    let ready = is_installed(&place, &source, files[1])
        || (copied(&place, &source, &files)
            && told(&place, &words)
            && done(&place, &source, files[1]));
    if !ready {
        let why = format!("npm could not install what {} pins", source.display());
        suite.missing("packages", &why);
    }
}

/// What the requirements in `source` pin, in an environment of its own.
fn pip(suite: &mut Suite, place: &str, source: &str) {
    let place = target().join(place);
    let source = root().join(source);
    let pins = "requirements.txt";
    let wanted = source.join(pins).display().to_string();
    let program = place.join("bin/pip").display().to_string();
    let ready = is_installed(&place, &source, pins)
        || (fs::create_dir_all(&place).is_ok()
            && told(&place, &["python3", "-m", "venv", "."])
            && told(&place, &[&program, "install", "--quiet", "-r", &wanted])
            && done(&place, &source, pins));
    if !ready {
        let why = format!("python3 with venv could not install {wanted}");
        suite.missing("packages", &why);
    }
}

/// The file that says what was installed, written last.
const STAMP: &str = "installed";

fn is_installed(place: &Path, source: &Path, pins: &str) -> bool {
    let there = fs::read(place.join(STAMP)).ok();
    there.is_some() && there == fs::read(source.join(pins)).ok()
}

fn done(place: &Path, source: &Path, pins: &str) -> bool {
    fs::copy(source.join(pins), place.join(STAMP)).is_ok()
}

fn copied(place: &Path, source: &Path, files: &[&str]) -> bool {
    // What was installed is replaced.
    let _ = fs::remove_file(place.join(STAMP));
    fs::create_dir_all(place).is_ok()
        && files
            .iter()
            .all(|file| fs::copy(source.join(file), place.join(file)).is_ok())
}

/// Runs a command that may fail, with its output shown.
fn told(place: &Path, words: &[&str]) -> bool {
    say(&format!("\n== packages: {}", words.join(" ")));
    let begun = Instant::now();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .current_dir(place)
        .stdin(Stdio::null());
    let passed = command.status().is_ok_and(|status| status.success());
    let word = if passed { "done" } else { "not done" };
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!("== packages: {word} in {seconds:.1} s"));
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_installed_again_only_when_the_pins_change() {
        let dir = std::env::temp_dir().join(format!("aura-xtask-agents-{}", std::process::id()));
        let (place, source) = (dir.join("place"), dir.join("source"));
        fs::create_dir_all(&source).expect("a directory");
        fs::write(source.join("pins"), "one").expect("a file");
        assert!(!is_installed(&place, &source, "pins"));
        assert!(copied(&place, &source, &["pins"]) && !is_installed(&place, &source, "pins"));
        assert!(done(&place, &source, "pins") && is_installed(&place, &source, "pins"));
        fs::write(source.join("pins"), "two").expect("a file");
        assert!(!is_installed(&place, &source, "pins"));
        assert!(copied(&place, &source, &["pins"]));
        fs::write(source.join("pins"), "one").expect("a file");
        assert!(!is_installed(&place, &source, "pins"));
        assert!(!copied(&place, &source, &["missing"]));
        fs::remove_dir_all(dir).expect("removed");
    }
}
