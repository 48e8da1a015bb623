//! The canonical plan file: how a plan is written, and the schema that editors check it with.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Complexity, Plan, StoryTask};

/// A plan for Aura: a graph of tasks that coding agents work on.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Plan")]
struct PlanFile<'a> {
    /// Where the schema of this file is; for editors.
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    /// What is wanted, in one line. The file's name where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// What is wanted, at length.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// `true`: it is not run without a required gate that reviews. Default `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<bool>,
    /// The tasks; their order decides where the graph leaves a choice.
    #[schemars(length(min = 1, max = 10_000))]
    tasks: Vec<TaskFile<'a>>,
}

/// One task, done by one agent in a workspace of its own.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename = "Task")]
struct TaskFile<'a> {
    /// Unique within the plan; a number is taken as it is spelled.
    id: IdText<'a>,
    /// One line for people; part of the commit message.
    #[schemars(length(min = 1))]
    title: &'a str,
    /// What the agent is asked to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    /// Files, directories (`src/`) and globs (`*`, `?`, `**`, `{a,b}`) that the task means to touch,
    /// relative to the repository's root. Tasks that overlap run one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [String]>,
    /// Tasks whose accepted work must be in the workspace before this one starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    depends_on: Option<Vec<IdText<'a>>>,
    /// `false`: runs alone, with nothing beside it. Default `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_safe: Option<bool>,
    /// `true`: an attempt that changes nothing counts as done. Default `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    no_change_ok: Option<bool>,
    /// `true`: its work may leave fewer tests than there were. Default `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    removes_tests: Option<bool>,
    /// A named pattern whose text is put into the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<&'a str>,
    /// The planner's estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    complexity: Option<Complexity>,
    /// Further advice for the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_hints: Option<&'a [String]>,
    /// What a reviewer checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    acceptance_criteria: Option<&'a [String]>,
    /// The agent that does it; the story's default where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    /// Whatever else the plan's author keeps with the task; carried, never interpreted.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Map<String, Value>>,
}

/// An id: written as a text, read from a text or a number.
#[derive(Serialize)]
#[serde(transparent)]
struct IdText<'a>(&'a str);

impl JsonSchema for IdText<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "minLength": 1, "maxLength": 200 })
    }
}

impl<'a> From<&'a Plan> for PlanFile<'a> {
    fn from(plan: &'a Plan) -> Self {
        Self {
            schema: None,
            title: Some(&plan.title),
            description: some(&plan.description),
            review: plan.review.then_some(true),
            tasks: plan.tasks.iter().map(TaskFile::from).collect(),
        }
    }
}

impl<'a> From<&'a StoryTask> for TaskFile<'a> {
    fn from(task: &'a StoryTask) -> Self {
        let ids: Vec<IdText<'_>> = task
            .depends_on
            .iter()
            .map(|id| IdText(id.as_str()))
            .collect();
        Self {
            id: IdText(task.id.as_str()),
            title: &task.title,
            description: some(&task.description),
            files: some_items(&task.files),
            depends_on: (!ids.is_empty()).then_some(ids),
            parallel_safe: (!task.parallel_safe).then_some(false),
            no_change_ok: task.no_change_ok.then_some(true),
            removes_tests: task.removes_tests.then_some(true),
            pattern: task.pattern.as_deref(),
            complexity: task.complexity,
            prompt_hints: some_items(&task.prompt_hints),
            acceptance_criteria: some_items(&task.acceptance_criteria),
            agent: task.agent.as_deref(),
            metadata: (!task.metadata.is_empty()).then_some(&task.metadata),
        }
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn some_items(items: &[String]) -> Option<&[String]> {
    (!items.is_empty()).then_some(items)
}

impl Plan {
    /// The plan as a file in canonical form, without anything that is derived. [`Plan::parse`] reads the
    /// same plan from it; only [`Plan::source`] and places in warnings differ.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] where the plan was changed by hand into something YAML cannot hold.
    pub fn to_yaml(&self) -> Result<String> {
        serde_saphyr::to_string(&PlanFile::from(self)).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("could not write the plan as YAML: {error}"),
            )
        })
    }
}

/// The JSON schema (draft 2020-12) of the plan file in canonical form; the reader accepts more.
pub fn plan_schema() -> Value {
    schemars::schema_for!(PlanFile<'static>).to_value()
}
