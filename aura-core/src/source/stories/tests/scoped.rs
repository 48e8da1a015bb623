//! Which tasks a scope chooses.

use super::{Expected, fixture, folder, ids, places};
use crate::error::Severity;
use crate::model::{OutOfScope, Plan, Scope};

#[test]
fn a_scope_chooses_stories() {
    let cases: [(&[&str], OutOfScope, Expected); 20] = [
        (&["1.1"], OutOfScope::Refuse, Ok(&["1.1"])),
        (&["1.1", "1.2"], OutOfScope::Refuse, Ok(&["1.1", "1.2"])),
        (
            &["1.1-1.4"],
            OutOfScope::Refuse,
            Ok(&["1.1", "1.2", "1.3", "1.4"]),
        ),
        (&["0.1-1.2"], OutOfScope::Refuse, Ok(&["1.1", "1.2"])),
        (
            &["1.*"],
            OutOfScope::Refuse,
            Ok(&["1.1", "1.2", "1.3", "1.4", "1.10"]),
        ),
        (
            &["1.?"],
            OutOfScope::Refuse,
            Ok(&["1.1", "1.2", "1.3", "1.4"]),
        ),
        (
            &["epic:1"],
            OutOfScope::Refuse,
            Ok(&["1.1", "1.2", "1.3", "1.4", "1.10"]),
        ),
        (&["epic:search"], OutOfScope::Skip, Err(&["nothing_to_do"])),
        (&["epic:accounts"], OutOfScope::Skip, Ok(&["1.1"])),
        (
            &["epic:Accounts"],
            OutOfScope::Expand,
            Ok(&["1.1", "1.2", "1.3", "1.10"]),
        ),
        (
            &["1.2", "1.3"],
            OutOfScope::Refuse,
            Err(&["out_of_scope", "out_of_scope"]),
        ),
        (&["1.3"], OutOfScope::Expand, Ok(&["1.1", "1.2", "1.3"])),
        (&["1.1", "1.3", "1.4"], OutOfScope::Skip, Ok(&["1.1"])),
        (&["0.1"], OutOfScope::Refuse, Err(&["nothing_to_do"])),
        (&["1.1-1.9"], OutOfScope::Refuse, Err(&["unknown_scope"])),
        (&["1.4-1.1"], OutOfScope::Refuse, Err(&["invalid_scope"])),
        (
            &["1.9", "epic:7", "3.*", "x"],
            OutOfScope::Refuse,
            Err(&["unknown_scope"; 4]),
        ),
        (&["1.{1"], OutOfScope::Refuse, Err(&["invalid_scope"])),
        (&["epic:"], OutOfScope::Refuse, Err(&["unknown_scope"])),
        (
            &[],
            OutOfScope::Skip,
            Ok(&["1.1", "1.2", "1.3", "1.4", "1.10", "2.1", "2.2"]),
        ),
    ];
    for (words, out_of_scope, expected) in cases {
        let scope = Scope::new(words.iter().copied()).out_of_scope(out_of_scope);
        let found = Plan::load_scoped(fixture("shapes"), &scope);
        let found = found.as_ref().map(ids).map_err(|error| {
            let errors = error.problems().iter();
            let errors = errors.filter(|problem| problem.severity == Severity::Error);
            errors
                .map(|problem| problem.code.as_str())
                .collect::<Vec<_>>()
        });
        let expected = expected.map(<[&str]>::to_vec).map_err(<[&str]>::to_vec);
        assert_eq!(found, expected, "{words:?} {out_of_scope:?}");
    }
}

#[test]
fn what_a_scope_takes_in_and_leaves_out_is_told() {
    let told = |out_of_scope| {
        let scope = Scope::new(["1.1", "1.3", "1.4"]).out_of_scope(out_of_scope);
        let plan = Plan::load_scoped(fixture("shapes"), &scope).expect("a plan");
        let told = plan
            .warnings
            .into_iter()
            .filter(|problem| matches!(problem.code.as_str(), "scope_expanded" | "left_out"));
        told.map(|problem| (problem.task.expect("a task"), problem.message))
            .collect::<Vec<_>>()
    };
    let expanded = "`1.2` is taken in, since `1.4` depends on it";
    assert_eq!(
        told(OutOfScope::Expand),
        [("1.4".to_owned(), expanded.to_owned())]
    );
    let left_out = |id: &str, by: &str| {
        let text = format!(
            "`{id}` is left out, since it depends on `{by}`, which is not in the scope or was left out"
        );
        (id.to_owned(), text)
    };
    assert_eq!(
        told(OutOfScope::Skip),
        [left_out("1.3", "1.2"), left_out("1.4", "1.2")]
    );
    // What is odd elsewhere is not told.
    let plan = Plan::load_scoped(fixture("shapes"), &Scope::new(["1.1"])).expect("a plan");
    let told: Vec<_> = plan
        .warnings
        .iter()
        .filter_map(|problem| problem.task.as_ref())
        .collect();
    assert_eq!(told, [""; 0]);
    let error = Plan::load_scoped(fixture("shapes"), &Scope::new(["1.2"])).expect_err("refused");
    assert_eq!(
        places(error.problems())[0],
        "out_of_scope 1.2.login.md:10:9"
    );
}

#[test]
fn a_scope_chooses_tasks_of_a_plan_file_too() {
    let text = "title: T\ntasks:\n  - { id: api, title: A }\n  - { id: api-docs, title: D, depends_on: [api], wave: 1 }\n  \
                - { id: web, title: W }\nwaves: [[api, web], [api-docs]]\n";
    let folder = folder(&[("plan.yaml", text)]);
    let load = |scope: Scope| Plan::load_scoped(folder.path().join("plan.yaml"), &scope);
    assert_eq!(
        ids(&load(Scope::new(["api*"])).expect("a plan")),
        ["api", "api-docs"]
    );
    let whole = load(Scope::new(["api-docs"]).out_of_scope(OutOfScope::Expand));
    assert_eq!(ids(&whole.expect("a plan")), ["api", "api-docs"]);
    let error = load(Scope::new(["api-docs", "epic:web"])).expect_err("refused");
    assert_eq!(
        places(error.problems()),
        ["unknown_scope -", "out_of_scope plan.yaml:4:44"]
    );
}
