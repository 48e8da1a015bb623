//! Which files of the repository the commands of gates name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::git::{Names, Way};

/// Words of all commands that are looked at.
const MAX_WORDS: usize = 2000;

/// A variable in front of a path, as in `$PWD/check.sh`.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| regex(r"\$\{?\w+\}?/?"));
/// What may be a path in the text of a shell's `-c`, in `--config=FILE`, in `FILE:LINE`.
static WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"[\w./+@~-]+"));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the expressions of this program are valid")
}

/// The files that the commands name, in lower case, with the links on the way to them. A directory is none: `pytest src` does not
/// make a judge of everything in `src`. But it may be where a shell goes, so that what follows is looked for there, too.
pub(super) fn named(commands: &[Vec<String>], names: &Names<'_>) -> BTreeSet<String> {
    let words = words(commands);
    let ways: BTreeMap<&str, Way> = words
        .iter()
        .filter(|word| !word.starts_with('/'))
        .filter_map(|word| Some((word.as_str(), names.follow(word)?)))
        .collect();
    let is_folder = |word: &str| word.split('/').any(|part| !matches!(part, "" | "." | ".."));
    let folders = ways
        .iter()
        .filter(|(word, way)| way.is_directory && is_folder(word));
    let below = folders.flat_map(|(folder, _)| {
        let inside = words.iter().filter(|word| !word.starts_with('/'));
        inside.filter_map(move |word| names.follow(&format!("{folder}/{word}")))
    });
    let below: Vec<Way> = below.collect();
    let files = ways.values().chain(&below);
    let paths = files
        .filter(|way| !way.is_directory)
        .flat_map(|way| &way.paths);
    let links = ways.values().filter(|way| way.is_directory);
    paths
        .chain(links.flat_map(|way| &way.paths))
        .map(|path| path.to_lowercase())
        .collect()
}

/// Everything in the commands that may be a path.
fn words(commands: &[Vec<String>]) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for word in commands.iter().flatten() {
        words.insert(word.clone());
    }
    for command in commands {
        let mut is_module = false;
        let parts = command.iter().map(|word| VARIABLE.replace_all(word, " "));
        for part in parts {
            for found in WORD.find_iter(&part) {
                let found = found.as_str();
                words.insert(found.to_owned());
                if is_module {
                    // What Python runs for `-m a.b`.
                    let path = found.replace('.', "/");
                    for end in [".py", "/__init__.py", "/__main__.py"] {
                        words.insert(format!("{path}{end}"));
                    }
                }
                is_module = found == "-m";
            }
        }
    }
    words.into_iter().take(MAX_WORDS).collect()
}
