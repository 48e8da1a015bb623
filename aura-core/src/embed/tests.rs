//! A whole story as a binding drives it: texts in, texts out, jobs pulled.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{ERROR_KINDS, Engine, FUNCTIONS, METHODS, RUN_METHODS, call, error_json};
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{CompleteOptions, DecomposeOptions, Limits, Policy, RunOptions};

fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("a.txt"), "a\n").expect("written");
    for args in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["config", "user.name", "Tester"],
        &["config", "user.email", "tester@example.org"],
        &["add", "."],
        &["commit", "--quiet", "-m", "start"],
    ] {
        let status = Command::new("git")
            .args(args)
            .current_dir(directory.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .status();
        assert!(status.expect("git runs").success(), "git {args:?}");
    }
    directory
}

async fn open(path: &Path) -> Result<Engine> {
    let options = json!({
        "path": path.join("repo").with_file_name(""),
        "store": "memory",
        "workspace_root": path.join(".git/worktrees-of-stories"),
        "agents": {"default": {"host": {"version": "1"}}},
        "gates": [{"name": "check", "host": {}, "at": ["after_wave", "final"]}],
    });
    Engine::open(&options.to_string()).await
}

/// A method's answer.
async fn ask(engine: &Engine, method: &str, arguments: Value) -> Value {
    let answer = engine.call(method, &arguments.to_string()).await;
    let answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
    serde_json::from_str(&answer).expect("JSON")
}

fn plan() -> Value {
    let tasks = json!([
        {"id": "one", "title": "First"},
        {"id": "two", "title": "Second", "depends_on": ["one"]},
    ]);
    let plan = json!({"title": "Two files", "tasks": tasks}).to_string();
    serde_json::from_str(&call("plan_new", &plan).expect("a plan")).expect("JSON")
}

