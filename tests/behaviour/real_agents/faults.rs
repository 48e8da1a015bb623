//! What goes wrong between real agents and their provider, and what Aura makes of it.

use std::time::{Duration, Instant};

use aura_core::{AttemptOutcome, EventKind, FailureClass, Policy, RunOptions, StorySpec, agents};
use aura_tests::survivors;

use super::cast::{Cast, Kind, durable, evidence};
use super::is_extended;
use crate::kit::{plan_of, task};

use FailureClass::{Auth, Config, Exit, Incomplete, NoChange, Quota, RateLimited, Stalled};

/// Longest time that a fault may take to be recognised: twice what the slowest agent was measured to need.
const PATIENCE: Duration = Duration::from_secs(150);

/// Something that goes wrong; what the outcome of the attempt is with Copilot, Claude and Codex: `None` where they recover.
struct Fault {
    name: &'static str,
    scenario: &'static str,
    outcomes: [Option<FailureClass>; 3],
}

const fn fault(
    name: &'static str,
    scenario: &'static str,
    outcomes: [Option<FailureClass>; 3],
) -> Fault {
    Fault {
        name,
        scenario,
        outcomes,
    }
}

/// A program of whose doings nothing is known.
const UNKNOWN: &str = "[[sh python3 -c 'open(\"hello.txt\", \"w\").write(\"hello\")']]";

/// Those of the normal test command first.
const FAULTS: [Fault; 15] = [
    fault("the login is refused", "s401", [Some(Auth); 3]),
    fault(
        "every answer is cut off",
        "midclose",
        [Some(Exit), Some(Incomplete), Some(Exit)],
    ),
    fault("too many requests", "s429+ra1", [Some(RateLimited); 3]),
    fault(
        "too many requests, and no word of when",
        "s429+ra0",
        [Some(RateLimited); 3],
    ),
    fault("too many requests, twice", "s429x2+ra1", [None; 3]),
    // Codex tells the status and not the text.
    fault(
        "the allowance is used up",
        "quota",
        [Some(Quota), Some(Quota), Some(RateLimited)],
    ),
    fault("errors of the server", "s500", [Some(Exit); 3]),
    fault("the request is refused", "s400", [Some(Config); 3]),
    fault("no answer, no connection", "close", [Some(Exit); 3]),
    fault(
        "one answer is cut off",
        "midclosex1",
        // Copilot calls the tool with what it has of its arguments, and goes on.
        [Some(NoChange), Some(Incomplete), None],
    ),
    fault("broken arguments", "badargs", [Some(NoChange); 3]),
    fault("no answer", "hang", [Some(Stalled); 3]),
    fault("half an answer", "midhang", [Some(Stalled); 3]),
    // Codex lets everything happen that stays in the workspace.
    fault("not allowed", "ok", [Some(Config), Some(Config), None]),
    fault("tool calls for ever", "loop", [Some(Stalled); 3]),
];

/// No second try, and silence ends soon where silence is what is expected.
fn policy(expected: Option<FailureClass>, scenario: &str) -> Policy {
    let is_silent = expected == Some(Stalled) && scenario != "loop";
    Policy {
        retry_max: 0,
        restart_max: 0,
        backoff_ms: 1,
        grace_ms: 3_000,
        idle_ms: if is_silent { 12_000 } else { 60_000 },
        deadline_ms: 120_000,
        limit_wait_ms: 0,
        ..Policy::default()
    }
}

async fn meets(kind: Kind, fault: &Fault) {
    let Some(cast) = Cast::new(kind) else { return };
    let expected = fault.outcomes[kind as usize];
    let yolo = fault.name != "not allowed";
    let agent = cast.agent(fault.scenario).yolo(yolo);
    let aura = cast.open(agent, []).await;
    let begun = Instant::now();
    let description = if yolo { "Write hello.txt." } else { UNKNOWN };
    let plan = plan_of(vec![task("hello").description(description)]);
    let run = cast.run(&aura, plan, policy(expected, fault.scenario));
    let told = tokio::time::timeout(PATIENCE, run).await;
    let (story, told) = told.unwrap_or_else(|_| panic!("{}: {kind:?} does not end", fault.name));
    let attempts: Vec<_> = durable(&told)
        .filter_map(|event| match &event.kind {
            EventKind::AttemptFinished {
                outcome, evidence, ..
            } => Some((outcome.clone(), evidence.clone())),
            _ => None,
        })
        .collect();
    let [(outcome, evidence)] = attempts.as_slice() else {
        panic!("{}: one attempt of {kind:?}: {attempts:?}", fault.name);
    };
    let class = match outcome {
        AttemptOutcome::Succeeded => None,
        AttemptOutcome::Failed { class, .. } => Some(*class),
    };
    let time = begun.elapsed().as_secs_f64();
    let status = aura.status(story).await.expect("a status").status;
    eprintln!(
        "{kind:?}, {}: {class:?}, {status:?}, {time:.1} s, {evidence:?}",
        fault.name
    );
    assert_eq!(class, expected, "{}: {kind:?}: {evidence:?}", fault.name);
    assert_eq!(cast.left(), [""; 0], "{}: {kind:?}", fault.name);
    assert!(!cast.model.received().is_empty());
}

