//! The command line agents that people have: one type, and a page of data for each of them.
//!
//! An agent's word is not believed. It ended well when its program ended with 0, its last event says so, nobody told it to stop,
//! and nothing that it needed was denied; the engine then looks at what changed.

pub(super) mod aider;
pub(super) mod claude;
pub(super) mod codex;
mod completion;
pub(super) mod copilot;
pub(super) mod gemini;
mod login;
mod mcp;
mod mirror;
mod native;
pub(super) mod opencode;
pub(super) mod preset;
mod probe;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OnceCell;

pub use completion::{CompletionCommand, CompletionProbe};
pub use mcp::{McpServer, McpServers};
pub(super) use preset::PRESETS;
use preset::Preset;

use super::ending::{check_workspace, failed, lost, mark, not_started, tail_limit};
use super::proof::{self, Ending};
use super::session::Session;
use super::watch::{Known, Seen, Watch};
use super::{
    AgentBackend, AgentContext, AgentFailure, AgentProbe, AgentRequest, AgentResult, Login,
};
use crate::digest::digest;
use crate::error::{Error, ErrorKind, Result};
use crate::model::FailureClass;
use crate::process::{self, DEFAULT_LOG_LIMIT, Finished};
use crate::program::{self, Program};
use crate::prompt::Redactor;
use preset::{Order, Surroundings};

/// Calls of tools of one start, unless the agent is told another number.
const DEFAULT_STEPS: u32 = 1000;

/// A command line agent such as Copilot or Claude Code, made by the functions of [`agents`](crate::agents).
///
/// It runs with the user's own login and configuration unless [`config_dir`](Self::config_dir) gives it another, and with the
/// harmless part of the host's environment, the variables of its provider, and what [`env_allow`](Self::env_allow) and
/// [`env`](Self::env) add. It does not update itself and sends no telemetry.
#[derive(Clone)]
pub struct CliAgent {
    preset: &'static Preset,
    program: Program,
    settings: Settings,
    completion: Option<Arc<dyn CompletionProbe>>,
    probed: Arc<OnceCell<Option<AgentProbe>>>,
}

/// What a user configures of an agent, besides its program.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) model: Option<String>,
    pub(super) yolo: bool,
    pub(super) args: Vec<String>,
    pub(super) config_dir: Option<PathBuf>,
    pub(super) mcp: McpServers,
    pub(super) role: Option<String>,
    pub(super) max_steps: u32,
}

impl CliAgent {
    pub(super) fn of(preset: &'static Preset) -> Self {
        Self {
            preset,
            program: Program::new([preset.program]),
            settings: Settings {
                model: None,
                yolo: true,
                args: Vec::new(),
                config_dir: None,
                mcp: McpServers::default(),
                role: None,
                max_steps: DEFAULT_STEPS,
            },
            completion: None,
            probed: Arc::default(),
        }
    }

    /// The agent of that name: `copilot`, `claude`, `codex`, `gemini`, `opencode` or `aider`.
    pub fn named(name: &str) -> Option<Self> {
        let preset = PRESETS.iter().find(|preset| preset.name == name)?;
        Some(Self::of(preset))
    }

