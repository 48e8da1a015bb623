//! MCP servers for the agents that the command's tests leave out.

use std::fs;

use aura_core::RunOutcome;
use aura_core::agents::{McpServer, McpServers};

use super::cast::{Cast, Kind, evidence};
use super::is_extended;
use crate::kit::{plan_of, quick, task};

/// With and without everything allowed it uses what is named of its server, and edits.
async fn uses_its_server(kind: Kind) {
    for yolo in [true, false] {
        let Some(cast) = Cast::new(kind) else { return };
        let log = cast.home().join("calls");
        let server = McpServer::new(env!("CARGO_BIN_EXE_mcp-server"))
            .args(["take", "burn"])
            .env("MCP_SEES", "light")
            .env("MCP_LOG", log.display().to_string());
        let servers = McpServers::new().server("desk", server);
        let servers = servers.tools(["take", "sees_light"]);
        let agent = cast.agent("ok").mcp(servers).yolo(yolo);
        let aura = cast.open(agent, []).await;
        let work = "[[tool take]] [[tool burn]] [[file notes.txt :: notes]]";
        let plan = plan_of(vec![task("notes").description(work)]);
        let (story, told) = cast.run(&aura, plan, quick()).await;
        let report = aura.report(story).await.expect("a report");
        let told = evidence(&told);
        assert_eq!(
            report.outcome,
            RunOutcome::ReadyToComplete,
            "{yolo}: {told:?}"
        );
        let received = cast.model.received();
        let last = received.iter().rfind(|one| one.count > 0);
        let tools = &last.expect("a request").tools;
        let offers = |name: &str| tools.iter().any(|tool| tool.ends_with(name));
        let seen = ["desk_take", "desk_sees_light", "desk_burn"].map(offers);
        assert_eq!(seen, [true, true, false], "{yolo}: {tools:?}");
        let calls = fs::read_to_string(&log).expect("a log");
        assert_eq!(calls, "take\n", "{yolo}");
        assert_eq!(cast.left(), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gemini_uses_its_server() {
    if is_extended() {
        uses_its_server(Kind::Gemini).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opencode_uses_its_server() {
    if is_extended() {
        uses_its_server(Kind::OpenCode).await;
    }
}
