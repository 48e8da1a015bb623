use std::path::Path;
use std::time::Duration;

use aura_core::agents::{McpServer, McpServers};
use aura_core::{ErrorKind, FlakyPolicy, GateSchedule, OnExhausted};

use super::{AgentEntry, Config, GateEntry, PATH, shape};

fn parse(text: &str) -> aura_core::Result<Config> {
    Config::parse(text, Path::new("agent-config.yaml"))
}

/// `code line:column` of every problem.
fn problems(text: &str) -> Vec<String> {
    let error = parse(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let place = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    error
        .problems()
        .iter()
        .map(|p| {
            assert_eq!(p.file.as_deref(), Some(Path::new("agent-config.yaml")));
            format!("{} {}:{}", p.code, place(p.line), place(p.column))
        })
        .collect()
}

#[test]
fn a_program_of_the_agent_client_protocol_has_a_command_and_what_it_takes() {
    let text =
        "agents: { default: { backend: acp, command: [opencode, acp], model: m/x, env: [A_KEY] } }";
    let config = Config::parse(text, Path::new("agent-config.yaml")).expect("a good file");
    let agent = &config.agents[0];
    assert_eq!(agent.preset.as_deref(), Some("acp"));
    assert_eq!(agent.command, ["opencode", "acp"]);
    assert_eq!(agent.model.as_deref(), Some("m/x"));
    let text = "agents: { default: { backend: acp } }";
    let error = Config::parse(text, Path::new("agent-config.yaml")).expect_err("no command");
    assert!(error.to_string().contains("no `command`"), "{error}");
}

#[cfg(feature = "llm")]
#[test]
fn a_language_model_has_a_model_and_takes_nothing_that_a_program_takes() {
    let text = "agents:\n  planner: { backend: llm, model: openai::m, endpoint: 'https://models.example.com/v1', key: A_KEY }\n";
    let config = parse(text).expect("a good file");
    assert_eq!(
        config.commands(),
        [(
            "agent planner".to_owned(),
            [
                "llm",
                "--model",
                "openai::m",
                "--endpoint",
                "https://models.example.com/v1",
                "--key",
                "A_KEY"
            ]
            .map(ToOwned::to_owned)
            .to_vec()
        )]
    );
    for (text, expected) in [
        ("{ backend: llm }", &["missing_key 1:11"][..]),
        ("{ backend: llm, model: m }", &["invalid_agent 1:25"]),
        (
            "{ backend: llm, model: ollama::m, key: A_KEY }",
            &["invalid_agent 1:25"],
        ),
        (
            "{ backend: llm, model: ollama::m, env: [A], when: ['*'], sandbox: [x], command: [y] }",
            &[
                "unsupported_key 1:53",
                "unsupported_key 1:64",
                "unsupported_key 1:80",
                "unsupported_key 1:94",
            ],
        ),
        (
            "{ backend: claude, endpoint: x, key: y }",
            &["unsupported_key 1:43", "unsupported_key 1:51"],
        ),
        ("{ command: [x], key: y }", &["unsupported_key 1:35"]),
        (
            "{ command: [x], fallback: b }, b: { backend: llm, model: ollama::m }",
            &["unsupported_value 1:40"],
        ),
    ] {
        let text = format!("agents: {{ a: {text} }}");
        assert_eq!(problems(&text), expected, "{text}");
    }
}

#[cfg(not(feature = "llm"))]
#[test]
fn a_build_without_the_client_says_which_feature_is_missing() {
    let text = "agents: { a: { backend: llm, model: 'openai::m' } }";
    assert_eq!(problems(text), ["missing_feature 1:25"]);
    let error = parse(text).expect_err("no client");
    assert!(
        error.to_string().contains("without the feature `llm`"),
        "{error}"
    );
}

#[test]
fn every_supported_key_is_read() {
    let text = "\
dispatch: { maxParallel: 4, timeout: 300, idleTimeout: 60, schedule: waves, isolation: task, onExhausted: abort_story }
agents:
  default: { backend: command, command: [my-agent, --fast, 2], env: [MY_KEY, MY_OTHER_*] }
  other:
    command: ['a b', '']
gates:
  - { name: build, command: [cargo, build], env: [CARGO_HOME], at: after_wave, timeout: 600 }
  - name: lint
    command: [lint]
    at: [after_task, final]
    required: false
    flaky: refuse
    reviews: true
retry: { max: 0, restarts: 2 }
workspace: { root: ../app-worktrees }
";
    let config = parse(text).expect("a good configuration");
    assert_eq!(config.max_parallel, Some(4));
    assert_eq!(config.timeout, Some(Duration::from_secs(300)));
    assert_eq!(config.idle_timeout, Some(Duration::from_secs(60)));
    assert_eq!(config.on_exhausted, Some(OnExhausted::AbortStory));
    assert_eq!((config.retry_max, config.restart_max), (Some(0), Some(2)));
    assert_eq!(
        config.workspace_root.as_deref(),
        Some(Path::new("../app-worktrees"))
    );
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        config.agents,
        [
            AgentEntry {
                name: "default".into(),
                command: words(&["my-agent", "--fast", "2"]),
                env: words(&["MY_KEY", "MY_OTHER_*"]),
                is_configured: true,
                ..AgentEntry::default()
            },
            AgentEntry {
                name: "other".into(),
                command: words(&["a b", ""]),
                is_configured: true,
                ..AgentEntry::default()
            },
        ]
    );
    assert_eq!(
        config.gates.as_deref(),
        Some(
            &[
                GateEntry {
                    name: "build".into(),
                    command: words(&["cargo", "build"]),
                    env: words(&["CARGO_HOME"]),
                    at: Some(vec![GateSchedule::AfterWave]),
                    required: true,
                    timeout: Some(Duration::from_secs(600)),
                    flaky: FlakyPolicy::Accept,
                    tests: false,
                    reviews: false,
                },
                GateEntry {
                    name: "lint".into(),
                    command: words(&["lint"]),
                    env: Vec::new(),
                    at: Some(vec![GateSchedule::AfterTask, GateSchedule::Final]),
                    required: false,
                    timeout: None,
                    flaky: FlakyPolicy::Refuse,
                    tests: false,
                    reviews: true,
                },
            ][..]
        )
    );
    let what: Vec<String> = config
        .commands()
        .into_iter()
        .map(|(what, _)| what)
        .collect();
    assert_eq!(
        what,
        ["agent default", "agent other", "gate build", "gate lint"]
    );
}

