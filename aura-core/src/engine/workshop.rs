//! What the roles share: the two repositories, the agents, the gates, the places on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, mpsc};

use super::messages;
use super::rooms::Rooms;
use super::state::Ix;
use crate::agent::AgentBackend;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::ConfiguredGate;
use crate::git::{AuraRepo, Fingerprint, Identity, Oid, RefMove, UserRepo, names};
use crate::model::{CommitId, GateDefinition, Patterns, Progress, StoryId};
use crate::prompt::{PromptTask, Prompts, Redactor};

/// How many lines of live output may wait for a slow reader before the oldest are dropped.
const PROGRESS_BUFFER: usize = 1_024;

/// How often a ref that somebody else moves is tried to be moved.
const KEEP_ROUNDS: u32 = 3;

/// Everything that effects need and that outlives one run.
pub(crate) struct Workshop {
    pub(crate) user: UserRepo,
    pub(crate) aura: AuraRepo,
    pub(crate) agents: BTreeMap<String, Arc<dyn AgentBackend>>,
    pub(crate) gates: Vec<ConfiguredGate>,
    pub(crate) prompts: Prompts,
    /// Where there are none, a task's pattern is only a name.
    pub(crate) patterns: Option<Patterns>,
    pub(crate) redactor: Redactor,
    /// Directory that holds the worktrees of all stories of this repository.
    pub(crate) root: PathBuf,
}

impl Workshop {
    pub(crate) fn agent(&self, name: &str) -> Result<&Arc<dyn AgentBackend>> {
        self.agents.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.agents.keys().map(String::as_str).collect();
            Error::new(
                ErrorKind::BackendMissing,
                format!("no agent is called `{name}`"),
            )
            .with_help(if known.is_empty() {
                "register an agent first".to_owned()
            } else {
                format!("registered are: {}", known.join(", "))
            })
        })
    }

    /// Puts the text of the pattern that a task names in the place of its name.
    pub(crate) fn inject_pattern(&self, task: &mut PromptTask) {
        let patterns = self.patterns.as_ref();
        let text = task
            .pattern
            .as_deref()
            .and_then(|name| patterns?.text(name));
        if let Some(text) = text {
            task.pattern = Some(text.trim().to_owned());
        }
    }

    pub(crate) fn gate(&self, name: &str) -> Result<&ConfiguredGate> {
        self.gates
            .iter()
            .find(|gate| gate.definition().name == name)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::GateMissing,
                    format!("no gate is called `{name}`"),
                )
            })
    }

    /// What the gates start, for a gate that asks what judges.
    pub(crate) fn gate_commands(&self) -> Arc<Vec<Vec<String>>> {
        let commands = self.gates.iter().map(|gate| gate.gate().command());
        Arc::new(commands.filter(|words| !words.is_empty()).collect())
    }

    /// Waits until nothing that an agent or a gate left can still work in the directory, which may be for ever: anybody may have
    /// been there before. Cancel safe.
    pub(crate) async fn released(&self, workspace: &Path) {
        for agent in self.agents.values() {
            agent.released(workspace).await;
        }
        for gate in &self.gates {
            gate.gate().released(workspace).await;
        }
    }

    pub(crate) fn gate_definitions(&self) -> Vec<GateDefinition> {
        self.gates.iter().map(ConfiguredGate::definition).collect()
    }

    /// Puts the ref that keeps the accepted head in the user's repository to `head`, wherever it is: it is Aura's own. Returns where
    /// it was.
    ///
    /// # Errors
    /// `ForeignChange` when it has to be made, which git's program does, and the repository is not as `expected`.
    pub(crate) fn keep_head(
        &self,
        reference: &str,
        head: Oid,
        expected: Option<&Fingerprint>,
    ) -> Result<Option<Oid>> {
        let mut found = self.user.read_ref(reference)?;
        for _ in 0..KEEP_ROUNDS {
            if let (None, Some(expected)) = (found, expected) {
                self.user.require_fingerprint(expected)?;
            }
            match self.user.move_ref(reference, found, head)? {
                RefMove::Moved | RefMove::AlreadyThere => return Ok(found),
                RefMove::Foreign(now) => found = now,
                RefMove::CheckedOut(_) => break,
            }
        }
        Err(Error::new(
            ErrorKind::ForeignMove,
            format!("somebody else moves `{reference}` all the time"),
        )
        .with_help("it is Aura's own: end whatever writes to it"))
    }

    pub(crate) fn fingerprint(&self) -> Result<String> {
        let fingerprint = self.user.fingerprint()?;
        serde_json::to_string(&fingerprint).map_err(|error| {
            Error::new(ErrorKind::Internal, "a fingerprint cannot be written").with_source(error)
        })
    }
}

