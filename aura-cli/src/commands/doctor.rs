//! `aura doctor`: is everything here?

use aura_core::Result;
use aura_core::agents::CliAgent;

use crate::args::DoctorArgs;
use crate::config::PATH;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::output;
use crate::render::style::{Style, Tone, harmless};
use crate::settings::Settings;

/// Looks at everything that a run needs.
pub(super) async fn doctor(environment: &Environment, args: &DoctorArgs) -> Result<Exit> {
    let settings = Settings::read(environment, &args.place, &args.engine, None)?;
    let aura = settings.builder().open().await?;
    let report = aura.doctor().await;
    let exit = if report.is_ok() {
        Exit::Done
    } else {
        Exit::Failed
    };
    if args.json {
        output::json(&report)?;
        return Ok(exit);
    }
    let style = Style::of_stdout();
    for check in &report.checks {
        let (tone, mark) = if check.ok {
            (Tone::Good, "ok  ")
        } else {
            (Tone::Bad, "FAIL")
        };
        let mark = style.paint(tone, mark);
        let text = harmless(&format!("{}: {}", check.name, check.detail));
        output::line(format!("{mark} {text}"))?;
        if let Some(warning) = &check.warning {
            output::line(format!("     warning: {}", harmless(warning)))?;
        }
        if let Some(help) = check.help.as_ref().filter(|_| !check.ok) {
            output::line(format!("     help: {}", harmless(help)))?;
        }
    }
    if settings.agents.is_empty() {
        let known: Vec<&str> = CliAgent::names().collect();
        output::line(format!(
            "     no agent is chosen: use --agent with one of {}, or --agent-command, or {PATH}",
            known.join(", ")
        ))?;
    }
    Ok(exit)
}
