//! What is still to be said to the agent, and whether there is anything left to say.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The host's side of a conversation, shared by whoever reads and whoever stops the agent.
#[derive(Debug)]
pub(super) struct Outbox {
    line: Mutex<Line>,
    over: CancellationToken,
}

#[derive(Debug)]
struct Line {
    sender: Option<mpsc::UnboundedSender<Vec<u8>>>,
    /// The session, when there is one to be cancelled.
    session: Option<String>,
}

impl Outbox {
    /// An open one, and what the agent's program is to read.
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Vec<u8>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let line = Line {
            sender: Some(sender),
            session: None,
        };
        let outbox = Self {
            line: Mutex::new(line),
            over: CancellationToken::new(),
        };
        (Arc::new(outbox), receiver)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something, unless the conversation is closed.
    pub(super) fn say(&self, message: &Value) {
        let mut bytes = message.to_string().into_bytes();
        bytes.push(b'\n');
        if let Some(sender) = &self.line().sender {
            drop(sender.send(bytes));
        }
    }

    /// From now on a turn can be cancelled.
    pub(super) fn in_turn(&self, session: &str) {
        self.line().session = Some(session.to_owned());
    }

    /// Asks the agent to end its turn.
    pub(super) fn cancel(&self) {
        let session = self.line().session.clone();
        if let Some(session) = session {
            let params = json!({ "sessionId": session });
            self.say(&json!({"jsonrpc": "2.0", "method": "session/cancel", "params": params}));
        }
    }

    /// The agent has answered, in whatever way: its stdin ends.
    pub(super) fn end(&self) {
        self.close();
        self.over.cancel();
    }

    /// Its stdin ends.
    pub(super) fn close(&self) {
        self.line().sender = None;
    }

    /// Waits for the answer. Cancel safe.
    pub(super) async fn over(&self) {
        self.over.cancelled().await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }
}
