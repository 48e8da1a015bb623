//! An agent that is asked for a plan: a look at the story's code, a question, an answer. What it changes has no effect.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::mask::mask_signal;
use super::worker::within_limits;
use super::workshop::{StoryPlaces, Workshop, blocking};
use crate::agent::{AgentContext, AgentRequest, AgentResult, AgentSignal, ProcessMark};
use crate::error::{Error, ErrorKind, Result};
use crate::git::{Clean, Oid};
use crate::model::{CommitId, StoryTask};

/// The name of the workspace, and what progress calls the one who works there. No task's workspace is called so: theirs begin with a
/// number.
pub(crate) const NAME: &str = "decompose";

/// Signals that may wait for whoever watches.
const WAITING: usize = 256;

/// What is asked of whom.
pub(crate) struct Question {
    pub(crate) agent: String,
    /// The story's, for programs that show what their agent is about.
    pub(crate) title: String,
    pub(crate) prompt: String,
    /// Recorded already, so that a crash leaves nothing behind that cannot be found.
    pub(crate) marker: String,
    pub(crate) round: u32,
    pub(crate) session: Option<String>,
    pub(crate) deadline: Duration,
    pub(crate) idle: Duration,
    pub(crate) grace: Duration,
}

/// A working copy of the story's base for one decomposition.
pub(crate) struct Study {
    shop: Arc<Workshop>,
    places: StoryPlaces,
    base: CommitId,
}

impl Study {
    /// Makes the working copy, in place of what an earlier decomposition left.
    ///
    /// # Errors
    /// `Cancelled` while somebody still works there; `Process` when they do not let go for `patience`.
    pub(crate) async fn begin(
        shop: Arc<Workshop>,
        places: StoryPlaces,
        base: CommitId,
        patience: Duration,
        cancel: &CancellationToken,
    ) -> Result<Self> {
        let study = Self { shop, places, base };
        study.freed(patience, cancel).await?;
        study.discard().await?;
        let (shop, path) = (Arc::clone(&study.shop), study.path());
        let reference = study.places.salvage_ref(NAME);
        blocking(move || {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|error| Error::io("create", parent, error))?;
            }
            shop.aura
                .add_workspace(&path, base.into(), &reference, |_| Ok(()))
        })
        .await?;
        Ok(study)
    }

    /// Waits until nothing that was started there can still work there.
    async fn freed(&self, patience: Duration, cancel: &CancellationToken) -> Result<()> {
        let path = self.path();
        let free = tokio::time::timeout(patience, self.shop.released(&path));
        let (kind, what) = tokio::select! {
            biased;
            free = free => match free {
                Ok(()) => return Ok(()),
                Err(_) => (ErrorKind::Process, "an earlier agent still works"),
            },
            () = cancel.cancelled() => (ErrorKind::Cancelled, "cancelled while an earlier agent worked"),
        };
        Err(Error::new(kind, format!("{what} in {}", path.display())))
    }

    fn path(&self) -> std::path::PathBuf {
        self.places.workspace(NAME)
    }

    /// Asks, and waits for the answer. `told` hears what the agent tells meanwhile. An agent that fails is data. Not cancel safe:
    /// cancel through the token.
    pub(crate) async fn ask(
        &self,
        question: Question,
        log: &Path,
        cancel: CancellationToken,
        told: impl Fn(AgentSignal) + Send + Sync + 'static,
    ) -> Result<AgentResult> {
        let backend = Arc::clone(self.shop.agent(&question.agent)?);
        if let Some(parent) = log.parent() {
            std::fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, error))?;
        }
        let (output, mut signals) = mpsc::channel::<AgentSignal>(WAITING);
        let redactor = self.shop.redactor.clone();
        tokio::spawn(async move {
            while let Some(signal) = signals.recv().await {
                told(mask_signal(signal, &redactor));
            }
        });
        let (register, mut marks) = mpsc::channel::<(ProcessMark, oneshot::Sender<()>)>(1);
        let recorded = tokio::spawn(async move {
            // The marker stands in the log, which is enough to find the process by.
            while let Some((_, stored)) = marks.recv().await {
                let _ = stored.send(());
            }
        });
        let (deadline, grace) = (question.deadline, question.grace);
        let request = self.request(question, log);
        let work = backend.run(request, AgentContext::new(cancel.clone(), register, output));
        let mut result = within_limits(work, deadline, grace, &cancel).await?;
        recorded.abort();
        let redactor = &self.shop.redactor;
        redactor.mask(&mut result.output);
        if let Some(failure) = &mut result.failure {
            redactor.mask(&mut failure.summary);
        }
        result.usage = result.usage.sane();
        Ok(result)
    }

    fn request(&self, question: Question, log: &Path) -> AgentRequest {
        AgentRequest {
            story: self.places.story,
            environment: vec![
                ("AURA_STORY".to_owned(), self.places.story.to_string()),
                ("AURA_TASK".to_owned(), NAME.to_owned()),
                ("AURA_TASK_ATTEMPT".to_owned(), question.round.to_string()),
            ],
            task: StoryTask::new(NAME, question.title),
            attempt: question.round,
            prompt: self.shop.redactor.redact(&question.prompt).into_owned(),
            workspace: self.path(),
            deadline: question.deadline,
            idle: question.idle,
            grace: question.grace,
            marker: question.marker,
            log: log.to_owned(),
            session: question.session,
            read_only: true,
            redactor: self.shop.redactor.clone(),
        }
    }

    /// Puts the working copy back to the base, as the next question has to find it.
    ///
    /// # Errors
    /// As [`Study::begin`].
    pub(crate) async fn renew(&self, patience: Duration, cancel: &CancellationToken) -> Result<()> {
        self.freed(patience, cancel).await?;
        let (shop, path, base) = (Arc::clone(&self.shop), self.path(), Oid::from(self.base));
        blocking(move || shop.aura.reset_workspace(&path, base, Clean::Everything)).await
    }

    /// Removes the working copy with all that was changed there, unless somebody does not let go of it for `patience`: then the next
    /// decomposition does.
    pub(crate) async fn end(self, patience: Duration) -> Result<()> {
        self.freed(patience, &CancellationToken::new()).await?;
        self.discard().await
    }

    async fn discard(&self) -> Result<()> {
        let (shop, path, base) = (Arc::clone(&self.shop), self.path(), Oid::from(self.base));
        let reference = self.places.salvage_ref(NAME);
        blocking(move || {
            // At the base there is nothing to salvage. Where it cannot be put there, what is in it is kept rather than lost.
            drop(shop.aura.reset_workspace(&path, base, Clean::Everything));
            let removed = shop.aura.remove_workspace(&path, Some(base), &reference)?;
            removed.trash.map_or(Ok(()), crate::git::Trash::delete)
        })
        .await
    }
}
