//! What is there of an agent: where it is, which version, whether that is known to work.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::{AgentProbe, Login};
use super::native;
use super::preset::{Preset, Surroundings};
use crate::prompt::Redactor;
use crate::{process, program};

/// Longest time that an agent may take to say its version; the first start of some unpacks hundreds of megabytes.
const PATIENCE: Duration = Duration::from_secs(60);

static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?").expect("the pattern is fixed")
});

/// Looks at the agent; `None` when there is no such program.
pub(super) async fn look(
    preset: &'static Preset,
    surroundings: Surroundings,
) -> Option<AgentProbe> {
    let path = surroundings.path()?;
    let native = native::behind(preset, &path);
    let said = ask(preset, &surroundings, native.as_deref().unwrap_or(&path)).await;
    let (version, problem) = match said {
        Ok(said) => match VERSION.find(&said) {
            Some(version) => (Some(version.as_str().to_owned()), None),
            None => (
                None,
                Some(format!("it does not tell its version: {}", said.trim())),
            ),
        },
        Err(problem) => (None, Some(problem)),
    };
    let supported = version
        .as_deref()
        .is_some_and(|version| is_known(preset, version));
    let login = (preset.login)(&surroundings);
    let [first, beyond] = preset.versions.map(|part| {
        let [major, minor, patch] = part;
        format!("{major}.{minor}.{patch}")
    });
    let detail = problem.unwrap_or_else(|| match (supported, login) {
        (false, _) => {
            format!("versions from {first} up to {beyond} are known to work, this one is not")
        }
        (true, Login::No) => format!("to log in, {}", preset.login_help),
        (true, _) => String::new(),
    });
    Some(AgentProbe {
        name: preset.name.to_owned(),
        path,
        native,
        version,
        supported,
        login,
        detail,
    })
}

async fn ask(
    preset: &Preset,
    surroundings: &Surroundings,
    path: &std::path::Path,
) -> Result<String, String> {
    let mut program = surroundings.program.clone();
    program.argv = vec![path.to_string_lossy().into_owned(), "--version".to_owned()];
    // It is not known what else the program does, so that it gets a place where there is nothing to do it to.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let redactor = Redactor::default();
    let marker = format!("probe-{}", Uuid::now_v7());
    let command = program
        .command(folder.path(), &marker, &[], &redactor)
        .deadline(Some(PATIENCE))
        .first_signal(preset.first_signal);
    let pending = process::spawn(command).map_err(|error| error.to_string())?;
    let finished = pending.go(CancellationToken::new()).await;
    let finished = finished.map_err(|error| error.to_string())?;
    let [stdout, stderr] = program::output(&finished, &redactor);
    match (&finished.exit, finished.stopped) {
        (process::Exit::Code(0), None) => Ok(stdout),
        (_, Some(_)) => Err("it did not tell its version in time".to_owned()),
        (process::Exit::SpawnFailed { message, .. }, _) => Err(message.clone()),
        _ => {
            let last = crate::text::last_line(&stderr).unwrap_or("no word");
            Err(format!("it failed to tell its version: {last}"))
        }
    }
}

fn is_known(preset: &Preset, version: &str) -> bool {
    let Some(found) = VERSION.captures(version) else {
        return false;
    };
    let number = |part| {
        found
            .get(part)
            .map_or(Some(0), |text| text.as_str().parse().ok())
    };
    let version = [number(1), number(2), number(3)].map(Option::unwrap_or_default);
    let [first, beyond] = preset.versions;
    first <= version && version < beyond
}
