//! What the command line agents say on stdout, one file per agent: lines become signals, and in the end a conclusion.
//!
//! A line that is no event of the agent is kept as a line. It is never an error, and nothing in it counts. An event counts only
//! when its line is complete, so that a stream that was cut never ends well.

mod aider;
mod claude;
mod codex;
mod copilot;
mod fault;
mod gemini;
mod limit;
mod opencode;
#[cfg(test)]
mod tests;
mod told;

pub(super) use aider::Aider;
pub(super) use claude::Claude;
pub(super) use codex::Codex;
pub(super) use copilot::Copilot;
pub(super) use fault::{Clock, Fault};
pub(super) use gemini::Gemini;
pub(super) use opencode::OpenCode;
pub(super) use told::{End, Told};

use serde_json::Value;

use super::AgentSignal;

/// Longest line that is read as an event; what is longer is kept as a line, cut.
const LINE_LIMIT: usize = 1024 * 1024;

/// What one agent's lines mean.
pub(super) trait Protocol: Send {
    /// Takes one event. `false`: it is none of this agent's, and is kept as a line.
    fn event(&mut self, event: &Value, told: &mut Told) -> bool;

    /// Takes a line that is no JSON object. `false`: it is kept as a line.
    fn line(&mut self, _line: &str, _told: &mut Told) -> bool {
        false
    }
}

/// Cuts stdout into lines and gives each to the protocol.
pub(super) struct Reader {
    protocol: Box<dyn Protocol>,
    told: Told,
    line: Vec<u8>,
    overlong: bool,
}

impl Reader {
    pub(super) fn new(protocol: Box<dyn Protocol>, told: Told) -> Self {
        Self {
            protocol,
            told,
            line: Vec::new(),
            overlong: false,
        }
    }

    /// Takes bytes as they come and gives what they told.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<AgentSignal> {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        if let Some(first) = pieces.next() {
            self.extend(first);
        }
        for piece in pieces {
            self.complete();
            self.extend(piece);
        }
        self.told.take_signals()
    }

    /// The end of the stream. A last line without an end is kept as a line: it may have been cut.
    pub(super) fn finish(&mut self) -> Vec<AgentSignal> {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.keep(&line);
        }
        self.told.take_signals()
    }

    /// What was told so far.
    pub(super) const fn told(&self) -> &Told {
        &self.told
    }

    pub(super) const fn told_mut(&mut self) -> &mut Told {
        &mut self.told
    }

    fn extend(&mut self, piece: &[u8]) {
        let room = LINE_LIMIT - self.line.len();
        self.overlong |= piece.len() > room;
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn complete(&mut self) {
        let line = std::mem::take(&mut self.line);
        let overlong = std::mem::take(&mut self.overlong);
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let understood = !overlong
            && self.told.is_one_stream()
            && match serde_json::from_slice::<Value>(&line) {
                Ok(event) => event.is_object() && self.protocol.event(&event, &mut self.told),
                Err(_) => plain(&line).is_some_and(|line| self.protocol.line(line, &mut self.told)),
            };
        if !understood {
            self.keep(&line);
        }
    }

    fn keep(&mut self, line: &[u8]) {
        self.told.plain(&String::from_utf8_lossy(line));
    }
}

/// A line of text as it was written. What has control characters in it only becomes a line of the agent when they are taken out.
fn plain(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let is_plain = |character: char| character == '\t' || !character.is_control();
    line.chars().all(is_plain).then_some(line)
}

/// The text at a path such as `/data/content`.
pub(super) fn text_at<'a>(event: &'a Value, path: &str) -> Option<&'a str> {
    event.pointer(path)?.as_str()
}

pub(super) fn number_at(event: &Value, path: &str) -> Option<u64> {
    event.pointer(path)?.as_u64()
}

/// A status code of HTTP.
fn status_at(event: &Value, path: &str) -> Option<u16> {
    number_at(event, path).and_then(|status| u16::try_from(status).ok())
}

/// The text of the event's `type`.
fn kind_of(event: &Value) -> &str {
    text_at(event, "/type").unwrap_or_default()
}

/// US dollars, unless it is no amount that anybody could have spent.
pub(super) fn cost(dollars: Option<f64>) -> f64 {
    dollars
        .filter(|dollars| (0.0..1e6).contains(dollars))
        .unwrap_or_default()
}
