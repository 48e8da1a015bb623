//! Real agents, set up so that they talk to the scripted model and to nobody else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aura_core::agents::{self, AcpAgent, CliAgent};
use aura_core::{
    AgentBackend, ConfiguredGate, Event, EventKind, Orchestrator, Plan, Policy, RunEvent,
    RunOptions, StoryId, StorySpec,
};
use aura_tests::TempRepo;
use aura_tests::llm::{Limits, ScriptedLlm};
use tempfile::TempDir;

/// An agent that the tests know how to set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Copilot,
    Claude,
    Codex,
    Gemini,
    OpenCode,
    Aider,
    CopilotAcp,
    GeminiAcp,
    OpenCodeAcp,
    ClaudeAcp,
}

/// An agent, a model for it, a place that only they know, and a repository to work in.
pub(super) struct Cast {
    kind: Kind,
    program: PathBuf,
    home: TempDir,
    pub(super) model: ScriptedLlm,
    pub(super) repo: TempRepo,
}

impl Cast {
    /// `None` where the agent is not installed, which fails where everything is required.
    pub(super) fn new(kind: Kind) -> Option<Self> {
        let program = kind.program();
        if !program.exists() {
            let why = format!(
                "{} is not there; `cargo xtask test` installs it from a registry",
                program.display()
            );
            assert!(std::env::var_os("AURA_REQUIRE_ALL").is_none(), "{why}");
            eprintln!("SKIPPED, this test has shown nothing: {why}");
            return None;
        }
        let home = tempfile::Builder::new().prefix("agents").tempdir();
        let model = ScriptedLlm::start(Limits::default());
        let repo = TempRepo::clean();
        repo.git(["config", "user.name", "A. User"]);
        repo.git(["config", "user.email", "user@example.com"]);
        Some(Self {
            kind,
            program,
            home: home.expect("a directory"),
            model: model.expect("a free port"),
            repo,
        })
    }

    /// A directory that nothing but this cast's processes know of.
    pub(super) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// A program that speaks the Agent Client Protocol, with the model in a scenario.
    pub(super) fn acp(&self, scenario: &str) -> AcpAgent {
        let url = self.model.url(scenario);
        let config = self.home.path().join("config");
        let program = self.program.display().to_string();
        let (args, variables) = match self.kind {
            Kind::CopilotAcp => (&["--acp", "--yolo"][..], copilot_variables(&url)),
            Kind::GeminiAcp => (&["--acp"][..], gemini_variables(&url, &config)),
            Kind::OpenCodeAcp => (&["acp"][..], opencode_variables(&url, &config)),
            _ => (&[][..], claude_variables(&url)),
        };
        let words = [program]
            .into_iter()
            .chain(args.iter().map(ToString::to_string));
        let mark = self.home.path().display().to_string();
        let own = [
            ("AURA_TEST_HOME", mark),
            ("COPILOT_HOME", config.display().to_string()),
            ("CLAUDE_CONFIG_DIR", config.display().to_string()),
            ("GEMINI_CLI_HOME", config.display().to_string()),
        ];
        let agent = agents::acp(words);
        let agent = own
            .into_iter()
            .fold(agent, |agent, (name, value)| agent.env(name, value));
        variables
            .into_iter()
            .fold(agent, |agent, (name, value)| agent.env(name, value))
    }

    /// The agent, with the model in a scenario.
    pub(super) fn agent(&self, scenario: &str) -> CliAgent {
        let url = self.model.url(scenario);
        let config = self.home.path().join("config");
        let program = self.program.display().to_string();
        let agent = match self.kind {
            Kind::Copilot => copilot(&url).config_dir(config),
            Kind::Claude => claude(&url).config_dir(config),
            Kind::Codex => codex(&url).config_dir(config),
            Kind::Gemini => gemini(&url, &config),
            Kind::OpenCode => opencode(&url, &config),
            Kind::Aider => aider(&url),
            _ => unreachable!("it is an agent of the protocol"),
        };
        let home = self.home.path().display().to_string();
        // The shells of these read what their user has them read at their start, which may wait for a lock that a shell left which was killed.
        let agent = match self.kind {
            Kind::Claude | Kind::Codex => agent.env("HOME", &home),
            _ => agent,
        };
        // The mark of everything that the agent starts.
        agent.program(program).env("AURA_TEST_HOME", home)
    }

