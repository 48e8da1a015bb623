mod answers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Problem, Severity};
use crate::model::{Complexity, Plan, StoryTask};

fn plans(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/plans")
        .join(folder)
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(plans(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|ending| ending != "expect"))
        .collect();
    files.sort();
    files
}

fn good(name: &str) -> Plan {
    Plan::load(plans("good").join(name)).unwrap()
}

fn waves(plan: &Plan) -> Vec<Vec<&str>> {
    plan.waves
        .iter()
        .map(|wave| wave.tasks.iter().map(|id| id.as_str()).collect())
        .collect()
}

fn codes(plan: &Plan) -> Vec<&str> {
    plan.warnings
        .iter()
        .map(|problem| problem.code.as_str())
        .collect()
}

/// `code line:column`, or `code -` where a problem has no place.
fn summary(problem: &Problem) -> String {
    let place = problem.line.zip(problem.column);
    let place = place.map_or("-".to_owned(), |(line, column)| format!("{line}:{column}"));
    format!("{} {place}", problem.code)
}

fn expected(path: &Path) -> Vec<String> {
    let mut companion = path.as_os_str().to_owned();
    companion.push(".expect");
    let lines: Vec<String> = match fs::read_to_string(&companion) {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        Err(_) => fs::read_to_string(path)
            .unwrap()
            .lines()
            .filter_map(|line| {
                line.trim_start_matches('\u{feff}')
                    .strip_prefix("# expect: ")
            })
            .map(str::to_owned)
            .collect(),
    };
    assert!(!lines.is_empty(), "{} expects nothing", path.display());
    lines
}