/// The names and places of one story.
#[derive(Debug, Clone)]
pub(crate) struct StoryPlaces {
    pub(crate) story: StoryId,
    /// `<slug>-<short id>`, the last part of the branch.
    pub(crate) name: String,
    /// Of all stories.
    root: PathBuf,
    /// Aura's directory below the user's common git directory.
    home: PathBuf,
}

impl StoryPlaces {
    pub(crate) fn new(shop: &Workshop, story: StoryId, title: &str) -> Self {
        Self {
            story,
            name: names::directory_name(title, &story.short()),
            root: shop.root.clone(),
            home: shop.aura.home().to_owned(),
        }
    }

    /// Where people look at the accepted head.
    pub(crate) fn worktree(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// Where a task's agent works.
    pub(crate) fn workspace(&self, task: &str) -> PathBuf {
        self.root.join(".tasks").join(&self.name).join(task)
    }

    /// Where gates judge candidates and results.
    pub(crate) fn gate_workspace(&self) -> PathBuf {
        self.root.join(".gates").join(&self.name)
    }

    /// Where gates judge tasks' own work, at the same time, by number. No other story's name goes on with a dot.
    pub(crate) fn task_gate_workspace(&self, number: usize) -> PathBuf {
        let name = format!("{}.{number}", self.name);
        self.root.join(".gates").join(name)
    }

    /// All places where gates judged that are there.
    pub(crate) fn gate_workspaces(&self) -> Vec<PathBuf> {
        let shared = self.gate_workspace();
        let own = format!("{}.", self.name);
        let entries = shared.parent().and_then(|all| std::fs::read_dir(all).ok());
        let entries = entries.into_iter().flatten().flatten();
        let tasks = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&own))
            .map(|entry| entry.path());
        std::iter::once(shared).chain(tasks).collect()
    }

    /// Directories that all stories share and that nobody needs when they are empty.
    pub(crate) fn shared(&self) -> [PathBuf; 2] {
        [".tasks", ".gates"].map(|name| self.root.join(name))
    }

    /// Complete outputs of agents and gates.
    pub(crate) fn logs(&self) -> PathBuf {
        self.home.join("logs").join(self.story.to_string())
    }

    pub(crate) fn salvage_ref(&self, what: &str) -> String {
        format!("refs/aura/salvage/{}/{what}", self.story)
    }

    /// The accepted head, in both repositories; in the user's it survives the loss of the branch.
    pub(crate) fn keep_ref(&self) -> String {
        format!("refs/aura/keep/{}", self.story)
    }

    pub(crate) fn candidate_ref(&self, candidate: u32) -> String {
        format!("refs/aura/candidates/{}/{candidate}", self.story)
    }

    /// Names, or beginnings of names, of every ref that only this story's writer touches.
    pub(crate) fn own_refs(&self) -> Vec<String> {
        let story = self.story;
        ["attempts", "candidates", "keep", "land", "salvage"]
            .map(|kind| format!("refs/aura/{kind}/{story}"))
            .into_iter()
            .chain([format!("refs/heads/story/{}", self.name)])
            .collect()
    }

    /// Prefixes of refs that nobody needs after the landing: those of the attempts at `accepted` tasks, of candidates and results.
    pub(crate) fn passing_refs(&self, accepted: &[Ix]) -> Vec<String> {
        let story = self.story;
        let attempts = accepted
            .iter()
            .map(|ix| format!("refs/aura/attempts/{story}/{ix}-"));
        ["candidates", "land"]
            .map(|kind| format!("refs/aura/{kind}/{story}"))
            .into_iter()
            .chain(attempts)
            .collect()
    }

    pub(crate) fn land_ref(&self) -> String {
        format!("refs/aura/land/{}", self.story)
    }
}

