use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::graph::Graph;
use super::scope::{self, Entry};
use super::{closest, shown};
use crate::error::ErrorKind;
use crate::model::{Complexity, Plan, StoryTask, TaskId};

fn task(id: &str, depends_on: &[&str], files: &[&str]) -> StoryTask {
    StoryTask::new(id, format!("Do {id}"))
        .description("At length")
        .depends_on(depends_on.iter().copied())
        .files(files.iter().copied())
}

fn alone(mut task: StoryTask) -> StoryTask {
    task.parallel_safe = false;
    task
}

fn sized(mut task: StoryTask, complexity: Complexity) -> StoryTask {
    task.complexity = Some(complexity);
    task
}

fn names(ids: &[TaskId]) -> Vec<&str> {
    ids.iter().map(TaskId::as_str).collect()
}

fn waves_of(plan: &Plan) -> String {
    let waves: Vec<String> = plan
        .waves
        .iter()
        .map(|wave| names(&wave.tasks).join(" "))
        .collect();
    waves.join(" | ")
}

fn edges(plan: &Plan) -> Vec<String> {
    let text = |edge: &crate::model::Edge| format!("{} {}: {}", edge.before, edge.after, edge.why);
    plan.added_edges.iter().map(text).collect()
}

#[test]
fn waves_follow_dependencies_files_and_exclusive_tasks() {
    let cases: [(&str, Vec<StoryTask>, &str); 9] = [
        (
            "nothing between them",
            vec![task("a", &[], &[]), task("b", &[], &[])],
            "a b",
        ),
        (
            "the longest path decides",
            vec![
                task("d", &["a", "c"], &[]),
                task("c", &["b"], &[]),
                task("b", &["a"], &[]),
                task("a", &[], &[]),
            ],
            "a | b | c | d",
        ),
        (
            "the exclusive task splits off after its parallel siblings",
            vec![
                task("1", &[], &[]),
                task("2", &["1"], &[]),
                task("3", &["2"], &[]),
                alone(task("4", &["2"], &[])),
            ],
            "1 | 2 | 3 | 4",
        ),
        (
            "even when it comes first in the plan, and nobody starves it",
            vec![
                alone(task("x", &[], &[])),
                task("a", &[], &[]),
                task("b", &["a"], &[]),
                task("y", &["x"], &[]),
            ],
            "a | x | b y",
        ),
        (
            "exclusive tasks are apart from each other",
            vec![alone(task("x", &[], &[])), alone(task("y", &[], &[]))],
            "x | y",
        ),
        (
            "overlaps follow the plan's order",
            vec![
                task("a", &[], &["src/lib.rs"]),
                task("b", &[], &["./src//lib.rs"]),
                task("c", &[], &["src/main.rs"]),
            ],
            "a c | b",
        ),
        (
            "but a task that is ready early never waits for a late one",
            vec![
                task("a", &[], &[]),
                task("late", &["a"], &["x"]),
                task("early", &[], &["x"]),
            ],
            "a early | late",
        ),
        (
            "a directory separates what is before from what is after",
            vec![
                task("a", &[], &["src/a.rs"]),
                task("b", &[], &["src/b.rs"]),
                task("dir", &[], &["src/"]),
                task("c", &[], &["src/a.rs"]),
            ],
            "a b | dir | c",
        ),
        (
            "globs count",
            vec![
                task("a", &[], &["src/a.rs"]),
                task("g", &[], &["src/**/*.rs"]),
                task("t", &[], &["src/x.ts"]),
                task("h", &[], &["src/*.{rs,ts}"]),
            ],
            "a t | g | h",
        ),
    ];
    for (what, tasks, wanted) in cases {
        let plan = Plan::new("Title", tasks).unwrap();
        assert_eq!(waves_of(&plan), wanted, "{what}");
    }
}

