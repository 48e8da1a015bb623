//! Real agents by the Agent Client Protocol.

use super::cast::{Cast, Kind};
use super::{TASKS, is_extended, plays_as};

async fn plays(kind: Kind) {
    if !is_extended() {
        return;
    }
    let Some(cast) = Cast::new(kind) else { return };
    let agent = cast.acp("ok");
    plays_as(&cast, agent, &TASKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copilot_plays_a_story_by_the_protocol() {
    plays(Kind::CopilotAcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_plays_a_story_by_the_protocol() {
    plays(Kind::GeminiAcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode_plays_a_story_by_the_protocol() {
    plays(Kind::OpenCodeAcp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claude_plays_a_story_by_the_protocol() {
    plays(Kind::ClaudeAcp).await;
}
