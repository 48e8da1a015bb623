//! Folders of story files: `aura plan`, `aura run` and `aura story create` on them, scopes, and the review that they require.

use serde_json::{Value, json};

use crate::support::{Said, World};

/// A repository with two stories that are to be done, the second after the first, and one that is done.
fn world() -> World {
    let world = World::new();
    for (name, text) in [
        ("0.1.setup.md", "# Story 0.1: Setup\n\nStatus: Done\n"),
        (
            "1.1.accounts.md",
            "# Story 1.1: Accounts\n\nStatus: Draft\n\n**Dependencies**: 0.1\n",
        ),
        (
            "1.2.login.md",
            "# Story 1.2: Login\n\nStatus: Draft\n\n**Dependencies**: 1.1\n",
        ),
    ] {
        world.write(&format!("docs/stories/{name}"), text);
    }
    world.git(&["add", "--all"]);
    world.git(&["commit", "--quiet", "--message=Stories"]);
    world
}

/// An agent that does the work, and reviews it with this word where it is asked for a review.
fn agent(world: &World, word: &str) -> String {
    let text = format!(
        "PROMPT=$(cat)\n\
         NONCE=$(printf '%s\\n' \"$PROMPT\" | sed -n 's/^{{\"review\": \"\\([^\"]*\\)\".*/\\1/p' | tail -n 1)\n\
         if [ -n \"$NONCE\" ]; then\n\
         printf '{{\"review\": \"%s\", \"verdict\": \"{word}\", \"findings\": [{{\"message\": \"so it is\"}}]}}\\n' \"$NONCE\"\n\
         else echo \"$AURA_TASK\" > \"$AURA_TASK.txt\"; fi\n"
    );
    world.script("agent.sh", &text)
}

fn ids(said: &Said) -> Value {
    let tasks = said.lines()[0]["tasks"].as_array().expect("tasks").clone();
    tasks.iter().map(|task| task["id"].clone()).collect()
}

/// The first event of that type in the log of the only story.
fn event(world: &World, kind: &str) -> Value {
    let said = world.expect(0, &["story", "logs", "--json"]);
    let mut lines = said.lines().into_iter();
    lines.find(|line| line["type"] == kind).expect("an event")
}

/// The plan that its log has.
fn logged(world: &World) -> Value {
    event(world, "plan.accepted")["plan"].clone()
}

/// The gates that its run began with.
fn gates(world: &World) -> Vec<String> {
    let started = event(world, "run.started");
    let gates = started["gates"].as_array().expect("gates").iter();
    let names = gates.map(|gate| gate["name"].as_str().expect("a name").to_owned());
    names.collect()
}

#[test]
fn a_folder_is_planned() {
    let world = world();
    let said = world.expect(0, &["plan", "docs/stories"]);
    assert!(
        said.out.contains("wave 1\n  1.2  Login  (after 1.1)"),
        "{}",
        said.out
    );
    assert!(said.out.contains("has to be reviewed"), "{}", said.out);
    assert!(said.err.contains("1 of 3 stories are done"), "{}", said.err);
    let said = world.expect(0, &["plan", "docs/stories", "--json"]);
    let value = &said.lines()[0];
    assert_eq!(
        (&value["review"], ids(&said)),
        (&json!(true), json!(["1.1", "1.2"]))
    );
}

#[test]
fn a_scope_chooses_and_says_what_it_cannot() {
    let world = world();
    let plan = |words: &[&str], code| {
        let words = [&["plan", "docs/stories", "--json"], words].concat();
        world.expect(code, &words)
    };
    assert_eq!(ids(&plan(&["1.1"], 0)), json!(["1.1"]));
    assert_eq!(ids(&plan(&["0.1-1.2"], 0)), json!(["1.1", "1.2"]));
    assert_eq!(ids(&plan(&["epic:1"], 0)), json!(["1.1", "1.2"]));
    assert_eq!(
        ids(&plan(&["1.2", "--out-of-scope", "expand"], 0)),
        json!(["1.1", "1.2"])
    );
    assert_eq!(
        ids(&plan(&["1.1", "1.2", "--out-of-scope", "skip"], 0)),
        json!(["1.1", "1.2"])
    );
    for (words, code) in [
        (&["1.2"][..], "out_of_scope"),
        (&["1.2", "--out-of-scope", "refuse"], "out_of_scope"),
        (&["1.2", "--out-of-scope", "skip"], "nothing_to_do"),
        (&["1.3"], "unknown_scope"),
    ] {
        let said = plan(words, 2);
        assert_eq!(
            said.lines()[0]["problems"][0]["code"],
            code,
            "{words:?}: {said:?}"
        );
    }
    let said = world.expect(2, &["run", "docs/stories", "1.2", "--agent-command", "x"]);
    assert!(
        said.err.contains("docs/stories/1.2.login.md:5:19"),
        "{}",
        said.err
    );
    assert!(said.err.contains("--out-of-scope expand"), "{}", said.err);
    for words in [
        &["plan", "docs/stories", "--out-of-scope", "skip"][..],
        &["story", "create", "Add", "accounts"],
        &[
            "run",
            "Add",
            "accounts",
            "--decompose",
            "--agent-command",
            "x",
        ],
    ] {
        world.expect(2, words);
    }
    assert_eq!(world.stories(), 0);
}

#[test]
fn a_scope_chooses_from_a_plan_file_too() {
    let world = World::new();
    let plan = world.plan(crate::support::TWO);
    assert_eq!(
        ids(&world.expect(0, &["plan", &plan, "one", "--json"])),
        json!(["one"])
    );
    let said = world.expect(2, &["plan", &plan, "two", "--json"]);
    assert_eq!(said.lines()[0]["problems"][0]["code"], "out_of_scope");
    world.expect(2, &["plan", &plan, "epic:one"]);
}

