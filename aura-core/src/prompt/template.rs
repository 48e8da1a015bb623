//! Rendering.

use std::borrow::Cow;

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderError,
    RenderErrorReason, no_escape,
};
use serde_json::{Value, json};

use super::decompose::DecomposePrompt;
use super::input::{PromptAttempt, PromptDependency, PromptInput, PromptStory, PromptTask};
use super::text::{cut, fence, one_line};
use crate::error::{Error, ErrorKind, Problem, Result};
use crate::model::{Complexity, Finding, StartKind};
use crate::text::strip_controls;

const NAME: &str = "prompt";
const STANDARD: &str = include_str!("task.hbs");
const DECOMPOSE: &str = "decompose";
const STANDARD_DECOMPOSE: &str = include_str!("decompose.hbs");

/// What the templates can name, for messages.
const KNOWN: &str = "a prompt template knows task {id, title, description, files, depends_on, pattern, prompt_hints, \
     acceptance_criteria, complexity, agent, no_change_ok, metadata}, story {title, description, enrichedContext}, \
     dependencies[] {id, title, output}, attempt {number, error, gate, output_tail, findings, paths, note, start} \
     and tools[]";
const KNOWN_DECOMPOSE: &str = "a template for decompositions knows story {title, description, enrichedContext}, \
     codebaseInfo {projectType, testFramework, existingPatterns[]}, patterns[] {name, summary}, includeTests, maxParallelism, \
     maxTasks and round {number, problems[], answer}";

/// Bytes of evidence in one prompt, unless the caller says otherwise.
const EVIDENCE: usize = 64 * 1024;

/// Bytes of all that earlier tasks reported, and of what one of them did.
const REPORTS: usize = 64 * 1024;
const REPORT: usize = 8 * 1024;

/// Makes prompts from a template.
pub struct Prompts {
    registry: Handlebars<'static>,
    evidence: usize,
}

impl std::fmt::Debug for Prompts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompts")
            .field("evidence", &self.evidence)
            .finish_non_exhaustive()
    }
}

impl Prompts {
    /// With the template that comes with the library. Cannot fail unless the library is broken.
    pub fn new() -> Result<Self> {
        Self::with_template(STANDARD)
    }

