//! The same call once more, for a process of its own.

use std::ffi::OsString;
use std::path::Path;

use aura_core::StoryId;

use super::{AcceptFlags, EngineFlags, Place, RunArgs, RunFlags, StoryRunArgs};
use crate::environment::Environment;

impl StoryRunArgs {
    /// Runs the story that `aura run` created, as that call asked for.
    pub(crate) fn of(args: &RunArgs, story: StoryId, environment: &Environment) -> Self {
        Self {
            story: None,
            place: args.place.clone(),
            engine: args.engine.clone(),
            run: args.run.clone(),
            accept: AcceptFlags::default(),
        }
        .resolved(story, environment)
    }

    /// The same without anything that depends on where and when it is called.
    pub(crate) fn resolved(&self, story: StoryId, environment: &Environment) -> Self {
        let repo = environment.repository(self.place.repo.as_deref());
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            story: Some(story.to_string()),
            place: Place {
                repo: Some(absolute(&repo)),
            },
            engine: self.engine.clone(),
            run: RunFlags {
                detach: false,
                ..self.run.clone()
            },
            accept: self.accept.clone(),
        }
    }

    /// The words that are understood as these arguments.
    pub(crate) fn to_words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: OsString| {
            let mut word = OsString::from(format!("--{name}="));
            word.push(value);
            words.push(word);
        };
        if let Some(repo) = &self.place.repo {
            option("repo", repo.into());
        }
        let EngineFlags {
            agent,
            agent_command,
            gates,
            env,
            no_gates,
            review,
            no_review,
            trust,
        } = &self.engine;
        let named = [
            ("agent", agent),
            ("agent-command", agent_command),
            ("review", review),
        ];
        for (name, value) in named {
            value.iter().for_each(|value| option(name, value.into()));
        }
        gates.iter().for_each(|gate| option("gate", gate.into()));
        env.iter().for_each(|name| option("env", name.into()));
        let run = &self.run;
        run.tasks
            .iter()
            .for_each(|task| option("task", task.into()));
        if let Some(agents) = run.parallel {
            option("parallel", agents.to_string().into());
        }
        let limits = [
            ("cost", run.limits.limit_cost.map(|most| most.to_string())),
            (
                "tokens",
                run.limits.limit_tokens.map(|most| most.to_string()),
            ),
            (
                "attempts",
                run.limits.limit_attempts.map(|most| most.to_string()),
            ),
        ];
        for (name, value) in limits {
            value
                .into_iter()
                .for_each(|value| option(&format!("limit-{name}"), value.into()));
        }
        let flags = [
            ("no-gates", *no_gates),
            ("no-review", *no_review),
            ("trust", *trust),
            ("with-dependencies", run.with_dependencies),
            ("wave", run.wave),
            ("merge", run.land.merge),
            ("partial", run.land.partial),
            ("json", run.json),
            ("detach", run.detach),
            ("accept-config", self.accept.accept_config),
            ("accept-repo-changes", self.accept.accept_repo_changes),
            ("restore-branch", self.accept.restore_branch),
        ];
        let said = flags.into_iter().filter(|(_, said)| *said);
        words.extend(said.map(|(name, _)| OsString::from(format!("--{name}"))));
        words.extend(self.story.iter().map(OsString::from));
        words
    }
}
