//! The presets with programs in their place that print recorded streams.

mod ends;
mod forged;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::super::tests::{context, request};
use super::*;
use crate::agents;

/// A directory with programs, and one to work in.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder }
    }

    fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// An executable that runs the code in a shell.
    fn program(&self, name: &str, code: &str) -> String {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{code}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Prints a recorded stream with the session that it was told, and then goes on with the code.
    fn prints(&self, stream: &str, then: &str) -> String {
        let name = format!("{stream}-{}", uuid::Uuid::now_v7());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/agent/output/fixtures");
        let file = file.join(stream);
        let code = format!(
            "s=0190163d-8694-439b-aea5-966c26f8ad91\n\
             for a in \"$@\"; do [ \"$last\" = --session-id ] && s=$a; last=$a; done\n\
             sed \"s/0190163d-8694-439b-aea5-966c26f8ad91/$s/\" {}\n{then}",
            file.display()
        );
        self.program(&name, &code)
    }

    fn request(&self) -> AgentRequest {
        AgentRequest {
            log: self.folder.path().join("logs").join("a-1-1.log"),
            ..request(&self.work())
        }
    }

    async fn run(&self, agent: CliAgent) -> (AgentResult, Vec<super::super::AgentSignal>) {
        self.run_with(agent, self.request()).await
    }

    async fn run_with(
        &self,
        agent: CliAgent,
        request: AgentRequest,
    ) -> (AgentResult, Vec<super::super::AgentSignal>) {
        let (context, mut engine) = context();
        let store = tokio::spawn(async move {
            while let Some((_, stored)) = engine.register.recv().await {
                stored.send(()).unwrap();
            }
            let mut signals = Vec::new();
            while let Ok(signal) = engine.output.try_recv() {
                signals.push(signal);
            }
            signals
        });
        // Nothing of whoever runs the tests is touched.
        let home = self.folder.path().join("gemini");
        let agent = agent.env("GEMINI_CLI_HOME", home.to_str().unwrap());
        let result = agent.run(request, context).await.unwrap();
        (result, store.await.unwrap())
    }
}

fn class(result: &AgentResult) -> Option<FailureClass> {
    result.failure.as_ref().map(|failure| failure.class)
}

fn agent(name: &str) -> CliAgent {
    // Whether somebody is logged in on this machine must not matter.
    let agent = CliAgent::named(name).unwrap();
    agent
        .env("CODEX_API_KEY", "key-for-tests")
        .env("GH_TOKEN", "")
}

/// What a program was started with: arguments, environment, prompt, and the files that arguments name.
async fn seen(
    place: &Place,
    agent: CliAgent,
    request: AgentRequest,
) -> (Vec<String>, String, String) {
    let code = "printf '%s\\n' \"$@\" > \"$OUT/args\"; env > \"$OUT/env\"; cat > \"$OUT/stdin\"\n\
        for a in \"$@\"; do f=${a#@}; case $f in */a-1-1.files/*) [ -f \"$f\" ] && cp \"$f\" \"$OUT/\";; esac; done\n\
        [ -z \"$GEMINI_CLI_HOME\" ] || cp \"$GEMINI_CLI_HOME/.gemini/settings.json\" \"$OUT/\"\n\
        exit 0";
    let program = place.program("seen/agent", code);
    let out = place.folder.path().join("seen");
    let agent = agent.program(program).env("OUT", out.to_str().unwrap());
    place.run_with(agent, request).await;
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    let args = read("args").lines().map(str::to_owned).collect();
    (args, read("env"), read("stdin"))
}

fn servers() -> McpServers {
    let server = McpServer::new("aura-mcp")
        .args(["--x"])
        .env("AURA_MCP_TOKEN", "t0ps3cret-value");
    McpServers::new().server("aura", server)
}

