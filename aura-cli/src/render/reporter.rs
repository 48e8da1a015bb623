//! Tells of a run while it goes on.

use std::io::IsTerminal;

use aura_core::{Result, RunEvent, StatusView, TaskLine, TaskStatus};

use super::bars::Bars;
use super::describe;
use super::style::Style;
use crate::output;

/// Where events go.
pub(crate) enum Reporter {
    /// One JSON object per line on standard output.
    Json,
    /// One line per event on standard error.
    Lines(Style),
    /// Moving bars on standard error, and lines above them.
    Bars(Box<Bars>),
}

impl Reporter {
    /// What suits the call: JSON where asked for, bars on a terminal, lines otherwise.
    pub(crate) fn choose(json: bool) -> Self {
        if json {
            return Self::Json;
        }
        let is_dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        if std::io::stderr().is_terminal() && !is_dumb {
            Self::Bars(Box::new(Bars::new(Style::of_stderr())))
        } else {
            Self::Lines(Style::of_stderr())
        }
    }

    /// Tells where the story is before its run goes on.
    pub(crate) fn begin(&mut self, story: &StatusView) {
        if let Self::Bars(bars) = self {
            let accepted = |task: &&TaskLine| task.status == TaskStatus::Completed;
            let accepted = story.tasks.iter().filter(accepted).count();
            bars.size(story.tasks.len() as u64, accepted as u64);
        }
    }

    /// Tells of one event.
    ///
    /// # Errors
    /// `Io` where standard output cannot be written.
    pub(crate) fn event(&mut self, event: &RunEvent) -> Result<()> {
        match (self, event) {
            (Self::Json, RunEvent::Durable(event)) => output::json(event),
            (Self::Lines(style), RunEvent::Durable(event)) => {
                if let Some(line) = describe(event, *style) {
                    output::note(line);
                }
                Ok(())
            }
            (Self::Bars(bars), event) => {
                bars.event(event);
                Ok(())
            }
            (_, RunEvent::Progress(_)) => Ok(()),
        }
    }

    /// Says something about the run that is no event.
    pub(crate) fn note(&self, text: &str) {
        match self {
            Self::Bars(bars) => bars.line(text),
            _ => output::note(text),
        }
    }

    /// Leaves the terminal as it was, with the lines that were written.
    pub(crate) fn finish(&mut self) {
        if let Self::Bars(bars) = self {
            bars.finish();
        }
    }
}