#[test]
fn added_edges_say_why_and_only_what_the_plan_does_not_say() {
    let plan = Plan::new(
        "Title",
        [
            task("a", &[], &["src/a.rs", "src/b.rs"]),
            task("b", &["a"], &["src/a.rs"]),
            task("c", &[], &["src/b.rs", "src/a.rs"]),
            task("d", &["b"], &["src/"]),
            alone(task("e", &["c"], &[])),
        ],
    )
    .unwrap();
    assert_eq!(
        edges(&plan),
        [
            "a c: both touch `src/a.rs`, both touch `src/b.rs`",
            "c b: both touch `src/a.rs`",
            "b e: `e` runs alone",
            "e d: `e` runs alone",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    assert_eq!(waves_of(&plan), "a | c | b | e | d");
}

#[test]
fn the_critical_path_is_the_longest_chain() {
    let plan = Plan::new(
        "Title",
        [
            task("a", &[], &[]),
            task("b", &["a"], &[]),
            task("c", &[], &["f"]),
            task("d", &["b"], &["f"]),
        ],
    )
    .unwrap();
    assert_eq!(names(&plan.critical_path), ["a", "b", "d"]);
    let plan = Plan::new(
        "Title",
        [
            sized(task("s1", &[], &[]), Complexity::Small),
            sized(task("s2", &["s1"], &[]), Complexity::Small),
            sized(task("big", &[], &[]), Complexity::Large),
            task("end", &["s2", "big"], &[]),
        ],
    )
    .unwrap();
    assert_eq!(names(&plan.critical_path), ["big", "end"]);
}

#[test]
fn a_plan_from_code_is_refused_with_all_its_problems() {
    let mut nested = serde_json::json!(1);
    for _ in 0..80 {
        nested = serde_json::json!([nested]);
    }
    let mut deep = task("deep", &[], &[]);
    deep.metadata.insert("k".to_owned(), nested);
    let tasks = [
        task("a", &["a", "b", "c", "typo"], &["../x"]),
        task("b", &["a"], &[]),
        task("a", &[], &[]),
        task("", &[], &[]),
        deep,
        StoryTask::new("c", " \n"),
    ];
    let error = Plan::new(" ", tasks).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPlan);
    let mut codes: Vec<&str> = error.problems().iter().map(|p| p.code.as_str()).collect();
    codes.sort_unstable();
    let wanted = [
        "cycle",
        "duplicate_id",
        "missing_id",
        "missing_title",
        "missing_title",
        "path_escapes",
        "self_dependency",
        "too_deep",
        "unknown_dependency",
    ];
    assert_eq!(codes, wanted);
    assert_eq!(
        Plan::new("T", []).unwrap_err().problems()[0].code,
        "no_tasks"
    );
}

#[test]
fn a_cycle_of_ten_thousand_tasks_is_named_briefly() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("t{n}")).collect();
    let tasks = (0..ids.len()).map(|n| task(&ids[n], &[&ids[(n + 1) % ids.len()]], &[]));
    let error = Plan::new("T", tasks).unwrap_err();
    assert_eq!(error.problems().len(), 1);
    let text = &error.problems()[0].message;
    assert!(text.contains("t0 -> t1 -> t2"), "{text}");
    assert!(
        text.contains("(9941 more)") && text.contains("t9999 -> t0 "),
        "{text}"
    );
    assert!(text.len() < 1000, "{text}");
}

/// Quadratic work would make these run for minutes.
#[test]
fn ten_thousand_tasks_are_planned() {
    let unrelated = (0..10_000).map(|n| {
        let (id, file, dir) = (
            format!("t{n}"),
            format!("src/m{n}/mod.rs"),
            format!("doc/{n}/"),
        );
        task(&id, &[], &[&file, &dir, &format!("src/m{n}/**/*.rs")])
    });
    let plan = Plan::new("T", unrelated).unwrap();
    assert_eq!(plan.width(), 10_000);
    assert!(plan.added_edges.is_empty());

    let shared = (0..10_000).map(|n| {
        task(
            &format!("t{n}"),
            &[],
            &["Cargo.toml", &format!("src/{n}.rs")],
        )
    });
    let plan = Plan::new("T", shared).unwrap();
    assert_eq!(plan.waves.len(), 10_000);
    assert_eq!(plan.added_edges.len(), 9_999);

    let exclusive = (0..10_000).map(|n| {
        let task = task(&format!("t{n}"), &[], &[]);
        if n % 2 == 0 { alone(task) } else { task }
    });
    let plan = Plan::new("T", exclusive).unwrap();
    assert_eq!(plan.waves.len(), 5_001);
}

