//! From a sentence to done, with an agent that is a program of its own.

use serde_json::{Value, json};

use crate::support::{Said, World};

/// Two files side by side, then one that needs both.
const PLAN: &str = r#"Here is the plan:

```json
{"tasks": [
  {"id": 1, "name": "First", "description": "Make it.", "files": ["1.txt"], "estimatedComplexity": "small", "dependsOn": []},
  {"id": 2, "name": "Second", "description": "Make it.", "files": ["2.txt"], "parallelSafe": true},
  {"id": "join", "name": "Join: \"both\"", "description": "Join\nthem.", "dependsOn": [1, 2], "promptHints": ["look"]}
], "waves": [{"wave": 1, "tasks": [1, 2, "join"]}]}
```
"#;

/// Answers with what lies beside the repository when it is asked for a plan, and else writes a file that is called like its task. Its
/// prompts are kept.
fn agent(world: &World, answers: &[&str]) -> String {
    for (number, answer) in (1..).zip(answers) {
        std::fs::write(world.beside(&format!("answer-{number}")), answer).expect("a file");
    }
    let beside = world.beside("");
    let beside = beside.display();
    world.script(
        "planner.sh",
        &format!(
            "cat > '{beside}/prompt-'\"$AURA_TASK-$AURA_TASK_ATTEMPT\"\n\
             if [ \"$AURA_TASK\" = decompose ]; then\n\
             echo mess > mess.txt\n\
             cat '{beside}/answer-'\"$AURA_TASK_ATTEMPT\"\n\
             else echo \"$AURA_TASK_ATTEMPT\" > \"$AURA_TASK.txt\"\n\
             fi\n"
        ),
    )
}

/// One plans and works on nothing, another one works and is asked nothing.
#[test]
fn one_agent_plans_and_another_one_works() {
    for (name, flag) in [
        ("planner", &["--decompose-with", "planner"][..]),
        ("decomposer", &[]),
    ] {
        let world = World::new();
        let planner = agent(&world, &[PLAN]);
        let config = format!("agents: {{ {name}: {{ command: [sh, -c, \"{planner}\"] }} }}\n");
        world.write(".aura/agent-config.yaml", &config);
        let worker = world.agent();
        let words = [
            "run",
            "Join two files",
            "--decompose",
            "--agent-command",
            &worker,
            "--no-gates",
        ];
        let said = world.expect(0, &[&words[..], flag, &["--trust", "--json"]].concat());
        let asked = said
            .lines()
            .into_iter()
            .filter(|line| line["type"] == "decompose.started");
        let asked: Vec<Value> = asked.map(|line| line["agent"].clone()).collect();
        assert_eq!(asked, [json!(name)]);
        let started = said
            .lines()
            .into_iter()
            .filter(|line| line["type"] == "task.started");
        assert!(started.into_iter().all(|line| line["agent"] == "default"));
        let report = said.lines().pop().expect("a report");
        assert_eq!(report["accepted"], json!(["1", "2", "join"]));
        let prompts = std::fs::read_dir(world.beside("")).expect("a directory");
        let prompts = prompts.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let prompts: Vec<String> = prompts.filter(|name| name.starts_with("prompt-")).collect();
        assert_eq!(prompts, ["prompt-decompose-1"], "{name}");
    }
}

fn prompt(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.beside(&format!("prompt-{name}"))).expect("a prompt")
}

fn types(said: &Said) -> Vec<String> {
    let name = |line: &Value| Some(line.get("type")?.as_str()?.to_owned());
    said.lines().iter().filter_map(name).collect()
}

