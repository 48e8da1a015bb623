//! `aura run`: one line to done.

use std::path::Path;

use aura_core::{Error, ErrorKind, Orchestrator, Plan, Result, RunOptions, StoryId, StorySpec};

use super::drive::{Ended, Landing, tell_end, to_the_end};
use super::{decompose, detach, plan};
use crate::args::{
    Again, DecomposeFlags, EngineFlags, LandFlags, RunArgs, RunFlags, StoryRunArgs, WishFlags,
};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::program::Program;
use crate::render::style::{Style, harmless};
use crate::render::{Reporter, plan_text};
use crate::settings::Settings;
use crate::{output, place, words};

/// A story that was created and waits to be run.
pub(super) struct Begun {
    /// The open repository.
    pub(super) aura: Orchestrator,
    /// The story.
    pub(super) story: StoryId,
    options: RunOptions,
    landing: Landing,
}

/// Creates the story and runs it.
pub(super) async fn run(
    environment: &Environment,
    program: &Program,
    args: &RunArgs,
) -> Result<Exit> {
    if args.decomposes() {
        plan::refuse_scope(&args.scope)?;
        return from_words(environment, program, args).await;
    }
    if args.wish != WishFlags::default() || args.tasks != DecomposeFlags::default() {
        let message = "a plan file says what is wanted and how it is cut";
        return Err(Error::new(ErrorKind::InvalidInput, message)
            .with_help("leave --description, --decompose-with, --include-tests, --no-tests and --max-tasks out, or add --decompose"));
    }
    let source = args.source.as_deref().unwrap_or(Path::new(""));
    let mut plan = plan::read(source, &args.scope)?;
    plan::warn(&plan);
    if args.dry_run {
        let mut settings = settings(environment, args)?;
        settings.settle_review(&mut plan);
        settings.route(&mut plan)?;
        settings.check_plan(&plan, &args.run)?;
        settings.preflight(&plan).await?;
        check_head(&settings, args)?;
        return dry_run(&plan, &settings);
    }
    let begun = begin(environment, args, plan).await?;
    if args.run.detach {
        let again = StoryRunArgs::of(args, begun.story, environment);
        return detach::start(environment, program, &begun.aura, begun.story, &again).await;
    }
    let mut reporter = Reporter::choose(args.run.json);
    let again = Again::of(begun.story, &args.place, &args.engine);
    let ended = go(environment, &begun, (&again, &mut reporter)).await?;
    tell_end(ended, &again, args.run.json, args.run.land.merge)
}

/// Creates the story from words, lets an agent cut it into tasks, and runs it.
async fn from_words(environment: &Environment, program: &Program, args: &RunArgs) -> Result<Exit> {
    check_wish(args)?;
    let engine = (&args.place, &args.engine, args.run.parallel);
    let settings = Settings::read_to_decompose(environment, engine, &args.tasks)?;
    if args.run.land.merge {
        settings.check_landing()?;
    }
    check_head(&settings, args)?;
    settings.preflight_wish().await?;
    let wish = decompose::wish(&settings.repo, args.source.as_deref(), &args.wish).await?;
    let aura = settings.builder().open().await?;
    let mut spec = wish.policy(settings.policy_for(&args.create, false));
    if let Some(target) = &args.create.target {
        spec = spec.target(target);
    }
    let story = aura.create_story(spec).await?;
    let mut reporter = Reporter::choose(args.run.json);
    let limits = settings.limits_of_questions(args.run.limits.limits());
    let options = args.tasks.options(settings.parallel).limits(limits);
    let options = options.agent(&settings.decomposer);
    let plan = decompose::decompose(&settings, (&aura, story), options, &mut reporter).await?;
    settings.check_plan(&plan, &args.run)?;
    settings.preflight(&plan).await?;
    if args.run.detach {
        let again = StoryRunArgs::of(args, story, environment);
        return detach::start(environment, program, &aura, story, &again).await;
    }
    let begun = Begun {
        options: run_options(&settings, &args.run),
        landing: landing(&args.run.land, &args.engine),
        story,
        aura,
    };
    let mut reporter = Reporter::choose(args.run.json);
    let again = Again::of(begun.story, &args.place, &args.engine);
    let ended = go(environment, &begun, (&again, &mut reporter)).await?;
    tell_end(ended, &again, args.run.json, args.run.land.merge)
}

