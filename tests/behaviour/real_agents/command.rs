//! The command with real agents, as a user calls it: by name, and with a configuration that says more.

use std::fs;
use std::process::{Command, Output, Stdio};

use aura_tests::llm::Received;

use super::cast::{Cast, KEY, Kind, installed};

const AURA: &str = env!("CARGO_BIN_EXE_aura-command");
const SERVER: &str = env!("CARGO_BIN_EXE_mcp-server");

/// The command as it is called by a user who has all three agents, with the model in a scenario for each of them: Copilot, Claude
/// and Codex.
pub(super) fn aura(cast: &Cast, scenarios: [&str; 3], words: &[&str]) -> Output {
    let home = cast.home().join("user");
    let [copilot, claude, codex] = scenarios.map(|scenario| cast.model.url(scenario));
    let settings = format!(
        "model_provider = \"scripted\"\n[model_providers.scripted]\nname = \"scripted\"\nbase_url = \"{codex}/v1\"\n\
         env_key = \"SCRIPTED_API_KEY\"\nwire_api = \"responses\"\nrequest_max_retries = 1\nstream_max_retries = 1\n"
    );
    fs::create_dir_all(home.join(".codex")).expect("a directory");
    fs::write(home.join(".codex/config.toml"), settings).expect("written");
    let own = installed().join("npm/node_modules/.bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(own).chain(std::env::split_paths(&path));
    Command::new(AURA)
        .args(words)
        .current_dir(cast.repo.path())
        .stdin(Stdio::null())
        .env_clear()
        .env("PATH", std::env::join_paths(path).expect("a path"))
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("COPILOT_CACHE_HOME", installed().join("copilot-cache"))
        .env("COPILOT_OFFLINE", "true")
        .env("COPILOT_MODEL", "gpt-4.1")
        .env("COPILOT_PROVIDER_TYPE", "openai")
        .env("COPILOT_PROVIDER_WIRE_API", "completions")
        .env("COPILOT_PROVIDER_BASE_URL", format!("{copilot}/v1"))
        .env("COPILOT_PROVIDER_API_KEY", KEY)
        .env("ANTHROPIC_BASE_URL", claude)
        .env("ANTHROPIC_API_KEY", KEY)
        .env("CLAUDE_CODE_MAX_RETRIES", "1")
        .env("SCRIPTED_API_KEY", KEY)
        .output()
        .expect("it runs")
}

/// Runs a plan and expects it to land; what was said on the way.
fn lands(cast: &Cast, scenarios: [&str; 3], plan: &str, words: &[&str]) -> String {
    let file = cast.home().join("plan.yaml");
    fs::write(&file, plan).expect("written");
    let file = file.display().to_string();
    let words = [&["run", &file, "--merge", "--trust"], words].concat();
    let output = aura(cast, scenarios, &words);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(cast.left(), [""; 0]);
    said
}

/// What one of the agents asked for while it worked.
fn asked(cast: &Cast, protocol: &str) -> Vec<Received> {
    let mut received = cast.model.received();
    received.retain(|one| one.protocol == protocol && one.count > 0);
    assert!(!received.is_empty(), "nobody spoke {protocol}");
    received
}

/// All three are there, or the test is left out.
pub(super) fn cast() -> Option<Cast> {
    let others = Cast::new(Kind::Claude).and(Cast::new(Kind::Codex));
    others.and(Cast::new(Kind::Copilot))
}

#[test]
fn an_agent_needs_no_more_than_its_name() {
    let Some(cast) = cast() else { return };
    let plan = "title: By name\ntasks:\n  - { id: hello, title: Say hello, description: \"[[file hello.txt :: hello]]\" }\n";
    let gate = ["--agent", "copilot", "--gate", "there=test -f hello.txt"];
    lands(&cast, ["ok"; 3], plan, &gate);
    assert_eq!(cast.repo.show("main", "hello.txt").trim_end(), "hello");
    for one in asked(&cast, "chat") {
        assert_eq!(one.model.as_deref(), Some("gpt-4.1"));
    }
}

const PLAN: &str = r#"
title: Several agents
tasks:
  - { id: notes, title: Take notes, agent: copilot, description: "[[tool take]] [[tool burn]] [[file notes.txt :: notes]]" }
  - { id: script, title: Write a script, files: [tool.py], description: "[[tool take]] [[tool burn]] [[file tool.py :: script]]" }
  - { id: text, title: Write a text, depends_on: [script], description: "[[tool take]] [[tool burn]] [[file text.txt :: text]]" }
"#;

/// Model, role, patterns, variables and MCP servers are what the agents get to see, and of the servers' tools those that were named.
fn plays_as_configured(mode: &str) {
    let Some(cast) = cast() else { return };
    let log = cast.home().join("calls");
    let config = format!(
        r#"
dispatch: {{ defaultMode: {mode} }}
agents:
  default: {{ backend: codex, model: gpt-5-mini, env: [SCRIPTED_API_KEY] }}
  copilot: {{ backend: copilot, model: gpt-5 }}
  python: {{ backend: claude, model: claude-opus-4-5, role: prompts/python.md, when: ["**/*.py"] }}
mcp:
  enabled: true
  server: desk
  servers:
    desk: {{ command: "{SERVER}", args: [take, burn], env: {{ MCP_SEES: light, MCP_LOG: "{}" }} }}
    other: {{ command: "{SERVER}", args: [unwanted] }}
  tools: [take, sees_light]
gates:
  - {{ name: there, command: [sh, -c, "test -f notes.txt || test -f tool.py"] }}
"#,
        log.display()
    );
    cast.repo.write(".aura/agent-config.yaml", config);
    cast.repo
        .write("prompts/python.md", "You write Python for snakes.\n");
    cast.repo.commit("Configure");
    lands(&cast, ["ok"; 3], PLAN, &[]);
    for (file, text) in [
        ("notes.txt", "notes"),
        ("tool.py", "script"),
        ("text.txt", "text"),
    ] {
        assert_eq!(cast.repo.show("main", file).trim_end(), text, "{file}");
    }
    for (protocol, model, has_role) in [
        ("chat", "gpt-5", false),
        ("anthropic", "claude-opus-4-5", true),
        ("responses", "gpt-5-mini", false),
    ] {
        let asked = asked(&cast, protocol);
        let last = asked.last().expect("a request");
        assert_eq!(last.model.as_deref(), Some(model));
        let role = last
            .prompts
            .iter()
            .any(|prompt| prompt.contains("for snakes"));
        assert_eq!(role, has_role, "{protocol}: {:?}", last.prompts);
        let offers = |name: &str| last.tools.iter().any(|tool| tool.contains(name));
        let seen = ["take", "sees_light", "unwanted"].map(offers);
        assert_eq!(seen, [true, true, false], "{protocol}: {:?}", last.tools);
    }
    let calls = fs::read_to_string(&log).expect("a log");
    assert_eq!(calls, "take\ntake\ntake\n");
}

#[test]
fn agents_are_what_the_configuration_makes_them() {
    plays_as_configured("yolo");
}

#[test]
fn agents_that_may_not_do_everything_may_edit_and_use_their_servers() {
    plays_as_configured("safe");
}

#[test]
fn another_agent_stands_in_for_one_that_is_at_its_limit() {
    let Some(cast) = cast() else { return };
    let config = "agents:\n  default: { backend: copilot, fallback: second }\n  second: { backend: claude, model: claude-sonnet-4-5 }\n";
    cast.repo.write(".aura/agent-config.yaml", config);
    cast.repo.commit("Configure");
    let plan = "title: Stand in\ntasks:\n  - { id: hello, title: Say hello, description: \"[[file hello.txt :: hello]]\" }\n";
    let gate = ["--gate", "there=test -f hello.txt"];
    lands(&cast, ["quota", "ok", "ok"], plan, &gate);
    assert_eq!(cast.repo.show("main", "hello.txt").trim_end(), "hello");
    let asked = [asked(&cast, "chat"), asked(&cast, "anthropic")];
    assert!(asked[0].iter().all(|one| one.answer == "Quota"));
}
