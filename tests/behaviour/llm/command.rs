//! The command with a model that plans: by its configuration, with a key that nobody gets to see.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use aura_tests::TempRepo;
use aura_tests::llm::{Limits, ScriptedLlm};

const AURA: &str = env!("CARGO_BIN_EXE_aura-command");

/// Its variable is not called like a secret.
const VARIABLE: &str = "PLANNER_ACCESS";
const KEY: &str = "planted-0f7c-access-51d2";

/// Writes a file that is called like its task.
const WORKER: &str = "sh -c 'cat > /dev/null; echo done > $AURA_TASK.txt'";

struct World {
    repo: TempRepo,
    model: ScriptedLlm,
    home: tempfile::TempDir,
}

impl World {
    /// With a model in this scenario as `planner`.
    fn new(scenario: &str) -> Self {
        let repo = TempRepo::clean();
        repo.git(["config", "user.name", "A. User"]);
        repo.git(["config", "user.email", "user@example.com"]);
        let model = ScriptedLlm::start(Limits::default()).expect("it listens");
        repo.write("role.md", "You plan small steps.\n");
        let endpoint = format!("{}/v1", model.url(scenario));
        let planner = format!(
            "{{ backend: llm, model: 'openai::scripted', endpoint: '{endpoint}', key: {VARIABLE}, role: role.md }}"
        );
        repo.write(
            ".aura/agent-config.yaml",
            format!("agents:\n  planner: {planner}\n"),
        );
        repo.commit("configured");
        Self {
            repo,
            model,
            home: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The exit code, and everything that was said. A proxy that is not there leads nowhere.
    fn aura(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = Command::new(AURA)
            .args(words)
            .current_dir(self.repo.path())
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(
                ["http_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:9")),
            )
            .env(VARIABLE, KEY)
            .output()
            .expect("it runs");
        let said = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.code(), said.concat())
    }

    /// Nothing that was kept or asked has the key.
    fn assert_clean(&self, said: &str) {
        assert!(!said.contains(KEY), "{said}");
        for folder in [self.repo.surroundings(), self.home.path()] {
            assert!(search(folder) > 0);
        }
        for asked in self.model.received() {
            assert!(!asked.prompts.concat().contains(KEY), "{asked:?}");
            assert_eq!(asked.key.as_deref(), Some(KEY));
        }
    }
}

/// Looks into every file; how many there are.
fn search(folder: &Path) -> usize {
    let mut found = 1;
    for entry in fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found += search(&path);
        } else if let Ok(bytes) = fs::read(&path) {
            let has = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
            assert!(!has, "the key is in {}", path.display());
            found += 1;
        }
    }
    found
}

#[test]
fn a_model_plans_and_an_agent_works() {
    let world = World::new("badplan+bare");
    let words = [
        "run",
        "Add email validation",
        "--decompose",
        "--decompose-with",
        "planner",
        "--agent-command",
        WORKER,
        "--no-gates",
        "--parallel",
        "2",
    ];
    let (code, said) = world.aura(&words);
    assert_eq!(code, Some(2), "{said}");
    // What it would do is listed, and nobody has been asked.
    let listed = "agent planner: llm --model openai::scripted --endpoint http://127.0.0.1";
    assert!(
        said.contains(listed) && said.contains("aura trust"),
        "{said}"
    );
    assert!(world.model.received().is_empty());

    let (code, said) = world.aura(&[&words[..], &["--trust", "--merge"]].concat());
    assert_eq!(code, Some(0), "{said}");
    for part in ["plan: 3 tasks in 2 waves", "landed"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(world.model.received().len(), 2);
    world.assert_clean(&said);
    for file in ["1.txt", "2.txt", "3.txt"] {
        assert_eq!(world.repo.show("main", file).trim_end(), "done");
    }
}

/// The provider says the key, wrong as it is, in its answer.
#[test]
fn a_key_that_is_repeated_is_masked_everywhere() {
    let world = World::new("s401+echo+bare");
    let (code, said) = world.aura(&[
        "run",
        "Add it",
        "--decompose",
        "--decompose-with",
        "planner",
        "--agent-command",
        WORKER,
        "--no-gates",
        "--trust",
        "--json",
    ]);
    assert_ne!(code, Some(0), "{said}");
    let masked = "scripted failure 401, asked with [redacted]";
    assert!(said.matches(masked).count() >= 2, "{said}");
    assert_eq!(world.model.received().len(), 1);
    world.assert_clean(&said);
}

#[test]
fn work_for_a_model_is_refused_before_anything_starts() {
    let world = World::new("bare");
    let plan = world.home.path().join("plan.yaml");
    let text = "title: t\ntasks:\n  - { id: one, title: One }\n  - { id: two, title: Two, agent: planner }\n";
    fs::write(&plan, text).expect("written");
    let plan = plan.display().to_string();
    let worker = ["--agent-command", WORKER, "--no-gates", "--trust"];
    let model = ["--agent", "planner", "--no-gates", "--trust"];
    for (words, told) in [
        (
            [&["run", &plan][..], &worker].concat(),
            "task `two` is for the agent `planner`, which only answers questions",
        ),
        (
            [&["run", &plan][..], &model].concat(),
            "task `one` is for the agent `default`, which only answers questions",
        ),
        (
            [&["run", "Add it", "--decompose"][..], &model].concat(),
            "`default`, which only answers questions",
        ),
    ] {
        let (code, said) = world.aura(&words);
        assert_eq!(code, Some(2), "{said}");
        assert!(
            said.contains(told) && said.contains("--decompose-with"),
            "{said}"
        );
    }
    assert!(world.model.received().is_empty());
    let (_, stories) = world.aura(&["story", "list", "--json"]);
    assert_eq!(stories.trim(), "[]");
}

/// Step by step, with the model as the only agent until there is something to do.
#[test]
fn a_story_is_decomposed_by_a_model_and_looked_at() {
    let world = World::new("bare");
    let (code, said) = world.aura(&["story", "create", "Add email validation"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = world.aura(&["story", "decompose", "--agent", "planner", "--trust"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Check addresses"), "{said}");
    let (_, said) = world.aura(&["doctor", "--trust"]);
    assert!(
        said.contains("agent `planner`: can be asked, and only that"),
        "{said}"
    );
    world.assert_clean(&said);
}