async fn meets_all(kind: Kind, faults: &[Fault]) {
    for fault in faults {
        meets(kind, fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_meets_faults() {
    meets_all(Kind::Copilot, &FAULTS[..2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_meets_faults() {
    meets_all(Kind::Claude, &FAULTS[..2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_meets_faults() {
    meets_all(Kind::Codex, &FAULTS[..2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_meets_all_other_faults() {
    if is_extended() {
        meets_all(Kind::Copilot, &FAULTS[2..]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_meets_all_other_faults() {
    if is_extended() {
        meets_all(Kind::Claude, &FAULTS[2..]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_meets_all_other_faults() {
    if is_extended() {
        meets_all(Kind::Codex, &FAULTS[2..]).await;
    }
}

/// Without any login, and nobody to ask for one.
async fn is_not_logged_in(kind: Kind) {
    let Some(cast) = Cast::new(kind) else { return };
    let mut agent = cast.agent("ok");
    for name in [
        "COPILOT_PROVIDER_BASE_URL",
        "COPILOT_OFFLINE",
        "ANTHROPIC_API_KEY",
    ] {
        agent = agent.env(name, "");
    }
    if kind == Kind::Codex {
        // Nor a provider that may need none.
        let program = Kind::Codex.program().display().to_string();
        agent = agents::codex()
            .program(program)
            .config_dir(cast.home().join("config"));
    }
    // A login of whoever runs the tests is none of theirs.
    for name in ["HOME", "XDG_CONFIG_HOME"] {
        agent = agent.env(name, cast.home().display().to_string());
    }
    let aura = cast.open(agent, []).await;
    let plan = plan_of(vec![task("hello")]);
    let run = cast.run(&aura, plan, policy(Some(Auth), "ok"));
    let (_, told) = tokio::time::timeout(PATIENCE, run).await.expect("an end");
    let class = durable(&told).find_map(|event| match &event.kind {
        EventKind::AttemptFinished {
            outcome: AttemptOutcome::Failed { class, .. },
            ..
        } => Some(*class),
        _ => None,
    });
    assert_eq!(class, Some(Auth), "{kind:?}: {:?}", evidence(&told));
    assert_eq!(cast.left(), [""; 0], "{kind:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_works_without_a_login() {
    for kind in [Kind::Copilot, Kind::Claude, Kind::Codex] {
        is_not_logged_in(kind).await;
    }
}

/// Agents give their tools sessions of their own, which no signal to the agent's group reaches.
async fn is_stopped_with_its_tools(kind: Kind) {
    let Some(cast) = Cast::new(kind) else { return };
    let aura = cast.open(cast.agent("ok"), []).await;
    let begun = cast.home().join("begun");
    let nap = format!("300.{}{}", std::process::id(), kind as usize);
    let command = format!("[[sh echo > {}; sleep {nap}]]", begun.display());
    let plan = plan_of(vec![task("sleep").description(command)]);
    let policy = policy(None, "ok");
    let spec = StorySpec::from_plan(plan).policy(policy);
    let story = aura.create_story(spec).await.expect("created");
    let run = aura.run(story, RunOptions::default()).await;
    let run = run.expect("started");
    let end = Instant::now() + PATIENCE;
    while !begun.exists() || survivors(&nap).is_empty() {
        assert!(Instant::now() < end, "{kind:?} does not call its tool");
        tokio::task::yield_now().await;
    }
    // What is looked for afterwards is found while it is there: the tool, in a session that is not the agent's.
    let tool = cast.left().into_iter().find(|line| line.contains(&nap));
    assert!(tool.is_some(), "{kind:?}: {:?}", cast.left());
    assert!(cast.sessions().len() > 1, "{kind:?}: {:?}", cast.left());
    run.cancel().await.expect("cancelled");
    let report = run.wait().await.expect("finished");
    assert_eq!(survivors(&nap), [0; 0], "{kind:?}");
    assert_eq!(cast.left(), [""; 0], "{kind:?}");
    assert_eq!(report.restarts + report.retries, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_is_stopped_with_its_tools() {
    is_stopped_with_its_tools(Kind::Copilot).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_is_stopped_with_its_tools() {
    is_stopped_with_its_tools(Kind::Claude).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codex_is_stopped_with_its_tools() {
    is_stopped_with_its_tools(Kind::Codex).await;
}
