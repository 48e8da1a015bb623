//! The same call once more, for a process of its own.

use std::ffi::OsString;
use std::path::Path;

use aura_core::StoryId;

use super::{AcceptFlags, EngineFlags, Place, RunArgs, RunFlags, StoryRunArgs};
use crate::environment::Environment;
use crate::words;

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
        let (named, switched) = self.engine.said();
        for (name, value) in named {
            option(name, value.into());
        }
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
        let said = switched.into_iter().chain(said.map(|(name, _)| name));
        words.extend(said.map(|name| OsString::from(format!("--{name}"))));
        words.extend(self.story.iter().map(OsString::from));
        words
    }
}

impl EngineFlags {
    /// The options that were given with a value, and those without.
    fn said(&self) -> (Vec<(&'static str, &str)>, Vec<&'static str>) {
        let Self {
            agent,
            agent_command,
            gates,
            env,
            no_gates,
            review,
            no_review,
            trust,
        } = self;
        let mut named: Vec<(&str, &str)> = Vec::new();
        let once = [
            ("agent", agent),
            ("agent-command", agent_command),
            ("review", review),
        ];
        for (name, value) in once {
            named.extend(value.iter().map(|value| (name, value.as_str())));
        }
        named.extend(gates.iter().map(|gate| ("gate", gate.as_str())));
        named.extend(env.iter().map(|variable| ("env", variable.as_str())));
        let switched = [
            ("no-gates", no_gates),
            ("no-review", no_review),
            ("trust", trust),
        ];
        let switched = switched.into_iter().filter(|(_, said)| **said);
        (named, switched.map(|(name, _)| name).collect())
    }
}

/// What a later call has to say to mean the same story with the same agents and gates, for people to copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Again {
    story: Option<StoryId>,
    place: Place,
    engine: EngineFlags,
}

impl Again {
    /// After a call with these options.
    pub(crate) fn of(story: StoryId, place: &Place, engine: &EngineFlags) -> Self {
        Self {
            story: Some(story),
            place: place.clone(),
            engine: engine.clone(),
        }
    }

    /// A call that needs neither agents nor gates; `about` stands before the story.
    pub(crate) fn asks(&self, verb: &str, about: &[&str]) -> String {
        words::join(&self.words(verb, about))
    }

    /// A call that runs or judges something; `more` are further options.
    pub(crate) fn does(&self, verb: &str, more: &[&str]) -> String {
        let mut words = self.words(verb, &[]);
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let (named, switched) = self.engine.said();
        for (name, value) in named {
            words.extend([format!("--{name}"), value.to_owned()]);
        }
        words.extend(switched.into_iter().map(|name| format!("--{name}")));
        words::join(&words)
    }

    fn words(&self, verb: &str, about: &[&str]) -> Vec<String> {
        let start = ["aura", "story", verb]
            .into_iter()
            .chain(about.iter().copied());
        let mut words: Vec<String> = start.map(ToOwned::to_owned).collect();
        words.extend(self.story.iter().map(StoryId::short));
        if let Some(repo) = &self.place.repo {
            words.extend(["--repo".to_owned(), repo.display().to_string()]);
        }
        words
    }
}