/// Does the jobs until the engine is closed; counts those of each kind.
async fn host(engine: Engine) -> (usize, usize) {
    let (mut agents, mut gates) = (0, 0);
    while let Some(job) = engine.next_job().await {
        let job: Value = serde_json::from_str(&job).expect("JSON");
        let id = job["id"].as_str().expect("an id");
        let workspace = Path::new(job["request"]["workspace"].as_str().expect("a workspace"));
        let answer = match job["kind"].as_str() {
            Some("agent") => {
                agents += 1;
                let task = job["request"]["task"]["id"].as_str().expect("a task");
                std::fs::write(workspace.join(format!("{task}.txt")), task).expect("written");
                assert!(engine.job_event(id, "working").expect("open"));
                json!({"output": "done"})
            }
            Some("gate") => {
                gates += 1;
                json!(workspace.join("one.txt").exists())
            }
            other => panic!("{other:?}"),
        };
        assert!(engine.finish_job(id, &answer.to_string()).expect("open"));
    }
    (agents, gates)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_story_is_driven_by_texts() {
    let directory = repository();
    let engine = open(directory.path()).await.expect("opened");
    let jobs = tokio::spawn(host(engine.clone()));
    let story = ask(&engine, "create_story", json!({"plan": plan()})).await;
    assert_eq!(ask(&engine, "find_story", json!({})).await, story);
    let start = json!({"story": story, "options": {"max_parallel": 2}}).to_string();
    let run = engine.run(&start).await.expect("started");
    assert_eq!(json!(run.story()), story);
    let mut types = Vec::new();
    while let Some(batch) = run.next_events(16).await.expect("read") {
        let batch: Vec<Value> = serde_json::from_str(&batch).expect("JSON");
        assert!((1..=16).contains(&batch.len()));
        types.extend(
            batch
                .iter()
                .map(|event| event["type"].as_str().expect("a type").to_owned()),
        );
    }
    assert_eq!(types.first().map(String::as_str), Some("run.started"));
    assert!(types.contains(&"agent.output".to_owned()), "{types:?}");
    assert_eq!(types.last().map(String::as_str), Some("run.finished"));
    let report: Value = serde_json::from_str(&run.wait().await.expect("ended")).expect("JSON");
    assert_eq!(report["outcome"], "ready_to_complete");
    assert_eq!(report["accepted"], json!(["one", "two"]));

    let start = json!({"story": story, "options": {"merge": true}}).to_string();
    let landing = engine.complete(&start).await.expect("started");
    let (one, other) = tokio::join!(landing.wait(), landing.wait());
    assert_eq!(one.expect("ended"), other.expect("ended"));
    assert!(directory.path().join("two.txt").exists());
    let of_story = || json!({"story": story});
    assert_eq!(
        ask(&engine, "status", of_story()).await["status"],
        "completed"
    );
    assert_eq!(
        ask(&engine, "plan", of_story()).await["waves"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let picture = json!({"story": story, "format": "svg"});
    assert!(
        ask(&engine, "graph", picture)
            .await
            .as_str()
            .is_some_and(|svg| svg.contains("(completed)"))
    );
    assert_eq!(ask(&engine, "stories", json!({})).await[0]["id"], story);
    assert_eq!(
        ask(&engine, "events", of_story()).await[0]["type"],
        "story.created"
    );
    assert_eq!(ask(&engine, "wait_until_idle", of_story()).await, true);
    assert_eq!(
        ask(&engine, "doctor", json!({})).await["checks"][0]["ok"],
        true
    );
    assert_eq!(
        ask(&engine, "report", of_story()).await["outcome"],
        "completed"
    );
    assert_eq!(
        ask(&engine, "story", of_story()).await["title"],
        "Two files"
    );
    engine.close().await;
    // Each wave is judged, and in the end the whole.
    assert_eq!(jobs.await.expect("ended"), (2, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_cancels_what_runs_and_keeps_the_story() {
    let directory = repository();
    let engine = open(directory.path()).await.expect("opened");
    let story = ask(&engine, "create_story", json!({"plan": plan()})).await;
    let run = engine
        .run(&json!({"story": story, "options": {}}).to_string())
        .await
        .expect("started");
    assert!(engine.job_waits().await);
    let job: Value = serde_json::from_str(&engine.next_job().await.expect("a job")).expect("JSON");
    let closing = engine.clone();
    let closed = tokio::spawn(async move { closing.close().await });
    let cancel: Value =
        serde_json::from_str(&engine.next_job().await.expect("a cancel")).expect("JSON");
    assert_eq!(
        (&cancel["kind"], &cancel["id"]),
        (&json!("cancel"), &job["id"])
    );
    let id = job["id"].as_str().expect("an id");
    assert!(!engine.finish_job(id, "null").expect("understood"));
    closed.await.expect("closed");
    let report: Value = serde_json::from_str(&run.wait().await.expect("ended")).expect("JSON");
    assert_eq!(report["outcome"], "cancelled");
    assert!(!engine.job_waits().await);
    assert_eq!(engine.next_job().await, None);
    let refused = engine
        .call("create_story", "{}")
        .await
        .expect_err("refused");
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert_eq!(ask(&engine, "stories", json!({})).await[0]["id"], story);
    let again = json!({"story": story, "options": {}}).to_string();
    assert!(engine.run(&again).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_of_the_host_is_asked_for_a_plan() {
    let directory = repository();
    let options = json!({
        "path": directory.path(),
        "store": "memory",
        "workspace_root": directory.path().join(".git/worktrees-of-stories"),
        "agents": {"planner": {"host": {}}},
        "patterns": {"file_name": "# One file each"},
    });
    let engine = Engine::open(&options.to_string()).await.expect("opened");
    let story = ask(&engine, "create_story", json!({"title": "Two files"})).await;
    let start = json!({"story": story, "options": {"agent": "planner", "max_tasks": 3}});
    let (asking, text) = (engine.clone(), start.to_string());
    let asked = tokio::spawn(async move { asking.call("decompose", &text).await });
    let job = engine.next_job().await.expect("a job");
    let job: Value = serde_json::from_str(&job).expect("JSON");
    let prompt = job["request"]["prompt"].as_str().expect("a prompt");
    assert!(prompt.contains("- `file_name`: One file each"), "{prompt}");
    let answer = json!({"output": "[{\"id\": 1, \"title\": \"A\", \"pattern\": \"file_name\"}]"});
    let id = job["id"].as_str().expect("an id");
    assert!(engine.finish_job(id, &answer.to_string()).expect("open"));
    let plan = asked.await.expect("an end").expect("a plan");
    let plan: Value = serde_json::from_str(&plan).expect("JSON");
    assert_eq!(plan["tasks"][0]["id"], "1");
    assert_eq!(ask(&engine, "plan", json!({"story": story})).await, plan);

    // Closing does not wait for an answer that nobody gives any more.
    let (asking, text) = (engine.clone(), start.to_string());
    let asked = tokio::spawn(async move { asking.call("decompose", &text).await });
    engine.next_job().await.expect("a job");
    engine.close().await;
    let error = asked.await.expect("an end").expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::Refused);
    for bad in [json!(["x"]), json!({"../x": "text"}), json!({"x": 1})] {
        let options = json!({"path": directory.path(), "patterns": bad});
        assert!(Engine::open(&options.to_string()).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_in_the_words_of_the_library() {
    let directory = repository();
    let engine = open(directory.path()).await.expect("opened");
    let story = ask(&engine, "create_story", json!({"title": "Later"})).await;
    let about = |more: Value| {
        let mut arguments = json!({"story": story});
        let more = more.as_object().expect("an object").clone();
        arguments.as_object_mut().expect("an object").extend(more);
        arguments
    };
    for (method, arguments, kind, message) in [
        (
            "nothing",
            json!({}),
            "invalid_input",
            "there is no method `nothing`",
        ),
        (
            "status",
            json!({"story": "other"}),
            "not_found",
            "no story fits `other`",
        ),
        (
            "status",
            json!({"storey": "x"}),
            "invalid_input",
            "status: unknown field `storey`, expected `story`",
        ),
        (
            "report",
            about(json!({})),
            "refused",
            "the story was not run yet",
        ),
        (
            "plan",
            about(json!({})),
            "refused",
            "the story has no plan yet",
        ),
        (
            "create_story",
            json!({"title": " "}),
            "invalid_input",
            "a story needs a title",
        ),
        (
            "create_story",
            json!({"title": "x", "policy": {"retries": 1}}),
            "invalid_input",
            "unknown field `retries`",
        ),
        (
            "command",
            about(json!({"verb": "retry"})),
            "invalid_input",
            "retry: which task?",
        ),
        (
            "command",
            about(json!({"verb": "pause", "task": "a"})),
            "invalid_input",
            "pause: it is about the whole story",
        ),
        (
            "command",
            about(json!({"verb": "skip", "task": "a", "note": "n"})),
            "invalid_input",
            "only a retry takes a note",
        ),
        (
            "command",
            about(json!({"verb": "approve"})),
            "invalid_input",
            "approve: which task?",
        ),
        (
            "command",
            about(json!({"verb": "approve", "task": "nobody"})),
            "refused",
            "there is no task `nobody`",
        ),
        (
            "command",
            about(json!({"verb": "stop"})),
            "invalid_input",
            "there is no verb `stop`",
        ),
    ] {
        let error = engine.call(method, &arguments.to_string()).await;
        let error = error
            .err()
            .unwrap_or_else(|| panic!("{method} {arguments} was taken"));
        let told: Value = serde_json::from_str(&error_json(&error)).expect("JSON");
        assert_eq!(told["kind"], kind, "{method}: {told}");
        let said = told["message"].as_str().expect("a text");
        assert!(said.contains(message), "{method}: {said}");
    }
    let options = json!({"story": story, "options": {"max_paralel": 1}}).to_string();
    let error = engine.run(&options).await.err().expect("refused");
    assert!(
        error.to_string().contains("unknown field `max_paralel`"),
        "{error}"
    );
    let both = json!({"path": directory.path(), "agents": {"a": {"command": ["x"], "host": {}}}});
    let error = Engine::open(&both.to_string())
        .await
        .err()
        .expect("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    for (gate, said) in [
        (json!({"protected": {"paths": ["../x"]}}), "leads out"),
        (json!({"protected": {}, "name": "x"}), "takes no `name`"),
        (json!({"command": ["true"]}), "has no `name`"),
    ] {
        let options = json!({"path": directory.path(), "gates": [gate]}).to_string();
        let error = Engine::open(&options).await.err().expect("refused");
        assert!(error.to_string().contains(said), "{error}");
    }
    let options = json!({"path": directory.path(), "gates": [
        {"protected": {"paths": ["scripts/"]}},
        {"name": "test", "command": ["true"], "counts_tests": true},
        {"name": "look", "command": ["true"], "reviews": true},
    ]});
    Engine::open(&options.to_string()).await.expect("it opens");
    assert!(engine.finish_job("7", "null").is_err());
}

#[tokio::test]
async fn a_preset_is_opened_by_its_name_and_nothing_else_takes_its_options() {
    let directory = repository();
    let open = |agent: Value| {
        let options = json!({"path": directory.path(), "store": "memory", "agents": {"a": agent}});
        async move { Engine::open(&options.to_string()).await.err() }
    };
    for agent in [
        json!({"preset": "copilot"}),
        json!({
            "preset": "claude", "model": "m", "yolo": false, "program": "/bin/sh", "args": ["-x"],
            "env": {"A": "b"}, "env_allow": ["B"], "sandbox": ["env"], "config_dir": "/c", "role": "r",
            "mcp": {"servers": {"s": {"command": "x", "args": ["-y"], "env": {"C": "d"}}}, "tools": ["t"]},
        }),
        json!({"acp": ["opencode", "acp"]}),
        #[cfg(feature = "llm")]
        json!({"llm": {"model": "ollama::qwen3"}}),
        #[cfg(feature = "llm")]
        json!({"llm": {
            "model": "openai::m", "endpoint": "https://models.example.com/v1", "key": "A_KEY", "role": "r",
            "temperature": 1,
        }}),
        json!({
            "acp": ["x"], "model": "m", "yolo": false, "role": "r", "mcp": {"servers": {"s": {"command": "x"}}},
            "env": {"A": "b"}, "env_allow": ["B"], "sandbox": ["env"],
        }),
    ] {
        assert!(open(agent).await.is_none());
    }
    for (agent, told) in [
        (json!({"preset": "nobody"}), "nobody"),
        (json!({"preset": "claude", "command": ["x"]}), "a preset,"),
        (json!({"command": ["x"], "model": "m"}), "`model`"),
        (json!({"host": {}, "role": "r"}), "`role`"),
        (json!({"command": ["x"], "mcp": {"servers": {}}}), "`mcp`"),
        (json!({"acp": ["x"], "config_dir": "/c"}), "`config_dir`"),
        (json!({"acp": ["x"], "preset": "claude"}), "a preset,"),
        (
            json!({"llm": {"model": "m"}, "command": ["x"]}),
            "a preset,",
        ),
        (json!({"llm": {"model": "m"}, "acp": ["x"]}), "a preset,"),
        (json!({"llm": {"model": "m"}, "model": "m"}), "`model`"),
        (json!({"llm": {"model": "m"}, "env": {"A": "b"}}), "`env`"),
        (json!({"llm": {"model": "m", "yolo": true}}), "`yolo`"),
        (json!({"llm": {}}), "`model`"),
        #[cfg(feature = "llm")]
        (json!({"llm": {"model": "m"}}), "`m` names no provider"),
        #[cfg(not(feature = "llm"))]
        (
            json!({"llm": {"model": "ollama::m"}}),
            "agent `a` asks a language model, and this build cannot: it is without the feature `llm`",
        ),
        (
            json!({"preset": "claude", "mcp": {"server": {}}}),
            "`server`",
        ),
    ] {
        let error = open(agent).await.expect("refused").to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn functions_need_no_engine() {
    let told = |function: &str, arguments: Value| -> Value {
        let answer = call(function, &arguments.to_string());
        serde_json::from_str(&answer.expect(function)).expect("JSON")
    };
    let plan = plan();
    assert_eq!(plan["critical_path"], json!(["one", "two"]));
    let text = "tasks:\n  - {id: a, title: A, depends_on: [b]}\n";
    let error = call(
        "plan_parse",
        &json!({"text": text, "file": "p.yaml"}).to_string(),
    );
    let error: Value =
        serde_json::from_str(&error_json(&error.expect_err("refused"))).expect("JSON");
    assert_eq!(
        (&error["file"], &error["line"]),
        (&json!("p.yaml"), &json!(2))
    );
    let wrong = json!({"title": "t", "tasks": [{"id": "a", "title": "A", "deps": []}]});
    let error = call("plan_new", &wrong.to_string()).expect_err("refused");
    assert_eq!(
        (error.kind(), error.problems()[0].line),
        (ErrorKind::InvalidPlan, None)
    );
    let answer = "Here:\n```json\n[{\"id\": 1, \"title\": \"A\"}]\n```";
    let answered = told("plan_from_answer", json!({"answer": answer, "title": "T"}));
    assert_eq!(
        (&answered["title"], &answered["tasks"][0]["id"]),
        (&json!("T"), &json!("1"))
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stories/shapes");
    let scope = json!({"path": folder, "scope": ["1.3"], "out_of_scope": "expand"});
    let stories = told("plan_load", scope);
    assert_eq!(stories["waves"].as_array().map(Vec::len), Some(3));
    assert_eq!(stories["review"], true);
    let reviewed = json!({"title": "T", "tasks": [{"id": "a", "title": "A"}], "review": true});
    assert_eq!(told("plan_new", reviewed)["review"], true);
    let error = call(
        "plan_load",
        &json!({"path": folder, "out_of_scope": "x"}).to_string(),
    );
    assert_eq!(error.expect_err("refused").kind(), ErrorKind::InvalidInput);
    for format in ["mermaid", "dot", "svg"] {
        let drawn = told("plan_graph", json!({"plan": plan, "format": format}));
        assert!(
            drawn.as_str().is_some_and(|text| text.contains("Second")),
            "{drawn}"
        );
    }
    let written = told("plan_to_yaml", json!({"plan": plan}));
    assert!(
        written
            .as_str()
            .is_some_and(|text| text.contains("depends_on")),
        "{written}"
    );
    assert_eq!(told("plan_schema", json!({}))["title"], "Plan");
    assert_eq!(told("detect_gates", json!({"path": "/"})), json!([]));
    assert!(call("plan_burn", "{}").is_err());
}

/// Every option with a value: the types and parameters of other languages are checked against this file.
#[test]
fn the_sample_of_options_is_up_to_date() {
    let run = RunOptions {
        max_parallel: Some(3),
        tasks: vec!["one".into()],
        limits: Limits::default()
            .attempts(40)
            .tokens(2_000_000)
            .cost_usd(12.5),
        fallback: [("default".to_owned(), "other".to_owned())].into(),
        ..RunOptions::default()
    };
    let sample = json!({
        "policy": Policy::default(),
        "run": run,
        "complete": CompleteOptions::default(),
        "decompose": DecomposeOptions::default().agent("planner").max_parallelism(3).limits(Limits::default().cost_usd(0.5)),
        "methods": METHODS,
        "functions": FUNCTIONS,
        "run_methods": RUN_METHODS,
        "error_kinds": ERROR_KINDS,
    });
    let expected = serde_json::to_string_pretty(&sample).expect("JSON") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/options.json");
    if std::env::var_os("AURA_UPDATE_SAMPLES").is_some() {
        std::fs::write(&path, &expected).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    // Not word for word: other libraries decide whether maps of JSON keep their order.
    let found: Value = serde_json::from_str(&found).unwrap_or_default();
    assert!(
        found == sample,
        "set AURA_UPDATE_SAMPLES=1 to write {}",
        path.display()
    );
}

#[test]
fn the_lists_are_complete() {
    let is_snake = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    for list in [METHODS, FUNCTIONS, RUN_METHODS, ERROR_KINDS] {
        assert!(list.iter().all(is_snake), "{list:?}");
    }
    let mut read = Vec::new();
    for kind in ERROR_KINDS {
        let kind: ErrorKind = serde_json::from_value(json!(kind)).expect("a kind");
        read.push(kind);
    }
    // The kinds stand in the order of their definition, so that the last one is the last.
    assert_eq!(read.last(), Some(&ErrorKind::Internal));
    assert_eq!(read.len(), ErrorKind::Internal as usize + 1);
    let problem = Problem::error("x", "wrong").at(3, 4);
    let error = Error::from_problems(ErrorKind::InvalidPlan, vec![problem]).with_help("mend it");
    let told: Value = serde_json::from_str(&error_json(&error)).expect("JSON");
    assert_eq!(
        (&told["line"], &told["column"], &told["help"]),
        (&json!(3), &json!(4), &json!("mend it"))
    );
}
