//! Which files a story is about, asked of real packages from the registries.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aura_core::{ContextProvider as _, ContextRequest, RepositoryContext};
use aura_tests::TempRepo;
use serde::Deserialize;

#[derive(Deserialize)]
struct Package {
    package: String,
    questions: Vec<(String, String)>,
}

/// The questions were written before the search, and nothing of it was fitted to them.
fn packages() -> Vec<Package> {
    serde_json::from_str(include_str!("../questions.json")).expect("questions")
}

fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_fake-agent"));
    program.ancestors().nth(2).expect("a target").to_owned()
}

/// Where a package's files lie after the test command installed everything, or after cargo did.
fn place(package: &str) -> Option<(PathBuf, &'static str)> {
    let folders = |place: PathBuf| {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    match package {
        "axios" => Some((target().join("packages/npm/node_modules/axios"), "")),
        "pytest" => {
            let versions = folders(target().join("packages/pip/lib"));
            let mut places = versions.map(|version| version.join("site-packages/_pytest"));
            places
                .find(|place| place.is_dir())
                .map(|place| (place, "_pytest"))
        }
        _ => {
            let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
            let home =
                home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))?;
            let crates = folders(home.join("registry/src")).flat_map(folders);
            let name = format!("{package}-1.");
            let mut crates = crates.filter(|place| {
                let found = place.file_name().unwrap_or_default().to_string_lossy();
                found.starts_with(&name)
            });
            crates.next().map(|place| (place, ""))
        }
    }
    .filter(|(place, _)| place.is_dir())
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "__pycache__" && name != "node_modules" {
            copy(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).expect("copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_that_is_meant_is_among_the_first_five() {
    let (mut asked, mut found) = (0, 0);
    for Package { package, questions } in packages() {
        let Some((place, below)) = place(&package) else {
            let why =
                format!("{package} is not there; `cargo xtask test` installs it from a registry");
            assert!(std::env::var_os("AURA_REQUIRE_ALL").is_none(), "{why}");
            eprintln!("SKIPPED, this test has shown less: {why}");
            continue;
        };
        let repo = TempRepo::clean();
        copy(&place, &repo.path().join(below));
        repo.git(["add", "--force", "--all"]);
        repo.git([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@x",
            "commit",
            "-qm",
            "all",
        ]);
        let commit = repo.head().parse().expect("a commit");
        let provider = RepositoryContext::new().files(5);
        for (question, file) in questions {
            let request = ContextRequest::new(&question, "", repo.path(), commit);
            let begun = Instant::now();
            let context = provider.context(request).await.expect("a context");
            let time = begun.elapsed().as_millis();
            let paths: Vec<&str> = context
                .related
                .iter()
                .map(|file| file.path.as_str())
                .collect();
            let rank = paths.iter().position(|path| *path == file);
            asked += 1;
            found += usize::from(rank.is_some());
            eprintln!("{package}: {rank:?} of {paths:?} in {time} ms: {question}");
        }
    }
    eprintln!("the file was among the first five for {found} of {asked} questions");
    assert!(found * 30 >= asked * 27, "{found} of {asked}");
}
