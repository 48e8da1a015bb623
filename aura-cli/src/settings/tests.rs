use std::path::Path;

use aura_core::{ErrorKind, GateSchedule, OnExhausted};

use super::*;
use crate::args::Exhausted;

const FILE: &str = "\
dispatch: { maxParallel: 5, timeout: 300 }
agents:
  default: { command: [configured] }
  other: { command: [other-agent] }
gates: [{ name: test, command: [make, test] }]
retry: { max: 1 }
";

fn config() -> Config {
    Config::parse(FILE, Path::new("agent-config.yaml")).expect("a good file")
}

fn default_of(agents: &[AgentEntry]) -> Vec<&str> {
    let mut found = agents.iter().filter(|agent| agent.name == "default");
    let words = found.next().map(|agent| &agent.command);
    assert!(found.next().is_none(), "one default at most");
    words.into_iter().flatten().map(String::as_str).collect()
}

#[test]
fn arguments_win_over_the_environment_and_that_over_the_file() {
    let config = config();
    let environment = Environment {
        agent_command: Some("from env".to_owned()),
        ..Environment::default()
    };
    let nothing = EngineFlags::default();
    let command = EngineFlags {
        agent_command: Some("from 'the arguments'".to_owned()),
        ..EngineFlags::default()
    };
    let named = EngineFlags {
        agent: Some("other".to_owned()),
        ..EngineFlags::default()
    };
    let quiet = Environment::default();
    for (flags, environment, file, expected) in [
        (
            &command,
            &environment,
            Some(&config),
            &["from", "the arguments"][..],
        ),
        (&named, &environment, Some(&config), &["other-agent"]),
        (&nothing, &environment, Some(&config), &["from", "env"]),
        (&nothing, &quiet, Some(&config), &["configured"]),
        (&nothing, &quiet, None, &[]),
    ] {
        let agents = choose_agents(flags, environment, file).expect("agents");
        assert_eq!(default_of(&agents), expected);
        let other = agents.iter().any(|agent| agent.name == "other");
        assert_eq!(
            other,
            file.is_some(),
            "configured agents stay known by name"
        );
    }
    let error = choose_agents(&named, &quiet, None).expect_err("no such agent");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn parallelism_and_policy_follow_the_same_order() {
    let config = config();
    assert_eq!(policy(None, None), Policy::default());
    let from_file = policy(Some(&config), None);
    assert_eq!((from_file.max_parallel, from_file.retry_max), (5, 1));
    assert_eq!(from_file.deadline_ms, 300_000);
    assert_eq!(from_file.restart_max, Policy::default().restart_max);
    assert_eq!(policy(Some(&config), Some(2)).max_parallel, 2);
}

#[test]
fn gates_come_from_one_place() {
    let config = config();
    let flags = |gates: &[&str], no_gates| EngineFlags {
        gates: gates.iter().map(ToString::to_string).collect(),
        no_gates,
        ..EngineFlags::default()
    };
    let names = |gates: &Gates| match gates {
        Gates::Given(given) => given.iter().map(|gate| gate.name.clone()).collect(),
        other => vec![format!("{other:?}")],
    };
    for (given, no_gates, file, expected) in [
        (&["lint=make lint"][..], false, Some(&config), vec!["lint"]),
        (&[], false, Some(&config), vec!["test"]),
        (&[], false, None, vec!["Detected(None)"]),
        (&[], true, Some(&config), vec!["None"]),
    ] {
        let chosen = choose_gates(&flags(given, no_gates), file, None).expect("gates");
        assert_eq!(names(&chosen), expected);
    }
    for bad in [
        &["test"][..],
        &["=make"],
        &["test="],
        &["test='x"],
        &["a=x", "a=y"],
    ] {
        let error = choose_gates(&flags(bad, false), None, None).expect_err("a bad gate");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
    }
}

#[test]
fn configured_commands_need_trust_only_where_they_would_be_run() {
    let temp = tempfile::tempdir().expect("a directory");
    let root = temp.path();
    std::fs::create_dir_all(root.join(".git")).expect("a directory");
    std::fs::create_dir_all(root.join(".aura")).expect("a directory");
    let write = |text: &str| std::fs::write(root.join(PATH), text).expect("a file");
    let environment = Environment::default();
    let at = Place {
        repo: Some(root.to_owned()),
    };
    let read = |engine: &EngineFlags| Settings::read(&environment, &at, engine, None);

    write("gates: [{ name: test, command: [make, test] }]\n");
    let own = EngineFlags {
        gates: vec!["test=true".to_owned()],
        ..EngineFlags::default()
    };
    assert!(read(&own).is_ok(), "nothing of the file would be run");
    let allowed = EngineFlags {
        trust: true,
        ..EngineFlags::default()
    };
    assert!(read(&allowed).is_ok());
    // Without a place for records nothing can be trusted, and that is said.
    assert!(read(&EngineFlags::default()).is_err());
    write("retry: { max: 1 }\n");
    assert!(read(&EngineFlags::default()).is_ok());
    write("agents: { a: { command: [x] } }\n");
    assert!(read(&own).is_err(), "a task could name the agent");
    write("agents: { default: { command: [x], when: ['**/*.zzz'] } }\n");
    let named = EngineFlags {
        agent: Some("default".to_owned()),
        ..own.clone()
    };
    assert!(
        read(&named).is_err(),
        "named, it is the file's all the same"
    );
    write("secrets: { command: [x] }\n");
    assert!(read(&own).is_err(), "the scanner would be run");
    let unjudged = EngineFlags {
        no_gates: true,
        ..EngineFlags::default()
    };
    assert!(read(&unjudged).is_ok(), "no gate, no scanner");
    write("secrets: { enabled: false, command: [x] }\n");
    assert!(read(&own).is_ok());
    write("mcp: { enabled: true, servers: { s: { command: x } } }\n");
    let mut engine = EngineFlags {
        agent_command: Some("x".to_owned()),
        ..own
    };
    assert!(read(&engine).is_ok(), "a command is given no servers");
    let tasks = DecomposeFlags {
        decompose_with: Some("claude".to_owned()),
        ..DecomposeFlags::default()
    };
    let decomposed = Settings::read_to_decompose(&environment, (&at, &engine, None), &tasks);
    assert!(decomposed.is_err(), "the planner would start the server");
    engine.review = Some("claude".to_owned());
    assert!(
        read(&engine).is_err(),
        "the reviewer would start the server"
    );
}

#[test]
fn plans_are_made_by_whom_the_call_names_or_the_file_or_the_default() {
    let engine = EngineFlags {
        env: vec!["A_KEY".to_owned()],
        ..EngineFlags::default()
    };
    let named = |name: Option<&str>| DecomposeFlags {
        decompose_with: name.map(ToOwned::to_owned),
        ..DecomposeFlags::default()
    };
    let own = "agents: { default: { command: [x] }, decomposer: { command: [y] } }";
    let own = Config::parse(own, Path::new("agent-config.yaml")).expect("a good file");
    for (file, name, expected, added) in [
        (config(), None, "default", 0),
        (config(), Some("other"), "other", 0),
        (config(), Some("codex"), "codex", 1),
        (own.clone(), None, "decomposer", 0),
        (own, Some("default"), "default", 0),
    ] {
        let mut agents = file.agents.clone();
        let chosen = choose_decomposer(&engine, &named(name), &mut agents).expect("somebody");
        assert_eq!(chosen, expected);
        assert_eq!(agents.len(), file.agents.len() + added);
        let found = agents.iter().find(|agent| agent.name == chosen);
        let env = found.expect("one of the agents").env.len();
        assert_eq!(env, added, "a known agent gets what --env lets through");
    }
    let mut agents = config().agents;
    let error = choose_decomposer(&engine, &named(Some("nobody")), &mut agents);
    let error = error.expect_err("nobody");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("`nobody`"), "{error}");
}

