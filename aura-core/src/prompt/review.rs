//! What a reviewer is asked.

use handlebars::{Handlebars, no_escape};
use serde::Serialize;
use serde_json::json;

use super::input::PromptTask;
use super::template::{explain, fence_helper};
use crate::error::{Error, ErrorKind, Problem, Result};

const NAME: &str = "review";
const STANDARD: &str = include_str!("review.hbs");

/// The values of a review, as its template sees them.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ReviewInput {
    pub(crate) task: PromptTask,
    /// Bounded, with everything in it that cannot be seen written out.
    pub(crate) diff: String,
    /// One line for each file of which something is missing in `diff`. A template has to show it: nothing may be approved whose name the
    /// reviewer was not told.
    pub(crate) left_out: Vec<String>,
    /// What was wrong with the answer before this one; empty at first.
    pub(crate) problem: String,
    /// How to answer. A template that leaves it out is refused, since no verdict could follow from it.
    pub(crate) answer: String,
}

/// Makes the prompts of reviews from a template.
pub(crate) struct ReviewPrompt {
    registry: Handlebars<'static>,
    text: String,
}

impl ReviewPrompt {
    /// With the template that comes with the library.
    pub(crate) fn standard() -> Result<Self> {
        Self::new(STANDARD)
    }

    /// `Template` when it does not parse, names what is not there, or leaves out the answer's form, the difference, or what is missing
    /// in it.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(no_escape);
        registry.register_helper("fence", Box::new(fence_helper));
        registry
            .register_template_string(NAME, text)
            .map_err(|error| refused(error.reason().to_string(), error.pos()))?;
        let prompt = Self {
            registry,
            text: text.to_owned(),
        };
        let sample = ReviewInput {
            diff: "what was changed".to_owned(),
            left_out: vec!["what is missing".to_owned()],
            answer: "how to answer".to_owned(),
            ..ReviewInput::default()
        };
        let rendered = prompt.render(&sample)?;
        let values = [
            ("diff", &sample.diff),
            ("left_out", &sample.left_out[0]),
            ("answer", &sample.answer),
        ];
        for (name, value) in values {
            if !rendered.contains(value.as_str()) {
                let message = format!("the template of a review has to show `{name}`");
                return Err(refused(message, None));
            }
        }
        Ok(prompt)
    }

    /// As it was given.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Renders once: what a value contains is never read as a template.
    pub(crate) fn render(&self, input: &ReviewInput) -> Result<String> {
        self.registry
            .render(NAME, &json!(input))
            .map_err(|error| refused(explain(error.reason()), error.line_no.zip(error.column_no)))
    }
}

fn refused(message: String, position: Option<(usize, usize)>) -> Error {
    let mut problem = Problem::error("template", message);
    if let Some((line, column)) = position {
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        problem = problem.at(number(line), number(column));
    }
    Error::from_problems(ErrorKind::Template, vec![problem]).with_help(
        "the template of a review knows task {id, title, description, files, acceptance_criteria ..}, diff, left_out[], problem \
         and answer",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_cannot_lead_to_a_verdict_is_refused() {
        for (text, expected) in [
            ("{{diff}} {{left_out}} {{answer}}", None),
            ("{{diff}} {{fence left_out}}", Some("has to show `answer`")),
            ("{{answer}} {{left_out}}", Some("has to show `diff`")),
            ("{{diff}} {{answer}}", Some("has to show `left_out`")),
            (
                "{{diff}} {{left_out}} {{answer}} {{nothing}}",
                Some("`nothing`"),
            ),
            ("{{diff} {{answer}}", Some("")),
        ] {
            let refused = ReviewPrompt::new(text).err().map(|error| error.to_string());
            match (expected, refused) {
                (None, None) => {}
                (Some(part), Some(said)) if said.contains(part) => {}
                (_, said) => panic!("{text}: {said:?}"),
            }
        }
    }

    #[test]
    fn a_difference_can_neither_close_its_fence_nor_be_a_template() {
        let input = ReviewInput {
            diff: "+```\n+{{answer}}\n".to_owned(),
            answer: "SECRET FORM".to_owned(),
            ..ReviewInput::default()
        };
        let text = ReviewPrompt::standard().unwrap().render(&input).unwrap();
        assert!(text.contains("````text\n+```\n+{{answer}}\n````"), "{text}");
        assert_eq!(text.matches("SECRET FORM").count(), 1);
    }
}