/// One run of one story, as its effects see it.
pub(crate) struct Site {
    pub(crate) shop: Arc<Workshop>,
    pub(crate) places: StoryPlaces,
    pub(crate) identity: Identity,
    /// What may not change in the user's repository while Aura writes there.
    pub(crate) fingerprint: Fingerprint,
    /// The repository's commits have conventional messages, so Aura's have them too.
    pub(crate) conventional: bool,
    progress: broadcast::Sender<Progress>,
    /// Who holds it has the gate workspace: there is one, so heavy gates come one at a time.
    pub(crate) gate_slot: tokio::sync::Mutex<()>,
    pub(crate) rooms: Rooms,
    /// Refs of the user's repository that are not Aura's, as they were last looked at.
    foreign_refs: Mutex<BTreeMap<String, String>>,
    /// Ignored files that lay in a workspace before its agent came.
    ignored: Mutex<BTreeMap<PathBuf, BTreeSet<String>>>,
}

impl Site {
    pub(crate) fn new(
        shop: Arc<Workshop>,
        places: StoryPlaces,
        identity: Identity,
        fingerprint: Fingerprint,
        base: CommitId,
    ) -> Result<Self> {
        let subjects = shop.user.subjects(None, base.into(), messages::SAMPLE)?;
        let conventional = messages::is_convention(&subjects);
        let foreign_refs = Mutex::new(shop.user.foreign_refs()?);
        Ok(Self {
            shop,
            places,
            identity,
            fingerprint,
            conventional,
            progress: broadcast::channel(PROGRESS_BUFFER).0,
            gate_slot: tokio::sync::Mutex::new(()),
            rooms: Rooms::default(),
            foreign_refs,
            ignored: Mutex::default(),
        })
    }

    /// What changed among the refs that are not Aura's since this was last asked, for people: an agent that leaves its workspace
    /// on purpose is noticed by it.
    pub(crate) fn foreign_changes(&self) -> Vec<String> {
        let now = match self.shop.user.foreign_refs() {
            Ok(now) => now,
            Err(error) => {
                return vec![format!(
                    "whether your repository's other refs changed is not known: {error}"
                )];
            }
        };
        let mut before = self
            .foreign_refs
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
        let changed = names
            .into_iter()
            .filter(|name| before.get(*name) != now.get(*name))
            .map(|name| {
                format!("`{name}` changed in your repository while the run was active; if that was not you, an agent left its workspace")
            })
            .collect();
        *before = now;
        changed
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// A channel whose lines are redacted and published as progress until it is closed.
    /// Where an agent or a gate tells what it does; `wrap` also masks it.
    pub(crate) fn sink<T: Send + 'static>(
        &self,
        wrap: impl Fn(T, &Redactor) -> Progress + Send + 'static,
    ) -> mpsc::Sender<T> {
        let (sender, mut told) = mpsc::channel::<T>(256);
        let progress = self.progress.clone();
        let shop = Arc::clone(&self.shop);
        tokio::spawn(async move {
            while let Some(told) = told.recv().await {
                // Nobody listening is no error.
                drop(progress.send(wrap(told, &shop.redactor)));
            }
        });
        sender
    }

    pub(crate) fn redact(&self, text: &str) -> String {
        self.shop.redactor.redact(text).into_owned()
    }

    pub(crate) fn remember_ignored(&self, path: &Path, files: Vec<String>) {
        let mut ignored = self.ignored.lock().unwrap_or_else(PoisonError::into_inner);
        ignored.insert(path.to_owned(), files.into_iter().collect());
    }

    pub(crate) fn known_ignored(&self, path: &Path) -> BTreeSet<String> {
        let ignored = self.ignored.lock().unwrap_or_else(PoisonError::into_inner);
        ignored.get(path).cloned().unwrap_or_default()
    }
}

/// Runs blocking work away from the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| {
            Err(Error::new(
                ErrorKind::Internal,
                format!("a worker thread panicked: {error}"),
            ))
        })
}

/// Message and remedy of an error in one line.
pub(crate) fn told(error: &Error) -> String {
    match error.help() {
        Some(help) => format!("{error}; {help}"),
        None => error.to_string(),
    }
}
