//! Every kind of event survives the way through JSON. The samples are complete: a new variant does not compile until it
//! is listed, and a listed one without a sample fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::*;
use crate::model::{
    CheckState, CodebaseInfo, CompleteOptions, CompletionCheck, Complexity, Edge, ExcerptLine,
    Finding, FlakyPolicy, GateSchedule, Limits, Progress, RelatedFile, StoryTask, ToolState, Wave,
};

/// Names that belong to the envelope.
const ENVELOPE: [&str; 6] = ["seq", "at", "story", "run", "task", "attempt"];

macro_rules! variants {
    ($($name:ident)*) => {
        const VARIANTS: &[&str] = &[$(stringify!($name)),*];

        fn variant(kind: &EventKind) -> &'static str {
            match kind {
                $(EventKind::$name { .. } => stringify!($name),)*
            }
        }
    };
}

variants! {
    StoryCreated StoryAnalyzed DecomposeStarted DecomposeFinished PlanAccepted RunStarted RunPaused RunResumed RunFinished WaveStarted WaveFinished TaskQueued TaskStarted
    AttemptFinished TaskRetrying TaskSealed TaskInReview TaskEjected TaskAccepted TaskFailed TaskBlocked TaskSkipped
    TaskCancelled CandidateBuilt GateStarted GateFinished BreakerOpened BreakerClosed ParallelismChanged BudgetExceeded
    CommandAccepted CommandRefused LandStarted Landed Parked WorkspaceSalvaged Warning IntentWorkspace WorkspaceReady IntentStart ProcessRegistered
    AgentExited IntentSeal IntentCandidate IntentGate IntentMoveRef RefMoved RefForeign LandingRequested IntentLanding
    LandingBuilt IntentLand LandTargetMoved
}

fn commit(byte: u8) -> CommitId {
    CommitId::from_bytes([byte; 20])
}

fn time() -> Timestamp {
    "2026-11-20T19:57:37.123456789Z".parse().unwrap()
}

fn evidence() -> Box<Evidence> {
    Box::new(Evidence {
        summary: "2 tests failed".into(),
        gate: Some("test".into()),
        output_tail: "línea \"quoted\"\n\u{1b}[31m\0".into(),
        findings: vec![Finding {
            file: Some("src/lib.rs".into()),
            line: Some(7),
            column: None,
            message: "left != right".into(),
        }],
        paths: vec!["src/lib.rs".into()],
        log: Some("logs/1.log".into()),
    })
}

fn usage() -> Usage {
    Usage {
        input_tokens: u64::MAX,
        output_tokens: 12,
        cost_usd: 0.125,
    }
}

fn gate() -> GateDefinition {
    GateDefinition {
        name: "test".into(),
        digest: "d".into(),
        at: vec![GateSchedule::AfterWave, GateSchedule::Final],
        required: true,
        flaky: FlakyPolicy::Refuse,
        timeout_ms: 1,
        counts_tests: false,
        reviews: true,
    }
}

fn context() -> StoryContext {
    let mut file = RelatedFile::new("src/a.rs".to_owned(), 1000, vec!["parse".to_owned()]);
    file.excerpt
        .push(ExcerptLine::new(7, "fn parse()".to_owned()));
    StoryContext {
        codebase: CodebaseInfo {
            project_types: vec!["rust".to_owned()],
            test_framework: Some("cargo test".to_owned()),
            layout: vec!["src/ (1 files)".to_owned()],
            existing_patterns: vec!["tests lie in `tests/` (2 files)".to_owned()],
        },
        related: vec![file],
        notes: "more".to_owned(),
    }
}

