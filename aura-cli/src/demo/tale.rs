//! What happened in the demo, told from the story's events.

use std::collections::BTreeSet;

use aura_core::{
    AttemptOutcome, Event, EventKind, Evidence, FailureClass, Finding, GateVerdict, LeftOut,
    Report, Story,
};

use super::Project;
use super::project::text;
use crate::render::style::{Style, Tone, harmless};
use crate::render::{duration, word};
use crate::words;

/// Longest reason in a line, in characters.
const LONGEST: usize = 160;

/// The tale, and where to look.
pub(crate) fn tell(
    project: &Project,
    story: &Story,
    events: &[Event],
    report: &Report,
    aura: &str,
    style: Style,
) -> String {
    let mut lines = vec![style.paint(Tone::Strong, "What happened")];
    for wave in &story.waves {
        let names: Vec<&str> = wave.tasks.iter().map(|task| task.as_str()).collect();
        lines.push(format!("  wave {}     {}", wave.index, names.join(", ")));
    }
    lines.extend(retries(events));
    lines.extend(conflicts(events));
    lines.push(gates(events));
    lines.extend(landing(story, events));
    lines.push(format!(
        "  time       {} for {} of agents' work in {} starts: speed-up {:.1}, gates and waiting included",
        duration(report.wall_ms),
        duration(report.work_ms),
        report.starts,
        report.speedup
    ));
    lines.push(format!(
        "  waves      starting each task as soon as its own dependencies were there would have saved {}",
        duration(report.ready_would_save_ms)
    ));
    lines.push(String::new());
    lines.push(style.paint(Tone::Strong, "Where to look"));
    lines.extend(places(project, story));
    lines.push(String::new());
    lines.push(style.paint(Tone::Strong, "Commands to try"));
    lines.extend(commands(project, story, aura));
    lines.join("\n")
}

/// Attempts that were not accepted, and what they were told.
fn retries(events: &[Event]) -> Vec<String> {
    let mut lines = Vec::new();
    for event in events {
        let (class, evidence) = match &event.kind {
            EventKind::TaskEjected {
                class, evidence, ..
            } => (class, Some(evidence.as_ref())),
            EventKind::AttemptFinished {
                outcome: AttemptOutcome::Failed { class, .. },
                evidence,
                ..
            } => (class, evidence.as_deref()),
            _ => continue,
        };
        if *class == FailureClass::Conflict {
            continue;
        }
        let task = event.task.as_ref().map_or("", |task| task.as_str());
        let attempt = event.attempt.unwrap_or(1);
        let why = evidence.map_or_else(|| word(class), why);
        let then = if was_accepted(events, task) {
            format!("; attempt {} was shown this and was accepted", attempt + 1)
        } else {
            String::new()
        };
        lines.push(format!(
            "  retry      {task}: attempt {attempt} was sent back: {why}{then}"
        ));
    }
    lines
}

fn why(evidence: &Evidence) -> String {
    let gate = evidence.gate.as_ref();
    let gate = gate.map(|gate| format!("gate `{gate}` is red, "));
    let found = Finding::summary(&evidence.findings, LONGEST);
    let said = found.as_ref().unwrap_or(&evidence.summary);
    let said = said.lines().next().unwrap_or_default();
    harmless(&format!("{}{said}", gate.unwrap_or_default()))
}

/// Tasks whose work did not fit to the work of others.
fn conflicts(events: &[Event]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let left_out = events.iter().filter_map(|event| match &event.kind {
        EventKind::CandidateBuilt { left_out, .. } => Some(left_out),
        _ => None,
    });
    let conflicts: Vec<&LeftOut> = left_out
        .flatten()
        .filter(|out| seen.insert(out.task.clone()))
        .collect();
    conflicts
        .into_iter()
        .map(|out| {
            let then = if was_accepted(events, out.task.as_str()) {
                "; it got both sides with markers, kept both, and was accepted"
            } else {
                ""
            };
            let paths = harmless(&out.paths.join(", "));
            format!(
                "  conflict   {}: others changed the same lines of {paths}{then}",
                out.task
            )
        })
        .collect()
}

fn was_accepted(events: &[Event], task: &str) -> bool {
    events.iter().any(|event| {
        matches!(event.kind, EventKind::TaskAccepted { .. })
            && event.task.as_ref().is_some_and(|id| id.as_str() == task)
    })
}

fn gates(events: &[Event]) -> String {
    let (mut runs, mut green, mut millis) = (0, 0, 0);
    for event in events {
        if let EventKind::GateFinished {
            verdict,
            duration_ms,
            ..
        } = &event.kind
        {
            runs += 1;
            green += usize::from(*verdict == GateVerdict::Passed);
            millis += duration_ms;
        }
    }
    format!(
        "  gates      {runs} runs in {}: {green} green, {} red",
        duration(millis),
        runs - green
    )
}

fn landing(story: &Story, events: &[Event]) -> Option<String> {
    events.iter().rev().find_map(|event| match &event.kind {
        EventKind::Landed { commit, previous } => Some(format!(
            "  landing    {} moved from {} to {}, the commit that the final gates passed",
            story.target.as_deref().unwrap_or("the target"),
            previous.short(),
            commit.short()
        )),
        EventKind::Parked { why, .. } => Some(format!("  landing    not done: {}", harmless(why))),
        _ => None,
    })
}

fn places(project: &Project, story: &Story) -> Vec<String> {
    let log = format!(
        "cd {} && git log --oneline --stat {}",
        words::join(&[text(&project.repo)]),
        story.target.as_deref().unwrap_or("HEAD")
    );
    let mut lines = vec![
        format!("  repository {}", project.repo.display()),
        format!("  plan       {}", project.plan.display()),
        format!("  branch     {}", story.branch),
        format!("  log        {log}"),
    ];
    lines.extend(
        story
            .worktree
            .iter()
            .map(|path| format!("  worktree   {path}")),
    );
    lines
}

fn commands(project: &Project, story: &Story, aura: &str) -> Vec<String> {
    let at = format!("--repo {}", words::join(&[text(&project.repo)]));
    let id = story.id.short();
    [
        format!("{aura} story status {id} {at}"),
        format!("{aura} story logs {id} --task discount {at}"),
        format!("{aura} story graph {id} --mermaid {at}"),
        format!("{aura} plan {}", words::join(&[text(&project.plan)])),
        format!("rm -r {}", words::join(&[text(&project.dir)])),
    ]
    .map(|line| format!("  {line}"))
    .to_vec()
}
