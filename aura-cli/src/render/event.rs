//! One event as one line.

use aura_core::{
    AttemptOutcome, Event, EventKind, Evidence, FailureClass, Finding, GatePoint, GateVerdict,
    LeftOut, Problem, SealOutcome, StartKind, StoryContext, Verb,
};

use super::style::{Style, Tone, harmless};
use super::text::{count, duration, first_line, list, word};

/// Longest reason in a line, in characters.
const REASON: usize = 160;

/// What happened, for people; `None` for what only programs want to know.
pub(crate) fn describe(event: &Event, style: Style) -> Option<String> {
    let (tone, text) = line(event)?;
    let text = match &event.task {
        Some(task) => format!("{}: {text}", harmless(task.as_str())),
        None => text,
    };
    Some(tone.map_or_else(|| text.clone(), |tone| style.paint(tone, &text)))
}

fn line(event: &Event) -> Option<(Option<Tone>, String)> {
    let plain = |text: String| Some((None, text));
    let toned = |tone: Tone, text: String| Some((Some(tone), text));
    match &event.kind {
        EventKind::StoryCreated { title, branch, .. } => {
            plain(format!("story `{}` on {branch}", harmless(title)))
        }
        EventKind::PlanAccepted { plan } => plain(format!(
            "plan: {} in {}",
            count(plan.tasks.len(), "task"),
            count(plan.waves.len(), "wave")
        )),
        EventKind::StoryAnalyzed { context } => plain(analyzed(context)),
        EventKind::DecomposeStarted { agent, round, .. } => {
            let again = if *round > 1 {
                format!(", request {round}")
            } else {
                String::new()
            };
            plain(format!("asking {} for a plan{again}", harmless(agent)))
        }
        EventKind::DecomposeFinished { problems, why, .. } => decomposed(problems, why),
        EventKind::RunStarted { gates, .. } if gates.is_empty() => toned(
            Tone::Doubtful,
            "run started; no gate judges anything".to_owned(),
        ),
        EventKind::RunStarted { gates, .. } => {
            let names: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
            plain(format!("run started; gates: {}", list(&names)))
        }
        EventKind::RunPaused { reason } => {
            toned(Tone::Doubtful, format!("run paused: {}", harmless(reason)))
        }
        EventKind::RunResumed {} => plain("run goes on".to_owned()),
        EventKind::RunFinished { outcome, reason } => {
            let why = reason.as_ref().map(|why| format!(": {}", harmless(why)));
            let text = format!("run ended, {}{}", word(outcome), why.unwrap_or_default());
            toned(Tone::Strong, text)
        }
        EventKind::WaveStarted { wave, tasks } => toned(
            Tone::Strong,
            format!("wave {wave}: {}", harmless(&list(tasks))),
        ),
        EventKind::WaveFinished { .. } | EventKind::TaskQueued {} | EventKind::TaskInReview {} => {
            None
        }
        _ => task_line(event).or_else(|| rest(&event.kind)),
    }
}

/// Files that are named of those that were found.
const NAMED: usize = 5;

fn analyzed(context: &StoryContext) -> String {
    let files = context.related.iter().take(NAMED);
    let files: Vec<&str> = files.map(|file| file.path.as_str()).collect();
    let kinds = context.codebase.project_types.join(", ");
    let found = match (kinds.as_str(), files.as_slice()) {
        ("", []) => "nothing".to_owned(),
        (kinds, []) => kinds.to_owned(),
        ("", files) => files.join(", "),
        (kinds, files) => format!("{kinds}; {}", files.join(", ")),
    };
    format!("context found: {}", harmless(&found))
}

