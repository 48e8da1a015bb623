//! The behaviour tests: what Aura promises, shown with real repositories, real processes and a scripted agent.

#[cfg(unix)]
mod agent;
#[cfg(unix)]
mod attribution;
#[cfg(unix)]
mod budgets;
mod ceremony;
#[cfg(unix)]
mod cheaters;
#[cfg(unix)]
mod conformance;
mod context;
#[cfg(target_os = "linux")]
mod crash;
mod direction;
#[cfg(unix)]
mod forged;
#[cfg(unix)]
mod interference;
#[cfg(unix)]
mod kit;
#[cfg(unix)]
mod landing;
#[cfg(unix)]
mod landing_steered;
#[cfg(unix)]
mod liars;
#[cfg(all(unix, feature = "llm"))]
mod llm;
mod neighbours;
#[cfg(unix)]
mod options;
mod parity;
mod planted;
#[cfg(unix)]
mod prompts;
#[cfg(unix)]
mod quota;
mod real_agents;
mod repository;
#[cfg(unix)]
mod scripted_llm;
#[cfg(unix)]
mod seal;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod steering;
#[cfg(unix)]
mod stories;
#[cfg(unix)]
mod third_party;
#[cfg(unix)]
mod untouched;

use std::fs;
use std::path::Path;

/// A file that nobody names is a test that never runs.
#[test]
fn every_file_of_this_directory_is_part_of_it() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("behaviour");
    let forgotten = forgotten(&dir, &dir.join("main.rs"));
    assert!(forgotten.is_empty(), "no `mod` line names {forgotten:?}");
}

#[test]
fn a_forgotten_file_is_noticed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let files = [
        ("main.rs", "mod named;\n// mod commented;\n"),
        ("named.rs", "pub(crate) mod inner;\n"),
        ("commented.rs", ""),
        ("named/inner.rs", ""),
        ("named/lost.rs", ""),
        ("loose/mod.rs", ""),
    ];
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    let mut found = forgotten(dir.path(), &dir.path().join("main.rs"));
    found.sort();
    assert_eq!(found, ["commented", "loose", "lost"]);
}

/// Modules in `dir` that the file of the module above them does not name.
fn forgotten(dir: &Path, parent: &Path) -> Vec<String> {
    let source = fs::read_to_string(parent).unwrap_or_default();
    let mut forgotten = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let is_module = path.is_dir() || path.extension().is_some_and(|end| end == "rs");
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !is_module || path == parent || name == "mod" {
            continue;
        }
        let line = format!("mod {name};");
        let is_named = source.lines().any(|text| {
            let text = text.trim();
            text.ends_with(&line) && !text.starts_with("//")
        });
        if !is_named {
            forgotten.push(name.clone());
        } else if path.is_dir() {
            let inside = path.join("mod.rs");
            let above = if inside.exists() {
                inside
            } else {
                path.with_extension("rs")
            };
            forgotten.extend(self::forgotten(&path, &above));
        }
    }
    forgotten.sort();
    forgotten.dedup();
    forgotten
}