    /// Opens the repository with an agent and gates.
    pub(super) async fn open(
        &self,
        agent: impl AgentBackend + 'static,
        gates: impl IntoIterator<Item = ConfiguredGate>,
    ) -> Orchestrator {
        let builder = Orchestrator::builder(self.repo.path()).agent("default", agent);
        builder.gates(gates).open().await.expect("it opens")
    }

    /// Runs a plan to the end of one run; what was told on the way.
    pub(super) async fn run(
        &self,
        aura: &Orchestrator,
        plan: Plan,
        policy: Policy,
    ) -> (StoryId, Vec<RunEvent>) {
        let spec = StorySpec::from_plan(plan).policy(policy);
        let story = aura.create_story(spec).await.expect("created");
        let options = RunOptions::default().max_parallel(2);
        let mut run = aura.run(story, options).await.expect("started");
        let mut told = Vec::new();
        while let Some(event) = run.next_event().await.expect("an event") {
            told.push(event);
        }
        run.wait().await.expect("finished");
        (story, told)
    }

    /// What the agent started and has its mark, wherever it went.
    fn processes(&self) -> Vec<PathBuf> {
        let mark = self.home.path().as_os_str().as_encoded_bytes();
        let Ok(processes) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let processes = processes.filter_map(|entry| Some(entry.ok()?.path()));
        let marked = processes.filter(|process| {
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            environment.windows(mark.len()).any(|window| window == mark)
        });
        marked.collect()
    }

    /// The sessions that the agent's processes are in.
    pub(super) fn sessions(&self) -> BTreeSet<String> {
        let processes = self.processes().into_iter();
        processes
            .filter_map(|process| {
                let stat = fs::read_to_string(process.join("stat")).ok()?;
                // After the name in brackets: state, parent, group, session.
                let (_, rest) = stat.rsplit_once(") ")?;
                rest.split(' ').nth(3).map(ToOwned::to_owned)
            })
            .collect()
    }

    /// Processes that the agent left behind, its tools among them.
    pub(super) fn left(&self) -> Vec<String> {
        let marked = self.processes().into_iter();
        marked
            .map(|process| {
                let line = fs::read(process.join("cmdline")).unwrap_or_default();
                format!("{}: {}", process.display(), String::from_utf8_lossy(&line))
            })
            .collect()
    }
}

/// The durable events of those that were told.
pub(super) fn durable(told: &[RunEvent]) -> impl Iterator<Item = &Event> {
    told.iter().filter_map(|event| match event {
        RunEvent::Durable(event) => Some(event),
        RunEvent::Progress(_) => None,
    })
}

/// What every attempt left as evidence.
pub(super) fn evidence(told: &[RunEvent]) -> Vec<String> {
    let evidence = durable(told).filter_map(|event| match &event.kind {
        EventKind::AttemptFinished { evidence, .. } => evidence.as_ref(),
        _ => None,
    });
    evidence.map(|evidence| format!("{evidence:?}")).collect()
}

impl Kind {
    pub(super) const fn speaks_acp(self) -> bool {
        matches!(
            self,
            Self::CopilotAcp | Self::GeminiAcp | Self::OpenCodeAcp | Self::ClaudeAcp
        )
    }

    /// The executable as its package names it.
    pub(super) fn program(self) -> PathBuf {
        let (place, name) = match self {
            Self::Copilot => ("npm/node_modules/.bin", "copilot"),
            Self::Claude => ("npm/node_modules/.bin", "claude"),
            Self::Codex => ("npm/node_modules/.bin", "codex"),
            Self::Gemini => ("extended/node_modules/.bin", "gemini"),
            Self::OpenCode => ("extended/node_modules/.bin", "opencode"),
            Self::Aider => ("aider/bin", "aider"),
            Self::CopilotAcp => ("npm/node_modules/.bin", "copilot"),
            Self::GeminiAcp => ("extended/node_modules/.bin", "gemini"),
            Self::OpenCodeAcp => ("extended/node_modules/.bin", "opencode"),
            Self::ClaudeAcp => ("extended/node_modules/.bin", "claude-agent-acp"),
        };
        installed().join(place).join(name)
    }
}

/// Where the test command installs agents.
pub(super) fn installed() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_scripted-llm"));
    let target = program.ancestors().nth(2).expect("a target directory");
    target.join("agents")
}

/// What stands in for a secret of the user.
pub(super) const KEY: &str = "scripted-key-0123456789";