fn plan() -> Arc<Plan> {
    let mut first = StoryTask::new("1.1", "first").files(["src/"]);
    first.complexity = Some(Complexity::Small);
    first
        .metadata
        .insert("n".into(), json!({"deep": [1, 2.5, -3, null, true]}));
    let second = StoryTask::new("b", "second").depends_on(["1.1"]);
    let mut plan = Plan::from_parts("t".into(), "d".into(), vec![first, second]);
    plan.added_edges.push(Edge {
        before: "1.1".into(),
        after: "b".into(),
        why: "both touch src/".into(),
    });
    plan.waves.push(Wave {
        index: 0,
        tasks: vec!["1.1".into()],
    });
    plan.critical_path = vec!["1.1".into(), "b".into()];
    plan.warnings.push(Problem::warning("w", "look").at(1, 2));
    plan.review = true;
    Arc::new(plan)
}

fn batched() -> Vec<Batched> {
    vec![Batched {
        task: "a".into(),
        commit: commit(1),
        tree: commit(2),
    }]
}

fn verbs() -> Vec<Verb> {
    vec![
        Verb::Pause,
        Verb::Resume,
        Verb::Cancel,
        Verb::Retry {
            task: "a".into(),
            note: Some("use the other API".into()),
        },
        Verb::Retry {
            task: "a".into(),
            note: None,
        },
        Verb::Approve { task: "a".into() },
        Verb::Skip { task: "a".into() },
    ]
}

fn verdicts() -> Vec<GateVerdict> {
    vec![
        GateVerdict::Passed,
        GateVerdict::Failed { findings: vec![] },
        GateVerdict::Failed {
            findings: evidence().findings,
        },
        GateVerdict::Broken {
            why: "no cargo".into(),
        },
        GateVerdict::Flaky { runs: 2 },
        GateVerdict::Cancelled,
        GateVerdict::NeedsHuman {
            why: "licence".into(),
        },
    ]
}

fn story_samples() -> Vec<EventKind> {
    let created = |target: Option<&str>| EventKind::StoryCreated {
        title: "t".into(),
        description: String::new(),
        slug: "t".into(),
        branch: "aura/t-1".into(),
        base: commit(1),
        base_tree: commit(2),
        target: target.map(Into::into),
        worktree: target.map(Into::into),
        policy: Box::default(),
        fingerprint: "f".into(),
    };
    vec![
        created(None),
        created(Some("main")),
        EventKind::DecomposeStarted {
            agent: "default".into(),
            round: 1,
            marker: "m".into(),
        },
        EventKind::DecomposeFinished {
            round: 1,
            problems: vec![Problem::error("cycle", "a waits for itself").at(3, 7)],
            class: None,
            why: String::new(),
            usage: usage(),
            duration_ms: 5,
            answer: Some("logs/decompose-2.answer".into()),
        },
        EventKind::DecomposeFinished {
            round: 2,
            problems: Vec::new(),
            class: Some(FailureClass::Quota),
            why: "the limit is reached".into(),
            usage: Usage::default(),
            duration_ms: 5,
            answer: None,
        },
        EventKind::StoryAnalyzed {
            context: Arc::new(context()),
        },
        EventKind::PlanAccepted { plan: plan() },
        EventKind::RunStarted {
            options: Box::new(
                RunOptions::default()
                    .max_parallel(2)
                    .tasks(["a"])
                    .limits(Limits::default().attempts(9).tokens(100_000).cost_usd(2.5))
                    .fallback("default", "other"),
            ),
            agents: vec![
                AgentDefinition {
                    name: "default".into(),
                    digest: "d".into(),
                    provider: None,
                    version: None,
                },
                AgentDefinition {
                    name: "other".into(),
                    digest: "e".into(),
                    provider: Some("theirs".into()),
                    version: Some("1.0.2".into()),
                },
            ],
            gates: vec![gate()],
            fingerprint: "f".into(),
        },
        EventKind::RunPaused {
            reason: "limit".into(),
        },
        EventKind::RunResumed {},
        EventKind::RunFinished {
            outcome: RunOutcome::ReadyToComplete,
            reason: None,
        },
        EventKind::RunFinished {
            outcome: RunOutcome::Paused,
            reason: Some("wave".into()),
        },
        EventKind::WaveStarted {
            wave: 0,
            tasks: vec!["a".into()],
        },
        EventKind::WaveFinished {
            wave: 3,
            tasks: vec![],
        },
        EventKind::BreakerOpened {
            agent: "default".into(),
            provider: "theirs".into(),
            until: Some(time()),
        },
        EventKind::BreakerOpened {
            agent: "default".into(),
            provider: "default".into(),
            until: None,
        },
        EventKind::BreakerClosed {
            provider: "theirs".into(),
        },
        EventKind::ParallelismChanged {
            agent: "default".into(),
            limit: 2,
            why: "3 starts in a row ended abnormally".into(),
        },
        EventKind::BudgetExceeded {
            which: Budget::Tokens,
        },
        EventKind::Warning {
            message: "m".into(),
        },
    ]
}

