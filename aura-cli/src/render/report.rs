//! The report for people.

use aura_core::{Report, RunOutcome};

use super::style::{Style, Tone, harmless};
use super::text::{count, duration, first_line, list, table, word};

/// How the story went.
pub(crate) fn report(report: &Report, style: Style) -> String {
    let tone = match report.outcome {
        RunOutcome::Completed | RunOutcome::ReadyToComplete => Tone::Good,
        RunOutcome::Paused | RunOutcome::Cancelled => Tone::Doubtful,
        RunOutcome::Failed => Tone::Bad,
    };
    let reason = report.reason.as_ref();
    let reason = reason.map(|reason| format!(": {}", first_line(reason, 200)));
    let head = format!("{}{}", word(&report.outcome), reason.unwrap_or_default());
    let mut lines = vec![style.paint(tone, head), table(&facts(report))];
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
        lines.push(format!(
            "unfinished edits of {task} kept under {}",
            harmless(&saved.reference)
        ));
    }
    lines.join("\n")
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
