//! A scripted language model: a server on loopback that speaks to real coding agents and clients in five protocols, does what
//! the first segment of the path says, and what their task says.
//!
//! ```text
//! http://127.0.0.1:PORT/<scenario>/v1/...      for example /ok/v1, /s429x2~run17/v1, /sh+slow/v1
//!
//! ok           one tool call that writes a file, then text        sh        the same through the shell
//! two          a file, then a shell command, then text            text      only text
//! long         a shell command that sleeps for five minutes       loop      tool calls for ever
//! sNNN[xN]     HTTP status NNN, always or the first N times       raN       its Retry-After (2 without; 0: none)
//! quota[xN]    429 with the text of a used-up allowance           hang[xN]  no answer
//! midhang[xN]  half an answer, then silence                       close[xN] the connection closes without an answer
//! midclose[xN] half an answer, then the end of the connection     slow      100 ms between the events of an answer
//! badargs      the first tool call has broken arguments           ~ID       counters of its own
//! bare         requests without tools are counted, too            echo      errors repeat the key they came with
//! badplan      a plan with a cycle until it is corrected          reject    reviews reject
//! cut          answers end at a limit of tokens                   mute      answers without a text
//! huge         answers of 1.1 MB                                  notemp    a temperature is refused
//! refuse       answers end as if somebody had filtered them
//! ```
//!
//! Words are joined by `+`. Only requests that offer tools are counted, unless the scenario is `bare`. A prompt says what is done, one directive in each turn:
//! `[[file NAME :: CONTENT]]` creates a file, `[[sh COMMAND]]` runs a command, and `[[tool NAME]]`
//! calls a tool of an MCP server that is called so, if one is offered. Where the prompt shows that an earlier attempt was
//! not accepted, `[[on-retry file NAME :: CONTENT]]` and `[[on-retry sh COMMAND]]` are done instead, if there are any. A directive
//! ends at the first `]]`.

mod anthropic;
mod chat;
mod gemini;
mod http;
mod ollama;
mod plan;
mod protocol;
mod questions;
mod responses;
mod scenario;
mod server;
#[cfg(test)]
mod tests;

pub use server::{Limits, Received, ScriptedLlm};