fn settings(gates: Gates) -> Settings {
    Settings {
        repo: ".".into(),
        workspace_root: None,
        agents: Vec::new(),
        gates,
        protected: Protected::default(),
        secrets: Secrets::default(),
        reviewer: None,
        decomposer: DEFAULT_AGENT.to_owned(),
        review: None,
        says_exhausted: false,
        policy: Policy::default(),
        parallel: None,
        shared: Shared::default(),
        patterns: None,
        limits: Limits::default(),
    }
}

#[test]
fn a_landing_needs_a_judge() {
    let mut optional = parse_gate("lint=lint").expect("a gate");
    optional.required = false;
    let mut early = parse_gate("early=early").expect("a gate");
    early.at = Some(vec![GateSchedule::AfterTask]);
    for gates in [
        Gates::Given(Vec::new()),
        Gates::Given(vec![optional.clone(), early]),
        Gates::Detected(None),
    ] {
        let error = settings(gates).check_landing().expect_err("nobody judges");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let required = parse_gate("test=test").expect("a gate");
    for gates in [Gates::None, Gates::Given(vec![optional, required])] {
        assert!(settings(gates).check_landing().is_ok());
    }
}

#[test]
fn story_files_do_not_wait_for_one_anothers_failures() {
    use OnExhausted::{AbortStory, IsolateAndContinue, PauseStory};
    for (flag, says_exhausted, is_folder, expected) in [
        (None, false, false, PauseStory),
        (None, false, true, IsolateAndContinue),
        // The file of this one says that the story pauses.
        (None, true, true, PauseStory),
        (Some(Exhausted::Pause), false, true, PauseStory),
        (Some(Exhausted::Abort), false, false, AbortStory),
    ] {
        let flags = CreateFlags {
            on_exhausted: flag,
            ..CreateFlags::default()
        };
        let mut settings = settings(Gates::None);
        settings.says_exhausted = says_exhausted;
        let policy = settings.policy_for(&flags, is_folder);
        assert_eq!(policy.on_exhausted, expected, "{flags:?} {is_folder}");
    }
}

#[test]
fn variables_go_to_who_was_named_with_them() {
    let flags = |agent: Option<&str>, gates: &[&str], env: &[&str]| EngineFlags {
        agent_command: agent.map(ToOwned::to_owned),
        gates: gates.iter().map(ToString::to_string).collect(),
        env: env.iter().map(ToString::to_string).collect(),
        ..EngineFlags::default()
    };
    let quiet = Environment::default();
    let given = flags(Some("x"), &["t=true"], &["A_KEY", "B_*"]);
    assert!(check_env(&given, &quiet, None).is_ok());
    let agents = choose_agents(&given, &quiet, Some(&config())).expect("agents");
    let seen = |name: &str| {
        agents
            .iter()
            .find(|agent| agent.name == name)
            .map(|agent| agent.env.len())
    };
    assert_eq!((seen("default"), seen("other")), (Some(2), Some(0)));
    let Gates::Given(gates) = choose_gates(&given, None, None).expect("gates") else {
        panic!("not given");
    };
    assert_eq!(gates[0].env, ["A_KEY", "B_*"]);
    for (agent, name) in [
        (None, "A_KEY"),
        (Some("x"), "A=b"),
        (Some("x"), ""),
        (Some("x"), "A*B"),
    ] {
        let error = check_env(&flags(agent, &[], &[name]), &quiet, None).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
    }
}

#[test]
fn tasks_go_to_the_agent_that_is_there_for_their_files() {
    let text = "agents: { default: { command: [x] }, py: { backend: codex, when: ['**/*.py', 'tools/**'] }, all: { command: [y], when: ['**'] } }";
    let config = Config::parse(text, Path::new("agent-config.yaml")).expect("a good file");
    let agents = choose_agents(
        &EngineFlags::default(),
        &Environment::default(),
        Some(&config),
    );
    let settings = Settings {
        agents: agents.expect("agents"),
        ..settings(Gates::None)
    };
    let plan = "title: t\ntasks:\n\
        - { id: a, title: a, files: [src/a.py] }\n\
        - { id: b, title: b, files: [docs/b.md, tools/x] }\n\
        - { id: c, title: c, files: [c.rs] }\n\
        - { id: d, title: d, files: [d.py], agent: default }\n\
        - { id: e, title: e }\n";
    let mut plan = Plan::parse(plan, "plan.yaml").expect("a good plan");
    settings.route(&mut plan).expect("routed");
    let agents: Vec<Option<&str>> = plan
        .tasks
        .iter()
        .map(|task| task.agent.as_deref())
        .collect();
    assert_eq!(
        agents,
        [Some("py"), Some("py"), Some("all"), Some("default"), None]
    );
}

#[test]
fn a_preset_needs_no_definition_and_a_configured_agent_of_its_name_wins() {
    let flags = EngineFlags {
        agent: Some("copilot".to_owned()),
        ..EngineFlags::default()
    };
    let quiet = Environment::default();
    let agents = choose_agents(&flags, &quiet, None).expect("agents");
    assert_eq!(
        (agents[0].name.as_str(), agents[0].preset.as_deref()),
        ("default", Some("copilot"))
    );
    let text = "agents: { copilot: { command: [mine], when: ['**'] } }";
    let config = Config::parse(text, Path::new("agent-config.yaml")).expect("a good file");
    let agents = choose_agents(&flags, &quiet, Some(&config)).expect("agents");
    assert_eq!(default_of(&agents), ["mine"]);
    assert!(agents[1].when.is_empty() && !agents[0].when.is_empty());
}

#[test]
fn who_reviews_is_named_by_the_call_the_file_or_its_name() {
    let flags = |review: Option<&str>, no_review| EngineFlags {
        review: review.map(ToOwned::to_owned),
        no_review,
        agent_command: Some("worker".to_owned()),
        ..EngineFlags::default()
    };
    let plain = "agents: { other: { command: [o] } }";
    let with_reviewer = "agents: { reviewer: { command: [r] }, other: { command: [o] } }";
    let named = "agents: { other: { command: [o] } }\nreview: { agent: other }";
    let off = "agents: { reviewer: { command: [r] } }\nreview: { enabled: false }";
    let bare = "review: { enabled: true }";
    for (text, review, no_review, expected) in [
        (plain, None, false, None),
        (plain, Some(""), false, Some("default")),
        (plain, Some("other"), false, Some("other")),
        (plain, Some("claude"), false, Some("claude")),
        (with_reviewer, None, false, Some("reviewer")),
        (with_reviewer, None, true, None),
        (with_reviewer, Some("other"), false, Some("other")),
        (named, None, false, Some("other")),
        (off, None, false, None),
        (off, Some(""), false, Some("reviewer")),
        (bare, None, false, Some("default")),
    ] {
        let config = Config::parse(text, Path::new("agent-config.yaml")).expect("a good file");
        let flags = flags(review, no_review);
        let agents = choose_agents(&flags, &Environment::default(), Some(&config));
        let agents = agents.expect("agents");
        let found = choose_reviewer(&flags, Some(&config), &agents).expect("a reviewer");
        let found = found.as_ref().map(|agent| agent.name.as_str());
        assert_eq!(found, expected, "{text} {review:?} {no_review}");
    }
    let config = Config::parse(plain, Path::new("agent-config.yaml")).expect("a good file");
    let unknown = choose_reviewer(&flags(Some("nobody"), false), Some(&config), &config.agents);
    assert!(unknown.expect_err("unknown").to_string().contains("nobody"));
}

#[test]
fn limits_of_arguments_win_one_by_one_and_questions_are_no_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let repo = directory.path();
    let init = std::process::Command::new("git")
        .arg("init")
        .arg("-q")
        .arg(repo)
        .status();
    assert!(init.expect("git").success());
    std::fs::create_dir(repo.join(".aura")).expect("a directory");
    std::fs::write(
        repo.join(PATH),
        "limits: { attempts: 9, tokens: 500, cost_usd: 2.5 }\n",
    )
    .expect("written");
    let at = Place {
        repo: Some(repo.to_owned()),
    };
    let flags = EngineFlags::default();
    let settings = Settings::read(&Environment::default(), &at, &flags, None).expect("settings");
    let given = Limits::default().tokens(700);
    assert_eq!(
        settings.limits(given),
        Limits::default().attempts(9).tokens(700).cost_usd(2.5)
    );
    assert_eq!(
        settings.limits_of_questions(given),
        Limits::default().tokens(700).cost_usd(2.5)
    );
}

