//! A story's context in words, as prompts show it.

use std::fmt::Write;

use super::decompose::PromptCodebase;
use crate::model::{CodebaseInfo, StoryContext};

impl From<&CodebaseInfo> for PromptCodebase {
    fn from(found: &CodebaseInfo) -> Self {
        Self {
            project_type: found.project_types.join(", "),
            test_framework: found.test_framework.clone().unwrap_or_default(),
            existing_patterns: found.existing_patterns.clone(),
        }
    }
}

/// What a prompt says of the repository: its layout, the files that the story seems to be about, and the provider's own words.
pub(crate) fn enriched_context(context: &StoryContext) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    if !context.codebase.layout.is_empty() {
        let _ = writeln!(text, "Layout: {}", context.codebase.layout.join(", "));
    }
    if !context.related.is_empty() {
        let _ = writeln!(
            text,
            "Files that the story may be about, the likeliest first:"
        );
    }
    for file in &context.related {
        let _ = writeln!(text, "- {} ({})", file.path, file.matched.join(", "));
        for line in &file.excerpt {
            let _ = writeln!(text, "  {}: {}", line.line, line.text);
        }
    }
    if !context.notes.is_empty() {
        let _ = writeln!(text, "\n{}", context.notes.trim());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExcerptLine, RelatedFile};

    #[test]
    fn a_context_is_told_in_words() {
        assert_eq!(enriched_context(&StoryContext::default()), "");
        let mut context = StoryContext::default();
        context.codebase.layout = vec!["src (3)".to_owned(), "tests (1)".to_owned()];
        let matched = vec!["email".to_owned(), "parse".to_owned()];
        let mut file = RelatedFile::new("src/email.rs".to_owned(), 1000, matched);
        file.excerpt
            .push(ExcerptLine::new(7, "fn parse()".to_owned()));
        context.related.push(file);
        context.notes = "Mind the release.\n".to_owned();
        assert_eq!(
            enriched_context(&context),
            "Layout: src (3), tests (1)\n\
             Files that the story may be about, the likeliest first:\n\
             - src/email.rs (email, parse)\n  7: fn parse()\n\
             \nMind the release.\n"
        );
    }
}