fn task_line(event: &Event) -> Option<(Option<Tone>, String)> {
    let plain = |text: String| Some((None, text));
    let toned = |tone: Tone, text: String| Some((Some(tone), text));
    match &event.kind {
        EventKind::TaskStarted { agent, start } => {
            let attempt = match event.attempt {
                Some(number) if number > 1 => format!(", attempt {number}"),
                _ => String::new(),
            };
            let from = match start {
                StartKind::Base => "",
                StartKind::Previous => ", from what it had done",
                StartKind::Repair => ", with the conflicts marked",
            };
            plain(format!("started with {}{attempt}{from}", harmless(agent)))
        }
        EventKind::AttemptFinished {
            outcome: AttemptOutcome::Failed { class, .. },
            evidence,
            ..
        } => toned(
            Tone::Doubtful,
            format!("{}{}", word(class), reason(evidence.as_deref())),
        ),
        EventKind::AttemptFinished { duration_ms, .. } => {
            plain(format!("agent done in {}", duration(*duration_ms)))
        }
        // What was stopped with everything else is not tried again before the story is run again.
        EventKind::TaskRetrying { class, after, .. } if *class != FailureClass::Cancelled => {
            let pause = after.as_millisecond() - event.at.as_millisecond();
            let next = next_start(pause).map(|next| format!("; {next}"));
            toned(
                Tone::Doubtful,
                format!(
                    "tried again because of: {}{}",
                    word(class),
                    next.unwrap_or_default()
                ),
            )
        }
        EventKind::TaskSealed { outcome } => match outcome {
            SealOutcome::Sealed { paths, .. } => {
                plain(format!("changed {}", first_line(&list(paths), REASON)))
            }
            SealOutcome::NoChange => plain("nothing to change".to_owned()),
        },
        EventKind::TaskEjected {
            class, evidence, ..
        } => toned(
            Tone::Doubtful,
            format!("sent back, {}{}", word(class), reason(Some(evidence))),
        ),
        EventKind::TaskAccepted { commit } => {
            toned(Tone::Good, format!("accepted as {}", commit.short()))
        }
        EventKind::TaskFailed { class, why } => toned(
            Tone::Bad,
            format!("failed, {}: {}", word(class), first_line(why, REASON)),
        ),
        EventKind::TaskBlocked { by } => toned(
            Tone::Doubtful,
            format!("blocked by {}", harmless(by.as_str())),
        ),
        EventKind::TaskSkipped {} => plain("skipped".to_owned()),
        EventKind::TaskCancelled {} => toned(Tone::Doubtful, "cancelled".to_owned()),
        _ => None,
    }
}

fn rest(kind: &EventKind) -> Option<(Option<Tone>, String)> {
    let plain = |text: String| Some((None, text));
    let toned = |tone: Tone, text: String| Some((Some(tone), text));
    match kind {
        EventKind::CandidateBuilt {
            tasks, left_out, ..
        } => {
            let tasks: Vec<&str> = tasks.iter().map(|task| task.task.as_str()).collect();
            candidate(&tasks, left_out)
        }
        EventKind::GateFinished {
            gate,
            at,
            on_base,
            verdict,
            counts,
            duration_ms,
            ..
        } => {
            let tests = counts
                .map(|counts| format!(" ({} passed, {} failed)", counts.passed, counts.failed));
            let on = match (at, on_base) {
                (GatePoint::Task, false) => "a task's work",
                (GatePoint::Task, true) => "what the task began with",
                (GatePoint::Candidate, false) => "the candidate",
                (GatePoint::Candidate, true) => "the accepted head",
                (GatePoint::Final, _) => "the final result",
            };
            let (tone, said) = verdict_words(verdict);
            let text = format!(
                "gate {} on {on}: {said}{} in {}",
                harmless(gate),
                tests.unwrap_or_default(),
                duration(*duration_ms)
            );
            Some((Some(tone), text))
        }
        EventKind::BreakerOpened {
            provider, until, ..
        } => {
            let end = until.map(|until| format!(" until {until}"));
            let text = format!(
                "{provider} has reached a limit{}; no new starts",
                end.unwrap_or_default()
            );
            toned(Tone::Doubtful, harmless(&text))
        }
        EventKind::BreakerClosed { provider } => {
            plain(format!("{} may start again", harmless(provider)))
        }
        EventKind::ParallelismChanged { agent, limit, why } => {
            let text = format!("{agent} works on {limit} at once from now on: {why}");
            toned(Tone::Doubtful, harmless(&text))
        }
        EventKind::BudgetExceeded { which } => toned(
            Tone::Doubtful,
            format!("no start fits into the budget of {}", word(which)),
        ),
        EventKind::CommandAccepted { verb, .. } => plain(format!("asked to {}", verb_words(verb))),
        EventKind::CommandRefused { verb, why, .. } => toned(
            Tone::Doubtful,
            format!(
                "refused to {}: {}",
                verb_words(verb),
                first_line(why, REASON)
            ),
        ),
        EventKind::LandStarted { old, new, .. } => {
            plain(format!("landing {} on {}", new.short(), old.short()))
        }
        EventKind::Landed { commit, previous } => toned(
            Tone::Good,
            format!(
                "landed {}; to go back: {}",
                commit.short(),
                previous.short()
            ),
        ),
        EventKind::Parked { why, paths, .. } => {
            let paths = if paths.is_empty() {
                String::new()
            } else {
                format!(" ({})", list(paths))
            };
            let text = format!(
                "not landed: {}{}",
                first_line(why, REASON),
                harmless(&paths)
            );
            toned(Tone::Doubtful, text)
        }
        EventKind::WorkspaceSalvaged { reference, .. } => plain(format!(
            "unfinished edits kept under {}",
            harmless(reference)
        )),
        EventKind::Warning { message } => {
            toned(Tone::Doubtful, format!("warning: {}", harmless(message)))
        }
        _ => None,
    }
}

