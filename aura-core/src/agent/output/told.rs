//! What an agent has told so far, whichever agent it is.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde_json::Value;

use super::super::AgentSignal;
use super::super::ending::ANSWER_LIMIT;
use super::fault::{Clock, Fault};
use crate::model::{ToolState, Usage};
use crate::prompt::Redactor;
use crate::text;

/// Bytes of a text that is told.
const TEXT_LIMIT: usize = 16 * 1024;
/// Bytes of what a tool is about.
const DETAIL_LIMIT: usize = 200;
/// Bytes of a name: a tool, a session, a denied tool.
const NAME_LIMIT: usize = 200;
/// Calls of tools that are remembered until they end, and denials that are kept.
const REMEMBERED: usize = 64;

/// How often the same call of a tool may follow itself.
const SAME_CALLS: u32 = 20;
/// How often calls that differ in their numbers only may follow one another.
const SIMILAR_CALLS: u32 = 60;
/// How often the model may answer with nothing in a row.
const EMPTY_STEPS: u32 = 10;

/// The members of a call's arguments that say best what it is about.
const TELLING: [&str; 12] = [
    "command",
    "cmd",
    "file_path",
    "filePath",
    "path",
    "absolute_path",
    "pattern",
    "query",
    "url",
    "description",
    "prompt",
    "name",
];

/// How the agent says that it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::agent) enum End {
    /// It did not say so.
    #[default]
    Missing,
    /// Well.
    Clean,
    /// With an error, or before its model had finished.
    Unclean,
}

/// Everything that counts of what an agent told, and the signals that nobody has taken yet.
#[derive(Debug)]
pub(in crate::agent) struct Told {
    /// How it ended by its own account, unless something came after it.
    pub(in crate::agent) end: End,
    /// The last error that nothing good came after.
    pub(in crate::agent) fault: Option<Fault>,
    /// Tools that were not allowed.
    pub(in crate::agent) denied: Vec<String>,
    /// Calls of tools that ended well.
    pub(in crate::agent) tools_ended: u32,
    /// What can be resumed.
    pub(in crate::agent) session: Option<String>,
    /// What was used, counted once.
    pub(in crate::agent) usage: Usage,
    /// The model's last words.
    pub(in crate::agent) text: String,
    /// Why the agent has to be stopped.
    pub(in crate::agent) cut: Option<String>,
    /// It has done nothing but ask its provider again since its last progress.
    pub(in crate::agent) retrying: bool,
    pub(in crate::agent) clock: Clock,
    redactor: Redactor,
    /// What this stream says it is of.
    stream: Option<String>,
    /// Another agent's stream began in it, and nobody can tell whose the rest is.
    mixed: bool,
    signals: Vec<AgentSignal>,
    calls: Vec<(String, String, String)>,
    steps: u32,
    step_limit: u32,
    same: Streak,
    similar: Streak,
    empty: u32,
}

/// How often something followed itself.
#[derive(Debug, Default)]
struct Streak {
    last: u64,
    length: u32,
}

impl Streak {
    fn count(&mut self, what: impl Hash) -> u32 {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let this = hasher.finish();
        self.length = if this == self.last {
            self.length + 1
        } else {
            1
        };
        self.last = this;
        self.length
    }
}

impl Told {
    /// Nothing yet. After `step_limit` calls of tools the agent is to be stopped.
    pub(in crate::agent) fn new(step_limit: u32, clock: Clock) -> Self {
        Self {
            end: End::Missing,
            fault: None,
            denied: Vec::new(),
            tools_ended: 0,
            session: None,
            usage: Usage::default(),
            text: String::new(),
            cut: None,
            retrying: false,
            clock,
            redactor: Redactor::default(),
            stream: None,
            mixed: false,
            signals: Vec::new(),
            calls: Vec::new(),
            steps: 0,
            step_limit,
            same: Streak::default(),
            similar: Streak::default(),
            empty: 0,
        }
    }