fn task_samples() -> Vec<EventKind> {
    let finished = |outcome, evidence| EventKind::AttemptFinished {
        outcome,
        evidence,
        digest: "0f".into(),
        usage: usage(),
        duration_ms: 5,
    };
    vec![
        EventKind::TaskQueued {},
        EventKind::TaskStarted {
            agent: "default".into(),
            start: StartKind::Repair,
        },
        finished(AttemptOutcome::Succeeded, None),
        finished(AttemptOutcome::failed(FailureClass::Gate), Some(evidence())),
        finished(
            AttemptOutcome::Failed {
                class: FailureClass::Quota,
                until: Some(time()),
            },
            Some(evidence()),
        ),
        EventKind::TaskRetrying {
            class: FailureClass::NoChange,
            spends: Spends::Retry,
            start: StartKind::Previous,
            after: time(),
        },
        EventKind::TaskSealed {
            outcome: SealOutcome::Sealed {
                commit: commit(1),
                tree: commit(2),
                paths: vec!["a b".into()],
                ignored: vec!["target/".into()],
            },
        },
        EventKind::TaskSealed {
            outcome: SealOutcome::NoChange,
        },
        EventKind::TaskInReview {},
        EventKind::TaskEjected {
            class: FailureClass::Conflict,
            evidence: evidence(),
            digest: String::new(),
        },
        EventKind::TaskAccepted { commit: commit(1) },
        EventKind::TaskFailed {
            class: FailureClass::Timeout,
            why: "out of retries".into(),
        },
        EventKind::TaskBlocked { by: "a".into() },
        EventKind::TaskSkipped {},
        EventKind::TaskCancelled {},
        EventKind::WorkspaceSalvaged {
            reference: "refs/aura/salvage/1".into(),
            commit: commit(1),
        },
        EventKind::IntentWorkspace {
            path: "/w".into(),
            base: commit(1),
            start: StartKind::Previous,
            agent: "default".into(),
            previous: Some(PreviousAttempt {
                base: commit(1),
                commit: commit(2),
            }),
        },
        EventKind::WorkspaceReady {
            start: StartKind::Repair,
            conflicts: vec!["a".into()],
        },
        EventKind::IntentStart {
            marker: "m".into(),
            agent: "default".into(),
        },
        EventKind::ProcessRegistered {
            pid: 1,
            start_time: u64::MAX,
            boot_id: "b".into(),
            marker: "m".into(),
        },
        EventKind::AgentExited {
            session: Some("s".into()),
            output: "done".into(),
            tool_improvement_proposal: Some("p".into()),
            usage: usage(),
            duration_ms: 1,
            log: Some("l".into()),
        },
        EventKind::IntentSeal {
            reference: "refs/aura/attempt/1".into(),
            time: time(),
        },
    ]
}