    /// The names that [`named`](Self::named) knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|preset| preset.name)
    }

    /// Whether it can use MCP servers.
    pub const fn takes_mcp(&self) -> bool {
        self.preset.has_mcp
    }

    /// The model, as the agent spells it; its own default where absent.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.settings.model = Some(model.into());
        self
    }

    /// Whether it may do everything without asking, which is the default: its workspace is its own and gates judge its work.
    /// Without it the agent edits files and runs no command that its own configuration does not allow; nobody is asked.
    #[must_use]
    pub const fn yolo(mut self, yes: bool) -> Self {
        self.settings.yolo = yes;
        self
    }

    /// Another program than the one of that name in `PATH`.
    #[must_use]
    pub fn program(mut self, path: impl Into<String>) -> Self {
        self.program.argv = vec![path.into()];
        self.probed = Arc::default();
        self
    }

    /// An argument more, after Aura's own.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.settings.args.push(argument.into());
        self
    }

    /// Sets a variable. Where the name says that it is a secret, its value is masked in all output.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.program.environment.push((name.into(), value.into()));
        self.probed = Arc::default();
        self
    }

    /// Passes on more variables of the host's environment: by name, or with a final `*` all that begin so.
    #[must_use]
    pub fn env_allow<I, S>(mut self, names: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.program.allow.extend(names.into_iter().map(Into::into));
        self
    }

    /// Puts a program with arguments before the agent, which has to start it, as `bwrap` does. It has to let the agent write to
    /// the folder of Aura's logs, where the files of one start lie.
    #[must_use]
    pub fn sandbox<I, S>(mut self, prefix: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.program.sandbox = prefix.into_iter().map(Into::into).collect();
        self
    }

    /// A directory in place of the agent's own for its configuration, sessions and login: one that is logged in at home is not
    /// logged in there. It is made where it is not there, and all tasks share it.
    #[must_use]
    pub fn config_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.config_dir = Some(path.into());
        self.probed = Arc::default();
        self
    }

    /// MCP servers for the agent to use, besides those that it knows of itself.
    #[must_use]
    pub fn mcp(mut self, servers: McpServers) -> Self {
        self.settings.mcp = servers;
        self
    }

    /// A text before every prompt, which says who the agent is.
    #[must_use]
    pub fn role(mut self, text: impl Into<String>) -> Self {
        self.settings.role = Some(text.into());
        self
    }

    /// How many calls of tools one start may take; 1000 unless set. One that takes more is stopped as `Stalled`, as is one that
    /// makes the same call again and again.
    #[must_use]
    pub const fn max_steps(mut self, steps: u32) -> Self {
        self.settings.max_steps = steps;
        self
    }

    /// Asks, when the agent says that it is done, whether it is.
    #[must_use]
    pub fn completion(mut self, probe: impl CompletionProbe + 'static) -> Self {
        self.completion = Some(Arc::new(probe));
        self
    }

    /// The program as it is configured and environment that it is looked up and started with.
    fn surroundings(&self) -> Surroundings {
        let mut program = self.program.clone();
        let own = self.preset.allow.iter().map(ToString::to_string);
        program.allow = own.chain(program.allow).collect();
        let present = program.environment(&[]);
        let missing = |name: &str| !present.iter().any(|(known, _)| known == name);
        let set = self.preset.set.iter().filter(|(name, _)| missing(name));
        let set: Vec<_> = set
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let places = self.config_places();
        program.environment = set
            .into_iter()
            .chain(program.environment)
            .chain(places)
            .collect();
        Surroundings::new(program, &self.settings.args)
    }

    /// The variables that name the agent's directories.
    fn config_places(&self) -> Vec<(String, String)> {
        let Some(folder) = &self.settings.config_dir else {
            return Vec::new();
        };
        let places = self.preset.config.iter();
        let place = |below: &str| folder.join(below).to_string_lossy().into_owned();
        places
            .map(|(variable, below)| ((*variable).to_owned(), place(below)))
            .collect()
    }

    /// Everything that one start needs on disk, in its environment and on its command line.
    fn prepare(&self, request: &AgentRequest, scratch: &Path) -> Result<(Surroundings, Start)> {
        let mut surroundings = self.surroundings();
        for (_, folder) in self.config_places() {
            std::fs::create_dir_all(&folder)
                .map_err(|error| Error::io("create", Path::new(&folder), error))?;
        }
        let prompt = match &self.settings.role {
            Some(role) => format!("{}\n\n{}", role.trim_end(), request.prompt),
            None => request.prompt.clone(),
        };
        let session = Session::of(request);
        let order = Order {
            request,
            prompt: &prompt,
            settings: &self.settings,
            session: &session,
            scratch,
            surroundings: &surroundings,
        };
        let line = (self.preset.line)(&order)?;
        let stdin = if line.prompt_is_given {
            String::new()
        } else {
            prompt
        };
        surroundings.complete(self.preset, line);
        Ok((surroundings, Start { session, stdin }))
    }

    async fn start(&self, request: &AgentRequest, context: &AgentContext) -> Result<AgentResult> {
        let scratch = Scratch::create(&request.log)?;
        let (surroundings, start) = self.prepare(request, &scratch.path)?;
        if self.preset.needs_login && (self.preset.login)(&surroundings) == Login::No {
            let preset = self.preset;
            let summary = format!("{} is not logged in: {}", preset.name, preset.login_help);
            return Ok(failed(FailureClass::Auth, summary));
        }
        let more = &request.environment;
        let redactor = surroundings.program.redactor(&request.redactor, more)?;
        let limits = (self.settings.max_steps, request.idle);
        let session = Known {
            id: start.session.new_id().filter(|_| self.preset.names_session),
            resumed: start.session.resumed().is_some(),
        };
        let watch = Watch::new(
            (self.preset.protocol)(),
            &session,
            limits,
            &redactor,
            context,
        );
        let command = surroundings
            .program
            .command(&request.workspace, &request.marker, more, &redactor)
            .stdin(start.stdin)
            .log(&request.log, DEFAULT_LOG_LIMIT)
            .deadline(Some(request.deadline))
            .idle(Some(request.idle))
            .grace(request.grace)
            .tail_limit(tail_limit(request))
            .first_signal(self.preset.first_signal)
            .tap(watch.tap());
        let pending = match process::spawn(command) {
            Ok(pending) => pending,
            Err(error) => return not_started(error),
        };
        // Without a record of it nothing may run: dropping `pending` ends its holder.
        context.register(mark(pending.identity())).await?;
        let result = match pending.go(watch.stop()).await {
            Ok(finished) => {
                check_workspace(&finished, request)?;
                let usage = self.preset.usage.and_then(|read| read(&scratch.path));
                let seen = watch.finish(usage);
                self.result(request, context, &finished, &seen, &redactor)
            }
            Err(error) => return lost(error),
        };
        self.ask_whether_done(request, result).await
    }

    fn result(
        &self,
        request: &AgentRequest,
        context: &AgentContext,
        finished: &Finished,
        seen: &Seen,
        redactor: &Redactor,
    ) -> AgentResult {
        let [stdout, stderr] = program::output(finished, redactor);
        let ending = Ending {
            status: self.preset.status,
            // Being kept from changing anything is what a question is about.
            yolo: self.settings.yolo || request.read_only,
            mcp: &self.settings.mcp,
            request,
            finished,
            seen,
            stderr: &stderr,
            cancelled: context.cancel().is_cancelled(),
        };
        // Events are for programs; people are shown what the model said.
        let said = if self.preset.speaks_text {
            stdout
        } else {
            redactor.clean(&seen.told.text)
        };
        proof::account(&ending, &said, redactor)
    }

    async fn ask_whether_done(
        &self,
        request: &AgentRequest,
        mut result: AgentResult,
    ) -> Result<AgentResult> {
        if let (Some(probe), None) = (&self.completion, &result.failure)
            && let Some(why) = probe.unfinished(request, &result.output).await?
        {
            result.failure = Some(AgentFailure {
                class: FailureClass::Incomplete,
                summary: format!("not finished: {}", request.redactor.clean(&why)),
                until: None,
            });
        }
        Ok(result)
    }
}

