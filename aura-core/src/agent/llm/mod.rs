//! A language model that is asked over HTTP. It has no program, no tools and no directory, so it answers and never works.

mod ask;
mod fault;
mod target;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

use self::ask::Question;
use self::target::Target;
use super::ending::{ANSWER_LIMIT, failed};
use super::{AgentBackend, AgentContext, AgentRequest, AgentResult, AgentSignal};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::model::FailureClass;
use crate::text;

/// Low, since a plan and a verdict are to be right and not original.
const TEMPERATURE: f64 = 0.2;

/// Prompts are written for agents that can look around; one that cannot has to know.
const ALONE: &str = "You are asked one question and have no tools: you cannot open a file, run a command or ask back. \
All that you can know stands in the message, whatever it says about looking at code. Answer at once, completely, and in the form \
that the message asks for.";

/// Asks a language model over HTTP: for agents that decompose stories and review work.
///
/// It sees the prompt and nothing else, so a plan whose task names it is refused before anything starts. Its key is read from the
/// environment of this process each time it is asked, is masked in everything that is told or kept, and is part of no digest.
///
/// A question is asked once. What a failure leads to is the engine's to say, as with any agent; only a model that takes no temperature
/// is asked again without one. Redirects are not followed, since they would take the key along. Proxies of the environment count,
/// unless the endpoint is this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct LlmAgent {
    model: String,
    endpoint: Option<String>,
    key: Option<String>,
    role: String,
    temperature: f64,
}

impl LlmAgent {
    pub(super) fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            endpoint: None,
            key: None,
            role: String::new(),
            temperature: TEMPERATURE,
        }
    }

    /// The names of the providers, as they stand before the `::` of a model.
    pub fn providers() -> impl Iterator<Item = &'static str> {
        target::providers()
    }

    /// Asks at this address, up to and with the version, as in `https://models.example.com/v1`; of `ollama` without one, as in
    /// `http://127.0.0.1:11434`. What the provider says there has to follow its protocol. No key is sent there unless
    /// [`key`](Self::key) names one.
    #[must_use]
    pub fn endpoint(mut self, address: impl Into<String>) -> Self {
        self.endpoint = Some(address.into());
        self
    }

    /// The *name* of the variable of the environment that has the key, in place of the provider's usual one, such as
    /// `ANTHROPIC_API_KEY`.
    #[must_use]
    pub fn key(mut self, variable: impl Into<String>) -> Self {
        self.key = Some(variable.into());
        self
    }

    /// A text that the model is told before every question, besides that it has no tools.
    #[must_use]
    pub fn role(mut self, text: impl Into<String>) -> Self {
        self.role = text.into();
        self
    }

    /// From 0 to 2: how freely it answers; 0.2 unless said otherwise.
    #[must_use]
    pub const fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// Whether all this can be meant. Neither the environment nor the network is looked at.
    ///
    /// # Errors
    /// `InvalidConfig` for a model without a known provider, an address that is none or has a password in it, a name that no variable
    /// can have, and a temperature out of its range.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=2.0).contains(&self.temperature) {
            let message = format!("the temperature {} is not from 0 to 2", self.temperature);
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        self.target().map(|_| ())
    }

    fn target(&self) -> Result<Target> {
        Target::new(&self.model, self.endpoint.as_deref(), self.key.as_deref())
    }

    /// The key under a name that says what it is, whatever its variable is called.
    fn secret(target: &Target) -> Option<(String, String)> {
        let (variable, value) = (target.variable()?, target.key()?);
        Some((format!("{variable}_KEY"), value))
    }
}

#[async_trait]
impl AgentBackend for LlmAgent {
    fn digest(&self) -> String {
        let temperature = self.temperature.to_string();
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        let key = self.key.as_deref().unwrap_or_default();
        let parts = [
            "llm agent",
            &self.model,
            endpoint,
            key,
            &self.role,
            &temperature,
        ];
        digest(parts.map(str::as_bytes))
    }

    fn provider(&self) -> Option<String> {
        Some(self.target().ok()?.provider())
    }

    fn secrets(&self) -> Vec<(String, String)> {
        let target = self.target().ok();
        target.iter().filter_map(Self::secret).collect()
    }

    fn only_answers(&self) -> bool {
        true
    }

    async fn preflight(&self) -> Result<()> {
        self.check()?;
        self.target()?.require_key()
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        if context.cancel().is_cancelled() {
            return Ok(failed(
                FailureClass::Cancelled,
                "cancelled before it was asked",
            ));
        }
        if !request.read_only {
            let summary = "a language model only answers questions: give the task to an agent that can change files";
            return Ok(failed(FailureClass::Config, summary));
        }
        let target = match self.check().and_then(|()| self.target()) {
            Ok(target) => target,
            Err(error) => return Ok(failed(FailureClass::Config, error.to_string())),
        };
        if let Err(error) = target.require_key() {
            return Ok(failed(FailureClass::Auth, error.to_string()));
        }
        let redactor = request.redactor.with(Self::secret(&target))?;
        let mut system = ALONE.to_owned();
        if !self.role.trim().is_empty() {
            system = format!("{system}\n\n{}", self.role.trim());
        }
        let question = Question {
            target: &target,
            system: &system,
            prompt: &request.prompt,
            deadline: request.deadline,
            idle: request.idle,
            cancel: context.cancel(),
            limit: ANSWER_LIMIT,
        };
        let mut heard = question
            .ask(self.temperature, |line| {
                context.tell(AgentSignal::Text(redactor.clean(line)));
            })
            .await;
        if let Some(failure) = &mut heard.failure {
            failure.summary = redactor.clean(&failure.summary);
        } else {
            context.tell(AgentSignal::Usage(heard.usage));
        }
        let output = redactor.redact(&heard.text).into_owned();
        keep(&request.log, output.clone()).await;
        Ok(AgentResult {
            failure: heard.failure,
            output: text::tail(output.trim_end(), ANSWER_LIMIT).to_owned(),
            usage: heard.usage,
            ..AgentResult::default()
        })
    }
}

/// Writes the answer to the log. One that cannot be written changes nothing about the answer.
async fn keep(log: &std::path::Path, answer: String) {
    let file = log.to_owned();
    let written = tokio::task::spawn_blocking(move || std::fs::write(file, answer)).await;
    if let Ok(Err(error)) = written {
        tracing::warn!(log = %log.display(), %error, "the answer was not written to the log");
    }
}