#[test]
fn every_malformed_plan_is_refused_with_all_its_problems() {
    let mut wrong = BTreeMap::new();
    let files = fixtures("malformed");
    assert!(files.len() >= 20, "only {} fixtures", files.len());
    for path in files {
        let Err(error) = Plan::load(&path) else {
            panic!("{} was accepted", path.display());
        };
        assert_eq!(error.kind(), ErrorKind::InvalidPlan, "{}", path.display());
        let mut found: Vec<String> = error.problems().iter().map(summary).collect();
        let mut wanted = expected(&path);
        found.sort();
        wanted.sort();
        if found != wanted {
            wrong.insert(path.clone(), (error.to_string(), wanted));
        }
        for problem in error.problems() {
            assert_eq!(problem.file.as_deref(), Some(path.as_path()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_good_plan_is_read_without_a_complaint_about_its_text() {
    for path in fixtures("good") {
        let plan = Plan::load(&path).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(!plan.tasks.is_empty());
        assert_eq!(plan.source, Some(path.display().to_string()));
    }
}

#[test]
fn the_sample_of_the_specification_splits_the_exclusive_task_off() {
    let plan = good("specification.yaml");
    assert_eq!(plan.title, "Add email validation");
    assert_eq!(
        waves(&plan),
        [["task-1"], ["task-2"], ["task-3"], ["task-4"]]
    );
    let task = &plan.tasks[0];
    assert_eq!(task.pattern.as_deref(), Some("csharp-interface"));
    assert!(task.description.starts_with("Create interface in src"));
    assert_eq!(plan.tasks[2].files, ["tests/EmailValidatorTests.cs"]);
    assert_eq!(
        plan.tasks[2].description,
        "Cover valid, invalid and empty addresses."
    );
    assert!(!plan.tasks[3].parallel_safe);
    assert_eq!(plan.tasks[3].wave, 3);
    assert_eq!(codes(&plan), ["near_linear"]);
}

#[test]
fn camel_case_with_waves_from_one() {
    let plan = good("camel-case.json");
    assert_eq!(plan.title, "camel-case");
    assert_eq!(waves(&plan), [vec!["task-1"], vec!["task-2", "task-3"]]);
    let second = &plan.tasks[1];
    assert_eq!(second.description, "Implement “it” 😀");
    assert_eq!(second.complexity, Some(Complexity::Large));
    assert_eq!(second.prompt_hints, ["One", "Two"]);
    assert_eq!(second.acceptance_criteria, ["It works"]);
    assert!(second.no_change_ok);
    assert_eq!(second.agent, None);
    assert_eq!(plan.tasks[0].prompt_hints, ["Keep it small"]);
    assert_eq!(codes(&plan), Vec::<&str>::new());
}

#[test]
fn number_and_text_ids_are_the_same_ids() {
    let plan = good("bare-array.json");
    assert_eq!(waves(&plan), [vec!["1"], vec!["2", "3"]]);
    assert_eq!(codes(&plan), Vec::<&str>::new());
}

#[test]
fn ids_keep_their_spelling_and_metadata_its_values() {
    let plan = good("title.yml");
    assert_eq!(plan.title, "Ids as they are spelled");
    assert_eq!(plan.description, "Two lines,\nkept.\n");
    let ids: Vec<&str> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["1.1", "1.10", "0x10"]);
    assert_eq!(plan.tasks[0].title, "2024");
    assert_eq!(plan.tasks[1].agent.as_deref(), Some("reviewer"));
    assert_eq!(
        Value::Object(plan.tasks[2].metadata.clone()),
        json!({"owner": "me", "1.10": 1.5, "list": [1, null, true, {"a": "b"}], "same": [1.1, "1.10"]})
    );
}

#[test]
fn a_stated_wave_that_is_too_early_is_reported_where_it_stands() {
    let plan = good("story.json");
    assert_eq!(
        (plan.title.as_str(), plan.description.as_str()),
        ("A story", "At length")
    );
    assert_eq!(waves(&plan), [["a"], ["b"]]);
    let found: Vec<String> = plan.warnings.iter().map(summary).collect();
    assert_eq!(found, ["wave_too_early 6:60"]);
    let text = &plan.warnings[0].message;
    assert!(
        text.contains("after `a`") && text.contains("runs in wave 1"),
        "{text}"
    );
}

#[test]
fn windows_files_are_read() {
    let plan = good("bom-crlf.yaml");
    assert_eq!(plan.tasks[0].description, "one\ntwo\n");
}

#[test]
fn a_name_without_ending_leaves_the_choice_to_the_text() {
    assert_eq!(
        good("no-ending").tasks[0].title,
        "no ending, so the text decides"
    );
    assert_eq!(good("flow").tasks[0].title, "flow YAML");
    let broken = Plan::parse("[{\"id\": \"a\", \"title\": \"A\" \"B\"}]", "-").unwrap_err();
    assert_eq!(summary(&broken.problems()[0]), "syntax 1:27");
}

#[test]
fn a_file_that_is_not_there_is_not_a_bad_plan() {
    let error = Plan::load(plans("good").join("absent.yaml")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("absent.yaml"));
    let below_a_file = plans("good").join("story.json/plan.yaml");
    assert_eq!(Plan::load(below_a_file).unwrap_err().kind(), ErrorKind::Io);
}

fn first(result: Result<Plan, Error>) -> Problem {
    result.unwrap_err().problems()[0].clone()
}

#[test]
fn messages_name_the_remedy() {
    let cases = [
        (
            "[{id: a, title: A, dependson: []}]",
            "did you mean `depends_on`?",
        ),
        (
            "[{id: a, title: A, paralelSafe: true}]",
            "did you mean `parallel_safe`?",
        ),
        (
            "[{id: a, title: A, zzz: 1}]",
            "put what only you need under `metadata`",
        ),
        ("{tasks: [], owner: me}", "known are"),
        (
            "[{id: task-1, title: A}, {id: b, title: B, depends_on: [Task_1]}]",
            "did you mean `task-1`?",
        ),
        ("[{id: true, title: A}]", "put quotes around it"),
        ("tasks:\n\t- id: a", "indent with spaces"),
        ("tasks:\n  - title: a: b", "needs quotes"),
    ];
    for (text, help) in cases {
        let problem = first(Plan::parse(text, "plan.yaml"));
        let found = problem.help.clone().unwrap_or_default();
        assert!(found.contains(help), "{text}: {problem}");
    }
}

#[test]
fn limits_are_problems_with_a_place() {
    let long = "x".repeat(64 * 1024 + 1);
    let many: String = (0..10_001)
        .map(|n| format!("- {{id: {n}, title: T}}\n"))
        .collect();
    let keys: String = (0..300).map(|n| format!("  k{n}: 1\n")).collect();
    let cases = [
        (
            format!("- id: a\n  title: A\n  description: {long}\n"),
            "field_too_long 3:16",
            1,
        ),
        (
            format!("- id: a\n  title: A\n  metadata: {{k: {long}}}\n"),
            "field_too_long 3:13",
            1,
        ),
        (
            format!("- id: {}\n  title: A\n", "x".repeat(201)),
            "invalid_id 1:7",
            1,
        ),
        (many, "too_many_tasks 1:1", 1),
        (
            format!("- id: a\n  title: A\n{keys}"),
            "unknown_key 3:3",
            201,
        ),
        ("#".repeat(16 * 1024 * 1024 + 1), "too_large -", 1),
    ];
    for (text, wanted, count) in cases {
        let error = Plan::parse(&text, "plan.yaml").unwrap_err();
        assert_eq!(summary(&error.problems()[0]), wanted);
        assert_eq!(error.problems().len(), count, "{wanted}");
        assert!(
            error.to_string().len() < 64 * 1024,
            "{wanted}: an unbounded message"
        );
    }
}

#[test]
fn the_number_of_values_is_limited_in_both_formats() {
    let text = "[".to_owned() + &"1,".repeat(1_000_001);
    let problem = first(Plan::parse(&text, "plan.json"));
    assert_eq!(summary(&problem), "too_many_values 1:2000000");
    // Anchored values count twice, so that this is reached long before the text is long.
    let text = "&a [".repeat(60) + &"1,".repeat(20_000) + &"]".repeat(60);
    let problem = first(Plan::parse(&text, "plan.yaml"));
    assert_eq!(problem.code, "alias_expansion");
}

#[test]
fn answers_of_models_are_searched_for_the_plan() {
    let tasks = r#"[{"id": "a", "title": "A"}, {"id": "b", "title": "B", "dependsOn": ["a"]}]"#;
    let yaml = "tasks:\n  - id: a\n    title: A\n  - id: b\n    title: B\n    depends_on: [a]\n";
    let answers = [
        tasks.to_owned(),
        format!("Here is the plan:\n\n```json\n{tasks}\n```\nGood luck!"),
        format!("As in [1] and {{this}}: {tasks}. That is [all]."),
        format!("```\n{{\"tasks\": {tasks}, \"waves\": []}}\n"),
        format!("Some YAML:\n```yaml\n{yaml}```\n"),
        yaml.to_owned(),
    ];
    for answer in answers {
        let plan = Plan::from_answer(&answer, "From a model").unwrap();
        assert_eq!(waves(&plan), [["a"], ["b"]], "{answer}");
        assert_eq!(plan.title, "From a model");
    }
}

#[test]
fn part_of_an_answer_that_was_cut_off_is_never_taken_for_the_plan() {
    let cut = "Sure!\n{\"tasks\": [{\"id\": \"a\", \"title\": \"A\", \"steps\": [{\"id\": 1}]}, {\"id\": \"b\"";
    let problem = first(Plan::from_answer(cut, "x"));
    assert_eq!(summary(&problem), "syntax 2:71");
    let problem = first(Plan::from_answer("I cannot do that. [1]", "x"));
    assert_eq!(summary(&problem), "no_plan -");
    let problem = first(Plan::from_answer(
        "Well:\n```\n[{\"id\": \"a\", \"titel\": 1}]\n```",
        "x",
    ));
    assert_eq!(summary(&problem), "missing_title 3:2");
}

#[test]
fn the_published_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema/plan.schema.json");
    let schema = super::plan_schema();
    let current = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    if std::env::var_os("AURA_UPDATE_SCHEMA").is_some() {
        fs::write(&path, &current).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    // Not word for word: other libraries decide whether maps of JSON keep their order.
    assert_eq!(
        serde_json::from_str::<Value>(&published).unwrap_or_default(),
        serde_json::json!(schema),
        "set AURA_UPDATE_SCHEMA=1 to write {}",
        path.display()
    );
}

#[test]
fn the_reader_knows_every_key_of_the_schema() {
    let schema = super::plan_schema();
    let value = |key: &str| match key {
        "parallel_safe" | "no_change_ok" | "removes_tests" | "review" => json!(true),
        "complexity" => json!("small"),
        "metadata" => json!({}),
        "files" | "depends_on" | "prompt_hints" | "acceptance_criteria" => json!([]),
        _ => json!("x"),
    };
    let keys = |properties: &Value| -> Vec<String> {
        properties.as_object().unwrap().keys().cloned().collect()
    };
    let task: serde_json::Map<String, Value> = keys(&schema["$defs"]["Task"]["properties"])
        .into_iter()
        .map(|key| (key.clone(), value(&key)))
        .collect();
    assert!(task.len() >= 13);
    let mut plan: serde_json::Map<String, Value> = keys(&schema["properties"])
        .into_iter()
        .map(|key| (key.clone(), value(&key)))
        .collect();
    plan.insert("tasks".to_owned(), json!([task]));
    let text = Value::Object(plan).to_string();
    Plan::parse(&text, "plan.json").unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["$defs"]["Task"]["required"], json!(["id", "title"]));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,8}",
        "\\PC{0,40}",
        "[ \t\r\n\u{0}-\u{1f}\u{85}\u{feff}\u{2028}a#:*&!|>'\"%@`,\\[\\]{}-]{0,24}",
        Just("1.10".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("- x\n  y: z\n\n".to_owned()),
        "[a-z ]{70,200}",
        "([a-z :#]{0,90}\n){0,4}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn story_task() -> impl Strategy<Value = StoryTask> {
    let texts = || prop::collection::vec(text(), 0..3);
    (
        (
            text(),
            text(),
            prop::option::of(text()),
            prop::option::of(text()),
        ),
        (texts(), texts(), any::<[bool; 3]>()),
        prop::collection::vec((text(), value()), 0..3),
    )
        .prop_map(
            |((title, description, pattern, agent), (hints, criteria, flags), data)| {
                let mut task = StoryTask::new("x", format!("T {title}")).description(description);
                (task.pattern, task.agent) = (pattern, agent);
                (task.prompt_hints, task.acceptance_criteria) = (hints, criteria);
                [task.parallel_safe, task.no_change_ok, task.removes_tests] = flags;
                task.metadata = data.into_iter().collect();
                task
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_written_plan_is_read_back_unchanged(
        title in text(),
        description in text(),
        tasks in prop::collection::vec(story_task(), 1..5),
        links in prop::collection::vec((0usize..5, 0usize..5), 0..6),
    ) {
        let ids = ["1.10", "a", "true: no", "- x", "é#"];
        let mut tasks = tasks;
        for (index, task) in tasks.iter_mut().enumerate() {
            task.id = ids[index].into();
            task.files.push(format!("src/{index}/"));
        }
        for (from, to) in links {
            if from < to && to < tasks.len() && !tasks[to].depends_on.contains(&ids[from].into()) {
                tasks[to].depends_on.push(ids[from].into());
            }
        }
        let mut plan = Plan::new(format!("P {title}"), tasks).unwrap();
        plan.description = description;
        let yaml = plan.to_yaml().unwrap();
        let mut back = Plan::parse(&yaml, "plan.yaml").map_err(|error| {
            TestCaseError::fail(format!("{error}\n{yaml}"))
        })?;
        back.source = None;
        for warning in &mut back.warnings {
            (warning.file, warning.line, warning.column) = (None, None, None);
        }
        // Warnings come in the order of places, which a plan from code does not have.
        for plan in [&mut back, &mut plan] {
            plan.warnings.sort_by_key(|warning| (warning.code.clone(), warning.task.clone()));
        }
        prop_assert_eq!(&back, &plan, "{}", yaml);
    }

    #[test]
    fn any_bytes_give_a_plan_or_problems(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&bytes)?;
    }

    #[test]
    fn any_punctuation_gives_a_plan_or_problems(text in "[-:,?&*!|>'\"%@`#{}\\[\\] \\n\\t~<0-9a-c\\\\/.]{0,80}") {
        judge(text.as_bytes())?;
    }

    #[test]
    fn a_damaged_plan_gives_a_plan_or_problems(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0u8..4, any::<u8>()), 1..6),
    ) {
        let files = fixtures("good");
        let mut bytes = fs::read(which.get(&files)).unwrap();
        for (at, kind, byte) in damage {
            let at = at.index(bytes.len().max(1));
            match kind {
                _ if at >= bytes.len() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        judge(&bytes)?;
    }
}

/// Every reader on the same input: it ends, and a refusal names a reason with a place that exists.
fn judge(bytes: &[u8]) -> Result<(), TestCaseError> {
    let text = String::from_utf8_lossy(bytes);
    let results = [
        Plan::parse(&text, "plan.yaml"),
        Plan::parse(&text, "plan.json"),
        Plan::parse(&text, "plan"),
        Plan::from_answer(&text, "answer"),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        prop_assert_eq!(error.kind(), ErrorKind::InvalidPlan);
        let errors: Vec<&Problem> = error
            .problems()
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .collect();
        prop_assert!(!errors.is_empty());
        let lines = text.split(['\n', '\r']).count() as u32;
        for problem in errors {
            prop_assert!(
                problem
                    .line
                    .is_none_or(|line| (1..=lines + 1).contains(&line)),
                "{}",
                problem
            );
        }
    }
    Ok(())
}
