//! The scenarios that every language plays come out as they have to.

use std::path::{Path, PathBuf};

use aura_tests::scenario::{Expected, Scenario, Stage};
use tokio::task::JoinSet;

use crate::kit::AGENT;

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance");
    let entries = std::fs::read_dir(directory).expect("scenarios");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    files
}

/// What is different from what is expected, with all of what was found.
async fn play(path: PathBuf) -> Result<(), String> {
    let scenario = Scenario::read(&path);
    let name = &scenario.name;
    if path.file_stem().is_none_or(|stem| stem != name.as_str()) {
        return Err(format!("{} is called {name}", path.display()));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let stage = Stage::new(directory.path(), AGENT);
    let found: Result<Expected, aura_core::Error> = async {
        stage.play(&scenario).await?;
        stage.outcome(&scenario).await
    }
    .await;
    let found = found.map_err(|error| format!("{name}: {error}"))?;
    let failures = stage.agent().join("failures.log");
    if let Ok(text) = std::fs::read_to_string(failures) {
        return Err(format!("{name}: the script did not hold: {text}"));
    }
    if scenario.expect.agrees_with(&found) {
        return Ok(());
    }
    let found = serde_json::to_string_pretty(&found).expect("JSON");
    Err(format!("{name} came out otherwise: {found}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_out_as_it_has_to() {
    let mut waiting = files().into_iter();
    assert!(waiting.len() > 10, "{} scenarios", waiting.len());
    let mut playing = JoinSet::new();
    for path in waiting.by_ref().take(3) {
        playing.spawn(play(path));
    }
    let mut wrong = Vec::new();
    while let Some(ended) = playing.join_next().await {
        wrong.extend(ended.expect("played").err());
        if let Some(path) = waiting.next() {
            playing.spawn(play(path));
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