#[test]
fn paths_have_one_form_and_stay_inside() {
    let cases = [
        ("./a//b", Ok("a/b")),
        ("a/./b/", Ok("a/b/")),
        ("a/../b", Ok("b")),
        ("a/b/..", Ok("a/")),
        (" a ", Ok("a")),
        (".", Ok("./")),
        ("./", Ok("./")),
        ("a/..", Ok("./")),
        ("src/*/", Ok("src/*/**")),
        ("./src/**/*.rs", Ok("src/**/*.rs")),
        ("app/[id]/{x}.tsx", Ok("app/[id]/{x}.tsx")),
        ("..", Err("path_escapes")),
        ("a/../../b", Err("path_escapes")),
        ("*/../b", Err("path_escapes")),
        ("/a", Err("absolute_path")),
        ("//a", Err("absolute_path")),
        ("C:/a", Err("absolute_path")),
        ("./C:/a", Err("absolute_path")),
        ("x/../~/a", Err("absolute_path")),
        ("./ a", Err("invalid_path")),
        ("~/a", Err("absolute_path")),
        ("\\\\host\\a", Err("absolute_path")),
        ("a\\b", Err("invalid_path")),
        ("", Err("invalid_path")),
        ("a\0b", Err("invalid_path")),
        ("*.{a,b", Err("invalid_glob")),
    ];
    for (raw, wanted) in cases {
        let found = scope::normalise(raw);
        let found = found
            .as_ref()
            .map(String::as_str)
            .map_err(|p| p.code.as_str());
        assert_eq!(found, wanted, "{raw:?}");
        if let Ok(normal) = found {
            assert_eq!(scope::normalise(normal).unwrap(), normal);
        }
    }
    assert_eq!(
        scope::normalise(&"a/".repeat(129)).unwrap_err().code,
        "invalid_path"
    );
    assert_eq!(
        scope::normalise(&format!("*{}", "{a,".repeat(400)))
            .unwrap_err()
            .code,
        "invalid_glob"
    );
}

fn entry(raw: &str) -> Entry {
    Entry::parse(&scope::normalise(raw).unwrap()).unwrap()
}

#[test]
fn overlap_of_paths_directories_and_globs() {
    let yes = [
        ("a", "a"),
        ("src", "src/a.rs"),
        ("src/", "src/a/b.rs"),
        (".", "any/thing"),
        ("src/**", "src/a/b"),
        ("src/**/*", "src/"),
        ("*.rs", "main.rs"),
        ("**/*.rs", "src/a/b.rs"),
        ("src/*/mod.rs", "src/a/"),
        ("src/*/mod.rs", "src/"),
        ("src/*/mod.rs", "src"),
        ("src/{a,b}/*.rs", "src/b/x.rs"),
        ("src/{a,b/c}.rs", "src/b/c.rs"),
        ("{a/b,c}/x.rs", "a/b/"),
        ("src/*.rs", "src/a*"),
        ("**/*.rs", "src/api"),
        ("Make*", "Makefile"),
        ("**/mod.rs", "src/*/*.rs"),
        ("src/**/a/*.rs", "src/b*/**"),
        ("app/[id]/page.tsx", "app/[id]/page.tsx"),
        ("app/[id]/*.tsx", "app/[id]/page.tsx"),
        ("app/[id]/", "app/*/page.tsx"),
    ];
    let no = [
        ("a", "ab"),
        ("src/a.rs", "src/b.rs"),
        ("src/", "source/a.rs"),
        ("*.rs", "src/main.rs"),
        ("src/*.rs", "src/a/b.rs"),
        ("src/*.rs", "src/*.ts"),
        ("src/**/*.rs", "src/**/*.ts"),
        ("src/*.rs", "tests/*.rs"),
        ("src/*.rs", "docs/"),
        ("src/a*/x", "src/b*/x"),
        ("src/*.rs", "src/a/"),
        ("app/[id]/page.tsx", "app/i/page.tsx"),
        ("app/[id]/*.tsx", "app/d/page.tsx"),
    ];
    let pairs = yes
        .map(|pair| (pair, true))
        .into_iter()
        .chain(no.map(|pair| (pair, false)));
    for ((a, b), wanted) in pairs {
        assert_eq!(entry(a).overlaps(&entry(b)), wanted, "{a} and {b}");
        assert_eq!(entry(b).overlaps(&entry(a)), wanted, "{b} and {a}");
    }
}

#[test]
fn too_many_globs_count_as_their_directories_and_that_is_said() {
    let tasks = (0..80).map(|n| {
        let dir = if n < 70 {
            n.to_string()
        } else {
            "last".to_owned()
        };
        task(&format!("t{n}"), &[], &[&format!("{dir}/**/*.x{n}")])
    });
    let plan = Plan::new("T", tasks).unwrap();
    let codes: Vec<&str> = plan.warnings.iter().map(|p| p.code.as_str()).collect();
    assert_eq!(codes, ["glob_widened"]);
    assert_eq!(plan.added_edges.len(), 9);
}

