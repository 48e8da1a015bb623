//! Requests of other processes, as they come.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::workshop::told;
use crate::model::StoryId;
use crate::store::{InboxMessage, StoryStore};

/// The pause before another look at requests that could not be read.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Tells the requests that a story's inbox has and gets, each once, oldest first, until the receiver is dropped. They stay in the inbox
/// until whoever holds the story's lease answers them.
pub(crate) fn watch_inbox(
    store: &Arc<dyn StoryStore>,
    story: StoryId,
) -> mpsc::Receiver<Vec<InboxMessage>> {
    let (sender, receiver) = mpsc::channel(1);
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let mut cursor = 0;
        let mut newest = 0;
        while !sender.is_closed() {
            let changed = tokio::select! {
                () = sender.closed() => return,
                changed = store.changed(cursor) => changed,
            };
            let messages = match changed {
                Ok(next) => {
                    cursor = next;
                    store.inbox(story).await
                }
                Err(error) => Err(error),
            };
            let mut messages = match messages {
                Ok(messages) => messages,
                Err(error) => {
                    tracing::warn!("requests cannot be read: {}", told(&error));
                    tokio::time::sleep(LOOK_AGAIN).await;
                    continue;
                }
            };
            messages.retain(|message| message.id > newest);
            let Some(last) = messages.last() else {
                continue;
            };
            newest = last.id;
            if sender.send(messages).await.is_err() {
                return;
            }
        }
    });
    receiver
}