/// Refuses what cannot be meant where an agent makes the plan.
fn check_wish(args: &RunArgs) -> Result<()> {
    let refused = |message: String, help: &str| {
        Err(Error::new(ErrorKind::InvalidInput, message).with_help(help))
    };
    if let Some(file) = args.source.as_deref().filter(|source| source.exists()) {
        let message = format!("{} is there, and --decompose takes a title", file.display());
        return refused(message, "leave --decompose out to run the plan in it");
    }
    if !args.run.tasks.is_empty() {
        let message = "--task chooses from a plan, and there is none yet".to_owned();
        return refused(message, "leave it out, or decompose the story first");
    }
    Ok(())
}

/// Refuses a landing without a branch to land on.
fn check_head(settings: &Settings, args: &RunArgs) -> Result<()> {
    if args.run.land.merge && args.create.target.is_none() && place::is_detached(&settings.repo) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "HEAD is detached, so there is no branch to land on",
        )
        .with_help("name one with --target BRANCH, or check one out"));
    }
    Ok(())
}

fn settings(environment: &Environment, args: &RunArgs) -> Result<Settings> {
    let settings = Settings::read(environment, &args.place, &args.engine, args.run.parallel)?;
    if args.run.land.merge {
        settings.check_landing()?;
    }
    Ok(settings)
}

/// Whether the tasks are story files.
pub(super) fn is_folder(source: Option<&Path>) -> bool {
    source.is_some_and(Path::is_dir)
}

/// Checks everything and creates the story. Nothing runs yet.
pub(super) async fn begin(
    environment: &Environment,
    args: &RunArgs,
    mut plan: Plan,
) -> Result<Begun> {
    let mut settings = settings(environment, args)?;
    let options = run_options(&settings, &args.run);
    settings.route(&mut plan)?;
    settings.settle_review(&mut plan);
    settings.check_plan(&plan, &args.run)?;
    settings.preflight(&plan).await?;
    check_head(&settings, args)?;
    let aura = settings.builder().open().await?;
    let policy = settings.policy_for(&args.create, is_folder(args.source.as_deref()));
    let mut spec = StorySpec::from_plan(plan).policy(policy);
    if let Some(target) = &args.create.target {
        spec = spec.target(target);
    }
    Ok(Begun {
        story: aura.create_story(spec).await?,
        aura,
        options,
        landing: landing(&args.run.land, &args.engine),
    })
}

/// Runs the story to its end, landing included where that was asked for.
pub(super) async fn go(
    environment: &Environment,
    begun: &Begun,
    tellers: (&Again, &mut Reporter),
) -> Result<Ended> {
    let options = begun.options.clone();
    let (aura, story) = (&begun.aura, begun.story);
    to_the_end(environment, aura, story, options, &begun.landing, tellers).await
}

/// What one run is asked for.
pub(super) fn run_options(settings: &Settings, flags: &RunFlags) -> RunOptions {
    let options = RunOptions::default()
        .tasks(flags.tasks.iter().map(String::as_str))
        .with_dependencies(flags.with_dependencies)
        .one_wave(flags.wave)
        .limits(settings.limits(flags.limits.limits()));
    let options = settings
        .fallbacks()
        .fold(options, |options, (agent, other)| {
            options.fallback(agent, other)
        });
    match settings.parallel {
        Some(agents) => options.max_parallel(agents),
        None => options,
    }
}

/// What happens to its result.
pub(super) fn landing(flags: &LandFlags, engine: &EngineFlags) -> Landing {
    Landing {
        merge: flags.merge,
        partial: flags.partial,
        no_gates: engine.no_gates,
        cleanup: false,
    }
}

fn dry_run(plan: &Plan, settings: &Settings) -> Result<Exit> {
    if let Some(patterns) = &settings.patterns {
        patterns.check(plan)?;
    }
    output::line(plan_text(plan, Style::of_stdout(), |_| None))?;
    for agent in &settings.agents {
        let text = format!("agent {}: {}", agent.name, words::join(&agent.shown()));
        output::line(harmless(&text))?;
    }
    let gates = settings.configured_gates();
    for gate in &gates {
        let gate = gate.definition();
        let kind = if gate.required {
            "required"
        } else {
            "optional"
        };
        output::line(harmless(&format!("gate {} ({kind})", gate.name)))?;
    }
    if gates.is_empty() {
        output::line("no gate judges anything")?;
    }
    output::line(format!("{} agents at once", settings.policy.max_parallel))?;
    Ok(Exit::Done)
}
