//! What a repository says about a story, before anything is planned: [`ContextProvider`], and one that searches the committed files by
//! identifiers and words.

mod codebase;
mod repository;
mod search;
#[cfg(test)]
mod tests;
mod words;

use std::path::PathBuf;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{CommitId, StoryContext};

pub use repository::RepositoryContext;

/// What a context is wanted for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ContextRequest {
    /// The story in one line.
    pub title: String,
    /// At length; may be empty.
    pub description: String,
    /// Any place inside the repository.
    pub repository: PathBuf,
    /// The commit that the story begins at.
    pub commit: CommitId,
}

impl ContextRequest {
    /// What a story with that title and description needs.
    pub fn new(
        title: impl Into<String>,
        description: impl Into<String>,
        repository: impl Into<PathBuf>,
        commit: CommitId,
    ) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            repository: repository.into(),
            commit,
        }
    }
}

/// Finds out what matters for a story. What it gives is kept with the story and shown to the decomposer and to every agent, so it should
/// be short: 64 KiB of it are kept.
#[async_trait]
pub trait ContextProvider: Send + Sync {
    /// Looks; changes nothing. Cancel safe.
    async fn context(&self, request: ContextRequest) -> Result<StoryContext>;
}
