//! An MCP server for tests: speaks JSON-RPC over its standard streams, a message a line.
//!
//! `mcp-server TOOL..` offers the tools of these names, and one that is called `sees_` and the value of `MCP_SEES` where that is set, so
//! that a list of tools tells what the server was given. A call does nothing but add the tool's name to the file `MCP_LOG`.

use std::fs::OpenOptions;
use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let mut tools: Vec<String> = std::env::args().skip(1).collect();
    tools.extend(std::env::var("MCP_SEES").map(|value| format!("sees_{value}")));
    for line in io::stdin().lock().lines() {
        let Ok(message) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        // What has no id wants no answer.
        let Some(id) = message.get("id") else {
            continue;
        };
        let mut answer = json!({"jsonrpc": "2.0", "id": id});
        match result(&message, &tools)? {
            Some(result) => answer["result"] = result,
            None => answer["error"] = json!({"code": -32601, "message": "no such method"}),
        }
        writeln!(io::stdout(), "{answer}")?;
    }
    Ok(())
}

fn result(message: &Value, tools: &[String]) -> io::Result<Option<Value>> {
    let params = &message["params"];
    Ok(Some(match message["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "test", "version": "1.0.0"},
        }),
        "ping" => json!({}),
        "tools/list" => {
            let tool = |name: &String| {
                json!({
                    "name": name, "description": "Does nothing.",
                    "inputSchema": {"type": "object", "properties": {}},
                })
            };
            json!({"tools": tools.iter().map(tool).collect::<Vec<_>>()})
        }
        "tools/call" => {
            note(params["name"].as_str().unwrap_or_default())?;
            json!({"content": [{"type": "text", "text": "done"}]})
        }
        _ => return Ok(None),
    }))
}

fn note(tool: &str) -> io::Result<()> {
    let Some(path) = std::env::var_os("MCP_LOG") else {
        return Ok(());
    };
    let mut log = OpenOptions::new().create(true).append(true).open(path)?;
    // At once: other servers write there, too.
    log.write_all(format!("{tool}\n").as_bytes())
}