type Variables = Vec<(&'static str, String)>;

fn copilot_variables(url: &str) -> Variables {
    // It unpacks itself into its cache, which is worth keeping.
    let cache = installed().join("copilot-cache").display().to_string();
    vec![
        ("COPILOT_CACHE_HOME", cache),
        ("COPILOT_OFFLINE", "true".to_owned()),
        ("COPILOT_MODEL", "gpt-4.1".to_owned()),
        ("COPILOT_PROVIDER_TYPE", "openai".to_owned()),
        ("COPILOT_PROVIDER_WIRE_API", "completions".to_owned()),
        ("COPILOT_PROVIDER_BASE_URL", format!("{url}/v1")),
        ("COPILOT_PROVIDER_API_KEY", KEY.to_owned()),
    ]
}

fn claude_variables(url: &str) -> Variables {
    vec![
        ("ANTHROPIC_BASE_URL", url.to_owned()),
        ("ANTHROPIC_API_KEY", KEY.to_owned()),
        ("CLAUDE_CODE_MAX_RETRIES", "2".to_owned()),
    ]
}

fn with(agent: CliAgent, variables: Variables) -> CliAgent {
    variables
        .into_iter()
        .fold(agent, |agent, (name, value)| agent.env(name, value))
}

fn copilot(url: &str) -> CliAgent {
    with(agents::copilot(), copilot_variables(url))
}

fn claude(url: &str) -> CliAgent {
    with(
        agents::claude().model("claude-sonnet-4-5"),
        claude_variables(url),
    )
}

fn codex(url: &str) -> CliAgent {
    let limits = "request_max_retries=2,stream_max_retries=2,stream_idle_timeout_ms=60000";
    let provider = format!(
        "model_providers.scripted={{name=\"scripted\",base_url=\"{url}/v1\",\
         env_key=\"SCRIPTED_API_KEY\",wire_api=\"responses\",{limits}}}"
    );
    agents::codex()
        .model("gpt-5")
        .arg("-c")
        .arg("model_provider=scripted")
        .arg("-c")
        .arg(provider)
        .env("SCRIPTED_API_KEY", KEY)
}

/// As a user has it who once chose to use a key: nothing else tells it by the protocol.
fn gemini_variables(url: &str, config: &Path) -> Variables {
    let settings = serde_json::json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "general": {"enableAutoUpdate": false, "disableAutoUpdate": true},
    });
    let folder = config.join(".gemini");
    fs::create_dir_all(&folder).expect("a directory");
    fs::write(folder.join("settings.json"), settings.to_string()).expect("written");
    vec![
        ("GOOGLE_GEMINI_BASE_URL", url.to_owned()),
        ("GEMINI_API_KEY", KEY.to_owned()),
    ]
}

fn gemini(url: &str, config: &Path) -> CliAgent {
    agents::gemini()
        .model("gemini-2.5-pro")
        .config_dir(config)
        .env("GOOGLE_GEMINI_BASE_URL", url)
        .env("GEMINI_API_KEY", KEY)
}

fn opencode_variables(url: &str, config: &Path) -> Variables {
    let model = serde_json::json!({"name": "m", "limit": {"context": 100_000, "output": 8000}});
    let scripted = serde_json::json!({
        "npm": "@ai-sdk/openai-compatible", "name": "scripted", "models": {"m": model},
        "options": {"baseURL": format!("{url}/v1"), "apiKey": KEY},
    });
    let settings = serde_json::json!({
        "share": "disabled", "model": "scripted/m", "small_model": "scripted/m",
        "provider": {"scripted": scripted},
    });
    let place = |kind: &str| config.join(kind).display().to_string();
    vec![
        ("XDG_CONFIG_HOME", place("config")),
        ("XDG_DATA_HOME", place("data")),
        ("XDG_CACHE_HOME", place("cache")),
        ("XDG_STATE_HOME", place("state")),
        ("OPENCODE_CONFIG_CONTENT", settings.to_string()),
    ]
}

fn opencode(url: &str, config: &Path) -> CliAgent {
    let agent = agents::opencode().model("scripted/m");
    with(agent, opencode_variables(url, config))
}

fn aider(url: &str) -> CliAgent {
    agents::aider()
        .model("openai/scripted")
        .arg("--edit-format")
        .arg("whole")
        .env("OPENAI_API_BASE", format!("{url}/v1"))
        .env("OPENAI_API_KEY", KEY)
}
