//! The built-in provider: the committed files, searched by the story's own words.

use async_trait::async_trait;

use super::search::{Counted, Counter, rank};
use super::words::Query;
use super::{ContextProvider, ContextRequest, codebase};
use crate::error::{Error, ErrorKind, Result};
use crate::git::{Oid, UserRepo};
use crate::model::StoryContext;

/// Related files that are kept, unless the provider is told another number.
const FILES: usize = 12;

/// Files that are looked at; of more, those that come first by path.
const MOST_FILES: usize = 50_000;

/// Bytes of a file that is read; larger ones are data or generated.
const LARGEST: usize = 512 * 1024;

/// Searches the files of the story's first commit by identifiers and words, without a model and without leaving the machine.
///
/// What is not committed is not seen, so ignored files are not either. The same commit and the same words always give the same answer.
#[derive(Debug, Clone)]
pub struct RepositoryContext {
    files: usize,
}

impl Default for RepositoryContext {
    fn default() -> Self {
        Self { files: FILES }
    }
}

impl RepositoryContext {
    /// Keeps the 12 likeliest files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps that many files.
    #[must_use]
    pub const fn files(mut self, most: usize) -> Self {
        self.files = most;
        self
    }
}

#[async_trait]
impl ContextProvider for RepositoryContext {
    async fn context(&self, request: ContextRequest) -> Result<StoryContext> {
        let most = self.files;
        let work = tokio::task::spawn_blocking(move || look(&request, most));
        let joined = work.await;
        joined.map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?
    }
}

fn look(request: &ContextRequest, most: usize) -> Result<StoryContext> {
    let repo = UserRepo::discover(&request.repository)?;
    let query = Query::of(&request.title, &request.description);
    let mut paths = Vec::new();
    let mut manifests = Vec::new();
    let mut counter = Counter::new(&query);
    let mut counted: Vec<Counted> = Vec::new();
    let commit = Oid::from(request.commit);
    let left = repo.each_file(commit, MOST_FILES, LARGEST, |path, bytes| {
        paths.push(path.to_owned());
        let Some(bytes) = bytes.filter(|bytes| !is_binary(bytes)) else {
            return;
        };
        let content = String::from_utf8_lossy(bytes);
        if codebase::is_manifest(path) {
            manifests.push((path.to_owned(), content.clone().into_owned()));
        }
        if !query.is_empty() {
            counted.push(counter.count(path, &content));
        }
    })?;
    let mut context = StoryContext {
        codebase: codebase::describe(&paths, &manifests),
        related: rank(&query, &counted, most),
        notes: String::new(),
    };
    for file in &mut context.related {
        if let Some(bytes) = repo.file(commit, &file.path)? {
            file.excerpt = counter.excerpt(&String::from_utf8_lossy(&bytes));
        }
    }
    if left > 0 {
        context.notes = format!("the repository has {left} more files, which were not looked at");
    }
    Ok(context)
}

fn is_binary(bytes: &[u8]) -> bool {
    bytes.iter().take(8_000).any(|byte| *byte == 0)
}