#[test]
fn lints_name_what_a_person_should_look_at() {
    let codes = |tasks: Vec<StoryTask>| -> Vec<String> {
        let plan = Plan::new("T", tasks).unwrap();
        plan.warnings
            .into_iter()
            .map(|problem| problem.code)
            .collect()
    };
    let chain = vec![
        task("a", &[], &[]),
        task("b", &["a"], &[]),
        task("c", &["b"], &[]),
        task("d", &["c"], &[]),
    ];
    assert_eq!(codes(chain), ["near_linear"]);
    let wide = vec![
        task("a", &[], &[]),
        task("b", &["a"], &[]),
        task("c", &["a"], &[]),
        task("d", &["a"], &[]),
    ];
    assert_eq!(codes(wide), Vec::<String>::new());
    let crowd: Vec<StoryTask> = (0..4).map(|n| task(&n.to_string(), &[], &["x"])).collect();
    assert_eq!(codes(crowd), ["near_linear", "heavy_overlap"]);
    assert_eq!(
        codes(vec![StoryTask::new("a", "A")]),
        ["missing_description"]
    );
    let plan = Plan::new("T", [task("a", &[], &[]), task("b", &["a", "a"], &[])]).unwrap();
    assert_eq!(plan.warnings[0].code, "repeated_dependency");
    assert_eq!(names(&plan.tasks[1].depends_on), ["a"]);
}

#[test]
fn suggestions_are_near_and_messages_short() {
    let known = ["depends_on", "description", "task-1", "task-10", "validate"];
    let cases = [
        ("dependsOn", Some("depends_on")),
        ("desciption", Some("description")),
        ("Task_1", Some("task-1")),
        ("tsak-10", Some("task-10")),
        ("vaildate", Some("validate")),
        ("quality", None),
        ("", None),
    ];
    for (word, wanted) in cases {
        assert_eq!(closest(word, known), wanted, "{word}");
    }
    assert_eq!(shown("a\nb"), "a\u{fffd}b");
    assert_eq!(shown(&"ä".repeat(500)).chars().count(), 81);
}

/// Paths from a small world, so that overlaps are frequent.
fn file() -> impl Strategy<Value = String> {
    let part = || prop::sample::select(vec!["a", "b", "c.rs", "*", "**", "*.rs", "{a,b}"]);
    (prop::collection::vec(part(), 1..4), any::<bool>())
        .prop_map(|(parts, slash)| parts.join("/") + if slash { "/" } else { "" })
}