#[test]
fn one_line_from_a_sentence_to_the_target_branch() {
    let world = World::new();
    world.write(
        ".aura/patterns/file.md",
        "# One file each\n\nNothing else.\n",
    );
    let followed = PLAN.replace(
        "\"dependsOn\": []",
        "\"dependsOn\": [], \"pattern\": \"file\"",
    );
    let agent = agent(&world, &[&followed.replace("[1, 2]", "[1, 3]"), &followed]);
    let said = world.expect(
        0,
        &[
            "run",
            "Join two files",
            "--decompose",
            "--description",
            "As soon as possible.",
            "--no-tests",
            "--max-tasks",
            "7",
            "--parallel",
            "2",
            "--agent-command",
            &agent,
            "--gate",
            "there=test -f README.md",
            "--merge",
            "--json",
        ],
    );
    let types = types(&said);
    assert_eq!(
        types[..7],
        [
            "story.analyzed",
            "decompose.started",
            "decompose.finished",
            "decompose.started",
            "decompose.finished",
            "plan.accepted",
            "run.started"
        ]
    );
    let report = said.lines().pop().expect("a report");
    assert_eq!(report["outcome"], "completed");
    assert_eq!(report["accepted"], json!(["1", "2", "join"]));
    let files = world.git(&["ls-tree", "--name-only", "main"]);
    assert_eq!(
        files.lines().collect::<Vec<_>>(),
        ["1.txt", "2.txt", "README.md", "join.txt"]
    );

    let first = prompt(&world, "decompose-1");
    for part in [
        "**Join two files**",
        "As soon as possible.",
        "up to 2 side by",
        "At most 7 tasks",
        "Plan no tasks for tests",
        "- `file`: One file each",
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }
    let second = prompt(&world, "decompose-2");
    assert!(
        second.contains("request number 2") && second.contains("`3`"),
        "{second}"
    );
    assert!(prompt(&world, "1-1").contains("Nothing else."));
    assert!(!prompt(&world, "2-1").contains("Nothing else."));
}

#[test]
fn step_by_step_and_the_plan_as_a_file() {
    let world = World::new();
    let agent = agent(&world, &[PLAN]);
    let story = world.expect(0, &["story", "create", "Join two files"]);
    let story = story.out.trim();
    world.expect(2, &["story", "run", "--agent-command", &agent]);
    let file = world.beside("tasks.yaml").display().to_string();
    let words = [
        "story",
        "decompose",
        story,
        "--agent-command",
        &agent,
        "--output",
        &file,
        "--json",
    ];
    let said = world.expect(0, &words);
    assert!(said.err.contains("runs in wave 2"), "{}", said.err);

    // What was written says the same as what the story got.
    let mut shown: Value = serde_json::from_str(&said.out).expect("JSON");
    let read = world.expect(0, &["plan", &file, "--json"]);
    let read: Value = serde_json::from_str(&read.out).expect("JSON");
    assert_eq!(shown["problems"][0]["code"], "wave_too_early");
    shown["problems"] = json!([]);
    assert_eq!(shown, read);
    assert_eq!(read["waves"], json!([["1", "2"], ["join"]]));

    let said = world.expect(0, &["story", "show", story, "--json"]);
    let shown: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(shown["status"], "planned");
    world.expect(
        0,
        &["story", "run", "--agent-command", &agent, "--no-gates"],
    );
    let again = world.expect(2, &["story", "decompose", story, "--agent-command", &agent]);
    assert!(again.err.contains("was run already"), "{}", again.err);
}