/// What came of asking for a plan; nothing where the plan itself comes next.
fn decomposed(problems: &[Problem], why: &str) -> Option<(Option<Tone>, String)> {
    let text = match problems.first() {
        Some(first) => {
            let first = first_line(&first.to_string(), REASON);
            format!("the plan has {}: {first}", count(problems.len(), "problem"))
        }
        None if why.is_empty() => return None,
        None => format!("no plan: {}", first_line(why, REASON)),
    };
    Some((Some(Tone::Doubtful), text))
}

fn candidate(tasks: &[&str], left_out: &[LeftOut]) -> Option<(Option<Tone>, String)> {
    let mut parts = Vec::new();
    if !tasks.is_empty() {
        parts.push(format!("candidate of {}", list(tasks)));
    }
    for out in left_out {
        let with = if out.with_head {
            "accepted work"
        } else {
            "another task"
        };
        parts.push(format!(
            "{} conflicts with {with} in {}",
            out.task,
            list(&out.paths)
        ));
    }
    let tone = (!left_out.is_empty()).then_some(Tone::Doubtful);
    (!parts.is_empty()).then(|| (tone, harmless(&parts.join("; "))))
}

/// A pause before the next start, where people would notice it.
pub(super) fn next_start(millis: i64) -> Option<String> {
    let millis = u64::try_from(millis)
        .ok()
        .filter(|millis| *millis >= 1_000)?;
    Some(format!("next start in {}", duration(millis)))
}

fn verdict_words(verdict: &GateVerdict) -> (Tone, String) {
    match verdict {
        GateVerdict::Passed => (Tone::Good, "passed".to_owned()),
        GateVerdict::Failed { findings } => {
            let found = Finding::summary(findings, REASON);
            let found = found.map(|found| format!(", {}", harmless(&found)));
            (Tone::Bad, format!("red{}", found.unwrap_or_default()))
        }
        GateVerdict::Broken { why } => (
            Tone::Bad,
            format!("cannot judge, {}", first_line(why, REASON)),
        ),
        GateVerdict::Flaky { runs } => (Tone::Doubtful, format!("flaky, green after {runs} runs")),
        GateVerdict::Cancelled => (Tone::Doubtful, "cancelled".to_owned()),
        GateVerdict::NeedsHuman { why } => (
            Tone::Doubtful,
            format!("a person has to decide, {}", first_line(why, REASON)),
        ),
    }
}

fn verb_words(verb: &Verb) -> String {
    match verb {
        Verb::Pause => "pause".to_owned(),
        Verb::Resume => "resume".to_owned(),
        Verb::Cancel => "cancel".to_owned(),
        Verb::Retry { task, .. } => format!("retry {}", harmless(task.as_str())),
        Verb::Approve { task } => format!("approve {}", harmless(task.as_str())),
        Verb::Skip { task } => format!("skip {}", harmless(task.as_str())),
    }
}

