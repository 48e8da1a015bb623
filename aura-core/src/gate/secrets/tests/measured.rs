//! False alarms on packages that people have published.

use std::path::{Path, PathBuf};

use super::super::scan::scanner;

/// Crates that this one is built with, so that their sources are where they were built from.
const CRATES: [&str; 3] = ["libgit2-sys-", "tokio-1", "handlebars-"];
/// Packages of other languages, where the tests of the repository have installed them.
const MORE: &[&str] = &["axios", "mypy", "clap"];

/// Lines that are looked at, and what is found in them.
#[derive(Default)]
struct Measured {
    files: usize,
    lines: usize,
    found: Vec<String>,
}

fn measure(top: &Path) -> Measured {
    let mut measured = Measured::default();
    let mut open = vec![top.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                measure_file(top, &entry.path(), &mut measured);
            }
        }
    }
    measured
}

fn measure_file(top: &Path, path: &Path, measured: &mut Measured) {
    let bytes = std::fs::read(path).unwrap();
    if bytes[..bytes.len().min(8000)].contains(&0) {
        return;
    }
    let name = path.strip_prefix(top).unwrap().to_string_lossy();
    measured.files += 1;
    measured.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
    for hit in scanner().unwrap().scan(&name, &bytes).unwrap() {
        let (rule, line) = (hit.rule, hit.line);
        measured.found.push(format!("{name}:{line} {rule}"));
    }
}

fn cargo_sources() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
    let registries = home.and_then(|home| std::fs::read_dir(home.join("registry/src")).ok());
    let registries = registries.into_iter().flatten().flatten();
    registries.map(|entry| entry.path()).collect()
}

/// The newest of a crate whose directory begins so.
fn find_crate(begin: &str) -> Option<PathBuf> {
    let all = cargo_sources().into_iter();
    let mut found: Vec<PathBuf> = all
        .filter_map(|registry| std::fs::read_dir(registry).ok())
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(begin))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found.pop()
}

fn find_more(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/packages");
    let npm = target.join("npm/node_modules").join(name);
    let versions = std::fs::read_dir(target.join("pip/lib"));
    let pip = versions.into_iter().flatten().flatten();
    let pip = pip.map(|version| version.path().join("site-packages").join(name));
    std::iter::once(npm).chain(pip).find(|place| place.is_dir())
}

#[test]
fn fewer_than_one_false_alarm_in_ten_thousand_lines_of_three_packages() {
    let crates = CRATES.iter().map(|name| (*name, find_crate(name)));
    let more = MORE.iter().map(|name| (*name, find_more(name)));
    let mut measured = 0;
    for (name, place) in crates.chain(more) {
        let Some(place) = place else {
            println!("SKIPPED, nothing was shown of {name}: its source is not on this machine");
            continue;
        };
        let Measured {
            files,
            lines,
            found,
        } = measure(&place);
        println!(
            "{name}: {} false alarms in {lines} lines of {files} files: {found:?}",
            found.len()
        );
        assert!(lines > 5000, "{name} is too small to say anything");
        assert!(found.len() * 10_000 < lines, "{name}: {found:?}");
        measured += 1;
    }
    if measured < 3 {
        println!("SKIPPED in part: {measured} of 3 packages were measured");
    }
}