#[test]
fn an_agent_that_has_no_plan_is_an_error_that_says_so() {
    let world = World::new();
    let agent = agent(&world, &["I would", "rather", "not do that."]);
    // Three questions were paid and a story is there: that is no refusal.
    let said = world.expect(
        1,
        &[
            "run",
            "Do it",
            "--decompose",
            "--agent-command",
            &agent,
            "--no-gates",
        ],
    );
    assert!(said.err.contains("not do that."), "{}", said.err);
    assert!(said.err.contains(".answer"), "{}", said.err);
    assert!(!said.err.contains("nothing was started"), "{}", said.err);
    assert!(said.err.contains("`aura story decompose "), "{}", said.err);
    let listed = world.expect(0, &["story", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(listed[0]["status"], "created");
}

/// A program called `gh` in a directory of its own.
fn with_gh(world: &World, script: &str, words: &[&str]) -> Said {
    let bin = world.beside("bin");
    std::fs::create_dir_all(&bin).expect("a directory");
    let gh = bin.join("gh");
    std::fs::write(&gh, format!("#!/bin/sh\n{script}\n")).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&gh, mode).expect("executable");
    let path = std::env::var("PATH").expect("a path");
    let mut command = world.command(words);
    command.env("PATH", format!("{}:{path}", bin.display()));
    Said::of(&command.output().expect("aura"))
}

#[test]
fn an_issue_becomes_a_story() {
    let world = World::new();
    let agent = agent(&world, &[PLAN]);
    let asked = world.beside("asked");
    let script = format!(
        "echo \"$@\" > '{}'\necho '{{\"title\":\"Join\",\"body\":\"Two files.\",\"url\":\"https://x/issues/12\",\"number\":12}}'",
        asked.display()
    );
    let words = [
        "run",
        "--from-issue",
        "12",
        "--agent-command",
        &agent,
        "--no-gates",
    ];
    let said = with_gh(&world, &script, &words);
    assert_eq!(said.code, 0, "{said:#?}");
    let asked = std::fs::read_to_string(asked).expect("called");
    assert_eq!(asked, "issue view 12 --json title,body,url,number\n");
    let prompt = prompt(&world, "decompose-1");
    assert!(
        prompt.contains("**Join**") && prompt.contains("Two files.\n\nFrom https://x/issues/12"),
        "{prompt}"
    );
    let said = with_gh(
        &world,
        &script,
        &["story", "create", "--from-issue", "#12", "--json"],
    );
    assert_eq!(said.code, 0, "{said:#?}");
    let story: Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(
        story["description"],
        "Two files.\n\nFrom https://x/issues/12"
    );
}

#[test]
fn an_issue_that_cannot_be_read_creates_no_story() {
    let world = World::new();
    for (script, code, said) in [
        (
            "echo 'To get started, please run: gh auth login' >&2; exit 4",
            2,
            "run `gh auth login`",
        ),
        (
            "echo 'GraphQL: Could not resolve to an Issue with the number of 99.' >&2; exit 1",
            2,
            "there is no issue 99",
        ),
        (
            "echo 'no git remotes found' >&2; exit 1",
            1,
            "no git remotes found",
        ),
        ("exit 1", 1, "does not say why"),
        ("echo '<html>'", 1, "cannot be read"),
    ] {
        let found = with_gh(&world, script, &["story", "create", "--from-issue", "99"]);
        assert_eq!(found.code, code, "{script}: {found:#?}");
        assert!(found.err.contains(said), "{script}: {}", found.err);
    }
    // Without any such program, and with what cannot be an issue.
    let git = world.beside("only");
    std::fs::create_dir_all(&git).expect("a directory");
    let mut command = world.command(&["story", "create", "--from-issue", "99"]);
    let found = Said::of(&command.env("PATH", &git).output().expect("aura"));
    assert_eq!(found.code, 2, "{found:#?}");
    assert!(
        found.err.contains("install the GitHub CLI"),
        "{}",
        found.err
    );
    world.expect(2, &["story", "create", "--from-issue=--web"]);
    world.expect(2, &["story", "create", "A title", "--from-issue", "1"]);
    assert_eq!(world.stories(), 0);
}

#[test]
fn patterns_that_are_not_there_are_refused() {
    let world = World::new();
    world.write(".aura/patterns/file.md", "# One file each\n");
    let plan =
        world.plan("title: T\ntasks:\n  - { id: a, title: A, description: do, pattern: flie }\n");
    let said = world.expect(2, &["story", "create", &plan]);
    assert!(said.err.contains("did you mean `file`?"), "{}", said.err);
    world.write(".aura/agent-config.yaml", "patterns: elsewhere\n");
    let said = world.expect(2, &["story", "create", &plan]);
    assert!(said.err.contains("there is no directory"), "{}", said.err);
    assert_eq!(world.stories(), 0);
}
