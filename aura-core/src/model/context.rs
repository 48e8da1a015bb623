//! What is known of a repository that matters for a story.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a context provider found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct StoryContext {
    /// What kind of code it is.
    pub codebase: CodebaseInfo,
    /// Files that the story seems to be about, the likeliest first.
    pub related: Vec<RelatedFile>,
    /// What else a decomposer and an agent should know, in words; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// What kind of code a repository holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[non_exhaustive]
pub struct CodebaseInfo {
    /// Such as `rust`, `python`, `node`; the main one first.
    pub project_types: Vec<String>,
    /// Such as `cargo test` or `pytest`, where it is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_framework: Option<String>,
    /// Directories with the number of their files, the largest first.
    pub layout: Vec<String>,
    /// What is done the same way in many places, such as where tests lie.
    pub existing_patterns: Vec<String>,
}

/// A file that a story seems to be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct RelatedFile {
    /// Relative to the repository's root.
    pub path: String,
    /// 1000 for the likeliest; the others in proportion.
    pub score: u32,
    /// Words of the story that it has, the rarest first.
    pub matched: Vec<String>,
    /// Lines that say most, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excerpt: Vec<ExcerptLine>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[non_exhaustive]
pub struct ExcerptLine {
    /// Counted from 1.
    pub line: u32,
    /// Without leading space, cut where it is long.
    pub text: String,
}

/// Bytes of the text of a context.
const TEXT_LIMIT: usize = 16 * 1024;

impl StoryContext {
    /// For prompts and people: what kind of code it is and which files the story is about. At most 16 KiB.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        let codebase = &self.codebase;
        if !codebase.project_types.is_empty() {
            lines.push(format!("Project: {}", codebase.project_types.join(", ")));
        }
        if let Some(framework) = &codebase.test_framework {
            lines.push(format!("Tests: {framework}"));
        }
        if !codebase.layout.is_empty() {
            lines.push(format!("Layout: {}", codebase.layout.join(", ")));
        }
        lines.extend(codebase.existing_patterns.iter().cloned());
        if !self.related.is_empty() {
            lines.push("Files that this may be about, the likeliest first:".to_owned());
        }
        for file in &self.related {
            lines.push(format!("- {} ({})", file.path, file.matched.join(", ")));
            let shown = file.excerpt.iter();
            lines.extend(shown.map(|line| format!("    {}: {}", line.line, line.text)));
        }
        if !self.notes.is_empty() {
            lines.push(self.notes.clone());
        }
        let mut text = String::new();
        for line in lines {
            if text.len() + line.len() > TEXT_LIMIT {
                break;
            }
            text.push_str(&line);
            text.push('\n');
        }
        text
    }
}

impl RelatedFile {
    pub(crate) fn new(path: String, score: u32, matched: Vec<String>) -> Self {
        Self {
            path,
            score,
            matched,
            excerpt: Vec::new(),
        }
    }
}

impl ExcerptLine {
    pub(crate) const fn new(line: u32, text: String) -> Self {
        Self { line, text }
    }
}
