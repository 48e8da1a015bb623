//! What the command takes from the process environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use aura_core::{Error, ErrorKind, Result};

/// The variables that matter, read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    /// `AURA_REPO`: as `--repo`.
    pub(crate) repo: Option<PathBuf>,
    /// `AURA_AGENT_COMMAND`: as `--agent-command`.
    pub(crate) agent_command: Option<String>,
    /// `AURA_PARALLEL`: as `--parallel`.
    pub(crate) parallel: Option<usize>,
    /// Where the user's programs keep their state.
    pub(crate) state_home: Option<PathBuf>,
}

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// `InvalidInput` for a variable that cannot be meant.
    pub(crate) fn read() -> Result<Self> {
        Self::from(|name| std::env::var_os(name))
    }

    /// Reads from elsewhere. An empty variable counts as not set.
    fn from(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let text = |name: &str| {
            get(name)
                .map(|value| {
                    value
                        .into_string()
                        .map_err(|_| refused(name, "is not text in UTF-8"))
                })
                .transpose()
        };
        let parallel = match text("AURA_PARALLEL")? {
            None => None,
            Some(value) => match value.trim().parse() {
                Ok(number @ 1..=1024) => Some(number),
                _ => return Err(refused("AURA_PARALLEL", "is not a number from 1 to 1024")),
            },
        };
        let path = |name: &str| get(name).map(PathBuf::from);
        let below = |name: &str, rest: &str| path(name).map(|home| home.join(rest));
        let state_home = path("XDG_STATE_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| below("HOME", ".local/state"))
            .or_else(|| path("LOCALAPPDATA"));
        Ok(Self {
            repo: path("AURA_REPO"),
            agent_command: text("AURA_AGENT_COMMAND")?,
            parallel,
            state_home,
        })
    }

    /// The directory for what Aura keeps for this user.
    ///
    /// # Errors
    /// `InvalidInput` where the environment does not say where that could be.
    pub(crate) fn state_dir(&self) -> Result<PathBuf> {
        self.state_home
            .as_ref()
            .map(|home| home.join("aura"))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidInput,
                    "neither XDG_STATE_HOME nor HOME is set, so there is no place to keep state",
                )
                .with_help("set HOME")
            })
    }

    /// Where to look for the repository: the option, the variable, the current directory.
    pub(crate) fn repository(&self, option: Option<&Path>) -> PathBuf {
        option
            .or(self.repo.as_deref())
            .map_or_else(|| PathBuf::from("."), Path::to_owned)
    }
}

fn refused(name: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("the environment variable {name} {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Environment> {
        Environment::from(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn variables_are_read_and_empty_ones_are_not_set() {
        let environment = read(&[
            ("AURA_REPO", "/r"),
            ("AURA_AGENT_COMMAND", "prog -x"),
            ("AURA_PARALLEL", "4"),
            ("XDG_STATE_HOME", "relative"),
            ("HOME", "/home/x"),
        ])
        .expect("good variables");
        assert_eq!(environment.parallel, Some(4));
        assert_eq!(environment.agent_command.as_deref(), Some("prog -x"));
        assert_eq!(environment.repository(None), Path::new("/r"));
        assert_eq!(
            environment.repository(Some(Path::new("/o"))),
            Path::new("/o")
        );
        assert_eq!(
            environment.state_dir().expect("a place"),
            Path::new("/home/x/.local/state/aura")
        );

        let empty = read(&[("AURA_REPO", ""), ("AURA_PARALLEL", "")]).expect("nothing set");
        assert_eq!(empty, Environment::default());
        assert_eq!(empty.repository(None), Path::new("."));
        assert!(empty.state_dir().is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for value in ["0", "many", "1025", "-1"] {
            let error = read(&[("AURA_PARALLEL", value)]).expect_err(value);
            assert!(error.to_string().contains("AURA_PARALLEL"), "{error}");
        }
    }
}