/// What one start needs beside its command.
struct Start {
    session: Session,
    stdin: String,
}

#[async_trait]
impl AgentBackend for CliAgent {
    fn digest(&self) -> String {
        let settings = &self.settings;
        let program = self.program.digest("cli agent");
        let mcp = settings.mcp.digest();
        let completion = self.completion.as_ref().map(|probe| probe.digest());
        let folder = settings
            .config_dir
            .as_ref()
            .map(|path| path.to_string_lossy());
        let mut parts = vec![
            self.preset.name,
            &program,
            &mcp,
            settings.model.as_deref().unwrap_or_default(),
            if settings.yolo { "yolo" } else { "safe" },
            settings.role.as_deref().unwrap_or_default(),
            folder.as_deref().unwrap_or_default(),
            completion.as_deref().unwrap_or_default(),
        ];
        parts.extend(settings.args.iter().map(String::as_str));
        let steps = settings.max_steps.to_string();
        parts.push(&steps);
        digest(parts.into_iter().map(str::as_bytes))
    }

    fn secrets(&self) -> Vec<(String, String)> {
        let mut secrets = self.program.secrets();
        secrets.extend(self.settings.mcp.secrets());
        secrets
    }

    fn provider(&self) -> Option<String> {
        let model = self.settings.model.as_deref().unwrap_or_default();
        let named = model.split_once('/').map(|(provider, _)| provider);
        match (self.preset.provider, named) {
            (Some(provider), _) | (None, Some(provider)) => Some(provider.to_owned()),
            (None, None) => Some(self.preset.name.to_owned()),
        }
    }

    async fn preflight(&self) -> Result<()> {
        let name = self.preset.name;
        let refused = |message: &str, help: &str| {
            let message = format!("{name} {message}");
            Err(Error::new(ErrorKind::InvalidConfig, message).with_help(help))
        };
        if self.settings.config_dir.is_some() && self.preset.config.is_empty() {
            return refused("has no configuration directory", "leave `config_dir` out");
        }
        if !self.settings.mcp.is_empty() && !self.preset.has_mcp {
            return refused("cannot use MCP servers", "leave them out for this agent");
        }
        self.settings.mcp.check()?;
        let surroundings = self.surroundings();
        let found = surroundings.program.check(name);
        if surroundings.program.argv != [self.preset.program] || surroundings.path().is_some() {
            return found;
        }
        let install = self.preset.install;
        found.map_err(|error| {
            error.with_help(format!(
                "`{install}` installs it; else add its folder to PATH"
            ))
        })
    }

    async fn probe(&self) -> Option<AgentProbe> {
        let probe = || probe::look(self.preset, self.surroundings());
        self.probed.get_or_init(probe).await.clone()
    }

    async fn run(&self, request: AgentRequest, context: AgentContext) -> Result<AgentResult> {
        if context.cancel().is_cancelled() {
            let summary = "cancelled before it was started";
            return Ok(failed(FailureClass::Cancelled, summary));
        }
        self.start(&request, &context).await
    }
}

/// Leaves out values of the environment, which may be secrets.
impl fmt::Debug for CliAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CliAgent")
            .field("name", &self.preset.name)
            .field("program", &self.program)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The files of one start, beside its log; only the user can look at them, and they go with it.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn create(log: &Path) -> Result<Self> {
        let path = log.with_extension("files");
        let made = |error| Error::io("create", &path, error);
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(made)?;
        }
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(&path).map_err(made)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "an agent's files stay");
        }
    }
}
