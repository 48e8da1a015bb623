//! What agents are told, and what nobody is told.
//!
//! A prompt is a Handlebars template that is rendered once, in strict mode and without escaping: a name that is not there is an
//! error, and what a value contains is never read as a template. Whatever agents and gates printed is data: stripped
//! of control sequences, cut to a limit, and fenced so that it cannot pass for the prompt itself. Secrets are masked by a
//! [`Redactor`] before anything is stored, shown or sent.

mod decompose;
mod evidence;
mod input;
mod redact;
mod review;
mod secrets;
mod stream;
mod template;
mod text;

pub use crate::text::strip_controls;
pub use decompose::{DecomposePrompt, PromptCodebase, PromptPattern, PromptRound};
pub use evidence::{digest, normalise};
pub use input::{PromptAttempt, PromptDependency, PromptInput, PromptStory, PromptTask};
pub use redact::Redactor;
pub(crate) use review::{ReviewInput, ReviewPrompt};
pub(crate) use secrets::is_secret_name;
pub use stream::RedactStream;
pub use template::Prompts;