fn reason(evidence: Option<&Evidence>) -> String {
    let summary = evidence.map(|evidence| first_line(&evidence.summary, REASON));
    let summary = summary.filter(|summary| !summary.is_empty());
    summary
        .map(|summary| format!(": {summary}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn show(task: Option<&str>, kind: &serde_json::Value) -> Option<String> {
        let mut event = json!({
            "seq": 1, "at": "2026-01-01T00:00:00Z",
            "story": "01890a5d-ac96-774b-bcce-b302099a8057", "attempt": 2,
        });
        let fields = event.as_object_mut().expect("an object");
        fields.extend(kind.as_object().expect("an object").clone());
        if let Some(task) = task {
            fields.insert("task".into(), task.into());
        }
        let event: Event = serde_json::from_value(event).expect("an event");
        describe(&event, Style::PLAIN)
    }

    #[test]
    fn events_become_lines() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let gate = |verdict: &serde_json::Value| {
            let mut kind = json!({
                "type": "gate.finished", "gate": "test", "point": "candidate",
                "commit": commit, "duration_ms": 1250,
            });
            kind.as_object_mut()
                .expect("an object")
                .extend(verdict.as_object().expect("an object").clone());
            kind
        };
        let table = [
            (
                Some("a"),
                json!({"type": "task.started", "agent": "default", "start": "previous"}),
                Some("a: started with default, attempt 2, from what it had done"),
            ),
            (
                None,
                json!({"type": "story.analyzed", "context": {"codebase": {"project_types": ["rust"]}, "related": [
                    {"path": "a.rs", "score": 1000, "matched": ["parse"]}, {"path": "b.rs", "score": 7, "matched": []}]}}),
                Some("context found: rust; a.rs, b.rs"),
            ),
            (
                None,
                json!({"type": "decompose.started", "agent": "codex", "round": 2, "marker": "m"}),
                Some("asking codex for a plan, request 2"),
            ),
            (
                None,
                json!({"type": "decompose.finished", "round": 1, "duration_ms": 1, "problems": [{"severity": "error", "code": "cycle", "message": "a waits for a"}]}),
                Some("the plan has 1 problem: a waits for a [cycle]"),
            ),
            (
                None,
                json!({"type": "decompose.finished", "round": 1, "duration_ms": 1, "why": "no login"}),
                Some("no plan: no login"),
            ),
            (
                None,
                json!({"type": "decompose.finished", "round": 1, "duration_ms": 1}),
                None,
            ),
            (Some("a"), json!({"type": "task.queued"}), None),
            (
                Some("a"),
                json!({"type": "task.retrying", "class": "exit", "spends": "restart", "start": "base", "after": "2026-01-01T00:00:00Z"}),
                Some("a: tried again because of: exit"),
            ),
            (
                Some("a"),
                json!({"type": "task.retrying", "class": "cancelled", "spends": "nothing", "start": "base", "after": "2026-01-01T00:00:00Z"}),
                None,
            ),
            (
                Some("a"),
                json!({"type": "task.accepted", "commit": commit}),
                Some("a: accepted as 0123456789"),
            ),
            (
                Some("a"),
                json!({"type": "task.failed", "class": "no_change", "why": "out of retries\nmore"}),
                Some("a: failed, no change: out of retries"),
            ),
            (
                None,
                json!({"type": "wave.started", "wave": 1, "tasks": ["a", "b\u{1b}[2J"]}),
                Some("wave 1: a, b\u{fffd}[2J"),
            ),
            (
                None,
                json!({"type": "run.finished", "outcome": "ready_to_complete"}),
                Some("run ended, ready to complete"),
            ),
            (
                None,
                json!({"type": "candidate.built", "candidate": 1, "base": commit, "tasks": [],
                "left_out": [{"task": "b", "paths": ["x.py"], "with_head": true}]}),
                Some("b conflicts with accepted work in x.py"),
            ),
            (
                None,
                gate(
                    &json!({"verdict": "passed", "counts": {"passed": 3, "failed": 0, "skipped": 0}}),
                ),
                Some("gate test on the candidate: passed (3 passed, 0 failed) in 1.2 s"),
            ),
            (
                None,
                gate(&json!({"verdict": "failed", "findings": [{"message": "test_x: 1 != 2"}]})),
                Some("gate test on the candidate: red, test_x: 1 != 2 in 1.2 s"),
            ),
            (
                Some("a"),
                json!({"type": "task.retrying", "class": "exit", "spends": "restart", "start": "base",
                    "after": "2026-01-01T00:04:10.5Z"}),
                Some("a: tried again because of: exit; next start in 4 min 10 s"),
            ),
            (
                Some("a"),
                json!({"type": "task.retrying", "class": "exit", "spends": "restart", "start": "base",
                    "after": "2026-01-01T00:00:00.5Z"}),
                Some("a: tried again because of: exit"),
            ),
            (
                None,
                gate(&json!({"verdict": "failed", "findings": [
                    {"file": "c1.txt", "line": 1, "column": 5, "message": "rule\nlength"},
                    {"file": "c2.txt", "line": 4, "message": "rule"}]})),
                Some("gate test on the candidate: red, c1.txt:1: rule (and 1 more) in 1.2 s"),
            ),
            (
                None,
                gate(
                    &json!({"verdict": "failed", "findings": [{"file": "a\u{1b}[2J\u{202e}b", "message": "x\u{7}y"}]}),
                ),
                Some("gate test on the candidate: red, a\u{fffd}[2J\u{fffd}b: x\u{fffd}y in 1.2 s"),
            ),
            (
                None,
                gate(&json!({"verdict": "passed", "on_base": true})),
                Some("gate test on the accepted head: passed in 1.2 s"),
            ),
            (
                Some("a"),
                gate(&json!({"verdict": "passed", "on_base": true, "point": "task"})),
                Some("a: gate test on what the task began with: passed in 1.2 s"),
            ),
            (
                None,
                json!({"type": "command.accepted", "verb": "skip", "id": "a", "actor": "me"}),
                Some("asked to skip a"),
            ),
            (
                None,
                json!({"type": "breaker.opened", "agent": "default", "provider": "east"}),
                Some("east has reached a limit; no new starts"),
            ),
            (
                None,
                json!({"type": "parallelism.changed", "agent": "default", "limit": 1, "why": "3 starts"}),
                Some("default works on 1 at once from now on: 3 starts"),
            ),
            (
                None,
                json!({"type": "budget.exceeded", "which": "tokens"}),
                Some("no start fits into the budget of tokens"),
            ),
            (
                None,
                json!({"type": "warning", "message": "mind"}),
                Some("warning: mind"),
            ),
        ];
        for (task, kind, expected) in table {
            assert_eq!(show(task, &kind).as_deref(), expected, "{kind}");
        }
    }
}
