//! Which part of the library may know which other part.

mod source;

use std::fs;
use std::path::Path;

use source::{Module, Tree};

/// What a part may use, besides itself. Nothing else may use `view`, `bench`, `embed`, `orchestrator`, `testing` and the
/// crate's root.
const ALLOWED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("digest", &[]),
    ("text", &[]),
    ("model", &["error"]),
    ("plan", &["error", "model"]),
    ("source", &["error", "model", "plan"]),
    ("process", &["error"]),
    (
        "program",
        &["error", "digest", "host", "process", "prompt", "text"],
    ),
    // The queue that agents and gates in another language share.
    ("host", &["error", "text"]),
    ("git", &["error", "process"]),
    ("prompt", &["error", "model", "text"]),
    // What the committed files say about a story.
    ("context", &["error", "model", "text", "git"]),
    // The traits; the folder's `mod.rs` also passes on the names of its implementations.
    ("agent", &["error", "model", "prompt", "text", "agent/*"]),
    ("gate", &["error", "model", "prompt", "gate/*"]),
    ("store", &["error", "model", "store/*"]),
    ("agent/*", IMPLEMENTATION),
    ("gate/*", JUDGEMENT),
    // A reviewer is an agent that is asked; it is known by its trait alone.
    ("gate::review", REVIEW),
    ("store/*", IMPLEMENTATION),
    (
        "engine::state",
        &["error", "model", "plan", "prompt", "agent", "gate", "store"],
    ),
    (
        "engine",
        &[
            "error",
            "model",
            "plan",
            "prompt",
            "text",
            "git",
            "agent",
            "gate",
            "store",
            "engine::state",
        ],
    ),
    ("view", &["error", "model", "plan", "engine::state"]),
];

/// What the implementation of a trait may use, besides that trait.
const IMPLEMENTATION: &[&str] = &[
    "error", "digest", "text", "model", "process", "program", "host", "git", "prompt",
];

/// The same for gates, of which one reads what a task says it means to touch.
const JUDGEMENT: &[&str] = &[
    "error", "digest", "text", "model", "plan", "process", "program", "host", "git", "prompt",
];

/// What asks a reviewer, besides the trait of gates.
const REVIEW: &[&str] = &[
    "error", "digest", "text", "model", "git", "prompt", "agent", "gate",
];

/// Of `process`, the engine may name what ends the processes that a crash left, and nothing that starts any.
const RECOVERY: [&str; 3] = ["ProcessIdentity", "reap", "reap_marker"];

/// Parts that may use everything.
const ABOVE: [&str; 5] = ["bench", "embed", "lib", "orchestrator", "testing"];

/// The part that a module belongs to.
fn part(module: &[String]) -> String {
    let names: Vec<&str> = module.iter().map(String::as_str).collect();
    match names[..] {
        [] => "lib".to_owned(),
        ["engine", "state", ..] => "engine::state".to_owned(),
        // What the trait's methods take and give, in a file of its own.
        ["agent", "signal"] => "agent".to_owned(),
        ["gate", "review", ..] => "gate::review".to_owned(),
        [folder @ ("agent" | "gate" | "store"), _, ..] => format!("{folder}/*"),
        [first, ..] => first.to_owned(),
    }
}

fn may_use(from: &str, to: &str, name: &str) -> bool {
    from == to
        || ABOVE.contains(&from)
        || from.strip_suffix("/*") == Some(to)
        || (from == "engine" && to == "process" && RECOVERY.contains(&name))
        || ALLOWED
            .iter()
            .any(|(part, used)| *part == from && used.contains(&to))
}

fn is_known(part: &str) -> bool {
    ABOVE.contains(&part) || ALLOWED.iter().any(|(name, _)| *name == part)
}

/// Every use of a part by another that may not know it, and every part that has no place in the table.
fn violations(root: &Path) -> Vec<String> {
    let tree = Tree::read(root);
    let mut violations = Vec::new();
    for Module {
        file, path, uses, ..
    } in tree.modules()
    {
        let from = part(path);
        if !is_known(&from) {
            violations.push(format!(
                "{file}: `{from}` has no place in the table of directions"
            ));
            continue;
        }
        for written in uses {
            let Some(target) = tree.resolve(path, written) else {
                continue;
            };
            let to = part(&target);
            let name = written.last().map_or("", String::as_str);
            if !may_use(&from, &to, name) {
                let written = written.join("::");
                violations.push(format!("{file}: {from} may not use {to}: `{written}`"));
            }
        }
    }
    violations.sort();
    violations.dedup();
    violations
}

#[test]
fn parts_of_the_library_know_only_what_they_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../aura-core/src");
    let tree = Tree::read(&root);
    // A reader that finds nothing would be content with everything.
    assert!(
        tree.modules().count() > 30,
        "{} modules",
        tree.modules().count()
    );
    let state = tree
        .modules()
        .find(|module| module.file == "engine/state/task.rs");
    let uses = &state.expect("there is a decision core").uses;
    assert!(
        uses.contains(
            &["crate", "agent", "ProcessMark"]
                .map(ToOwned::to_owned)
                .to_vec()
        )
    );
    assert_eq!(violations(&root), [""; 0]);
}