    /// With a template of the user's own. `Template` when it does not parse or names what is not there, with line and column.
    /// Besides the usual helpers it has `{{fence value}}`, which sets a text or a list apart as data.
    pub fn with_template(text: &str) -> Result<Self> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(no_escape);
        registry.register_helper("fence", Box::new(fence_helper));
        register(&mut registry, NAME, text, KNOWN)?;
        register(
            &mut registry,
            DECOMPOSE,
            STANDARD_DECOMPOSE,
            KNOWN_DECOMPOSE,
        )?;
        let prompts = Self {
            registry,
            evidence: EVIDENCE,
        };
        for sample in [sample(), PromptInput::default()] {
            match prompts.render(&sample) {
                Err(error) if !is_about_metadata(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(prompts)
    }

    /// Asks for decompositions with a template of the user's own. `Template` when it does not parse or names what is not there, with
    /// line and column.
    pub fn decompose_template(mut self, text: &str) -> Result<Self> {
        register(&mut self.registry, DECOMPOSE, text, KNOWN_DECOMPOSE)?;
        for sample in [DecomposePrompt::sample(), DecomposePrompt::default()] {
            self.render_decompose(&sample)?;
        }
        Ok(self)
    }

    /// Renders the request to cut a story into tasks, once. `Template` when the template names what is not there.
    pub fn render_decompose(&self, input: &DecomposePrompt) -> Result<String> {
        let values = serde_json::to_value(input.bounded(self.evidence)).map_err(unwritable)?;
        self.rendered(DECOMPOSE, &values, KNOWN_DECOMPOSE)
    }

    fn rendered(&self, name: &str, values: &Value, known: &str) -> Result<String> {
        self.registry.render(name, values).map_err(|error| {
            let position = error.line_no.zip(error.column_no);
            refused(explain(error.reason()), position, known, error)
        })
    }

    /// Sets how many bytes of evidence a prompt may hold; 64 KiB otherwise. What is cut is cut in the middle and says so.
    #[must_use]
    pub const fn evidence_limit(mut self, bytes: usize) -> Self {
        self.evidence = bytes;
        self
    }

    /// Renders once: what a value contains is never read as a template. `Template` when the template names what is not there.
    pub fn render(&self, input: &PromptInput) -> Result<String> {
        let values = values(input, self.evidence)?;
        self.rendered(NAME, &values, KNOWN)
    }
}

fn register(registry: &mut Handlebars<'static>, name: &str, text: &str, known: &str) -> Result<()> {
    registry
        .register_template_string(name, text)
        .map_err(|error| refused(error.reason().to_string(), error.pos(), known, error))
}

fn unwritable(error: serde_json::Error) -> Error {
    let message = format!("the values of a prompt cannot be written: {error}");
    Error::new(ErrorKind::Internal, message).with_source(error)
}

fn refused(
    message: String,
    position: Option<(usize, usize)>,
    known: &str,
    cause: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let mut problem = Problem::error("template", message);
    if let Some((line, column)) = position {
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        problem = problem.at(number(line), number(column));
    }
    Error::from_problems(ErrorKind::Template, vec![problem])
        .with_help(known)
        .with_source(cause)
}

pub(super) fn explain(reason: &RenderErrorReason) -> String {
    match reason {
        RenderErrorReason::MissingVariable(Some(name)) => {
            format!("the template names `{name}`, which is not there")
        }
        other => other.to_string(),
    }
}

/// What the author of a plan keeps with a task cannot be known before there is one.
fn is_about_metadata(error: &Error) -> bool {
    error.cause().is_some_and(|cause| {
        matches!(
            cause.downcast_ref::<RenderError>().map(RenderError::reason),
            Some(RenderErrorReason::MissingVariable(Some(name))) if name.contains("metadata")
        )
    })
}

/// The values as the template sees them: everything that agents and gates wrote is made harmless and cut.
fn values(input: &PromptInput, evidence: usize) -> Result<Value> {
    let bounded = PromptInput {
        dependencies: dependencies(&input.dependencies),
        attempt: attempt(&input.attempt, evidence),
        ..input.clone()
    };
    let mut values = serde_json::to_value(&bounded).map_err(unwritable)?;
    values["task"]["name"] = json!(bounded.task.title);
    Ok(values)
}

fn dependencies(given: &[PromptDependency]) -> Vec<PromptDependency> {
    let limit = REPORT.min(REPORTS / given.len().max(1));
    given
        .iter()
        .map(|dependency| PromptDependency {
            id: dependency.id.clone(),
            title: one_line(&dependency.title),
            output: cut(strip_controls(&dependency.output).trim(), limit).into_owned(),
        })
        .collect()
}

/// What is short and says most comes first; the output gets what is left.
fn attempt(given: &PromptAttempt, limit: usize) -> PromptAttempt {
    let mut left = limit;
    let mut take = |text: &str, share: usize| {
        let text = cut(text, share.min(left)).into_owned();
        left -= text.len();
        text
    };
    let note = given
        .note
        .as_deref()
        .map(|note| take(strip_controls(note).trim(), limit / 4));
    let error = take(&one_line(&strip_controls(&given.error)), limit / 16);
    let gate = given
        .gate
        .as_deref()
        .map(|gate| take(&one_line(&strip_controls(gate)), limit / 16));
    let findings = some_of(
        &given.findings,
        limit / 4,
        &mut take,
        |finding, take, share| Finding {
            file: finding
                .file
                .as_deref()
                .map(|file| take(&one_line(file), share / 4)),
            message: take(strip_controls(&finding.message).trim(), share),
            ..*finding
        },
    );
    let paths = some_of(&given.paths, limit / 8, &mut take, |path, take, share| {
        take(&one_line(&strip_controls(path)), share)
    });
    let output_tail = take(strip_controls(&given.output_tail).trim_end(), limit);
    PromptAttempt {
        number: given.number,
        error,
        gate,
        output_tail,
        findings,
        paths,
        note,
        start: given.start,
    }
}

type Take<'a> = dyn FnMut(&str, usize) -> String + 'a;

/// The first of a list, within a share of the bytes that each entry gets an equal part of.
fn some_of<T>(
    given: &[T],
    share: usize,
    take: &mut Take<'_>,
    make: impl Fn(&T, &mut Take<'_>, usize) -> T,
) -> Vec<T> {
    // Less than that says nothing.
    const SHORTEST: usize = 80;
    let most = given.len().min((share / SHORTEST).max(1));
    let each = share / most.max(1);
    given[..most]
        .iter()
        .map(|entry| make(entry, take, each))
        .collect()
}

/// `{{fence value}}`: a text, or a list with one line each, as data.
pub(super) fn fence_helper(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let value = helper
        .param(0)
        .ok_or(RenderErrorReason::ParamNotFoundForIndex("fence", 0))?;
    if value.is_value_missing() {
        return Err(RenderError::strict_error(value.relative_path()));
    }
    out.write(&fence(&plain(value.value())))?;
    Ok(())
}

fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(entries) => {
            Cow::Owned(entries.iter().map(plain).collect::<Vec<_>>().join("\n"))
        }
        Value::Object(fields) if fields.contains_key("message") => {
            let place: Vec<_> = ["file", "line", "column", "message"]
                .into_iter()
                .filter_map(|name| fields.get(name))
                .map(plain)
                .collect();
            Cow::Owned(
                place
                    .join(": ")
                    .replacen(": ", ":", place.len().saturating_sub(2)),
            )
        }
        other => Cow::Owned(other.to_string()),
    }
}

/// Something in every place, to see whether a template names what is not there.
fn sample() -> PromptInput {
    let text = || "text".to_owned();
    PromptInput {
        story: PromptStory {
            title: text(),
            description: text(),
            enriched_context: text(),
        },
        task: PromptTask {
            id: text(),
            title: text(),
            description: text(),
            files: vec![text()],
            depends_on: vec!["text".into()],
            pattern: Some(text()),
            prompt_hints: vec![text()],
            acceptance_criteria: vec![text()],
            complexity: Some(Complexity::Small),
            agent: Some(text()),
            no_change_ok: true,
            metadata: serde_json::Map::from_iter([(text(), json!(text()))]),
        },
        dependencies: vec![PromptDependency {
            id: text(),
            title: text(),
            output: text(),
        }],
        attempt: PromptAttempt {
            number: 2,
            error: text(),
            gate: Some(text()),
            output_tail: text(),
            findings: vec![Finding {
                file: Some(text()),
                line: Some(1),
                column: Some(1),
                message: text(),
            }],
            paths: vec![text()],
            note: Some(text()),
            start: StartKind::Repair,
        },
        tools: vec![text()],
    }
}

#[cfg(test)]
mod tests;