    /// Masks these secrets in everything that is kept and told, before any of it is cut: half a secret is not recognised.
    pub(in crate::agent) fn masking(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    fn kept(&self, text: &str, limit: usize) -> String {
        let mut text = self.redactor.clean(text);
        text.truncate(text::head(&text, limit).len());
        text
    }

    pub(super) fn take_signals(&mut self) -> Vec<AgentSignal> {
        std::mem::take(&mut self.signals)
    }

    /// A line that says nothing more.
    pub(super) fn plain(&mut self, line: &str) {
        let line = self.kept(line, TEXT_LIMIT);
        self.signals.push(AgentSignal::Line(line));
    }

    /// The session, as the agent first names it.
    pub(in crate::agent) fn session(&mut self, id: Option<&str>) {
        let id = id.filter(|id| !id.is_empty() && id.len() <= NAME_LIMIT);
        if let (None, Some(id)) = (&self.session, id) {
            self.session = Some(id.to_owned());
        }
    }

    /// The stream says whose it is. `false` where it said something else before: from there on nothing in it counts.
    pub(super) fn begins(&mut self, id: Option<&str>) -> bool {
        let Some(id) = id else { return true };
        match &self.stream {
            None => self.stream = Some(id.to_owned()),
            Some(own) if own == id => {}
            Some(_) => {
                self.mixed = true;
                self.end = End::Missing;
            }
        }
        !self.mixed
    }

    /// Whether it is still known whose events these are.
    pub(super) const fn is_one_stream(&self) -> bool {
        !self.mixed
    }

    /// Whether an event belongs to the session, where both are known.
    pub(super) fn is_mine(&self, session: Option<&str>) -> bool {
        match (&self.session, session) {
            (Some(mine), Some(other)) => mine == other,
            _ => true,
        }
    }

    /// The agent works: whatever went wrong before is over, and an end before is none.
    pub(in crate::agent) fn works(&mut self) {
        self.end = End::Missing;
        self.fault = None;
        self.retrying = false;
    }

    /// A turn begins; what went wrong before may go on.
    pub(super) fn works_on(&mut self) {
        self.end = End::Missing;
    }

    /// The name of the tool of a call that has not ended; empty where there is none.
    pub(in crate::agent) fn called(&self, id: &str) -> String {
        let call = self.calls.iter().find(|(known, ..)| known == id);
        call.map(|(_, name, _)| name.clone()).unwrap_or_default()
    }

    /// A whole text of the model.
    pub(in crate::agent) fn said(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.works();
        self.empty = 0;
        let text = self.redactor.clean(text);
        self.text = text::tail(&text, ANSWER_LIMIT).to_owned();
        let text = text::head(&text, TEXT_LIMIT).to_owned();
        self.signals.push(AgentSignal::Text(text));
    }

    /// The model called a tool.
    pub(in crate::agent) fn tool_started(&mut self, id: &str, name: &str, arguments: &Value) {
        self.works();
        self.empty = 0;
        let name = self.kept(name, NAME_LIMIT);
        let detail = one_line(&self.kept(&detail(arguments), 4 * DETAIL_LIMIT));
        if self.calls.len() == REMEMBERED {
            self.calls.remove(0);
        }
        let id = text::head(id, NAME_LIMIT).to_owned();
        self.calls.push((id, name.clone(), detail.clone()));
        self.tool(name, detail, ToolState::Started);
        self.count_call(arguments);
    }

    /// A call ended. `None` for one that was not announced.
    pub(in crate::agent) fn tool_ended(&mut self, id: &str, well: bool) {
        self.works();
        self.tools_ended += u32::from(well);
        let Some(at) = self.calls.iter().position(|(known, ..)| known == id) else {
            return;
        };
        let (_, name, detail) = self.calls.remove(at);
        let state = if well {
            ToolState::Ended
        } else {
            ToolState::Failed
        };
        self.tool(name, detail, state);
    }

    fn tool(&mut self, name: String, detail: String, state: ToolState) {
        self.signals.push(AgentSignal::Tool {
            name,
            detail,
            state,
        });
    }

    fn count_call(&mut self, arguments: &Value) {
        self.steps += 1;
        let name = self.calls.last().map(|(_, name, _)| name.clone());
        let name = name.unwrap_or_default();
        let arguments = arguments.to_string();
        let shape: String = arguments
            .chars()
            .filter(|character| !character.is_ascii_digit())
            .collect();
        let same = self.same.count((&name, &arguments));
        let similar = self.similar.count((&name, &shape));
        let why = if same > SAME_CALLS {
            format!("it called {name} {same} times in a row with the same arguments")
        } else if similar > SIMILAR_CALLS {
            format!(
                "it called {name} {similar} times in a row with arguments that differ in numbers only"
            )
        } else if self.steps > self.step_limit {
            format!("it called tools more than {} times", self.step_limit)
        } else {
            return;
        };
        self.cut.get_or_insert(why);
    }

    /// The model answered with neither text nor a call.
    pub(super) fn empty_step(&mut self) {
        self.end = End::Missing;
        self.empty += 1;
        if self.empty > EMPTY_STEPS {
            let why = format!("its model broke off {} times in a row", self.empty);
            self.cut.get_or_insert(why);
        }
    }

    /// A tool was not allowed.
    pub(in crate::agent) fn denied(&mut self, tool: &str) {
        if self.denied.len() < REMEMBERED {
            self.denied.push(self.kept(tool, NAME_LIMIT));
        }
        self.warn(&format!("the tool {tool} was denied"));
    }

    /// A file changed.
    pub(in crate::agent) fn file(&mut self, path: &str) {
        let path = self.kept(path, TEXT_LIMIT);
        self.signals.push(AgentSignal::File { path });
    }

    /// An error as the agent reports it; `kind` is its own word for it.
    pub(in crate::agent) fn fault(&self, status: Option<u16>, kind: &str, message: &str) -> Fault {
        let (kind, message) = (self.redactor.clean(kind), self.redactor.clean(message));
        Fault::read(status, &kind, &message, &self.clock)
    }

    /// The provider is asked again.
    pub(super) fn retry(&mut self, attempt: Option<u64>, fault: Fault) {
        self.end = End::Missing;
        self.retrying = true;
        self.signals.push(AgentSignal::Retry {
            attempt: attempt.and_then(|attempt| u32::try_from(attempt).ok()),
            why: fault.message.clone(),
        });
        self.note(fault);
    }

    /// An error that is not followed by another try.
    pub(in crate::agent) fn fail(&mut self, fault: Fault) {
        self.warn(&fault.message);
        self.note(fault);
    }

    /// When it is a limit that was met before, its end is still known.
    fn note(&mut self, mut fault: Fault) {
        if let Some(before) = self.fault.take() {
            let is_limit = before.until.is_some_and(|until| until > self.clock.now());
            if fault.until.is_none() && fault.class == before.class && is_limit {
                fault.until = before.until;
            }
            if fault.class.is_none() {
                fault.class = before.class;
            }
        }
        self.fault = Some(fault);
    }

    /// What was used so far, in all.
    pub(in crate::agent) fn uses(&mut self, usage: Usage) {
        self.usage = usage;
        if !usage.is_zero() {
            self.signals.push(AgentSignal::Usage(usage));
        }
    }

    /// Something a person should know.
    pub(in crate::agent) fn warn(&mut self, text: &str) {
        let text = self.kept(text, TEXT_LIMIT);
        self.signals.push(AgentSignal::Warning(text));
    }

    /// The agent says that it has ended.
    pub(in crate::agent) fn ended(&mut self, end: End) {
        self.end = end;
        if end == End::Clean {
            self.fault = None;
        }
        self.retrying = false;
    }
}

/// What the arguments of a call are about.
fn detail(arguments: &Value) -> String {
    let parsed;
    let arguments = match arguments {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(value @ Value::Object(_)) => {
                parsed = value;
                &parsed
            }
            _ => return text.clone(),
        },
        other => other,
    };
    let telling = TELLING.iter().find_map(|name| arguments.get(name));
    match telling.unwrap_or(&Value::Null) {
        Value::String(text) => text.clone(),
        Value::Array(words) => {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            words.join(" ")
        }
        _ => String::new(),
    }
}

fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text::head(&line, DETAIL_LIMIT).to_owned()
}