#[test]
fn a_plan_that_requires_a_review_gets_a_reviewer() {
    let reviewer = |name: &str| AgentEntry {
        name: name.to_owned(),
        command: vec!["r".to_owned()],
        ..AgentEntry::default()
    };
    let reviewing = |reviews| {
        let mut gate = parse_gate("look=look").expect("a gate");
        gate.reviews = reviews;
        Gates::Given(vec![gate])
    };
    let both = ["default", "reviewer"];
    // Whether the plan still requires a review, who does it, and whether the run may begin.
    for (agents, gates, said, expected) in [
        (
            &both[..],
            reviewing(false),
            None,
            (true, Some("reviewer"), true),
        ),
        (
            &both[..1],
            reviewing(false),
            None,
            (true, Some("default"), true),
        ),
        (&[], reviewing(false), None, (true, None, false)),
        (&both[..], reviewing(true), None, (true, None, true)),
        (
            &both[..],
            reviewing(false),
            Some(false),
            (false, None, true),
        ),
        (&both[..], Gates::None, Some(false), (false, None, true)),
    ] {
        let mut settings = settings(gates);
        settings.agents = agents.iter().map(|name| reviewer(name)).collect();
        settings.review = said;
        let task = aura_core::StoryTask::new("a", "A");
        let mut plan = Plan::new("T", [task]).expect("a plan");
        plan.review = true;
        settings.settle_review(&mut plan);
        let found = settings.reviewer.as_ref().map(|agent| agent.name.as_str());
        let may_begin = settings.check_review(&plan).is_ok();
        assert_eq!(
            (plan.review, found, may_begin),
            expected,
            "{agents:?} {said:?}"
        );
        plan.review = false;
        assert!(!settings.require_review(&plan));
    }
}

#[test]
fn a_file_that_is_none_is_refused_and_not_read_for_ever() {
    let temp = tempfile::tempdir().expect("a directory");
    let root = temp.path();
    std::fs::create_dir(root.join(".aura")).expect("a directory");
    for (target, says) in [
        ("/dev/zero", "not a regular file"),
        (".", "not a regular file"),
    ] {
        std::os::unix::fs::symlink(target, root.join(PATH)).expect("a link");
        let error = Config::load(root).expect_err("refused");
        assert!(error.to_string().contains(says), "{error}");
        std::fs::remove_file(root.join(PATH)).expect("removed");
    }
}