fn tasks() -> impl Strategy<Value = Vec<StoryTask>> {
    let one = (
        prop::collection::vec(file(), 0..3),
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        prop::bool::weighted(0.2),
    );
    // Dependencies follow a hidden order that is not the plan's.
    (
        prop::collection::vec(one, 1..14),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(drafts, turn)| {
            let count = drafts.len();
            let mut tasks: Vec<StoryTask> = Vec::new();
            for (n, (files, links, exclusive)) in drafts.into_iter().enumerate() {
                let mut task = task(&format!("t{n}"), &[], &[]).files(files);
                if n > 0 {
                    let before: HashSet<usize> = links.iter().map(|link| link.index(n)).collect();
                    task = task.depends_on(before.into_iter().map(|m| format!("t{m}")));
                }
                task.parallel_safe = !exclusive;
                tasks.push(task);
            }
            tasks.rotate_left(turn.index(count));
            if turn.index(2) == 1 {
                tasks.reverse();
            }
            tasks
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn waves_keep_every_promise(tasks in tasks()) {
        let plan = Plan::new("T", tasks).unwrap();
        let position: HashMap<&TaskId, usize> =
            plan.tasks.iter().enumerate().map(|(n, task)| (&task.id, n)).collect();

        // Every task exactly once, in plan order within its wave, and it knows its wave.
        let mut seen = HashSet::new();
        for (index, wave) in plan.waves.iter().enumerate() {
            prop_assert_eq!(wave.index, index);
            prop_assert!(wave.tasks.is_sorted_by_key(|id| position[id]));
            for id in &wave.tasks {
                prop_assert!(seen.insert(id.clone()));
                prop_assert_eq!(plan.task(id).unwrap().wave, index);
            }
            let exclusive = wave.tasks.iter().any(|id| !plan.task(id).unwrap().parallel_safe);
            prop_assert!(!exclusive || wave.tasks.len() == 1);
        }
        prop_assert_eq!(seen.len(), plan.tasks.len());

        // Declared and added edges lead to later waves, which also means that none closes a cycle.
        let mut graph = Graph::new(plan.tasks.len());
        for (n, task) in plan.tasks.iter().enumerate() {
            for before in &task.depends_on {
                graph.add(position[before], n);
            }
        }
        for edge in &plan.added_edges {
            let (before, after) = (position[&edge.before], position[&edge.after]);
            prop_assert!(!graph.before[after].contains(&before), "{:?} is declared", edge);
            graph.add(before, after);
        }
        for (after, befores) in graph.before.iter().enumerate() {
            for &before in befores {
                prop_assert!(plan.tasks[before].wave < plan.tasks[after].wave);
            }
        }

        // No wave is later than its edges ask for.
        let rounds: Vec<Vec<usize>> = graph.rounds();
        let waves: Vec<Vec<usize>> = plan.waves.iter()
            .map(|wave| wave.tasks.iter().map(|id| position[id]).collect())
            .collect();
        prop_assert_eq!(&rounds, &waves);

        // Overlapping tasks and exclusive ones are ordered against all they must not meet, by edges
        // alone, so also where no barrier between waves keeps them apart.
        let reach = closure(&graph, &rounds);
        let entries: Vec<Vec<Entry>> = plan.tasks.iter()
            .map(|task| task.files.iter().map(|file| entry(file)).collect())
            .collect();
        for a in 0..plan.tasks.len() {
            for b in 0..a {
                let (x, y) = (&plan.tasks[a], &plan.tasks[b]);
                let overlap = entries[a].iter().any(|f| entries[b].iter().any(|g| f.overlaps(g)));
                if overlap || !x.parallel_safe || !y.parallel_safe {
                    prop_assert!(reach[a].contains(&b) || reach[b].contains(&a), "{} {}", x.id, y.id);
                    prop_assert_ne!(x.wave, y.wave);
                }
            }
        }

        // The critical path is a chain of edges and as long as there are waves.
        let path: Vec<usize> = plan.critical_path.iter().map(|id| position[id]).collect();
        prop_assert_eq!(path.len(), plan.waves.len());
        for pair in path.windows(2) {
            prop_assert!(graph.before[pair[1]].contains(&pair[0]));
        }
    }

    #[test]
    fn two_globs_that_match_one_file_overlap(
        a in file(),
        b in file(),
        parts in prop::collection::vec(prop::sample::select(vec!["a", "b", "d"]), 0..3),
        name in prop::sample::select(vec!["c.rs", "d.rs", "x.y"]),
    ) {
        let file = entry(format!("{}/{name}", parts.join("/")).trim_start_matches('/'));
        let (x, y) = (entry(&a), entry(&b));
        let means = |entry: &Entry| entry.overlaps(&file) && !is_directory_of(&file, entry);
        if means(&x) && means(&y) {
            prop_assert!(x.overlaps(&y), "{} {}", a, b);
        }
    }

    #[test]
    fn any_path_is_normal_or_refused(raw in "[./*?{},a\\[\\]~: \\\\]{0,20}") {
        if let Ok(normal) = scope::normalise(&raw) {
            prop_assert_eq!(scope::normalise(&normal), Ok(normal.clone()));
            prop_assert!(Entry::parse(&normal).is_some());
            prop_assert!(!normal.starts_with('/') && !normal.split('/').any(|part| part == ".."));
        }
    }
}

/// The entry is a path above what the other one starts with, so it is no file that both mean.
fn is_directory_of(path: &Entry, other: &Entry) -> bool {
    let (Entry::Path(path), base) = (path, other.widened()) else {
        return false;
    };
    path.parts.len() < base.parts.len()
        || (path.parts == base.parts && matches!(other, Entry::Glob(_)))
}

fn closure(graph: &Graph, rounds: &[Vec<usize>]) -> Vec<HashSet<usize>> {
    let mut reach: Vec<HashSet<usize>> = vec![HashSet::new(); graph.before.len()];
    for &task in rounds.iter().flatten() {
        for &before in &graph.before[task] {
            let more = reach[before].clone();
            reach[task].extend(more);
            reach[task].insert(before);
        }
    }
    reach
}
