//! `aura trust`: allow what a repository configures.

use aura_core::{Error, ErrorKind, Result};

use crate::args::TrustArgs;
use crate::config::{Config, PATH};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::render::style::harmless;
use crate::trust::TrustStore;
use crate::{output, place, words};

/// Allows the commands of the configuration as it is now, and lists them.
pub(super) fn trust(environment: &Environment, args: &TrustArgs) -> Result<Exit> {
    let repo = environment.repository(args.place.repo.as_deref());
    let root = place::root(&repo).ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "{} is not in the checkout of a git repository",
                repo.display()
            ),
        )
    })?;
    let store = TrustStore::new(&environment.state_dir()?);
    if args.revoke {
        let path = root.join(PATH);
        let was = if store.revoke(&path)? {
            "no longer trusted"
        } else {
            "was not trusted"
        };
        output::line(format!("{} {was}", path.display()))?;
        return Ok(Exit::Done);
    }
    let config = Config::load(&root)?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!(
                "{} has no {PATH}, so there is nothing to trust",
                root.display()
            ),
        )
    })?;
    store.trust(&config)?;
    output::line(format!(
        "{} is trusted as it is now. It runs:",
        config.path.display()
    ))?;
    for (what, command) in config.commands() {
        output::line(harmless(&format!("  {what}: {}", words::join(&command))))?;
    }
    Ok(Exit::Done)
}
