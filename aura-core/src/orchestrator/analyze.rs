//! What the repository says about a story.

use std::sync::Arc;

use super::{Orchestrator, damaged};
use crate::context::ContextRequest;
use crate::engine::state::StoryFacts;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{EventKind, NewEvent, StoryContext, StoryId};

/// Bytes of a context, as JSON.
const LARGEST: usize = 64 * 1024;

impl Orchestrator {
    /// Looks for what the repository says about a story, at the commit that it began at, and keeps it with the story: decompositions and
    /// prompts of tasks show it from then on. Asked again it looks again.
    ///
    /// The provider is the one that the orchestrator was opened with, [`RepositoryContext`](crate::RepositoryContext) unless said.
    /// Cancel safe: the story then has the context that it had before.
    ///
    /// # Errors
    /// `StoryBusy` when somebody runs it; `InvalidInput` for a context of more than 64 KiB; whatever the provider says.
    pub async fn analyze(&self, story: StoryId) -> Result<StoryContext> {
        let lease = self.store.acquire(story).await?;
        let (mut state, _) = self.load(story).await?;
        let facts = state.story.clone().ok_or_else(|| damaged(story))?;
        let context = self.look(&facts).await?;
        let analyzed = NewEvent::story(EventKind::StoryAnalyzed {
            context: Arc::new(context.clone()),
        });
        self.append(&lease, &mut state, None, vec![analyzed], None)
            .await?;
        Ok(context)
    }

    /// What the provider says, with secrets masked.
    pub(super) async fn look(&self, facts: &StoryFacts) -> Result<StoryContext> {
        let request = ContextRequest::new(
            &facts.title,
            &facts.description,
            self.shop.user.common_dir(),
            facts.base,
        );
        let mut context = self.context.context(request).await?;
        let mask = |text: &mut String| *text = self.shop.redactor.clean(text);
        mask(&mut context.notes);
        for file in &mut context.related {
            file.excerpt
                .iter_mut()
                .for_each(|line| mask(&mut line.text));
        }
        let length = serde_json::to_string(&context).map_or(0, |text| text.len());
        if length > LARGEST {
            let message = format!("a context of {length} bytes is too large");
            return Err(Error::new(ErrorKind::InvalidInput, message).with_help(
                "let the provider give fewer files and shorter notes: 64 KiB are kept",
            ));
        }
        Ok(context)
    }
}
