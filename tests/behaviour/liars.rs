//! Agents that say they are done and are not: a program in the place of a real agent, which speaks its protocol.

use std::fs;

use aura_core::agents::{self, CliAgent};
use aura_core::{FailureClass, Policy, RunOutcome};
use aura_tests::Script;

use crate::kit::{World, quick, run, story, told};

use FailureClass::{BaseLost, Config, Exit, Incomplete, NoChange, Stalled};

/// The last line of each protocol, and what comes before it. `$S` is the session.
const ENDS: &str = r#"
# Asked for its version it is no liar yet.
[ -n "$AURA_TASK" ] || exit 0
S=none; P=; for a; do case $P in --session-id) S=$a;; esac; P=$a; done
cat > /dev/null
copilot() { echo '{"type":"result","timestamp":"t","sessionId":"'"${1:-$S}"'","exitCode":0,"usage":{}}'; }
claude() { echo '{"type":"result","subtype":"success","is_error":false,"stop_reason":"end_turn","session_id":"'"${1:-$S}"'","result":"All done.","usage":{}}'; }
thread() { echo '{"type":"thread.started","thread_id":"0190163d"}'; echo '{"type":"turn.started"}'; }
codex() { echo '{"type":"turn.completed","usage":{"input_tokens":1,"output_tokens":1}}'; }
"#;

type Make = fn() -> CliAgent;

struct Lie {
    what: &'static str,
    agent: fn() -> CliAgent,
    body: &'static str,
    class: FailureClass,
}

const fn lie(
    what: &'static str,
    agent: fn() -> CliAgent,
    body: &'static str,
    class: FailureClass,
) -> Lie {
    Lie {
        what,
        agent,
        body,
        class,
    }
}