fn integration_samples() -> Vec<EventKind> {
    let mut samples = vec![
        EventKind::CandidateBuilt {
            candidate: 1,
            base: commit(1),
            tasks: batched(),
            left_out: vec![LeftOut {
                task: "b".into(),
                paths: vec!["x".into()],
                with_head: false,
            }],
        },
        EventKind::GateStarted {
            gate: "test".into(),
            at: GatePoint::Task,
            commit: commit(1),
        },
        EventKind::LandStarted {
            old: commit(1),
            new: commit(2),
            strategy: MergeStrategy::MergeCommit,
        },
        EventKind::Landed {
            commit: commit(2),
            previous: commit(1),
        },
        EventKind::Parked {
            reason: ParkReason::TargetMoves,
            why: "w".into(),
            paths: vec!["x".into()],
        },
        EventKind::IntentCandidate {
            candidate: 1,
            base: commit(1),
            tasks: vec!["a".into()],
            time: time(),
        },
        EventKind::IntentGate {
            gate: "test".into(),
            at: GatePoint::Candidate,
            commit: commit(1),
            tree: commit(2),
        },
        EventKind::IntentMoveRef {
            reference: "refs/heads/x".into(),
            old: commit(1),
            new: commit(2),
            tree: commit(3),
            tasks: batched(),
        },
        EventKind::RefMoved {
            reference: "refs/heads/x".into(),
            new: commit(2),
            tree: commit(3),
        },
        EventKind::RefForeign {
            reference: "refs/heads/x".into(),
            expected: commit(1),
            found: Some(commit(2)),
            why: "moved".into(),
        },
        EventKind::RefForeign {
            reference: "refs/heads/x".into(),
            expected: commit(1),
            found: None,
            why: "deleted".into(),
        },
        EventKind::LandingRequested {
            options: Box::new(CompleteOptions::default().merge(true)),
            gates: vec![gate()],
            checks: vec![
                CompletionCheck::new("clean tree", CheckState::Passed, ""),
                CompletionCheck::new("messages", CheckState::Failed, "not conventional: `x`"),
                CompletionCheck::new("secrets", CheckState::Skipped, "why"),
            ],
        },
        EventKind::IntentLanding {
            round: 3,
            time: time(),
        },
        EventKind::LandingBuilt {
            reference: "refs/heads/main".into(),
            worktree: Some("/repo".into()),
            old: commit(1),
            new: commit(2),
            tree: commit(3),
        },
        EventKind::IntentLand {
            reference: "refs/heads/main".into(),
            old: commit(1),
            new: commit(2),
            worktree: Some("/repo".into()),
            time: Timestamp::UNIX_EPOCH,
        },
        EventKind::LandTargetMoved { found: commit(9) },
    ];
    samples.extend(
        verdicts()
            .into_iter()
            .map(|verdict| EventKind::GateFinished {
                gate: "test".into(),
                at: GatePoint::Final,
                commit: commit(1),
                on_base: true,
                verdict,
                counts: Some(TestCounts {
                    passed: 1,
                    failed: 2,
                    skipped: 3,
                }),
                output_tail: "tail".into(),
                usage: usage(),
                log: Some("l".into()),
                duration_ms: 5,
            }),
    );
    for verb in verbs() {
        samples.push(EventKind::CommandAccepted {
            verb: verb.clone(),
            actor: "cli".into(),
        });
        samples.push(EventKind::CommandRefused {
            verb,
            actor: "cli".into(),
            why: "not running".into(),
        });
    }
    samples
}

fn samples() -> Vec<EventKind> {
    let mut samples = story_samples();
    samples.extend(task_samples());
    samples.extend(integration_samples());
    samples
}

fn envelope(kind: EventKind, full: bool) -> Event {
    Event {
        seq: 7,
        at: time(),
        story: "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap(),
        run: full.then(|| "0190163d-8694-739b-aea5-966c26f8ad92".parse().unwrap()),
        task: full.then(|| "1.1".into()),
        attempt: full.then_some(2),
        kind,
    }
}

#[test]
fn every_variant_has_a_sample() {
    let sampled: BTreeSet<_> = samples().iter().map(variant).collect();
    let listed: BTreeSet<_> = VARIANTS.iter().copied().collect();
    assert_eq!(sampled, listed);
}

