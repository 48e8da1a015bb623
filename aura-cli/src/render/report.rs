//! The report for people.

use aura_core::{CheckState, Report, RunOutcome};

use super::style::{Style, Tone, harmless};
use super::text::{count, duration, first_line, list, table, word};
use crate::args::Again;

/// How the story went.
pub(crate) fn report(report: &Report, again: &Again, style: Style) -> String {
    let tone = match report.outcome {
        RunOutcome::Completed | RunOutcome::ReadyToComplete => Tone::Good,
        RunOutcome::Paused | RunOutcome::Cancelled => Tone::Doubtful,
        RunOutcome::Failed => Tone::Bad,
    };
    let reason = report.reason.as_ref();
    let reason = reason.map(|reason| format!(": {}", first_line(reason, 200)));
    let head = format!("{}{}", word(&report.outcome), reason.unwrap_or_default());
    let mut lines = vec![style.paint(tone, head), table(&facts(report))];
    for check in &report.checks {
        let (tone, sign) = match check.state {
            CheckState::Passed => (Tone::Good, "passed"),
            CheckState::Failed => (Tone::Bad, "failed"),
            CheckState::Skipped => (Tone::Doubtful, "skipped"),
        };
        let name = harmless(&check.name);
        let detail = match first_line(&check.detail, 200).as_str() {
            "" => String::new(),
            text => format!(": {text}"),
        };
        lines.push(style.paint(tone, format!("check {name} {sign}{detail}")));
    }
    for failed in &report.failed {
        let class = word(&failed.class);
        let why = first_line(&failed.evidence.summary, 200);
        let text = format!("{} failed, {class}: {why}", harmless(failed.id.as_str()));
        lines.push(style.paint(Tone::Bad, text));
        lines.extend(
            failed
                .evidence
                .log
                .iter()
                .map(|log| format!("  full output: {}", harmless(log))),
        );
    }
    for warning in &report.warnings {
        lines.push(style.paint(Tone::Doubtful, format!("warning: {}", harmless(warning))));
    }
    for saved in &report.salvaged {
        let task = harmless(saved.task.as_str());
        lines.push(format!("unfinished edits of {task} are kept; to see them:"));
        let words = [
            "git",
            "--git-dir",
            &saved.repository,
            "show",
            &saved.reference,
        ];
        lines.push(format!("  {}", harmless(&crate::words::join(&words))));
    }
    lines.extend(next_step(report, again).map(|step| format!("next: {step}")));
    lines.join("\n")
}

/// What a person does now, where there is something to do.
fn next_step(report: &Report, again: &Again) -> Option<String> {
    let resume = || again.does("resume", &[]);
    let answer = |task: &str, verbs: &[&str]| {
        let asked: Vec<String> = verbs
            .iter()
            .map(|verb| format!("`{}`", again.asks(verb, &[task])))
            .collect();
        let retry = format!("`{} --note TEXT`", again.asks("retry", &[task]));
        harmless(&format!(
            "{}, then `{}`",
            [asked, vec![retry]].concat().join(" or "),
            resume()
        ))
    };
    if let (RunOutcome::Paused, Some(task)) = (report.outcome, report.asked.first()) {
        return Some(answer(task.as_str(), &["approve", "skip"]));
    }
    let first = report.failed.first().map(|task| task.id.as_str());
    match (report.outcome, first) {
        (RunOutcome::Completed, _) => None,
        (RunOutcome::ReadyToComplete, _) => {
            let complete = again.does("complete", &["--merge"]);
            Some(match report.reason.as_deref() {
                // A landing that was parked is not helped by another one.
                Some(_) => format!(
                    "clear what keeps it from landing, then `{}`; a conflict is solved by hand with `git merge {}` on the target's branch",
                    harmless(&complete),
                    report.commit.short()
                ),
                None => format!("`{}` lands it", harmless(&complete)),
            })
        }
        (RunOutcome::Paused | RunOutcome::Failed, Some(task)) => Some(answer(task, &["skip"])),
        _ => Some(format!("`{}` goes on", harmless(&resume()))),
    }
}