fn json_of(place: &Place, name: &str) -> Value {
    let text = fs::read(place.folder.path().join("seen").join(name)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[tokio::test]
async fn each_agent_is_started_in_its_own_way() {
    let place = Place::new();
    for (name, expected, safe) in [
        (
            "copilot",
            vec![
                "--yolo",
                "--output-format",
                "json",
                "--model",
                "m",
                "--session-id",
            ],
            "--allow-tool",
        ),
        (
            "claude",
            vec![
                "-p",
                "--dangerously-skip-permissions",
                "--verbose",
                "--model",
                "m",
                "--session-id",
            ],
            "acceptEdits",
        ),
        (
            "codex",
            vec![
                "exec",
                "--json",
                "--dangerously-bypass-approvals-and-sandbox",
                "-m",
                "m",
                "-",
            ],
            "workspace-write",
        ),
        (
            "gemini",
            vec!["--yolo", "--output-format", "stream-json", "-m", "m"],
            "auto_edit",
        ),
        (
            "opencode",
            vec!["run", "--format", "json", "--auto", "-m", "m"],
            "--format",
        ),
        (
            "aider",
            vec![
                "--yes-always",
                "--no-auto-commits",
                "--message-file",
                "--model",
                "m",
            ],
            "--no-suggest-shell-commands",
        ),
    ] {
        let full = agent(name)
            .model("m")
            .arg("--more")
            .role("You are careful.");
        let (args, env, stdin) = seen(&place, full, place.request()).await;
        for word in expected.iter().chain(&["--more"]) {
            assert!(
                args.iter().any(|arg| arg == word),
                "{name} {word}: {args:?}"
            );
        }
        let prompt = if name == "aider" {
            fs::read_to_string(place.folder.path().join("seen/prompt.md")).unwrap()
        } else {
            stdin
        };
        assert_eq!(prompt, "You are careful.\n\ndo it\n", "{name}");
        assert!(env.contains("AURA_ATTEMPT=test-"), "{name}");
        let (args, ..) = seen(&place, agent(name).yolo(false), place.request()).await;
        assert!(args.iter().any(|arg| arg == safe), "{name}: {args:?}");
        let yolo = expected
            .iter()
            .any(|word| word.contains("yolo") || word.contains("dangerously"));
        assert!(
            !yolo
                || !args
                    .iter()
                    .any(|arg| arg.contains("yolo") || arg.contains("dangerously"))
        );
    }
}

#[tokio::test]
async fn one_that_is_asked_may_look_only() {
    let place = Place::new();
    let asked = || AgentRequest {
        read_only: true,
        ..place.request()
    };
    for (name, expected) in [
        (
            "copilot",
            vec!["--deny-tool", "write", "--deny-tool", "shell"],
        ),
        (
            "claude",
            vec![
                "--permission-mode",
                "default",
                "--disallowedTools",
                "Bash,Edit,MultiEdit,Write,NotebookEdit",
            ],
        ),
        ("codex", vec!["--sandbox", "read-only"]),
        ("gemini", vec!["--approval-mode", "default"]),
        ("opencode", vec![]),
        ("aider", vec!["--chat-mode", "ask"]),
    ] {
        let (args, env, _) = seen(&place, agent(name), asked()).await;
        let words = args.windows(expected.len().max(1));
        assert!(
            expected.is_empty() || words.into_iter().any(|words| words == expected),
            "{name}: {args:?}"
        );
        let is_free = |word: &String| {
            word.contains("yolo") || word.contains("dangerously") || word == "--auto"
        };
        assert!(!args.iter().any(is_free), "{name}: {args:?}");
        if name == "opencode" {
            // In either order: other libraries decide whether maps of JSON keep theirs.
            for denied in [r#""bash":"deny""#, r#""edit":"deny""#] {
                assert!(env.contains(denied), "{env}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_is_kept_whole_and_of_work_the_end() {
    let place = Place::new();
    let long = "x".repeat(100 * 1024);
    let event = serde_json::json!({"type": "assistant", "message": {"content": [{"type": "text", "text": format!("begin {long}")}]}});
    let file = place.folder.path().join("answer.json");
    fs::write(&file, format!("{event}\n")).unwrap();
    let program = place.program("answer/claude", &format!("cat {}", file.display()));
    for read_only in [true, false] {
        let request = AgentRequest {
            read_only,
            ..place.request()
        };
        let (result, _) = place
            .run_with(agent("claude").program(&program), request)
            .await;
        assert_eq!(result.output.contains("begin"), read_only);
    }
}

#[tokio::test]
async fn servers_are_told_in_the_agents_own_form() {
    let place = Place::new();
    let with = |name: &str| agent(name).mcp(servers().tools(["find"]));
    let (args, ..) = seen(&place, with("copilot"), place.request()).await;
    assert!(args.iter().any(|arg| arg == "--additional-mcp-config"));
    let server = json_of(&place, "mcp.json")["mcpServers"]["aura"].clone();
    assert_eq!(
        (&server["tools"][0], &server["type"]),
        (&"find".into(), &"local".into())
    );
    assert_eq!(server["env"]["AURA_MCP_TOKEN"], "t0ps3cret-value");
    let (args, ..) = seen(&place, with("copilot").yolo(false), place.request()).await;
    let mut words = args.windows(2);
    assert!(words.any(|words| words == ["--allow-tool", "aura"]));
    let (args, ..) = seen(&place, with("codex").yolo(false), place.request()).await;
    let approved = "mcp_servers.aura.default_tools_approval_mode=\"approve\"".to_owned();
    assert!(args.contains(&approved), "{args:?}");
    let (args, ..) = seen(&place, with("claude"), place.request()).await;
    let allowed = args
        .iter()
        .find(|arg| arg.contains("mcp__aura__find"))
        .unwrap();
    assert!(
        allowed.contains("Bash,Edit")
            && !args.contains(&"--dangerously-skip-permissions".to_owned())
    );
    assert_eq!(
        json_of(&place, "mcp.json")["mcpServers"]["aura"]["command"],
        "aura-mcp"
    );
    let (args, env, _) = seen(&place, with("codex"), place.request()).await;
    for setting in [
        "command=\"aura-mcp\"",
        "args=[\"--x\"]",
        "enabled_tools=[\"find\"]",
        "env_vars=[\"AURA_MCP_TOKEN\"]",
    ] {
        let setting = format!("mcp_servers.aura.{setting}");
        assert!(args.contains(&setting), "{setting}: {args:?}");
    }
    assert!(
        !args.join(" ").contains("t0ps3cret") && env.contains("AURA_MCP_TOKEN=t0ps3cret-value")
    );
    seen(
        &place,
        with("gemini").env("GEMINI_API_KEY", "k"),
        place.request(),
    )
    .await;
    let settings = json_of(&place, "settings.json");
    assert_eq!(settings["mcpServers"]["aura"]["includeTools"][0], "find");
    assert_eq!(
        settings["security"]["auth"]["selectedType"],
        "gemini-api-key"
    );
    let own = r#"{"model":"x/y","share":"auto"}"#;
    let (_, env, _) = seen(
        &place,
        with("opencode").env("OPENCODE_CONFIG_CONTENT", own),
        place.request(),
    )
    .await;
    let config = env
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("OPENCODE_CONFIG_CONTENT="));
    let config: Value = serde_json::from_str(config.unwrap()).unwrap();
    assert_eq!(
        (&config["model"], &config["share"]),
        (&"x/y".into(), &"auto".into())
    );
    assert_eq!(
        config["mcp"]["aura"]["command"],
        serde_json::json!(["aura-mcp", "--x"])
    );
    assert_eq!(
        config["tools"],
        serde_json::json!({"aura_*": false, "aura_find": true})
    );
    assert!(agent("aider").mcp(servers()).preflight().await.is_err());
    let bad = McpServers::new().server("a b", McpServer::new("x"));
    let sh = || agent("claude").program("/bin/sh");
    assert!(sh().mcp(bad).preflight().await.is_err());
    assert!(sh().mcp(servers()).preflight().await.is_ok());
    assert!(
        agent("aider")
            .program("/bin/sh")
            .config_dir("/x")
            .preflight()
            .await
            .is_err()
    );
    let secret = ("AURA_MCP_TOKEN".to_owned(), "t0ps3cret-value".to_owned());
    assert!(with("copilot").secrets().contains(&secret));
}

#[tokio::test]
async fn a_session_is_resumed_in_the_same_directory_only() {
    let place = Place::new();
    let program = place.prints("claude-ok.jsonl", "exit 0");
    let (result, _) = place.run(agent("claude").program(program)).await;
    let session = result.session.unwrap();
    let id = session.split('#').next().unwrap().to_owned();
    for (name, flag) in [
        ("claude", id.clone()),
        ("copilot", format!("--resume={id}")),
        ("codex", id.clone()),
        ("gemini", id.clone()),
        ("opencode", id.clone()),
    ] {
        let request = AgentRequest {
            session: Some(session.clone()),
            ..place.request()
        };
        let (args, ..) = seen(&place, agent(name), request).await;
        assert!(args.contains(&flag), "{name}: {args:?}");
        for other in ["#0123456789ab", "#", ""] {
            let request = AgentRequest {
                session: Some(format!("{id}{other}")),
                ..place.request()
            };
            let (args, ..) = seen(&place, agent(name), request).await;
            assert!(
                !args.iter().any(|arg| arg.contains(&id)),
                "{name}: {args:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_directory_of_its_own_is_used_where_it_is_named_or_nothing_is_lost() {
    let place = Place::new();
    let folder = place.folder.path().join("own");
    let own = folder.to_str().unwrap();
    for (name, variable) in [
        ("claude", "CLAUDE_CONFIG_DIR"),
        ("codex", "CODEX_HOME"),
        ("copilot", "COPILOT_HOME"),
        ("opencode", "XDG_DATA_HOME"),
    ] {
        let (_, env, _) = seen(&place, agent(name).config_dir(&folder), place.request()).await;
        assert!(env.contains(&format!("{variable}={own}")), "{name}");
        assert!(folder.is_dir());
    }
    // Its home is one start's, with links into that directory.
    seen(&place, agent("gemini").config_dir(&folder), place.request()).await;
    assert!(folder.join(".gemini/tmp").is_dir());
    let (_, env, _) = seen(
        &place,
        agent("copilot").env("GH_TOKEN", "x"),
        place.request(),
    )
    .await;
    let home = place.folder.path().join("logs/work.copilot");
    assert!(
        env.contains(&format!("COPILOT_HOME={}", home.display())),
        "{env}"
    );
}

#[tokio::test]
async fn what_the_program_holds_back_is_found_by_a_probe() {
    let place = Place::new();
    for (name, said, version, supported) in [
        (
            "copilot",
            "GitHub Copilot CLI 1.0.102.",
            Some("1.0.102"),
            true,
        ),
        ("claude", "2.1.197 (Claude Code)", Some("2.1.197"), true),
        ("claude", "1.0.3 (Claude Code)", Some("1.0.3"), false),
        ("codex", "codex-cli 0.169.0", Some("0.169.0"), true),
        ("gemini", "0.61.0", Some("0.61.0"), true),
        ("opencode", "2.0", Some("2.0"), false),
        ("aider", "no version", None, false),
    ] {
        let program = place.program("bin/agent", &format!("echo '{said}'"));
        let probe = agent(name).program(&program).probe().await.unwrap();
        assert_eq!(
            (probe.version.as_deref(), probe.supported),
            (version, supported),
            "{name}"
        );
        assert_eq!(probe.path, Path::new(&program));
        assert_eq!(
            probe.detail.is_empty(),
            supported && probe.login != Login::No,
            "{probe:?}"
        );
    }
    let broken = place.program("bin/agent", "echo broken >&2; exit 3");
    let probe = agent("claude").program(broken).probe().await.unwrap();
    assert!(
        probe.version.is_none() && probe.detail.contains("broken"),
        "{probe:?}"
    );
    assert_eq!(
        agent("claude").program("/no/such/program").probe().await,
        None
    );
}

#[tokio::test]
async fn the_native_program_is_started_in_place_of_its_wrapper() {
    let place = Place::new();
    let wrapper = place.program(
        "n/node_modules/@github/copilot/npm-loader.js",
        "echo wrapper",
    );
    let probe = agent("copilot").program(&wrapper).probe().await.unwrap();
    assert_eq!(probe.native, None);
    let platform = match std::env::consts::ARCH {
        "x86_64" => "linux-x64",
        _ => "linux-arm64",
    };
    let native = place.program(
        &format!("n/node_modules/@github/copilot-{platform}/copilot"),
        "echo 1.2.3",
    );
    let link = place.folder.path().join("copilot");
    std::os::unix::fs::symlink(&wrapper, &link).unwrap();
    let probe = agent("copilot")
        .program(link.to_str().unwrap())
        .probe()
        .await
        .unwrap();
    assert_eq!(
        probe.native.as_deref(),
        Some(Path::new(&native).canonicalize().unwrap().as_path())
    );
    assert_eq!(probe.version.as_deref(), Some("1.2.3"));
}

#[tokio::test]
async fn who_says_done_may_be_asked_whether_it_is() {
    let place = Place::new();
    for (code, expected) in [
        ("exit 0", None),
        (
            "echo 'two boxes are open'; exit 1",
            Some("not finished: two boxes are open"),
        ),
    ] {
        let program = place.prints("claude-ok.jsonl", "exit 0");
        let probe = CompletionCommand::new(["sh", "-c", code]);
        let (result, _) = place
            .run(agent("claude").program(program).completion(probe))
            .await;
        let summary = result
            .failure
            .as_ref()
            .map(|failure| failure.summary.as_str());
        assert_eq!(summary, expected);
        assert_eq!(class(&result), expected.map(|_| FailureClass::Incomplete));
    }
}

#[tokio::test]
async fn without_a_login_an_agent_that_would_hang_is_not_started() {
    let place = Place::new();
    let program = place.program("agent", "touch started");
    let codex = agents::codex()
        .program(program)
        .config_dir(place.folder.path().join("empty"));
    let keys = ["CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "OPENAI_API_KEY"];
    let codex = keys.iter().fold(codex, |codex, key| codex.env(*key, ""));
    let (result, _) = place.run(codex).await;
    assert_eq!(class(&result), Some(FailureClass::Auth));
    assert!(!place.work().join("started").exists());
}

#[tokio::test]
async fn secrets_are_masked_in_everything_that_is_told() {
    let place = Place::new();
    let line = r#"{"type":"item.completed","item":{"id":"1","type":"agent_message","text":"it is hunter2-\u001b[1mhunter2"}}"#;
    let program = place.program(
        "agent",
        &format!("echo '{line}'; echo 'hunter2-hunter2' >&2; exit 1"),
    );
    let codex = agent("codex")
        .program(program)
        .env("MY_TOKEN", "hunter2-hunter2");
    let (result, signals) = place.run(codex).await;
    let told = format!("{result:?} {signals:?}");
    assert!(
        told.contains("[redacted]") && !told.contains("hunter2"),
        "{told}"
    );
    let log = fs::read_to_string(place.request().log).unwrap();
    assert!(log.contains("[redacted]"));
}

#[test]
fn a_digest_changes_with_what_is_configured_and_not_with_the_program_version() {
    let mut all: Vec<String> = [
        agents::claude(),
        agents::copilot(),
        agents::claude().model("a"),
        agents::claude().yolo(false),
        agents::claude().arg("a"),
        agents::claude().role("a"),
        agents::claude().mcp(servers()),
        agents::claude().mcp(servers().tools(["x"])),
        agents::claude().config_dir("/a"),
        agents::claude().max_steps(1),
        agents::claude().program("/a"),
        agents::claude().env("A", "b"),
        agents::claude().completion(CompletionCommand::new(["x"])),
    ]
    .iter()
    .map(AgentBackend::digest)
    .collect();
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!(
        agents::claude().digest(),
        CliAgent::named("claude").unwrap().digest()
    );
    assert_eq!(
        agents::opencode()
            .model("anthropic/x")
            .provider()
            .as_deref(),
        Some("anthropic")
    );
    assert_eq!(agents::copilot().provider().as_deref(), Some("github"));
    assert!(CliAgent::named("nobody").is_none());
    assert_eq!(CliAgent::names().count(), 6);
}