#[test]
fn real_agents_their_servers_and_limits_are_read() {
    let temp = tempfile::tempdir().expect("a directory");
    let root = temp.path();
    std::fs::create_dir_all(root.join(".aura")).expect("a directory");
    std::fs::write(root.join("reviewer.md"), "You review.\n").expect("a file");
    let text = "\
dispatch: { defaultMode: safe, model: claude-sonnet }
agents:
  default: { backend: copilot, model: claude-opus-4.5, fallback: reviewer }
  reviewer: { backend: claude, role: reviewer.md, when: ['**/*.py'], sandbox: [bwrap, --x] }
limits: { cost_usd: 2.5, tokens: 5000000, attempts: 200, wait: 60 }
mcp:
  enabled: true
  server: aura
  servers: { aura: { command: aura-mcp, args: [--x], env: { A: b } }, other: { command: y } }
  tools: [find]
";
    let path = root.join(PATH);
    let config = Config::parse(text, &path).expect("a good configuration");
    assert_eq!(
        (config.yolo, config.model.as_deref()),
        (Some(false), Some("claude-sonnet"))
    );
    let limits = aura_core::Limits::default();
    let limits = limits.cost_usd(2.5).tokens(5_000_000).attempts(200);
    assert_eq!(
        (config.limits, config.limit_wait),
        (limits, Some(Duration::from_secs(60)))
    );
    let [default, reviewer] = &config.agents[..] else {
        panic!("{:?}", config.agents)
    };
    assert_eq!(default.preset.as_deref(), Some("copilot"));
    assert_eq!(default.fallback.as_deref(), Some("reviewer"));
    assert_eq!(reviewer.role.as_deref(), Some("You review.\n"));
    assert_eq!(reviewer.when, ["**/*.py"]);
    let shown: Vec<String> = config
        .commands()
        .into_iter()
        .map(|(what, command)| format!("{what}: {}", command.join(" ")))
        .collect();
    assert_eq!(
        shown,
        [
            "agent default: copilot --model claude-opus-4.5",
            "agent reviewer: bwrap --x claude",
            "MCP server aura: aura-mcp --x",
        ]
    );
    let server = McpServer::new("aura-mcp").args(["--x"]).env("A", "b");
    let expected = McpServers::new().server("aura", server).tools(["find"]);
    assert_eq!(config.mcp, Some(expected));
    let off = text.replace("enabled: true", "enabled: false");
    let config = Config::parse(&off, &path).expect("a good configuration");
    assert!(config.mcp.is_none() && config.servers.is_empty());
}

