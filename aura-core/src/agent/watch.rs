//! Reads what an agent says while it says it, and stops one that goes in circles.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::output::{Clock, Protocol, Reader, Told};
use super::{AgentContext, AgentSignal};
use crate::model::Usage;
use crate::process::{OutputStream, Tap};
use crate::prompt::Redactor;

/// What was seen of an agent that has ended.
pub(super) struct Seen {
    pub(super) told: Told,
    /// It was stopped since it did nothing but ask its provider again, for too long or for what was refused until later.
    pub(super) gave_up: bool,
    /// It was to go on with an earlier session.
    pub(super) resumed: bool,
}

/// What is known of the session before the agent says anything.
pub(super) struct Known<'a> {
    /// Where it was told one: what is said of another session then counts for nothing.
    pub(super) id: Option<&'a str>,
    /// It is to go on with an earlier one.
    pub(super) resumed: bool,
}

/// Watches one agent.
pub(super) struct Watch {
    inner: Arc<Mutex<Inner>>,
    stop: CancellationToken,
    resumed: bool,
}

struct Inner {
    stdout: Reader,
    stderr: Reader,
    redactor: Redactor,
    context: AgentContext,
    stop: CancellationToken,
    idle: Duration,
    retrying: Option<Instant>,
    gave_up: bool,
}

/// Lines that mean nothing, such as those of stderr.
struct Plain;

impl Protocol for Plain {
    fn event(&mut self, _: &Value, _: &mut Told) -> bool {
        false
    }
}

impl Watch {
    /// For one start. `limits` are calls of tools and the longest time without progress.
    pub(super) fn new(
        protocol: Box<dyn Protocol>,
        session: &Known<'_>,
        (steps, idle): (u32, Duration),
        redactor: &Redactor,
        context: &AgentContext,
    ) -> Self {
        let stop = context.cancel().child_token();
        let told = || Told::new(steps, Clock::system()).masking(redactor);
        let mut said = told();
        said.session(session.id);
        let inner = Inner {
            stdout: Reader::new(protocol, said),
            stderr: Reader::new(Box::new(Plain), told()),
            redactor: redactor.clone(),
            context: context.clone(),
            stop: stop.clone(),
            idle,
            retrying: None,
            gave_up: false,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            stop,
            resumed: session.resumed,
        }
    }

    /// Cancelled when the agent has to stop, for whatever reason.
    pub(super) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// To be shown the agent's streams.
    pub(super) fn tap(&self) -> Tap {
        let inner = Arc::clone(&self.inner);
        Box::new(move |stream, bytes| {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.see(stream, bytes);
        })
    }

    /// The agent has ended; `usage` is what its files say it used.
    pub(super) fn finish(&self, usage: Option<Usage>) -> Seen {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let last = inner.stdout.finish();
        inner.tell(last);
        let last = inner.stderr.finish();
        inner.tell(last);
        let empty = Told::new(0, Clock::system());
        let mut told = std::mem::replace(inner.stdout.told_mut(), empty);
        if let Some(usage) = usage.filter(|usage| !usage.is_zero()) {
            told.usage = usage;
            inner.tell(vec![AgentSignal::Usage(usage)]);
        }
        Seen {
            told,
            gave_up: inner.gave_up,
            resumed: self.resumed,
        }
    }
}

impl Inner {
    fn see(&mut self, stream: OutputStream, bytes: &[u8]) {
        let reader = match stream {
            OutputStream::Stdout => &mut self.stdout,
            OutputStream::Stderr => &mut self.stderr,
        };
        let signals = reader.push(bytes);
        self.tell(signals);
        let told = self.stdout.told();
        if told.cut.is_some() {
            self.stop.cancel();
        }
        if !told.retrying {
            self.retrying = None;
        } else if stream == OutputStream::Stdout {
            // Asking again is a sign of life, but no progress.
            let since = *self.retrying.get_or_insert_with(Instant::now);
            let vain = told.fault.as_ref().and_then(|fault| fault.until);
            let vain = vain.is_some_and(|end| self.is_far(end));
            if (vain || since.elapsed() >= self.idle) && !self.stop.is_cancelled() {
                self.gave_up = true;
                self.stop.cancel();
            }
        }
    }

    /// Whether a provider's limit ends later than an agent may wait for it by asking again.
    fn is_far(&self, end: Timestamp) -> bool {
        let left = end.duration_since(Timestamp::now());
        Duration::try_from(left).is_ok_and(|left| left > self.idle)
    }

    fn tell(&self, signals: Vec<AgentSignal>) {
        for signal in signals {
            self.context.tell(signal.cleaned(&self.redactor));
        }
    }
}