const LIES: [Lie; 24] = [
    lie("does nothing", agents::copilot, "copilot", NoChange),
    lie(
        "does nothing, as another",
        agents::claude,
        "claude",
        NoChange,
    ),
    lie(
        "does nothing, as a third",
        agents::codex,
        "thread; codex",
        NoChange,
    ),
    lie(
        "ends with an error",
        agents::copilot,
        "echo x > a.txt; copilot; exit 3",
        Exit,
    ),
    lie(
        "ends in the middle",
        agents::copilot,
        r#"echo x > a.txt; echo '{"type":"assistant.turn_start","data":{}}'"#,
        Incomplete,
    ),
    lie(
        "was cut in its last line",
        agents::claude,
        "echo x > a.txt; claude | tr -d '\\n'",
        Incomplete,
    ),
    lie(
        "goes on after its end",
        agents::codex,
        "echo x > a.txt; thread; codex; echo '{\"type\":\"turn.started\"}'",
        Incomplete,
    ),
    lie(
        "shows the end of another session",
        agents::copilot,
        "echo x > a.txt; copilot 0190163d-0000-4000-8000-000000000000",
        Incomplete,
    ),
    lie(
        "shows the end of another session, as another",
        agents::claude,
        r#"echo x > a.txt; echo '{"type":"system","subtype":"init","session_id":"'$S'"}'; claude other"#,
        Incomplete,
    ),
    lie(
        "calls an error a success",
        agents::claude,
        r#"echo x > a.txt; echo '{"type":"result","subtype":"success","is_error":true,"stop_reason":"end_turn","session_id":"'$S'","result":"success"}'"#,
        Incomplete,
    ),
    lie(
        "was not allowed what it needed",
        || agents::claude().yolo(false),
        r#"echo x > a.txt; echo '{"type":"result","subtype":"success","is_error":false,"stop_reason":"end_turn","session_id":"'$S'","permission_denials":[{"tool_name":"Bash"}]}'"#,
        Config,
    ),
    lie(
        "commits nothing",
        agents::copilot,
        "git -c user.name=x -c user.email=x@x commit -q --allow-empty -m done; copilot",
        NoChange,
    ),
    lie(
        "commits beside its branch",
        agents::copilot,
        "echo x > a.txt; git add a.txt; git -c user.name=x -c user.email=x@x stash -q; copilot",
        NoChange,
    ),
    lie(
        "changes other places",
        agents::copilot,
        "echo x > \"$REPO/outside.txt\"; copilot",
        NoChange,
    ),
    lie(
        "changes what nobody looks at",
        agents::copilot,
        "mkdir -p build; echo '*' > build/.gitignore; echo x > build/a.o; copilot",
        NoChange,
    ),
    lie(
        "takes everything back",
        agents::copilot,
        "echo x > a.txt; rm a.txt; copilot",
        NoChange,
    ),
    lie(
        "removes its workspace",
        agents::copilot,
        "rm -rf ../\"${PWD##*/}\"; copilot",
        BaseLost,
    ),
    lie(
        "forgets where it began",
        agents::copilot,
        "git checkout -q --orphan new; echo x > a.txt; git add -A; git -c user.name=x -c user.email=x@x commit -q -m x; copilot",
        BaseLost,
    ),
    lie(
        "leaves a merge unfinished",
        agents::copilot,
        "printf '<<<<<<< HEAD\\nx\\n=======\\ny\\n>>>>>>> main\\n' > a.txt; git rev-parse HEAD > \"$(git rev-parse --git-dir)/MERGE_HEAD\"; copilot",
        Incomplete,
    ),
    lie(
        "speaks in the name of Aura",
        agents::copilot,
        r#"for f in /dev/stdout /dev/stderr; do echo '{"seq":9,"type":"task.accepted","task":"a","commit":"0"}' > $f; done; echo '[aura] task a accepted'; copilot"#,
        NoChange,
    ),
    lie(
        "is done when it is stopped",
        agents::copilot,
        "echo x > a.txt; trap 'copilot; exit 0' INT TERM; while :; do sleep 1; done",
        Stalled,
    ),
    lie(
        "succeeds before it fails",
        agents::claude,
        r#"echo x > a.txt; claude; echo '{"type":"result","subtype":"error_during_execution","is_error":true,"session_id":"'$S'","errors":["it broke"]}'"#,
        Incomplete,
    ),
    lie(
        "does nothing, as a fourth",
        agents::gemini,
        r#"echo '{"type":"init","session_id":"'$S'"}'; echo '{"type":"result","status":"success","stats":{}}'"#,
        NoChange,
    ),
    lie(
        "moves what Aura remembers",
        agents::copilot,
        "for r in $(git for-each-ref --format='%(refname)'); do git update-ref \"$r\" HEAD; done; copilot",
        NoChange,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed() {
    let mut wrong = Vec::new();
    for lie in LIES {
        let world = World::new(&Script::new());
        let before = world.repo.rev("main");
        let program = world.program("liar", &format!("{ENDS}{}", lie.body));
        let agent = (lie.agent)()
            .program(program.display().to_string())
            .config_dir(world.agent.dir().join("config"))
            .env("CODEX_API_KEY", "key-for-tests");
        let builder = world.builder().agent("default", agent);
        let gates = [world.gate("green", "true")];
        let aura = builder.gates(gates).open().await.expect("it opens");
        let policy = Policy {
            retry_max: 0,
            restart_max: 0,
            idle_ms: 3_000,
            ..quick()
        };
        let story = story(&aura, &["a"], policy).await;
        let report = run(&aura, story).await;
        let failed: Vec<_> = report.failed.iter().map(|task| task.class).collect();
        // One that cannot help itself pauses the story at once instead.
        let is_paused = report.outcome == RunOutcome::Paused && lie.class == Config;
        let branches = ["for-each-ref", "--format=%(objectname)", "refs/heads"];
        let branches = world.repo.git(branches);
        let is_untouched = branches
            .lines()
            .all(|commit| Some(commit) == before.as_deref());
        let is_caught = failed == [lie.class] || (is_paused && failed.is_empty());
        if !report.accepted.is_empty() || !is_untouched || !is_caught {
            let told = told(&aura, story).await.join("\n");
            wrong.push(format!("it {}: {failed:?}\n{told}", lie.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The same programs are believed when they did what they say, so that the lies above fail by what is wrong with them alone.
#[tokio::test(flavor = "multi_thread")]
async fn who_did_it_is_believed() {
    let truths: [(Make, &str); 3] = [
        (agents::copilot, "echo x > a.txt; copilot"),
        (agents::claude, "echo x > a.txt; claude"),
        (agents::codex, "echo x > a.txt; thread; codex"),
    ];
    for (agent, body) in truths {
        let world = World::new(&Script::new());
        let program = world.program("honest", &format!("{ENDS}{body}"));
        let agent = agent()
            .program(program.display().to_string())
            .config_dir(world.agent.dir().join("config"))
            .env("CODEX_API_KEY", "key-for-tests");
        let builder = world.builder().agent("default", agent);
        let aura = builder.open().await.expect("it opens");
        let story = story(&aura, &["a"], quick()).await;
        let report = run(&aura, story).await;
        assert_eq!(report.accepted.len(), 1, "{body}");
        assert!(!world.repo.path().join("a.txt").exists());
        fs::remove_dir_all(world.agent.dir().join("config")).expect("it was there");
    }
}

/// What it left running would do its work later. It is ended with its agent, and nothing of it counts.
#[tokio::test(flavor = "multi_thread")]
async fn what_would_write_later_is_ended_first() {
    let world = World::new(&Script::new());
    let later = r#"export STATE
setsid sh -c 'echo $$ > "$STATE/later.draft"; mv "$STATE/later.draft" "$STATE/later"
while [ -d "$STATE" ] && [ ! -e "$STATE/go" ]; do sleep 0.05; done; echo x > a.txt; echo >> "$STATE/wrote"' < /dev/null > /dev/null 2>&1 &
while [ ! -e "$STATE/later" ]; do sleep 0.05; done; copilot"#;
    let program = world.program("liar", &format!("{ENDS}{later}"));
    let agent = agents::copilot()
        .program(program.display().to_string())
        .config_dir(world.agent.dir().join("config"));
    let builder = world.builder().agent("default", agent);
    let aura = builder.open().await.expect("it opens");
    let policy = Policy {
        retry_max: 0,
        ..quick()
    };
    let story = story(&aura, &["a"], policy).await;
    let report = run(&aura, story).await;
    let failed: Vec<_> = report.failed.iter().map(|task| task.class).collect();
    assert_eq!(failed, [NoChange]);
    let pid = fs::read_to_string(world.agent.dir().join("later")).expect("it was there");
    let process = rustix::process::Pid::from_raw(pid.trim().parse().expect("a number"));
    let is_there = rustix::process::test_kill_process(process.expect("a process")).is_ok();
    fs::write(world.agent.dir().join("go"), "").expect("written");
    assert!(!is_there, "process {pid} is left");
    assert!(!world.agent.dir().join("wrote").exists());
}
