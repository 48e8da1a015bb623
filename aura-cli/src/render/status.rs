//! Where stories and tasks are.

use std::time::{SystemTime, UNIX_EPOCH};

use aura_core::{StatusView, Story, StoryStatus, StorySummary, TaskStatus};

use super::event::next_start;
use super::style::{Style, Tone, harmless};
use super::text::{count, duration, first_line, list, table, word};

/// A story at one moment.
pub(crate) fn status(view: &StatusView, now: SystemTime, style: Style) -> String {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let done = view
        .tasks
        .iter()
        .filter(|task| task.status == TaskStatus::Completed)
        .count();
    let mut lines = vec![format!(
        "{}  {}",
        style.paint(Tone::Strong, harmless(&view.title)),
        style.paint(story_tone(view.status), word(&view.status))
    )];
    if view.interrupted {
        let text = "  interrupted: no process goes on with its run; `aura story resume` does";
        lines.push(style.paint(Tone::Doubtful, text));
    }
    if let Some(reason) = &view.reason {
        let text = format!("  {}", first_line(reason, 200));
        lines.push(style.paint(Tone::Doubtful, text));
    }
    lines.push(format!("  {} on {}", view.story_id, harmless(&view.branch)));
    lines.extend(
        view.worktree
            .iter()
            .map(|path| format!("  worktree {}", harmless(path))),
    );
    lines.push(format!(
        "  {} of {} accepted, wave {} (of {}, counted from 0), {} working, {} waiting",
        done,
        count(view.tasks.len(), "task"),
        view.wave,
        view.waves,
        count(view.agents.running, "agent"),
        view.agents.waiting
    ));
    lines.extend(view.limits.iter().map(|limit| {
        let until = limit.until.map(|until| format!(" until {until}"));
        let until = until.unwrap_or_default();
        let text = format!("  {} is at a limit{until}", harmless(&limit.provider));
        style.paint(Tone::Doubtful, text)
    }));
    let rows: Vec<Vec<String>> = view
        .tasks
        .iter()
        .map(|task| {
            let time = task.elapsed_ms.or(task.duration_ms).map(duration);
            let attempts = match task.attempts {
                0 | 1 => String::new(),
                number => format!("attempt {number}"),
            };
            let failed = task.error.as_ref().map(|error| match &task.class {
                Some(class) => format!("{}: {error}", word(class)),
                None => error.clone(),
            });
            let told = task.question.clone().or(failed);
            let next = task
                .next_start_at
                .and_then(|at| next_start(at.as_millisecond() - now));
            let why = match (told, task.waiting_for.is_empty()) {
                (Some(told), _) => {
                    let parts = next.into_iter().chain([first_line(&told, 100)]);
                    parts.collect::<Vec<_>>().join("; ")
                }
                (None, false) => format!("waits for {}", harmless(&list(&task.waiting_for))),
                (None, true) => first_line(&task.title, 60),
            };
            let status = match task.status {
                TaskStatus::Running if view.interrupted => "interrupted".to_owned(),
                status => word(&status),
            };
            vec![
                format!("  {}", harmless(task.id.as_str())),
                status,
                time.unwrap_or_default(),
                attempts,
                why,
            ]
        })
        .collect();
    if !rows.is_empty() {
        lines.push(table(&rows));
    }
    lines.join("\n")
}

/// What a story is about.
pub(crate) fn show(story: &Story, style: Style) -> String {
    let mut lines = vec![format!(
        "{}  {}",
        style.paint(Tone::Strong, harmless(&story.title)),
        style.paint(story_tone(story.status), word(&story.status))
    )];
    if !story.description.is_empty() {
        lines.push(harmless(story.description.trim_end()));
    }
    let mut facts = vec![
        ("id", story.id.to_string()),
        ("branch", story.branch.clone()),
        ("begun at", story.base.to_string()),
        ("accepted", story.head.to_string()),
    ];
    facts.extend(story.target.iter().map(|target| ("target", target.clone())));
    facts.extend(
        story
            .landed
            .iter()
            .map(|commit| ("landed as", commit.to_string())),
    );
    facts.extend(story.worktree.iter().map(|path| ("worktree", path.clone())));
    let rows: Vec<Vec<String>> = facts
        .into_iter()
        .map(|(name, value)| vec![format!("  {name}"), harmless(&value)])
        .collect();
    lines.push(table(&rows));
    for task in &story.tasks {
        lines.push(String::new());
        lines.push(format!(
            "{}  {}  {}",
            style.paint(Tone::Strong, harmless(task.id.as_str())),
            harmless(&task.title),
            style.paint(
                Tone::Faint,
                format!("wave {}, {}", task.wave, word(&task.status))
            )
        ));
        if !task.depends_on.is_empty() {
            lines.push(format!("  after {}", harmless(&list(&task.depends_on))));
        }
        if !task.files.is_empty() {
            lines.push(format!("  touches {}", harmless(&list(&task.files))));
        }
        lines.extend(task.commit.map(|commit| format!("  commit {commit}")));
        lines.extend(
            task.error
                .iter()
                .map(|error| format!("  {}", first_line(error, 200))),
        );
    }
    lines.join("\n")
}

/// All stories.
pub(crate) fn stories(stories: &[StorySummary]) -> String {
    if stories.is_empty() {
        return "no stories yet; `aura run PLAN` makes one".to_owned();
    }
    let rows: Vec<Vec<String>> = stories
        .iter()
        .map(|story| {
            vec![
                story.id.short(),
                word(&story.status),
                harmless(&story.branch),
                first_line(&story.title, 80),
            ]
        })
        .collect();
    table(&rows)
}

const fn story_tone(status: StoryStatus) -> Tone {
    match status {
        StoryStatus::Completed | StoryStatus::ReadyToComplete => Tone::Good,
        StoryStatus::Failed | StoryStatus::GateFailed => Tone::Bad,
        StoryStatus::Paused | StoryStatus::Cancelled => Tone::Doubtful,
        _ => Tone::Faint,
    }
}