#[test]
fn stories_are_run_and_reviewed_without_being_asked() {
    let world = world();
    let agent = agent(&world, "Approved with Comments");
    let words = [
        "run",
        "docs/stories",
        "--agent-command",
        &agent,
        "--gate",
        "test=true",
        "--merge",
    ];
    let said = world.expect(0, &words);
    assert!(said.out.starts_with("completed\n"), "{said:?}");
    assert_eq!(world.git(&["show", "main:1.2.txt"]), "1.2");
    assert!(
        gates(&world).contains(&"review".to_owned()),
        "{:?}",
        gates(&world)
    );
    assert_eq!(logged(&world)["review"], true);
    let created = event(&world, "story.created");
    assert_eq!(created["policy"]["on_exhausted"], "isolate_and_continue");
}

#[test]
fn rejected_stories_stay_outside() {
    let world = world();
    let agent = agent(&world, "Rejected");
    world.write(".aura/agent-config.yaml", "retry: { max: 0 }\n");
    let words = [
        "run",
        "docs/stories",
        "--agent-command",
        &agent,
        "--gate",
        "test=true",
        "--merge",
    ];
    world.expect(1, &words);
    assert_eq!(world.git(&["log", "--format=%s", "main"]), "Stories\nBegin");
}

#[test]
fn a_review_is_taken_from_a_plan_in_the_open() {
    let refused = |world: &World| {
        let agent = agent(world, "Rejected");
        let said = world.expect(
            0,
            &[
                "run",
                "docs/stories",
                "--agent-command",
                &agent,
                "--gate",
                "test=true",
                "--no-review",
            ],
        );
        assert!(said.out.starts_with("ready"), "{said:?}");
    };
    let world = world();
    refused(&world);
    assert_eq!(logged(&world).get("review"), None);
    assert!(
        !gates(&world).contains(&"review".to_owned()),
        "{:?}",
        gates(&world)
    );

    let world = self::world();
    world.write(".aura/agent-config.yaml", "review: { enabled: false }\n");
    let agent = agent(&world, "Rejected");
    world.expect(
        0,
        &[
            "run",
            "docs/stories",
            "--agent-command",
            &agent,
            "--gate",
            "test=true",
        ],
    );
    assert_eq!(logged(&world).get("review"), None);

    let world = self::world();
    let agent = self::agent(&world, "Rejected");
    world.expect(
        0,
        &[
            "run",
            "docs/stories",
            "--agent-command",
            &agent,
            "--no-gates",
        ],
    );
    assert_eq!(logged(&world).get("review"), None);
}

#[test]
fn a_story_that_was_created_with_a_review_is_not_run_without() {
    let world = world();
    let agent = agent(&world, "Approved with Comments");
    let id = world
        .expect(0, &["story", "create", "docs/stories", "1.1"])
        .out;
    let id = id.trim();
    let run = |more: &[&str], code| {
        let words = [
            "story",
            "run",
            id,
            "--agent-command",
            &agent,
            "--gate",
            "test=true",
        ];
        world.expect(code, &[&words, more].concat())
    };
    let said = run(&["--no-review"], 2);
    assert!(said.err.contains("requires a review"), "{said:?}");
    run(&[], 0);
    assert!(gates(&world).contains(&"review".to_owned()));
    world.expect(
        0,
        &[
            "story",
            "complete",
            id,
            "--agent-command",
            &agent,
            "--gate",
            "test=true",
            "--merge",
        ],
    );
    assert_eq!(world.git(&["show", "main:1.1.txt"]), "1.1");

    let world = self::world();
    let agent = self::agent(&world, "Rejected");
    world.expect(0, &["story", "create", "docs/stories", "--no-review"]);
    assert_eq!(logged(&world).get("review"), None);
    world.expect(
        0,
        &[
            "story",
            "run",
            "--agent-command",
            &agent,
            "--gate",
            "test=true",
        ],
    );
}

#[test]
fn a_dry_run_names_the_review() {
    let world = world();
    let words = [
        "run",
        "docs/stories",
        "--agent-command",
        "sh",
        "--gate",
        "test=true",
        "--dry-run",
    ];
    let said = world.expect(0, &words);
    assert!(said.out.contains("gate review (required)"), "{}", said.out);
    let said = world.expect(0, &[&words[..], &["--no-review"]].concat());
    assert!(!said.out.contains("review"), "{}", said.out);
    let reviewed = world.plan("review: true\ntasks: [{ id: a, title: A, description: D }]\n");
    let said = world.expect(0, &["run", &reviewed, "--agent-command", "sh", "--dry-run"]);
    assert!(said.out.contains("gate review (required)"), "{}", said.out);
    assert_eq!(world.stories(), 0);
}

#[test]
fn a_gate_of_the_file_can_be_the_review() {
    let world = world();
    let gate = |reviews| {
        let text = format!(
            "gates: [{{ name: review, command: [sh, -c, exit 0], at: after_task, reviews: {reviews} }}, {{ name: test, command: ['true'] }}]\n"
        );
        world.write(".aura/agent-config.yaml", &text);
        world.aura(&[
            "run",
            "docs/stories",
            "--agent-command",
            &agent(&world, "Rejected"),
            "--trust",
        ])
    };
    let said = gate(false);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("`reviews: true`"), "{}", said.err);
    assert_eq!(world.stories(), 0);
    let said = gate(true);
    assert_eq!(said.code, 0, "{said:?}");
}
