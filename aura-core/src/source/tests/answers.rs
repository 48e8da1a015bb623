//! Answers of models: a plan or everything that is wrong, and never a panic.

use super::{codes, summary, waves};
use crate::error::{ErrorKind, Problem};
use crate::model::{Patterns, Plan};
use crate::plan::Rules;

const TWO: &str = r#"[{"id": "a", "title": "A", "description": "do"}, {"id": "b", "title": "B", "description": "do", "dependsOn": ["a"]}]"#;

fn read(answer: &str) -> Result<Plan, Vec<Problem>> {
    let patterns = Patterns::new([("endpoint", "How endpoints are made.")]).expect("patterns");
    let rules = Rules {
        max_tasks: 50,
        patterns: Some(&patterns),
        agents: &["default", "codex"],
    };
    Plan::answered(answer, ("The story", "At length."), &rules).map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::InvalidPlan);
        assert!(error.to_string().len() < 64 * 1024, "an unbounded message");
        error.problems().to_vec()
    })
}

/// The waves and the warnings of a plan, or the problems, on one line.
fn outcome(answer: &str) -> String {
    match read(answer) {
        Ok(plan) => {
            assert_eq!(plan.title, "The story");
            assert_eq!(plan.description, "At length.");
            let waves: Vec<String> = waves(&plan).iter().map(|wave| wave.join("+")).collect();
            [
                vec![waves.join(" > ")],
                codes(&plan).iter().map(ToString::to_string).collect(),
            ]
            .concat()
            .join(", ")
        }
        Err(problems) => {
            let problems: Vec<String> = problems.iter().map(summary).collect();
            format!("! {}", problems.join(", "))
        }
    }
}

fn tasks(count: usize) -> String {
    let task = |number| format!("{{\"id\": {number}, \"title\": \"T\", \"description\": \"do\"}}");
    let tasks: Vec<String> = (0..count).map(task).collect();
    format!("[{}]", tasks.join(","))
}

#[test]
fn answers_of_every_shape_are_a_plan() {
    let yaml = "tasks:\n  - id: a\n    name: A\n    description: do\n  - id: b\n    name: B\n    description: do\n    depends_on: [a]\n";
    let story_yaml = "story: \"The example\"   # as it was told\ntasks:\n  - id: \"a\"\n    name: A\n    description: do\n    files: [x.py, y.py] # two\n    parallel_safe: true\n    depends_on: []\n  - id: b\n    name: B\n    description: do\n    files: []\n    parallel_safe: false\n    depends_on: [a]\n";
    let cases: Vec<(&str, String)> = vec![
        ("bare array", TWO.to_owned()),
        ("object", format!("{{\"tasks\": {TWO}}}")),
        ("object with waves", format!("{{\"tasks\": {TWO}, \"waves\": [{{\"wave\": 1, \"tasks\": [\"a\"]}}, {{\"wave\": 2, \"tasks\": [\"b\"]}}]}}")),
        ("fenced", format!("```json\n{TWO}\n```")),
        ("fence without an end", format!("```json\n{TWO}")),
        ("prose around a fence", format!("Here is the plan:\n\n```json\n{TWO}\n```\n\nTell me if [something] {{is}} missing.")),
        ("prose around it", format!("After a look at [src] and {{tests}}: {TWO}\nThat is all.")),
        ("beside another block", format!("I ran\n```sh\nls [a-z]*\n```\nand propose {TWO}")),
        ("two blocks", format!("```json\n{TWO}\n```\nOr, shorter:\n```json\n[{{\"id\": \"x\", \"title\": \"X\"}}]\n```")),
        ("longer fence", format!("````\n```json\n{TWO}\n```\n````")),
        ("tilde prose", format!("~~~\n{TWO}\n~~~")),
        ("BOM", format!("\u{feff}{TWO}")),
        ("CRLF", format!("Plan:\r\n```json\r\n{}\r\n```\r\n", TWO.replace(", ", ",\r\n"))),
        ("YAML", yaml.to_owned()),
        ("YAML with a BOM", format!("\u{feff}{yaml}")),
        ("fenced YAML", format!("Sure.\n```yaml\n{yaml}```\nDone.")),
        ("YAML of the specification", format!("```yaml\n{story_yaml}```")),
        ("YAML with CRLF", yaml.replace('\n', "\r\n")),
        ("trailing commas", "```json\n[{\"id\": \"a\", \"title\": \"A\", \"description\": \"do\",},\n {\"id\": \"b\", \"title\": \"B\", \"description\": \"do\", \"dependsOn\": [\"a\",],},]\n```".to_owned()),
        ("comments", "```yaml\ntasks: # all\n- {id: a, title: A, description: do} # first\n- {id: b, title: B, description: do, dependencies: [a]}\n```".to_owned()),
        ("every spelling", "[{\"id\": \"a\", \"name\": \"A\", \"Description\": \"do\", \"estimatedComplexity\": \"Small\", \"parallelSafe\": true, \"promptHints\": \"look\"}, {\"id\": \"b\", \"title\": \"B\", \"description\": \"do\", \"estimated_complexity\": \"large\", \"dependencies\": [\"a\"], \"pattern\": \"endpoint\", \"agent\": \"codex\"}]".to_owned()),
        ("nothing for an option", "[{\"id\": \"a\", \"title\": \"A\", \"description\": \"do\", \"pattern\": null, \"dependsOn\": null}, {\"id\": \"b\", \"title\": \"B\", \"description\": \"do\", \"depends_on\": [\"a\"]}]".to_owned()),
    ];
    for (name, answer) in cases {
        assert_eq!(outcome(&answer), "a > b", "{name}: {answer}");
    }
}

