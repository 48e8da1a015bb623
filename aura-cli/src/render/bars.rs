//! Bars for terminals: one for the story, one for every agent and gate at work.

use std::collections::HashMap;
use std::time::Duration;

use aura_core::{Event, EventKind, GatePoint, Progress, RunEvent, TaskId, ToolState};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::describe;
use super::style::{Style, harmless};
use super::text::first_line;

/// Longest line of live output, in characters.
const LIVE: usize = 60;
/// Time between two steps of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// The bars of one run.
pub(crate) struct Bars {
    style: Style,
    screen: MultiProgress,
    story: ProgressBar,
    tasks: HashMap<TaskId, ProgressBar>,
    gates: HashMap<String, ProgressBar>,
}

impl Bars {
    /// Nothing is drawn until the first event.
    pub(crate) fn new(style: Style) -> Self {
        let screen = MultiProgress::new();
        let story = screen.add(ProgressBar::new(0));
        story.set_style(template(
            "{bar:24} {pos}/{len} tasks accepted  {elapsed_precise}  {msg}",
        ));
        Self {
            style,
            screen,
            story,
            tasks: HashMap::new(),
            gates: HashMap::new(),
        }
    }

    /// A line above the bars.
    pub(crate) fn line(&self, text: &str) {
        // The terminal may be gone; the run goes on without it.
        let _ = self.screen.println(text);
    }

    /// Takes the bars away.
    pub(crate) fn finish(&mut self) {
        for (_, bar) in self.tasks.drain() {
            bar.finish_and_clear();
        }
        for (_, bar) in self.gates.drain() {
            bar.finish_and_clear();
        }
        self.story.finish_and_clear();
    }

    /// Tells of one event.
    pub(crate) fn event(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Durable(event) => {
                if let Some(line) = describe(event, self.style) {
                    self.line(&line);
                }
                self.durable(event);
            }
            RunEvent::Progress(Progress::GateOutput { gate, at, line }) => {
                if let Some(bar) = self.gates.get(&gate_key(gate, *at)) {
                    bar.set_message(first_line(line, LIVE));
                }
            }
            RunEvent::Progress(progress) => {
                if let Some((task, text)) = live(progress)
                    && let Some(bar) = self.tasks.get(task)
                {
                    bar.set_message(first_line(&text, LIVE));
                }
            }
        }
    }

    /// The story's size and what is done of it already.
    pub(crate) fn size(&mut self, tasks: u64, accepted: u64) {
        self.story.set_length(tasks);
        self.story.set_position(accepted);
        self.story.enable_steady_tick(TICK);
    }

    fn durable(&mut self, event: &Event) {
        match &event.kind {
            EventKind::WaveStarted { wave, .. } => self.story.set_message(format!("wave {wave}")),
            EventKind::TaskStarted { .. } => {
                if let Some(task) = &event.task {
                    let bar = self.spinner(&harmless(task.as_str()));
                    if let Some(old) = self.tasks.insert(task.clone(), bar) {
                        old.finish_and_clear();
                    }
                }
            }
            EventKind::AttemptFinished { .. } => {
                let bar = event.task.as_ref().and_then(|task| self.tasks.remove(task));
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
            }
            EventKind::TaskAccepted { .. } => self.story.inc(1),
            EventKind::GateStarted { gate, at, .. } => {
                let bar = self.spinner(&format!("gate {}", harmless(gate)));
                if let Some(old) = self.gates.insert(gate_key(gate, *at), bar) {
                    old.finish_and_clear();
                }
            }
            EventKind::GateFinished { gate, at, .. } => {
                if let Some(bar) = self.gates.remove(&gate_key(gate, *at)) {
                    bar.finish_and_clear();
                }
            }
            EventKind::RunFinished { .. } => self.finish(),
            _ => {}
        }
    }

    fn spinner(&self, name: &str) -> ProgressBar {
        let bar = self
            .screen
            .insert_before(&self.story, ProgressBar::new_spinner());
        bar.set_style(template("  {spinner} {prefix} {elapsed} {msg}"));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(TICK);
        bar
    }
}

fn gate_key(gate: &str, at: GatePoint) -> String {
    format!("{at:?} {gate}")
}

/// What a task's line shows of what its agent tells. Usage would only hide what it is about.
fn live(progress: &Progress) -> Option<(&TaskId, String)> {
    Some(match progress {
        Progress::AgentOutput { task, line } => (task, line.clone()),
        Progress::AgentText { task, text } => (task, text.clone()),
        Progress::AgentTool {
            task,
            name,
            detail,
            state,
        } => {
            let end = match state {
                ToolState::Started => "",
                ToolState::Ended => " (done)",
                ToolState::Failed => " (failed)",
            };
            (task, format!("{name} {detail}{end}"))
        }
        Progress::AgentFile { task, path } => (task, format!("changed {path}")),
        Progress::AgentRetry {
            task,
            attempt: Some(attempt),
            why,
        } => (task, format!("asks again ({attempt}): {why}")),
        Progress::AgentRetry { task, why, .. } => (task, format!("asks again: {why}")),
        Progress::AgentWarning { task, text } => (task, format!("warning: {text}")),
        _ => return None,
    })
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_bar())
}
