//! Calls that need no engine. They block for as long as it takes to read a few files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{answer, arguments, unknown};
use crate::error::{Error, Result};
use crate::model::{OutOfScope, Plan, Scope, TaskId, TaskStatus};
use crate::{dot, gates, mermaid, plan_schema, svg};

/// The functions of [`call`].
pub const FUNCTIONS: &[&str] = &[
    "plan_new",
    "plan_parse",
    "plan_load",
    "plan_from_answer",
    "plan_to_yaml",
    "plan_graph",
    "plan_schema",
    "detect_gates",
];

/// The forms in which a graph is drawn.
#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum GraphFormat {
    Mermaid,
    Dot,
    Svg,
}

impl GraphFormat {
    pub(super) fn draw(
        self,
        plan: &Plan,
        status: impl Fn(&TaskId) -> Option<TaskStatus>,
    ) -> String {
        match self {
            Self::Mermaid => mermaid(plan, status),
            Self::Dot => dot(plan, status),
            Self::Svg => svg(plan, status),
        }
    }
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct New {
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    review: bool,
    tasks: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parse {
    text: String,
    file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FromAnswer {
    answer: String,
    title: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Load {
    path: PathBuf,
    #[serde(default)]
    scope: Vec<String>,
    #[serde(default)]
    out_of_scope: OutOfScope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Detect {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToYaml {
    plan: Plan,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Graph {
    plan: Plan,
    format: GraphFormat,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Calls one of [`FUNCTIONS`] and returns its answer: `plan_new {title, description?, review?, tasks}`, `plan_parse {text, file?}`,
/// `plan_load {path, scope?, out_of_scope?}` and `plan_from_answer {answer, title}` make a [`Plan`], the scope being a list of words as
/// [`Scope`] takes them and `out_of_scope` one of `refuse`, `expand`, `skip`; `plan_to_yaml {plan}` writes one,
/// `plan_graph {plan, format}` draws one as `mermaid`, `dot` or `svg`, `plan_schema {}` is [`plan_schema`], `detect_gates {path}` the list of `{name, command}` that [`gates::detect`] finds.
///
/// # Errors
/// `InvalidInput` for an unknown function or arguments that it does not take; `InvalidPlan` with every problem of a plan.
pub fn call(function: &str, text: &str) -> Result<String> {
    match function {
        "plan_new" => answer(&plan_new(&arguments(function, text)?)?),
        "plan_parse" => {
            let Parse { text, file } = arguments(function, text)?;
            answer(&Plan::parse(&text, file.as_deref().unwrap_or("plan"))?)
        }
        "plan_load" => {
            let load: Load = arguments(function, text)?;
            let scope = Scope::new(load.scope).out_of_scope(load.out_of_scope);
            answer(&Plan::load_scoped(load.path, &scope)?)
        }
        "plan_from_answer" => {
            let told: FromAnswer = arguments(function, text)?;
            answer(&Plan::from_answer(&told.answer, &told.title)?)
        }
        "plan_to_yaml" => {
            let ToYaml { plan } = arguments(function, text)?;
            answer(&plan.to_yaml()?)
        }
        "plan_graph" => {
            let Graph { plan, format } = arguments(function, text)?;
            answer(&format.draw(&plan, |_| None))
        }
        "plan_schema" => {
            let Nothing {} = arguments(function, text)?;
            answer(&plan_schema())
        }
        "detect_gates" => {
            let Detect { path } = arguments(function, text)?;
            let found: Vec<Value> = gates::detect_explained(path)
                .into_iter()
                .map(|gate| json!({"name": gate.gate.definition().name, "command": gate.command}))
                .collect();
            answer(&found)
        }
        _ => Err(unknown("function", function, FUNCTIONS)),
    }
}

/// A plan whose tasks have the members that they have in a plan file, and as strictly. No file, so no place in one.
fn plan_new(new: &New) -> Result<Plan> {
    let text = answer(new)?;
    match Plan::parse(&text, "plan.json") {
        Ok(mut plan) => {
            plan.title.clone_from(&new.title);
            plan.source = None;
            for warning in &mut plan.warnings {
                (warning.file, warning.line, warning.column) = (None, None, None);
            }
            Ok(plan)
        }
        Err(error) => {
            let mut problems = error.problems().to_vec();
            for problem in &mut problems {
                (problem.file, problem.line, problem.column) = (None, None, None);
            }
            Err(Error::from_problems(error.kind(), problems))
        }
    }
}