fn facts(report: &Report) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, text: String| rows.push(vec![format!("  {name}"), text]);
    row("tasks", tasks(report));
    row(
        "agents",
        format!(
            "{}, {}, {}",
            count(report.starts as usize, "start"),
            plural(report.retries, "retry", "retries"),
            count(report.restarts as usize, "restart")
        ),
    );
    let mut gates = count(report.gate_runs as usize, "run");
    if !report.flaky.is_empty() {
        gates = format!("{gates}; flaky: {}", harmless(&list(&report.flaky)));
    }
    row("gates", gates);
    row(
        "time",
        format!(
            "{} for {} of agents' work: speed-up {:.1}",
            duration(report.wall_ms),
            duration(report.work_ms),
            report.speedup
        ),
    );
    if report.ready_would_save_ms > 0 {
        row(
            "waves",
            format!(
                "starting each task as soon as it could would have saved {}",
                duration(report.ready_would_save_ms)
            ),
        );
    }
    if !report.usage.is_zero() {
        row(
            "usage",
            format!(
                "{} tokens in, {} out, {:.2} USD",
                report.usage.input_tokens, report.usage.output_tokens, report.usage.cost_usd
            ),
        );
    }
    row("commit", report.commit.to_string());
    if let Some(previous) = &report.previous {
        row("to go back", previous.to_string());
    }
    rows
}

fn tasks(report: &Report) -> String {
    let mut text = format!("{} accepted", report.accepted.len());
    let named = [
        (
            "failed",
            report
                .failed
                .iter()
                .map(|task| &task.id)
                .collect::<Vec<_>>(),
        ),
        ("blocked", report.blocked.iter().collect()),
        ("skipped", report.skipped.iter().collect()),
        ("unfinished", report.unfinished.iter().collect()),
    ];
    for (what, tasks) in named {
        if !tasks.is_empty() {
            text = format!(
                "{text}, {} {what} ({})",
                tasks.len(),
                harmless(&list(&tasks))
            );
        }
    }
    text
}

fn plural(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::args::{EngineFlags, Place};

    fn shown(change: &serde_json::Value) -> String {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let mut value = json!({
            "story_id": "01890a5d-ac96-774b-bcce-b302099a8057", "outcome": "paused", "accepted": [], "failed": [],
            "blocked": [], "skipped": [], "unfinished": [], "commit": commit, "starts": 1, "retries": 0, "restarts": 0,
            "gate_runs": 0, "wall_ms": 1, "work_ms": 1, "speedup": 1.0, "critical_path_ms": 1, "overhead_ms": 0,
            "ready_would_save_ms": 0, "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0},
        });
        let fields = value.as_object_mut().expect("an object");
        fields.extend(change.as_object().expect("an object").clone());
        let engine = EngineFlags {
            agent_command: Some("sh 'a b.sh'".to_owned()),
            gates: vec!["t=true".to_owned()],
            ..EngineFlags::default()
        };
        let value: Report = serde_json::from_value(value).expect("a report");
        let again = Again::of(value.story_id, &Place::default(), &engine);
        report(&value, &again, Style::PLAIN)
    }

    #[test]
    fn the_next_step_is_named() {
        let failed = json!([{"id": "a", "class": "gate", "evidence": {"summary": "red"}}]);
        let options = r"--agent-command 'sh '\''a b.sh'\''' --gate t=true";
        let resume = format!("`aura story resume 9a8057 {options}`");
        let complete = format!("`aura story complete 9a8057 --merge {options}`");
        let conflict =
            "a conflict is solved by hand with `git merge 0123456789` on the target's branch";
        let retry = "`aura story retry a 9a8057 --note TEXT`";
        for (change, next) in [
            (json!({"outcome": "completed"}), None),
            (
                json!({"outcome": "ready_to_complete"}),
                Some(format!("{complete} lands it")),
            ),
            (
                json!({"outcome": "ready_to_complete", "reason": "the story conflicts with `main`"}),
                Some(format!(
                    "clear what keeps it from landing, then {complete}; {conflict}"
                )),
            ),
            (
                json!({"outcome": "paused"}),
                Some(format!("{resume} goes on")),
            ),
            (
                json!({"outcome": "cancelled", "failed": failed}),
                Some(format!("{resume} goes on")),
            ),
            (
                json!({"outcome": "paused", "failed": failed}),
                Some(format!(
                    "`aura story skip a 9a8057` or {retry}, then {resume}"
                )),
            ),
            (
                json!({"outcome": "paused", "asked": ["a"]}),
                Some(format!(
                    "`aura story approve a 9a8057` or `aura story skip a 9a8057` or {retry}, then {resume}"
                )),
            ),
        ] {
            let text = shown(&change);
            let found = text.lines().find_map(|line| line.strip_prefix("next: "));
            assert_eq!(found, next.as_deref(), "{change}");
        }
    }

    #[test]
    fn kept_edits_come_with_the_command_that_shows_them() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let kept = json!([{"task": "a", "repository": "/r/my app/.git/aura/repo.git", "ref": "refs/aura/x", "commit": commit}]);
        let text = shown(&json!({"salvaged": kept}));
        let command = "git --git-dir '/r/my app/.git/aura/repo.git' show refs/aura/x";
        assert!(text.contains(command), "{text}");
    }
}
