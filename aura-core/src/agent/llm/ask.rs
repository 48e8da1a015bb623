//! One question and its answer, as a stream: so that silence is noticed, and an answer that ends too early.

use std::time::Duration;

use futures::StreamExt;
use genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatStream, ChatStreamEvent, StopReason, StreamEnd,
    Usage as Told,
};
use genai::{Client, Error as ClientError};
use reqwest::redirect;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::fault;
use super::target::Target;
use crate::agent::AgentFailure;
use crate::agent::ending::failure;
use crate::model::{FailureClass, Usage};
use crate::program::show_duration;

/// Longest time until there is a connection.
const CONNECT: Duration = Duration::from_secs(30);

/// What is asked, of whom, and for how long.
pub(super) struct Question<'a> {
    pub(super) target: &'a Target,
    pub(super) system: &'a str,
    pub(super) prompt: &'a str,
    pub(super) deadline: Duration,
    /// Longest silence.
    pub(super) idle: Duration,
    pub(super) cancel: &'a CancellationToken,
    /// Most bytes of an answer.
    pub(super) limit: usize,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Heard {
    /// As far as it came.
    pub(super) text: String,
    pub(super) usage: Usage,
    pub(super) failure: Option<AgentFailure>,
    /// Bytes of the text whose lines were told.
    told: usize,
    /// The model takes no temperature.
    refuses_temperature: bool,
}

impl Heard {
    /// Takes more of the answer, and tells the lines that are whole by now.
    fn add(&mut self, piece: &str, tell: &mut impl FnMut(&str)) {
        self.text.push_str(piece);
        if let Some(end) = piece.rfind('\n') {
            let end = self.text.len() - piece.len() + end;
            self.text[self.told..end].lines().for_each(&mut *tell);
            self.told = end + 1;
        }
    }

    fn failed(mut self, class: FailureClass, summary: impl Into<String>) -> Self {
        self.failure = Some(failure(class, summary));
        self
    }
}

impl Question<'_> {
    /// Asks, and listens until the answer is over, a limit is reached, or nobody wants it any more. `tell` hears each line as it is
    /// complete. Cancel safe: when dropped, the connection is closed.
    pub(super) async fn ask(&self, temperature: f64, mut tell: impl FnMut(&str)) -> Heard {
        let ends = Instant::now() + self.deadline;
        let client = match client(self.target) {
            Ok(client) => client,
            Err(failure) => {
                return Heard {
                    failure: Some(failure),
                    ..Heard::default()
                };
            }
        };
        let heard = self
            .listen(&client, Some(temperature), ends, &mut tell)
            .await;
        if heard.refuses_temperature {
            return self.listen(&client, None, ends, &mut tell).await;
        }
        heard
    }

    async fn listen(
        &self,
        client: &Client,
        temperature: Option<f64>,
        ends: Instant,
        tell: &mut impl FnMut(&str),
    ) -> Heard {
        let question = ChatRequest::from_system(self.system);
        let question = question.append_message(ChatMessage::user(self.prompt));
        let options = ChatOptions {
            temperature,
            capture_usage: Some(true),
            ..ChatOptions::default()
        };
        let mut heard = Heard::default();
        let begun = client.exec_chat_stream(self.target.model(), question, Some(&options));
        let mut stream = match begun.await {
            Ok(answer) => answer.stream,
            Err(error) => return self.refused(heard, &error),
        };
        loop {
            match self.next(&mut stream, ends).await {
                Err(failure) => {
                    heard.failure = Some(failure);
                    return heard;
                }
                Ok(Some(Ok(ChatStreamEvent::Chunk(chunk)))) => {
                    if heard.text.len() + chunk.content.len() > self.limit {
                        let summary = format!("the answer is longer than {} bytes", self.limit);
                        return heard.failed(FailureClass::Incomplete, summary);
                    }
                    heard.add(&chunk.content, tell);
                }
                Ok(Some(Ok(ChatStreamEvent::End(end)))) => {
                    heard.text[heard.told..].lines().for_each(&mut *tell);
                    return self.ended(heard, &end);
                }
                // Thoughts and heartbeats are signs of life.
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return self.refused(heard, &error),
                Ok(None) => return heard.failed(FailureClass::Exit, CUT),
            }
        }
    }

    /// The next event of the answer, unless that is not to be waited for.
    async fn next(
        &self,
        stream: &mut ChatStream,
        ends: Instant,
    ) -> Result<Option<genai::Result<ChatStreamEvent>>, AgentFailure> {
        let (class, summary) = tokio::select! {
            biased;
            () = self.cancel.cancelled() => (FailureClass::Cancelled, "cancelled".to_owned()),
            () = sleep_until(ends) => {
                let limit = show_duration(self.deadline);
                (FailureClass::Timeout, format!("not done within {limit}"))
            }
            () = sleep(self.idle) => {
                let limit = show_duration(self.idle);
                (FailureClass::Stalled, format!("silent for {limit}"))
            }
            event = stream.next() => return Ok(event),
        };
        Err(failure(class, summary))
    }

    /// What the model itself says of how it ended.
    fn ended(&self, mut heard: Heard, end: &StreamEnd) -> Heard {
        use FailureClass::{Config, Exit, Incomplete};
        heard.usage = end.captured_usage.as_ref().map(usage).unwrap_or_default();
        let name = self.target.name();
        match &end.captured_stop_reason {
            // Some protocols have no last word, so an answer that broke off ends with no reason.
            None => heard.failed(Exit, CUT),
            Some(StopReason::Completed(_) | StopReason::StopSequence(_)) => {
                if heard.text.trim().is_empty() {
                    return heard.failed(Incomplete, format!("`{name}` answered nothing"));
                }
                heard
            }
            Some(StopReason::MaxTokens(why)) => {
                let summary = format!(
                    "the answer was cut off at the most that `{name}` gives or takes at once ({why})"
                );
                heard.failed(Incomplete, summary)
            }
            Some(StopReason::ContentFilter(why)) => {
                heard.failed(Config, format!("`{name}` refused to answer ({why})"))
            }
            Some(StopReason::ToolCall(why)) => {
                let summary = format!("`{name}` asked for a tool, and there is none ({why})");
                heard.failed(Incomplete, summary)
            }
            Some(StopReason::Other(why)) => {
                heard.failed(Exit, format!("`{name}` ended with an error ({why})"))
            }
        }
    }

    fn refused(&self, mut heard: Heard, error: &ClientError) -> Heard {
        heard.refuses_temperature = fault::is_about_temperature(error);
        heard.failure = Some(fault::of(self.target.name(), error));
        heard
    }
}

/// An answer without its end is no answer, whatever of it came.
const CUT: &str = "the connection ended before the answer did";

fn usage(told: &Told) -> Usage {
    let count = |tokens: Option<i32>| tokens.and_then(|tokens| u64::try_from(tokens).ok());
    Usage {
        input_tokens: count(told.prompt_tokens).unwrap_or_default(),
        output_tokens: count(told.completion_tokens).unwrap_or_default(),
        cost_usd: 0.0,
    }
}

/// A client of its own for each question: it holds the key.
fn client(target: &Target) -> Result<Client, AgentFailure> {
    let refused = |error: &dyn std::error::Error| {
        let summary = format!("there is no client for HTTP: {}", fault::chain(error));
        failure(FailureClass::Broken, summary)
    };
    let mut http = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none());
    if target.is_here() {
        http = http.no_proxy();
    }
    let http = http.build().map_err(|error| refused(&error))?;
    target.client(http).map_err(|error| refused(&error))
}