#[test]
fn every_wrong_direction_is_noticed() {
    let files = [
        (
            "lib.rs",
            "mod agent; mod engine; mod error; mod view; pub use agent::CommandAgent; pub use error::Error;\n\
             pub use view::Report;",
        ),
        // Fine: the root's name for something that may be used, and what only tests use.
        (
            "model/mod.rs",
            "mod task;\nuse crate::Error;\n#[cfg(test)]\nmod tests { use crate::engine::dispatcher; }\n\
             #[cfg(test)] use crate::view::Report;\npub use task::Task;",
        ),
        (
            "model/task.rs",
            "/* use crate::git; */ // use crate::git;\nconst A: &str = \"crate::git::A\";",
        ),
        ("model/tests.rs", "use crate::engine::dispatcher;"),
        ("model/simulator/inner.rs", "use crate::engine::dispatcher;"),
        (
            "model/mod2.rs",
            "use super::super::plan::{self, Graph as G};",
        ),
        ("error.rs", "use crate::model::Task;"),
        (
            "plan/mod.rs",
            "pub(crate) fn f<'a>(x: &'a str, c: char) { if c == '\"' { crate::source::read(x) } }",
        ),
        ("source/mod.rs", "use crate::plan::Graph;"),
        ("process/mod.rs", ""),
        (
            "git/mod.rs",
            "use crate::{process::Child, model::{Task, task}};",
        ),
        (
            "agent/mod.rs",
            "mod command;\npub use command::CommandAgent;",
        ),
        (
            "agent/command.rs",
            "use super::AgentBackend;\nuse crate::process::Child;\nuse crate::store::Lease;",
        ),
        ("store/mod.rs", "mod sqlite;"),
        ("store/sqlite.rs", ""),
        (
            "engine/dispatcher.rs",
            "use crate::store::sqlite::Sqlite;\nuse crate::agent::{AgentBackend, CommandAgent};\n\
             use crate::process;\nuse std::process::Command;",
        ),
        (
            "engine/recover.rs",
            "use crate::process::{Child, ProcessIdentity, reap};\nuse super::dispatcher;",
        ),
        (
            "engine/mod.rs",
            "mod dispatcher;\nmod recover;\nmod state;\nuse crate::CommandAgent;",
        ),
        (
            "engine/state/mod.rs",
            "use crate::agent::ProcessMark;\nuse super::dispatcher::run;",
        ),
        (
            "engine/worker.rs",
            "fn f() -> impl Fn() + use<> { crate::view::status::of() }",
        ),
        (
            "view/mod.rs",
            "mod status;\nuse crate::engine::state::State;\nuse crate::engine::dispatcher::run;",
        ),
        ("view/status.rs", "use r#crate::x;\nuse super::*;"),
        (
            "orchestrator.rs",
            "use crate::agent::command::X;\nuse crate::view::Report;",
        ),
        ("manager.rs", ""),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    assert_eq!(
        violations(dir.path()),
        [
            "agent/command.rs: agent/* may not use store: `crate::store::Lease`",
            "engine/dispatcher.rs: engine may not use agent/*: `crate::agent::CommandAgent`",
            "engine/dispatcher.rs: engine may not use process: `crate::process`",
            "engine/dispatcher.rs: engine may not use store/*: `crate::store::sqlite::Sqlite`",
            "engine/mod.rs: engine may not use agent/*: `crate::CommandAgent`",
            "engine/recover.rs: engine may not use process: `crate::process::Child`",
            "engine/state/mod.rs: engine::state may not use engine: `super::dispatcher::run`",
            "engine/worker.rs: engine may not use view: `crate::view::status::of`",
            "error.rs: error may not use model: `crate::model::Task`",
            "git/mod.rs: git may not use model: `crate::model::Task`",
            "git/mod.rs: git may not use model: `crate::model::task`",
            "manager.rs: `manager` has no place in the table of directions",
            "model/mod2.rs: model may not use plan: `super::super::plan::Graph`",
            "model/mod2.rs: model may not use plan: `super::super::plan`",
            "model/simulator/inner.rs: model may not use engine: `crate::engine::dispatcher`",
            "plan/mod.rs: plan may not use source: `crate::source::read`",
            "view/mod.rs: view may not use engine: `crate::engine::dispatcher::run`",
        ]
    );
    // Once its parent says that it is there for tests only, a module may use what it likes.
    fs::write(
        dir.path().join("model/mod.rs"),
        "#[cfg(test)]\nmod simulator;",
    )
    .expect("a file");
    let inner = |line: &String| line.starts_with("model/simulator");
    assert!(!violations(dir.path()).iter().any(inner));
}
