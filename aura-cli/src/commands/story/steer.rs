//! Commands that ask something of a story, whoever runs it.

use aura_core::{Result, Verb};

use super::{locate, open, plain_settings};
use crate::args::Which;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;

/// Who asks, for people who read the log.
pub(super) const ACTOR: &str = "cli";

/// Asks, and waits for the answer.
pub(super) async fn steer(environment: &Environment, which: &Which, verb: Verb) -> Result<Exit> {
    // Cancelling a run that a crash interrupted takes it up first, with its agents and gates. Anything else needs neither, so a
    // configuration that is refused keeps nobody from stopping a run.
    let aura = match plain_settings(environment, &which.place) {
        Ok(settings) => settings.builder().open().await?,
        Err(_) => open(environment, &which.place).await?,
    };
    let path = environment.repository(which.place.repo.as_deref());
    let story = locate(&aura, which.story.as_deref(), &path).await?;
    aura.command(story, verb, ACTOR).await?;
    if which.json {
        output::json(&aura.status(story).await?)?;
    } else {
        output::note("accepted");
    }
    Ok(Exit::Done)
}
