//! What one kind of agent is: data, the command line of a start, and the parser of what it says.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::output::Protocol;
use super::super::session::Session;
use super::super::{AgentRequest, Login};
use super::{Settings, aider, claude, codex, copilot, gemini, native, opencode};
use crate::error::Result;
use crate::model::Usage;
use crate::process::FirstSignal;
use crate::program::{Program, find};

/// All of them.
pub(in crate::agent) static PRESETS: [&Preset; 6] = [
    &copilot::PRESET,
    &claude::PRESET,
    &codex::PRESET,
    &gemini::PRESET,
    &opencode::PRESET,
    &aider::PRESET,
];

/// One kind of agent.
pub(in crate::agent) struct Preset {
    pub(in crate::agent) name: &'static str,
    /// Whose limits count; where absent, the model's name begins with it.
    pub(super) provider: Option<&'static str>,
    pub(super) program: &'static str,
    /// The first version that is known to work, and the first one that is not known to.
    pub(super) versions: [[u32; 3]; 2],
    pub(super) first_signal: FirstSignal,
    /// Variables of the host that it is given: the keys and settings of its provider.
    pub(super) allow: &'static [&'static str],
    /// Variables that it is given where neither the host nor the user says otherwise.
    pub(super) set: &'static [(&'static str, &'static str)],
    /// Variables that name its directories, and where these are in one that the user names.
    pub(super) config: &'static [(&'static str, &'static str)],
    pub(super) has_mcp: bool,
    /// A new session has the id that it is given.
    pub(super) names_session: bool,
    /// It writes text, not events.
    pub(super) speaks_text: bool,
    /// Without a login it does not fail, it hangs.
    pub(super) needs_login: bool,
    /// The command that installs it.
    pub(super) install: &'static str,
    /// How to log in.
    pub(super) login_help: &'static str,
    pub(super) login: fn(&Surroundings) -> Login,
    /// Executables behind an npm wrapper, below a `node_modules`, with `{npm}` and `{triple}` for this machine.
    pub(super) native: &'static [&'static str],
    pub(super) line: fn(&Order<'_>) -> Result<CommandLine>,
    pub(super) protocol: fn() -> Box<dyn Protocol>,
    /// The HTTP status that an exit code stands for.
    pub(super) status: fn(i32) -> Option<u16>,
    /// Reads what was used from the files of a start, where the events do not tell.
    pub(super) usage: Option<fn(&Path) -> Option<Usage>>,
}

/// An exit code that says no more than that something failed.
pub(super) const fn no_status(_: i32) -> Option<u16> {
    None
}

/// What an agent may do in a start without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Everything.
    Everything,
    /// Edit files, and run what its own configuration allows.
    Edits,
    /// Look.
    Nothing,
}

/// One start, as a command line is made for it.
pub(super) struct Order<'a> {
    pub(super) request: &'a AgentRequest,
    /// With the role.
    pub(super) prompt: &'a str,
    pub(super) settings: &'a Settings,
    pub(super) session: &'a Session,
    /// An empty directory of this start's own.
    pub(super) scratch: &'a Path,
    pub(super) surroundings: &'a Surroundings,
}

impl Order<'_> {
    pub(super) const fn permission(&self) -> Permission {
        if self.request.read_only {
            Permission::Nothing
        } else if self.settings.yolo {
            Permission::Everything
        } else {
            Permission::Edits
        }
    }

    /// Writes a file of this start and gives its path as text.
    pub(super) fn file(&self, name: &str, content: &str) -> Result<String> {
        let path = self.scratch.join(name);
        std::fs::write(&path, content)
            .map_err(|error| crate::error::Error::io("write", &path, error))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// What a start adds to the program.
#[derive(Debug, Default)]
pub(super) struct CommandLine {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// The prompt is in the arguments, or in a file that they name, and not on stdin.
    pub(super) prompt_is_given: bool,
}

impl CommandLine {
    pub(super) fn new<const N: usize>(args: [&str; N]) -> Self {
        Self {
            args: args.map(ToOwned::to_owned).to_vec(),
            ..Self::default()
        }
    }

    pub(super) fn add<const N: usize>(&mut self, args: [&str; N]) {
        self.args.extend(args.map(ToOwned::to_owned));
    }

    /// An option with a value, where there is one.
    pub(super) fn option(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add([name, value]);
        }
    }
}

/// The program as it is configured, and the environment that it lives in.
pub(super) struct Surroundings {
    pub(super) program: Program,
    environment: Vec<(OsString, OsString)>,
    arguments: Vec<String>,
}

impl Surroundings {
    pub(super) fn new(program: Program, arguments: &[String]) -> Self {
        let environment = program.environment(&[]);
        Self {
            program,
            environment,
            arguments: arguments.to_vec(),
        }
    }

    /// The value of a variable that is set and not empty.
    pub(super) fn env(&self, name: &str) -> Option<String> {
        let mut variables = self.environment.iter().rev();
        let (_, value) = variables.find(|(known, _)| known == name)?;
        Some(value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
    }

    /// Whether any of the variables is set and not empty.
    pub(super) fn has_env(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.env(name).is_some())
    }

    /// Whether the user names something in the arguments, such as a provider.
    pub(super) fn mentions(&self, word: &str) -> bool {
        self.arguments
            .iter()
            .any(|argument| argument.contains(word))
    }

    /// A directory that a variable names, or one below the agent's home.
    pub(super) fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let named = self.env(variable).map(PathBuf::from);
        named.or_else(|| Some(Path::new(&self.env("HOME")?).join(below_home)))
    }

    /// Where the program is.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let search = self.environment.iter().rev();
        let search = search.clone().find(|(name, _)| name == "PATH");
        let search = search.map(|(_, value)| value.as_os_str());
        find(self.program.argv.first()?, search)
    }

    /// The command of a start: the native program where there is one, the arguments, and the variables.
    pub(super) fn complete(&mut self, preset: &Preset, line: CommandLine) {
        if let Some(native) = self.path().and_then(|path| native::behind(preset, &path)) {
            self.program.argv = vec![native.to_string_lossy().into_owned()];
        }
        self.program.argv.extend(line.args);
        self.program.environment.extend(line.env);
    }
}
