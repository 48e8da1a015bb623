//! A program on the other side, in a shell.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::super::super::tests::{context, request};
use super::*;

/// Answers each request by its method; `$turn` is what it does when it is prompted.
const AGENT: &str = r#"
ID=0
say() { echo '{"jsonrpc":"2.0",'"$1"'}'; }
while read -r line; do
  ID=$(echo "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) say '"id":'$ID',"result":{"protocolVersion":1}';;
    *'"session/new"'*) say '"id":'$ID',"result":{"sessionId":"s"}';;
    *'"session/cancel"'*) echo cancelled >> "$OUT"; [ -n "$PROMPTED" ] && say '"id":'$PROMPTED',"result":{"stopReason":"cancelled"}';;
    *'"session/prompt"'*) PROMPTED=$ID; turn;;
  esac
done
echo closed >> "$OUT"
"#;

struct Stage {
    folder: tempfile::TempDir,
    program: String,
}

impl Stage {
    fn new(turn: &str, then: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent");
        let out = folder.path().join("out");
        let text = format!(
            "#!/bin/sh\nOUT={}\nturn() {{ {turn}; }}\n{AGENT}{then}\n",
            out.display()
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("work")).unwrap();
        let program = path.display().to_string();
        Self { folder, program }
    }

    fn out(&self) -> String {
        fs::read_to_string(self.folder.path().join("out")).unwrap_or_default()
    }

    /// Runs it; `cancel` when it has told that much.
    async fn run(&self, change: fn(&mut AgentRequest), cancel: bool) -> AgentResult {
        let mut request = request(&self.folder.path().join("work"));
        request.log = self.folder.path().join("agent.log");
        change(&mut request);
        let (context, mut engine) = context();
        let token = engine.cancel.clone();
        let watch = tokio::spawn(async move {
            let (_, stored) = engine.register.recv().await.unwrap();
            stored.send(()).unwrap();
            while let Some(signal) = engine.output.recv().await {
                if cancel && matches!(signal, AgentSignal::Tool { .. }) {
                    token.cancel();
                }
            }
        });
        let result = AcpAgent::new([&self.program]).run(request, context).await;
        watch.await.unwrap();
        result.unwrap()
    }
}

const DONE: &str = r#"say '"id":'$ID',"result":{"stopReason":"end_turn"}'"#;
const CALLS: &str = r#"say '"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"tool_call","toolCallId":"1","kind":"execute"}}'"#;

fn class(result: &AgentResult) -> Option<FailureClass> {
    result.failure.as_ref().map(|failure| failure.class)
}

#[tokio::test]
async fn a_turn_that_is_over_counts_however_the_program_ends() {
    for (then, closed) in [
        ("", true),
        ("exit 7", true),
        // It stays, and is stopped: its work was done before.
        ("trap '' INT; sleep 300", true),
    ] {
        let stage = Stage::new(DONE, then);
        let result = stage.run(|_| (), false).await;
        assert_eq!(result.failure, None, "{then}");
        assert!(
            result
                .session
                .as_deref()
                .is_some_and(|session| session.starts_with("s#"))
        );
        assert_eq!(stage.out().contains("closed"), closed, "{then}");
    }
}

#[tokio::test]
async fn one_that_does_not_answer_has_its_class() {
    use FailureClass::{Exit, Incomplete, Killed, Stalled};
    for (turn, expected) in [
        ("exit 0", Incomplete),
        ("exit 3", Exit),
        ("kill -9 $$", Killed),
        (
            "printf '{\"jsonrpc\":\"2.0\",\"id\":'$ID',\"result\":{\"stopReason\":\"end_turn\"}}'; exit 0",
            Incomplete,
        ),
        ("sleep 300", Stalled),
    ] {
        let stage = Stage::new(turn, "");
        let short = |request: &mut AgentRequest| request.idle = Duration::from_secs(1);
        let result = stage.run(short, false).await;
        assert_eq!(class(&result), Some(expected), "{turn}: {result:?}");
    }
}

#[tokio::test]
async fn one_that_has_to_stop_is_asked_first() {
    let stage = Stage::new(CALLS, "");
    let result = stage.run(|_| (), true).await;
    assert_eq!(class(&result), Some(FailureClass::Cancelled), "{result:?}");
    assert_eq!(stage.out(), "cancelled\nclosed\n");
}