#[test]
fn numbers_are_ids_and_waves_are_derived() {
    for (answer, expected) in [
        (
            r#"[{"id": 1, "title": "A", "description": "do"}, {"id": "2", "title": "B", "description": "do", "dependsOn": [1]}]"#,
            "1 > 2",
        ),
        (
            r#"[{"id": 1.10, "title": "A", "description": "do"}, {"id": 1.1, "title": "B", "description": "do", "dependsOn": ["1.10"]}]"#,
            "1.10 > 1.1",
        ),
        // Both in the first wave, says the model.
        (
            r#"[{"id": "a", "title": "A", "description": "do", "wave": 1}, {"id": "b", "title": "B", "description": "do", "wave": 1, "dependsOn": ["a"]}]"#,
            "a > b, wave_too_early",
        ),
        (
            r#"{"tasks": [{"id": "a", "title": "A", "description": "do", "files": ["x"]}, {"id": "b", "title": "B", "description": "do", "files": ["./x"]}], "waves": [["a", "b"]]}"#,
            "a > b, wave_too_early",
        ),
        (r#"[{"id": "a", "title": "A"}]"#, "a, missing_description"),
    ] {
        assert_eq!(outcome(answer), expected, "{answer}");
    }
    let fifty = outcome(&tasks(50));
    assert_eq!(fifty.split('+').count(), 50);
}

#[test]
fn what_is_no_plan_is_told_with_its_place() {
    let one = |more: &str| {
        format!("[{{\"id\": \"a\", \"title\": \"A\", \"description\": \"do\"{more}}}]")
    };
    let id = |id: &str| format!("[{{\"id\": {id}, \"title\": \"A\", \"description\": \"do\"}}]");
    let cases: Vec<(&str, String, &str)> = vec![
        ("empty", String::new(), "! no_plan -"),
        ("blank", " \r\n\u{feff}".to_owned(), "! no_plan -"),
        ("refusal", "I cannot do that. [1]".to_owned(), "! no_plan -"),
        ("no tasks", "{\"tasks\": []}".to_owned(), "! no_tasks 1:11"),
        ("cyclic", "Plan:\n[{\"id\": \"a\", \"title\": \"A\", \"description\": \"do\", \"dependsOn\": [\"b\"]},\n{\"id\": \"b\", \"title\": \"B\", \"description\": \"do\", \"dependsOn\": [\"a\"]}]".to_owned(), "! cycle 2:63"),
        ("of itself", one(", \"dependsOn\": [\"a\"]"), "! self_dependency 1:63"),
        ("unknown dependency", one(", \"dependsOn\": [\"z\"]"), "! unknown_dependency 1:63"),
        ("duplicate ids", format!("[{0},{0}]", "{\"id\": 1, \"title\": \"A\", \"description\": \"do\"}"), "! duplicate_id 1:54"),
        ("number and text", "[{\"id\": 1, \"title\": \"A\", \"description\": \"do\"},\n{\"id\": \"1\", \"title\": \"A\", \"description\": \"do\"}]".to_owned(), "! duplicate_id 2:8"),
        ("500 tasks", tasks(500), "! too_many_tasks 1:1"),
        ("51 tasks", format!("```\n{}\n```", tasks(51)), "! too_many_tasks 2:1"),
        ("unknown pattern", one(", \"pattern\": \"endpiont\""), "! unknown_pattern 1:60"),
        ("unknown agent", one(", \"agent\": \"gpt\""), "! unknown_agent 1:58"),
        ("unknown key", one(", \"steps\": []"), "! unknown_key 1:49"),
        ("unknown wave member", format!("{{\"tasks\": {}, \"waves\": [[\"z\"]]}}", one("")), "! unknown_task 1:72"),
        ("outside the repository", one(", \"files\": [\"../x\"]"), "! path_escapes 1:59"),
        ("control characters", id("\"a\\u0000\""), "! invalid_id 1:9"),
        ("a line as an id", id("\"a\\nb\""), "! invalid_id 1:9"),
        ("a long id", id(&format!("\"{}\"", "x".repeat(300))), "! invalid_id 1:9"),
        ("an object as an id", id("{}"), "! wrong_type 1:9"),
        ("a blank id", id("\" \""), "! missing_id 1:9"),
        ("comments in JSON", "```json\n// the plan\n[{\"id\": \"a\" /* x */, \"title\": \"A\"}]\n```".to_owned(), "! syntax 3:13"),
        ("deep", "[".repeat(5_000), "! syntax 1:5001"),
        ("deep in a task", one(&format!(", \"metadata\": {}{}", "[".repeat(5_000), "]".repeat(5_000))), "! too_deep 1:5051"),
    ];
    let mut wrong = Vec::new();
    for (name, answer, expected) in cases {
        let found = outcome(&answer);
        if found != expected {
            wrong.push(format!("{name}: {found}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Whatever a limit on tokens leaves of an answer.
#[test]
fn no_part_of_a_cut_answer_is_a_plan() {
    let yaml = "tasks:\n  - id: a\n    title: A\n    description: |\n      Make\n          ```rust\n          x\n          ```\n  - id: b\n    title: B\n";
    let whole = [
        format!("{{\"tasks\": {TWO}, \"waves\": [[\"a\"], [\"b\"]]}}"),
        format!("Here:\n```json\n{{\n\"tasks\": {TWO}\n}}\n```"),
        TWO.to_owned(),
        format!("```yaml\n{yaml}```"),
    ];
    for answer in whole {
        assert!(read(&answer).is_ok(), "{}: {answer}", outcome(&answer));
        let end = answer.trim_end_matches(['`', '\n', ' ']).len();
        for cut in 0..end {
            let found = outcome(&answer[..cut]);
            assert!(found.starts_with('!'), "{cut} {found}: {}", &answer[..cut]);
        }
    }
}

/// Fences inside of a text do not end the plan.
#[test]
fn code_inside_of_a_plan_stays_there() {
    let answer = "```yaml\ntasks:\n  - id: a\n    title: A\n    description: |\n      Make\n      ```rust\n      fn x() {}\n      ```\n  - id: b\n    title: B\n    description: do\n```\n";
    let plan = read(answer).expect("a plan");
    assert_eq!(waves(&plan), [["a", "b"]]);
    assert_eq!(
        plan.tasks[0].description.trim_end(),
        "Make\n```rust\nfn x() {}\n```"
    );
}