#[test]
fn a_file_that_says_nothing_is_good() {
    for text in ["", "# nothing yet\n", "\n\n", "dispatch:\n", "agents: {}\n"] {
        let config = parse(text).expect(text);
        assert_eq!(config.max_parallel, None);
        assert!(config.commands().is_empty());
    }
    assert_eq!(
        parse("gates: []").expect("no gates").gates,
        Some(Vec::new())
    );
}

#[test]
fn every_problem_has_its_place() {
    let table: &[(&str, &[&str])] = &[
        ("dispach: {}\n", &["unknown_key 1:1"]),
        (
            "dispatch:\n  maxParalel: 3\n  timeout: 0\n",
            &["unknown_key 2:3", "out_of_range 3:12"],
        ),
        ("dispatch: { maxParallel: 1025 }", &["out_of_range 1:26"]),
        ("dispatch: { maxParallel: -1 }", &["out_of_range 1:26"]),
        ("dispatch: { maxParallel: three }", &["wrong_type 1:26"]),
        ("dispatch: { timeout: 1.5 }", &["out_of_range 1:22"]),
        ("dispatch: { schedule: ready }", &["unsupported_value 1:23"]),
        ("dispatch: { isolation: tasks }", &["unknown_value 1:24"]),
        (
            "dispatch: { defaultMode: brave, model: [] }",
            &["unknown_value 1:26", "wrong_type 1:40"],
        ),
        (
            "limits: { cost_usd: 0, tokens: 0, heavy_gates: 1, wait: x }\n",
            &[
                "out_of_range 1:21",
                "out_of_range 1:32",
                "unsupported_key 1:35",
                "wrong_type 1:57",
            ],
        ),
        (
            "mcp: { enabled: true, server: b, servers: { a: { command: x } } }",
            &["unknown_server 1:31"],
        ),
        ("mcp: { enabled: true }", &["missing_key 1:6"]),
        (
            "mcp: { servers: { a: { args: [x] } }, tools: x }",
            &["missing_key 1:19", "wrong_type 1:46"],
        ),
        (
            "agents: { a: { backend: claude, role: no/such.md, when: ['[a'], fallback: b } }",
            &["bad_pattern 1:58", "unreadable 1:39"],
        ),
        (
            "agents: { a: { backend: claude, fallback: b } }",
            &["unknown_agent 1:43"],
        ),
        (
            "agents: { a: { backend: claude, command: [x] } }",
            &["conflict 1:25"],
        ),
        (
            "agents: { a: { command: [x], model: m } }",
            &["unsupported_key 1:37"],
        ),
        ("agents: { a: { backend: clyde } }", &["unknown_value 1:25"]),
        ("agents: { a: { backend: command } }", &["missing_key 1:11"]),
        (
            "agents:\n  a: { command: my-agent -x }\n",
            &["wrong_type 2:17"],
        ),
        ("agents: { a: { command: [] } }", &["empty 1:25"]),
        ("agents: { a: { command: [x, [y]] } }", &["wrong_type 1:29"]),
        ("agents: [a]", &["wrong_type 1:9"]),
        ("gates: { name: x }", &["wrong_type 1:8"]),
        (
            "gates:\n  - { name: x }\n  - { command: [x] }\n",
            &["missing_key 2:5", "missing_key 3:5"],
        ),
        (
            "gates:\n  - { name: x, command: [x] }\n  - { name: x, command: [y] }\n",
            &["duplicate_gate 3:13"],
        ),
        (
            "gates: [{ name: x, command: [x], at: final, tests: true }]",
            &["not_counted 1:17"],
        ),
        (
            "gates: [{ name: x, command: [x], at: sometimes }]",
            &["unknown_value 1:38"],
        ),
        (
            "gates: [{ name: x, command: [x], at: [] }]",
            &["empty 1:38"],
        ),
        (
            "gates: [{ name: x, command: [x], required: maybe }]",
            &["wrong_type 1:44"],
        ),
        (
            "retry: { max: many, restart: 1 }",
            &["wrong_type 1:15", "unknown_key 1:21"],
        ),
        (
            "workspace: { root: [], caches: [target] }",
            &["wrong_type 1:20", "unsupported_key 1:24"],
        ),
        ("just a text", &["wrong_type 1:1"]),
    ];
    for (text, expected) in table {
        let mut found = problems(text);
        found.sort();
        let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        expected.sort();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn syntax_errors_have_a_place() {
    for text in [
        "dispatch: {",
        "a: b: c",
        "dispatch: {}\ndispatch: {}\n",
        "agents: *x",
    ] {
        let error = parse(text).expect_err(text);
        let [problem] = error.problems() else {
            panic!("{text}: {error}");
        };
        assert_eq!(problem.code, "syntax", "{text}");
        assert!(problem.line.is_some(), "{text}");
        assert!(
            !problem.message.contains('\n'),
            "{text}: {}",
            problem.message
        );
    }
}

#[test]
fn a_misspelt_key_is_met_with_a_proposal() {
    let error = parse("dispatch: { max_parallel: 3, nonsense: 1 }").expect_err("unknown keys");
    let help: Vec<&str> = error
        .problems()
        .iter()
        .filter_map(|p| p.help.as_deref())
        .collect();
    assert_eq!(help[0], "did you mean `maxParallel`?");
    assert!(
        help[1].starts_with("known keys: maxParallel, timeout"),
        "{}",
        help[1]
    );
}

#[test]
fn names_of_variables_are_names() {
    for (env, code) in [
        ("A_KEY", "wrong_type"),
        ("['A=b']", "not_a_name"),
        ("['A*B']", "not_a_name"),
        ("[' A']", "not_a_name"),
        ("['']", "empty"),
        ("[1]", "wrong_type"),
    ] {
        let text = format!("agents:\n  a: {{ command: [x], env: {env} }}\n");
        let found = parse(&text).expect_err(env);
        assert_eq!(found.problems()[0].code, code, "{env}");
    }
    let all = parse("agents: { a: { command: [x], env: ['*'] } }").expect("everything");
    assert_eq!(all.agents[0].env, ["*"]);
}

#[test]
fn problems_stand_in_the_order_of_the_file() {
    let text = "\
agents:
  a: { command: nothing }
gates: [{ name: g, command: [x], at: [] }, { name: g }]
retry: { max: many }
later: 1
";
    let error = parse(text).expect_err("refused");
    let lines: Vec<Option<u32>> = error
        .problems()
        .iter()
        .map(|problem| problem.line)
        .collect();
    assert!(lines.len() >= 4 && lines.is_sorted(), "{lines:?}");
}

#[test]
fn the_documented_example_is_understood() {
    let page = include_str!("../../../docs/configuration.md");
    let (_, rest) = page.split_once("```yaml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let temp = tempfile::tempdir().expect("a directory");
    std::fs::create_dir_all(temp.path().join("prompts")).expect("a directory");
    std::fs::write(temp.path().join("prompts/python.md"), "Be brief.").expect("a file");
    let config = Config::parse(example, &temp.path().join(PATH)).expect("a good file");
    let names: Vec<&str> = config.agents.iter().map(|agent| &*agent.name).collect();
    assert_eq!(
        names,
        [
            "default",
            "python",
            "mine",
            "spoken",
            "reviewer",
            "decomposer"
        ]
    );
    assert_eq!(config.commands().len(), 6 + 1 + 3);
    // Each key that the file may have is shown, but the one that needs a feature.
    let keys = [
        shape::TOP,
        shape::DISPATCH,
        shape::WORKSPACE,
        shape::LIMITS,
        shape::GATE,
    ];
    for key in keys.into_iter().flatten().filter(|key| key.supported) {
        let name = key.name;
        // What has one value so far is only told of where another one is written.
        let is_shown =
            example.contains(&format!("{name}:")) || page.contains(&format!("`gates[].{name}`"));
        assert!(
            is_shown || ["schedule", "isolation"].contains(&name),
            "`{name}`"
        );
    }
}
