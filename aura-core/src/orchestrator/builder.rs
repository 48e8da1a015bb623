//! How an [`Orchestrator`] is opened.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Orchestrator;
use crate::agent::AgentBackend;
use crate::context::{ContextProvider, RepositoryContext};
use crate::engine::{Workshop, blocking};
use crate::error::{Error, ErrorKind, Result};
use crate::gate::ConfiguredGate;
use crate::git::{AuraRepo, UserRepo};
use crate::model::{GateDefinition, GateSchedule, Patterns};
use crate::prompt::{Prompts, Redactor};
use crate::store::{SqliteStore, StoryStore};

/// Collects what an [`Orchestrator`] is made of.
pub struct OrchestratorBuilder {
    path: PathBuf,
    agents: BTreeMap<String, Arc<dyn AgentBackend>>,
    gates: Vec<ConfiguredGate>,
    detect_gates: bool,
    store: Option<Arc<dyn StoryStore>>,
    prompts: Option<Prompts>,
    patterns: Option<Patterns>,
    context: Arc<dyn ContextProvider>,
    root: Option<PathBuf>,
}

impl OrchestratorBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            agents: BTreeMap::new(),
            gates: Vec::new(),
            detect_gates: false,
            store: None,
            prompts: None,
            patterns: None,
            context: Arc::new(RepositoryContext::new()),
            root: None,
        }
    }

    /// Registers an agent under a name. Tasks that name no agent go to the one called `default`.
    #[must_use]
    pub fn agent(self, name: impl Into<String>, agent: impl AgentBackend + 'static) -> Self {
        self.shared_agent(name, Arc::new(agent))
    }

    /// Registers an agent that is shared with others, or whose type is not known.
    #[must_use]
    pub fn shared_agent(mut self, name: impl Into<String>, agent: Arc<dyn AgentBackend>) -> Self {
        self.agents.insert(name.into(), agent);
        self
    }

    /// Registers a gate.
    #[must_use]
    pub fn gate(mut self, gate: ConfiguredGate) -> Self {
        self.gates.push(gate);
        self
    }

    /// Registers gates.
    #[must_use]
    pub fn gates(mut self, gates: impl IntoIterator<Item = ConfiguredGate>) -> Self {
        self.gates.extend(gates);
        self
    }

    /// When no gate is registered: looks for the build and the tests of the project (see [`gates::detect`](crate::gates::detect)).
    #[must_use]
    pub const fn detect_gates(mut self, yes: bool) -> Self {
        self.detect_gates = yes;
        self
    }

    /// Remembers stories in this store instead of SQLite below the common git directory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn StoryStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Renders prompts with these templates.
    #[must_use]
    pub fn prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = Some(prompts);
        self
    }

    /// Offers these patterns to decompositions and puts them into the prompts of tasks that name them. From then on a plan that names
    /// another one is refused. Without patterns, what a task calls its pattern stands in its prompt as it is.
    #[must_use]
    pub fn patterns(mut self, patterns: Patterns) -> Self {
        self.patterns = Some(patterns);
        self
    }

    /// Finds out what the repository says about a story in this way, instead of searching it with a [`RepositoryContext`].
    #[must_use]
    pub fn context_provider(mut self, provider: Arc<dyn ContextProvider>) -> Self {
        self.context = provider;
        self
    }

    /// Makes worktrees below this directory instead of `<repository>-worktrees`.
    #[must_use]
    pub fn workspace_root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Opens the repository: checks it, makes Aura's own repository inside its git directory, and opens the store.
    ///
    /// # Errors
    /// `NotFound` without a repository; `UnsupportedRepository` for one that Aura cannot work with, or without a commit;
    /// `InvalidInput` for two gates of one name, and for one that counts tests and judges no candidates; `Store` when the store cannot be opened.
    pub async fn open(self) -> Result<Orchestrator> {
        let mut names: Vec<String> = self
            .gates
            .iter()
            .map(|gate| gate.definition().name)
            .collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("two gates are called `{}`", twice[0]),
            ));
        }
        for gate in &self.gates {
            check_counting(&gate.definition())?;
        }
        let path = self.path;
        let root = self.root;
        let (user, aura, root) = blocking(move || {
            let user = UserRepo::discover(&path)?;
            user.head()?;
            let aura = AuraRepo::open_or_create(&user)?;
            let root = match root {
                Some(root) => std::path::absolute(&root)
                    .map_err(|error| Error::io("resolve", &root, error))?,
                None => user.worktrees_root(),
            };
            Ok((user, aura, root))
        })
        .await?;
        let mut gates = self.gates;
        if gates.is_empty() && self.detect_gates {
            gates = crate::gates::detect(user.workdir().unwrap_or(user.common_dir()));
        }
        let store = match self.store {
            Some(store) => store,
            None => {
                let home = aura.home().to_owned();
                Arc::new(blocking(move || SqliteStore::open(home)).await?)
            }
        };
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let own = self.agents.values().flat_map(|agent| agent.secrets());
        let own = own.chain(gates.iter().flat_map(|gate| gate.gate().secrets()));
        let redactor = Redactor::new(environment)?.with(own)?;
        Ok(Orchestrator {
            shop: Arc::new(Workshop {
                user,
                aura,
                agents: self.agents,
                gates,
                prompts: match self.prompts {
                    Some(prompts) => prompts,
                    None => Prompts::new()?,
                },
                patterns: self.patterns,
                redactor,
                root,
            }),
            store,
            context: self.context,
        })
    }
}

/// Numbers of tests are compared where candidates are judged, so that elsewhere the switch would do nothing.
fn check_counting(gate: &GateDefinition) -> Result<()> {
    if !gate.counts_tests || gate.judges(GateSchedule::AfterWave) {
        return Ok(());
    }
    let message = format!(
        "the gate `{}` counts tests and does not judge `after_wave`, where their number is compared with what it was before",
        gate.name
    );
    Err(Error::new(ErrorKind::InvalidInput, message)
        .with_help("let it judge `after_wave` as well, or do not let it count tests"))
}
