//! What the request to cut a story into tasks is made of.

use serde::Serialize;

use super::input::PromptStory;
use super::text::{cut, one_line};
use crate::text::strip_controls;

/// Bytes of what was found out about the code base.
const CONTEXT: usize = 64 * 1024;
/// Bytes of one problem, and how many are told.
const PROBLEM: usize = 1024;
const PROBLEMS: usize = 50;

/// Everything that a template for decompositions can name. Each field is there in every request, empty where there is nothing to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecomposePrompt {
    /// What is wanted.
    pub story: PromptStory,
    /// What kind of code base it is.
    pub codebase_info: PromptCodebase,
    /// Patterns that tasks can name.
    pub patterns: Vec<PromptPattern>,
    /// Whether tests are tasks, too.
    pub include_tests: bool,
    /// Agents that are going to work side by side.
    pub max_parallelism: usize,
    /// Tasks, at the most.
    pub max_tasks: usize,
    /// Which time it is asked, and what was wrong with the answer before.
    pub round: PromptRound,
}

/// A code base, as requests show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PromptCodebase {
    /// As in `cargo` or `python`; empty where it is not known.
    pub project_type: String,
    /// As in `pytest`; empty where it is not known.
    pub test_framework: String,
    /// How things are done there already.
    pub existing_patterns: Vec<String>,
}

/// A pattern that tasks can name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PromptPattern {
    /// What tasks call it.
    pub name: String,
    /// Its first line.
    pub summary: String,
}

/// Which time it is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PromptRound {
    /// Counted from 1.
    pub number: u32,
    /// What was wrong with the answer before, one line each.
    pub problems: Vec<String>,
    /// That answer; empty where the agent remembers it.
    pub answer: String,
}

impl DecomposePrompt {
    /// With everything that others wrote made harmless and cut; the earlier answer to `limit` bytes.
    pub(super) fn bounded(&self, limit: usize) -> Self {
        let plain = |text: &str, limit| cut(strip_controls(text).trim(), limit).into_owned();
        let line = |text: &str, limit| cut(&one_line(&strip_controls(text)), limit).into_owned();
        let problems = self.round.problems.iter().take(PROBLEMS);
        Self {
            story: PromptStory {
                title: line(&self.story.title, PROBLEM),
                description: plain(&self.story.description, CONTEXT),
                enriched_context: plain(&self.story.enriched_context, CONTEXT),
            },
            codebase_info: PromptCodebase {
                project_type: line(&self.codebase_info.project_type, PROBLEM),
                test_framework: line(&self.codebase_info.test_framework, PROBLEM),
                existing_patterns: self
                    .codebase_info
                    .existing_patterns
                    .iter()
                    .take(PROBLEMS)
                    .map(|pattern| line(pattern, PROBLEM))
                    .collect(),
            },
            round: PromptRound {
                number: self.round.number,
                problems: problems.map(|problem| line(problem, PROBLEM)).collect(),
                answer: plain(&self.round.answer, limit),
            },
            ..self.clone()
        }
    }

    /// Something in every place, to see whether a template names what is not there.
    pub(super) fn sample() -> Self {
        let text = || "text".to_owned();
        Self {
            story: PromptStory {
                title: text(),
                description: text(),
                enriched_context: text(),
            },
            codebase_info: PromptCodebase {
                project_type: text(),
                test_framework: text(),
                existing_patterns: vec![text()],
            },
            patterns: vec![PromptPattern {
                name: text(),
                summary: text(),
            }],
            include_tests: true,
            max_parallelism: 3,
            max_tasks: 50,
            round: PromptRound {
                number: 2,
                problems: vec![text()],
                answer: text(),
            },
        }
    }
}