#[test]
fn every_event_round_trips() {
    for kind in samples() {
        for full in [false, true] {
            let event = envelope(kind.clone(), full);
            let text = serde_json::to_string(&event).unwrap();
            let back: Event = serde_json::from_str(&text).unwrap_or_else(|error| {
                panic!("{} does not come back: {error}\n{text}", variant(&kind))
            });
            assert_eq!(back, event, "{text}");
        }
    }
}

fn progress_samples() -> Vec<Progress> {
    let task = || TaskId::from("1.1");
    let tool = |state| Progress::AgentTool {
        task: task(),
        name: "bash".into(),
        detail: "cargo test".into(),
        state,
    };
    let retry = |attempt| Progress::AgentRetry {
        task: task(),
        attempt,
        why: "429 Too Many Requests".into(),
    };
    vec![
        Progress::AgentOutput {
            task: task(),
            line: "reading".into(),
        },
        Progress::AgentText {
            task: task(),
            text: "I read the file.".into(),
        },
        tool(ToolState::Started),
        tool(ToolState::Ended),
        tool(ToolState::Failed),
        Progress::AgentFile {
            task: task(),
            path: "src/lib.rs".into(),
        },
        retry(Some(2)),
        retry(None),
        Progress::AgentUsage {
            task: task(),
            usage: usage(),
        },
        Progress::AgentWarning {
            task: task(),
            text: "a tool was denied".into(),
        },
        Progress::GateOutput {
            gate: "test".into(),
            at: GatePoint::Candidate,
            line: "ok".into(),
        },
    ]
}

#[test]
fn what_is_told_meanwhile_round_trips() {
    for sample in progress_samples() {
        let text = serde_json::to_string(&sample).unwrap();
        let back: Progress = serde_json::from_str(&text).unwrap();
        assert_eq!(back, sample, "{text}");
    }
}

/// What subscribers can be told, each form of it once: the types of other languages are checked against this file.
#[test]
fn the_samples_for_other_languages_are_up_to_date() {
    let durable = samples().into_iter().filter(|kind| !kind.is_internal());
    let durable = durable.map(|kind| serde_json::to_value(envelope(kind, true)).unwrap());
    let progress = progress_samples().into_iter();
    let progress = progress.map(|line| serde_json::to_value(line).unwrap());
    let told: Vec<Value> = durable.chain(progress).collect();
    let expected = serde_json::to_string_pretty(&told).unwrap() + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/events.json");
    if std::env::var_os("AURA_UPDATE_SAMPLES").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    // Not word for word: other libraries decide whether maps of JSON keep their order.
    let found: Vec<Value> = serde_json::from_str(&found).unwrap_or_default();
    assert!(
        found == told,
        "set AURA_UPDATE_SAMPLES=1 to write {}",
        path.display()
    );
}

#[test]
fn no_kind_uses_a_name_of_the_envelope() {
    for kind in samples() {
        let fields: Map<String, Value> =
            serde_json::from_value(serde_json::to_value(&kind).unwrap()).unwrap();
        for name in ENVELOPE {
            assert!(
                !fields.contains_key(name),
                "{} has `{name}`",
                variant(&kind)
            );
        }
    }
}

#[test]
fn wire_names_are_unique_and_tell_intents_apart() {
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for kind in samples() {
        if seen.insert(variant(&kind)) {
            assert!(names.insert(kind.name()), "{} twice", kind.name());
        }
        assert!(!kind.name().is_empty());
        let named = kind.name().starts_with("intent.");
        assert_eq!(kind.is_intent(), named, "{}", kind.name());
        assert!(kind.is_internal() || !named, "{}", kind.name());
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    /// A cost that is read back differs in no bit from the one that was folded live.
    #[test]
    fn costs_come_back_to_the_bit(cost in 0.0_f64..1.0e6) {
        let text = serde_json::to_string(&Usage { cost_usd: cost, ..usage() }).unwrap();
        let back: Usage = serde_json::from_str(&text).unwrap();
        proptest::prop_assert_eq!(back.cost_usd.to_bits(), cost.to_bits());
    }
}
