//! What the library offers in Rust is offered to the other languages, too; their own tests compare their names with these lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aura_core::embed::{Engine, FUNCTIONS, METHODS, RUN_METHODS};

fn core() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../aura-core/src")
}

fn sources(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(core().join(folder)).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let rust = paths.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.map(|path| fs::read_to_string(path).expect("text"))
        .collect()
}

/// The public functions of a block that begins with such a line; with an empty line, those outside of all blocks.
fn public(texts: &[String], block: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in texts {
        let mut inside = block.is_empty();
        for line in text.lines() {
            if !block.is_empty() && !line.starts_with([' ', '}', '/', '#']) && !line.is_empty() {
                inside = line == block;
            }
            let indent = if block.is_empty() { "pub " } else { "    pub " };
            let Some(rest) = line.strip_prefix(indent).filter(|_| inside) else {
                continue;
            };
            let words = rest
                .trim_start_matches("const ")
                .trim_start_matches("async ");
            if let Some(name) = words.strip_prefix("fn ") {
                let end = name.find(['(', '<']).unwrap_or(name.len());
                names.insert(name[..end].to_owned());
            }
        }
    }
    names
}

fn set<'a>(lists: impl IntoIterator<Item = &'a [&'a str]>) -> BTreeSet<String> {
    let names = lists.into_iter().flatten();
    names.map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_method_is_there_for_other_languages() {
    let texts = sources("orchestrator");
    let mut offered = set([METHODS, &["run", "complete", "builder"]]);
    // Drawn from the plan and the status, which in Rust are arguments of `mermaid`, `dot` and `svg`.
    assert!(offered.remove("graph"));
    // Its hooks are functions and channels; whoever asks in another language reads the log meanwhile.
    assert!(offered.insert("decompose_with".to_owned()));
    assert_eq!(public(&texts, "impl Orchestrator {"), offered);
    let handle = ["story", "id", "wait", "next_event", "split"];
    assert_eq!(public(&texts, "impl Run {"), set([RUN_METHODS, &handle]));
}

#[test]
fn every_way_to_make_a_plan_is_there() {
    let texts = [sources("plan"), sources("source"), sources("model")].concat();
    let made = public(&texts, "impl Plan {");
    let functions = FUNCTIONS
        .iter()
        .filter_map(|name| name.strip_prefix("plan_"));
    let mut functions: BTreeSet<String> = functions.map(ToOwned::to_owned).collect();
    assert!(functions.remove("graph") && functions.remove("schema"));
    // The scope is an argument of `plan_load`.
    functions.insert("load_scoped".to_owned());
    // Read off the value, which every language has.
    let members = set([&["task", "width"][..]]);
    assert_eq!(
        made.difference(&members).cloned().collect::<BTreeSet<_>>(),
        functions
    );
}

#[tokio::test]
async fn every_choice_of_the_builder_is_an_option() {
    let choices = [
        ("agent", "agents"),
        ("shared_agent", "agents"),
        ("gate", "gates"),
        ("gates", "gates"),
        ("detect_gates", "detect_gates"),
        ("store", "store"),
        ("prompts", "prompt_template"),
        ("patterns", "patterns"),
        ("workspace_root", "workspace_root"),
        ("open", "path"),
    ];
    let texts = sources("orchestrator");
    let mut names: Vec<&str> = choices.iter().map(|(method, _)| *method).collect();
    // Only programs in Rust bring a search of their own so far.
    names.push("context_provider");
    assert_eq!(
        public(&texts, "impl OrchestratorBuilder {"),
        set([&names[..]])
    );
    let refused = Engine::open(r#"{"no such option": 1}"#).await.err();
    let refused = refused.expect("refused").to_string();
    let options: BTreeSet<&str> = refused.split('`').skip(3).step_by(2).collect();
    let expected: BTreeSet<&str> = choices.iter().map(|(_, option)| *option).collect();
    assert_eq!(options, expected, "{refused}");
}

#[test]
fn every_ready_agent_and_gate_is_there() {
    let presets = |folder: &str| {
        let text = fs::read_to_string(core().join(folder).join("presets.rs")).expect("text");
        public(&[text], "")
    };
    // A command, a program of the protocol, a function of the host, a language model, or the name of a preset.
    let named: Vec<&str> = aura_core::agents::CliAgent::names().collect();
    assert_eq!(
        presets("agent"),
        set([&["acp", "command", "host", "llm"][..], &named])
    );
    // The gates for protected paths and secrets are options of their own.
    let guards = [
        "protected_paths",
        "protected_paths_and",
        "secrets",
        "secrets_by",
    ];
    assert_eq!(presets("gate"), set([&["command", "host"][..], &guards]));
    let detect = fs::read_to_string(core().join("gate/detect.rs")).expect("text");
    assert_eq!(
        public(&[detect], ""),
        set([&["detect", "detect_explained"][..]])
    );
    assert!(FUNCTIONS.contains(&"detect_gates"));
}
