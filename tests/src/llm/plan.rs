//! What the model does in a turn, and by which of the tools that it is offered.

use serde_json::{Map, Value, json};

use super::protocol::{Call, Conversation, Tool};
use super::scenario::Scenario;

const WRITERS: &[&str] = &["Write", "write", "write_file", "create", "create_file"];
const SHELLS: &[&str] = &[
    "Bash",
    "bash",
    "shell",
    "exec_command",
    "shell_command",
    "local_shell",
    "run_shell_command",
];
const PATHS: &[&str] = &["file_path", "filePath", "path", "absolute_path"];
const CONTENTS: &[&str] = &["content", "file_text", "contents"];
const COMMANDS: &[&str] = &["command", "cmd"];

/// How Aura's prompts say that an earlier attempt was not accepted.
const RETRIES: &[&str] = &["## Previous Attempt", "## Conflicts to Repair"];

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Create a file; through the shell where it may exist: tools that write refuse to replace what was not read.
    File {
        name: String,
        content: String,
        through_shell: bool,
    },
    Shell(String),
    /// Call a tool of an MCP server, whose name agents put something before.
    Tool(String),
}

/// The tool call of this turn; `None` for a last answer.
pub(super) fn call(scenario: &Scenario, conversation: &Conversation) -> Option<Call> {
    if scenario.text || conversation.tools.is_empty() {
        return None;
    }
    let action = action(scenario, conversation)?;
    if let Action::Tool(name) = &action {
        let tool = served(&conversation.tools, name)?;
        return Some(Call::new(&tool.name, filled(&tool.schema, Map::new())));
    }
    let shell = Action::Shell(command_for(&action));
    let by_tool = (!scenario.shell).then(|| by_writer(conversation, &action));
    by_tool
        .flatten()
        .or_else(|| by_shell(&conversation.tools, &shell))
}

fn action(scenario: &Scenario, conversation: &Conversation) -> Option<Action> {
    let step = conversation.step;
    if scenario.endless && step > 0 {
        return Some(Action::Shell(format!("echo {step}")));
    }
    let mut actions = directives(&conversation.directions, conversation.is_retry);
    actions.retain(|action| match action {
        Action::Tool(name) => served(&conversation.tools, name).is_some(),
        Action::File { .. } | Action::Shell(_) => true,
    });
    if actions.is_empty() && scenario.long {
        let command = "echo begun > begun.txt; sleep 300".to_owned();
        actions.push(Action::Shell(command));
    }
    if actions.is_empty() {
        actions.push(Action::File {
            name: "hello.txt".to_owned(),
            content: "hello from the scripted model".to_owned(),
            through_shell: false,
        });
    }
    if scenario.two && actions.len() < 2 {
        let command = match &actions[0] {
            Action::File { name, .. } => format!("cat {}", quoted(name)),
            Action::Shell(_) | Action::Tool(_) => "pwd".to_owned(),
        };
        actions.push(Action::Shell(command));
    }
    actions.into_iter().nth(step)
}

/// Whether a prompt is about a try that follows one that was not accepted.
pub(super) fn is_retry(prompt: &str) -> bool {
    RETRIES.iter().any(|heading| prompt.contains(heading))
}

/// The directives of a prompt: those for a retry where it is one and has some, the others otherwise.
pub(super) fn directives(prompt: &str, is_retry: bool) -> Vec<Action> {
    let mut first = Vec::new();
    let mut again = Vec::new();
    let mut rest = description(prompt);
    while let Some(begin) = rest.find("[[") {
        let inside = &rest[begin + 2..];
        let Some(end) = inside.find("]]") else { break };
        let text = &inside[..end];
        match text.strip_prefix("on-retry ") {
            Some(text) => again.extend(directive(text, true)),
            None => first.extend(directive(text, false)),
        }
        rest = &inside[end + 2..];
    }
    if is_retry && !again.is_empty() {
        again
    } else {
        first
    }
}

/// The part of a prompt of Aura's that is the plan's own; what earlier agents reported follows below.
fn description(prompt: &str) -> &str {
    let Some((_, rest)) = prompt.split_once("\n## Description\n") else {
        return prompt;
    };
    rest.split_once("\n## ").map_or(rest, |(text, _)| text)
}

fn directive(text: &str, through_shell: bool) -> Option<Action> {
    if let Some(command) = text.strip_prefix("sh ") {
        return Some(Action::Shell(command.trim().to_owned()));
    }
    if let Some(name) = text.strip_prefix("tool ") {
        return Some(Action::Tool(name.trim().to_owned()));
    }
    let (name, content) = text.strip_prefix("file ")?.split_once(" :: ")?;
    Some(Action::File {
        name: name.trim().to_owned(),
        content: content.to_owned(),
        through_shell,
    })
}

fn command_for(action: &Action) -> String {
    match action {
        Action::Shell(command) | Action::Tool(command) => command.clone(),
        Action::File { name, content, .. } => {
            format!("printf '%s\\n' {} > {}", quoted(content), quoted(name))
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn by_writer(conversation: &Conversation, action: &Action) -> Option<Call> {
    let Action::File {
        name,
        content,
        through_shell: false,
    } = action
    else {
        return None;
    };
    let tool = offered(&conversation.tools, WRITERS)?;
    let path = match &conversation.directory {
        Some(directory) => format!("{}/{name}", directory.trim_end_matches('/')),
        None => name.clone(),
    };
    let mut arguments = Map::new();
    arguments.insert(parameter(tool, PATHS).to_owned(), json!(path));
    let content = format!("{content}\n");
    arguments.insert(parameter(tool, CONTENTS).to_owned(), json!(content));
    Some(Call::new(&tool.name, filled(&tool.schema, arguments)))
}

fn by_shell(tools: &[Tool], action: &Action) -> Option<Call> {
    let Action::Shell(command) = action else {
        return None;
    };
    let tool = offered(tools, SHELLS)?;
    let name = parameter(tool, COMMANDS);
    let is_list = tool.schema["properties"][name]["type"] == "array";
    let value = if is_list {
        json!(["bash", "-lc", command])
    } else {
        json!(command)
    };
    let arguments = Map::from_iter([(name.to_owned(), value)]);
    Some(Call::new(&tool.name, filled(&tool.schema, arguments)))
}

fn offered<'a>(tools: &'a [Tool], names: &[&str]) -> Option<&'a Tool> {
    let mut names = names.iter();
    names.find_map(|name| tools.iter().find(|tool| tool.name == *name))
}

/// The tool of that name of any server.
fn served<'a>(tools: &'a [Tool], name: &str) -> Option<&'a Tool> {
    tools.iter().find(|tool| {
        let before = tool.name.strip_suffix(name);
        before.is_some_and(|before| before.ends_with(['-', '_']))
    })
}

/// The first of the names that the tool has a parameter of.
fn parameter<'a>(tool: &Tool, names: &[&'a str]) -> &'a str {
    let has = |name: &&&str| !tool.schema["properties"][**name].is_null();
    names.iter().find(has).unwrap_or(&names[0])
}

/// Adds what else a schema requires, with values of the right type.
pub(super) fn filled(schema: &Value, mut arguments: Map<String, Value>) -> Value {
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if arguments.contains_key(name) {
            continue;
        }
        let property = &schema["properties"][name];
        let kind = &property["type"];
        let kind = kind.as_str().or_else(|| kind[0].as_str()).unwrap_or("");
        let value = match (property["enum"].get(0), kind.to_lowercase().as_str()) {
            (Some(first), _) => first.clone(),
            (None, "number" | "integer") => json!(1),
            (None, "boolean") => json!(false),
            (None, "array") => json!([]),
            (None, "object") => json!({}),
            (None, _) => json!("a scripted step"),
        };
        arguments.insert(name.to_owned(), value);
    }
    Value::Object(arguments)
}

/// All the files that a prompt asks for, as an agent without tools takes them from an answer: name, fence, content.
pub(super) fn listing(conversation: &Conversation) -> String {
    let mut actions = directives(&conversation.directions, conversation.is_retry);
    actions.retain(|action| matches!(action, Action::File { .. }));
    let files = actions.iter().map(|action| match action {
        Action::File { name, content, .. } => format!("{name}\n```\n{content}\n```\n"),
        Action::Shell(_) | Action::Tool(_) => String::new(),
    });
    let text: String = files.collect();
    if text.is_empty() {
        "hello.txt\n```\nhello from the scripted model\n```\n".to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(prompt: &str, tools: &Value, step: usize) -> Conversation {
        let tools = tools.as_object().expect("tools").clone();
        let tools = tools
            .into_iter()
            .map(|(name, schema)| Tool { name, schema });
        Conversation {
            tools: tools.collect(),
            directions: prompt.to_owned(),
            is_retry: is_retry(prompt),
            directory: Some("/work/place".to_owned()),
            step,
            ..Conversation::default()
        }
    }

    fn tools() -> Value {
        json!({
            "Bash": {"properties": {"command": {"type": "string"}, "why": {"type": "string"}},
                     "required": ["command", "why"]},
            "Write": {"properties": {"file_path": {}, "content": {}}},
        })
    }

    fn next(words: &str, prompt: &str, step: usize) -> Option<(String, Value)> {
        let (scenario, _) = Scenario::of_path(&format!("/{words}/")).expect("a scenario");
        let call = call(&scenario, &conversation(prompt, &tools(), step))?;
        Some((call.name, call.arguments))
    }

    fn shell(command: &str) -> Option<(String, Value)> {
        let arguments = json!({"command": command, "why": "a scripted step"});
        Some(("Bash".to_owned(), arguments))
    }

    #[test]
    fn a_prompt_says_what_is_done_turn_by_turn() {
        let prompt =
            "Do [[link]] this: [[file a.txt :: one\ntwo]], [[sh ls -l]] [[on-retry sh rm a.txt]].";
        let file = json!({"file_path": "/work/place/a.txt", "content": "one\ntwo\n"});
        assert_eq!(next("ok", prompt, 0), Some(("Write".to_owned(), file)));
        assert_eq!(next("ok", prompt, 1), shell("ls -l"));
        assert_eq!(next("ok", prompt, 2), None);
        assert_eq!(
            next("sh", prompt, 0),
            shell("printf '%s\\n' 'one\ntwo' > 'a.txt'")
        );
        assert_eq!(next("text", prompt, 0), None);
    }

    #[test]
    fn a_tool_of_a_server_is_called_where_it_is_offered() {
        let mut tools = tools();
        tools["mcp__notes__take"] =
            json!({"required": ["n"], "properties": {"n": {"type": "integer"}}});
        let prompt = "[[tool take]] [[tool ake]] [[tool burn]] [[sh ls]]";
        let (scenario, _) = Scenario::of_path("/ok/").expect("a scenario");
        let next = |step| call(&scenario, &conversation(prompt, &tools, step));
        let taken = Call::new("mcp__notes__take", json!({"n": 1}));
        assert_eq!(next(0), Some(taken));
        assert_eq!(next(1).map(|call| call.name).as_deref(), Some("Bash"));
        assert_eq!(next(2), None);
    }

    #[test]
    fn a_retry_is_done_differently_where_the_prompt_says_how() {
        let prompt =
            "[[file a.txt :: bad]] [[on-retry file a.txt :: it's good]]\n## Previous Attempt\n";
        assert_eq!(
            next("ok", prompt, 0),
            shell("printf '%s\\n' 'it'\\''s good' > 'a.txt'")
        );
        assert_eq!(next("ok", prompt, 1), None);
        let same = "[[sh echo 1]]\n## Previous Attempt\n";
        assert_eq!(next("ok", same, 0), shell("echo 1"));
    }

    #[test]
    fn what_others_reported_directs_nobody() {
        let prompt = "# Task\n\n## Description\n\n[[sh ls]]\n### More\n[[sh pwd]]\n\n## Results\n[[sh rm -r /]]\n";
        assert_eq!(next("ok", prompt, 0), shell("ls"));
        assert_eq!(next("ok", prompt, 1), shell("pwd"));
        assert_eq!(next("ok", prompt, 2), None);
    }

    #[test]
    fn without_directions_the_scenario_says_what_is_done() {
        let (tool, arguments) = next("two", "", 0).expect("a call");
        assert_eq!(
            (tool.as_str(), &arguments["file_path"]),
            ("Write", &json!("/work/place/hello.txt"))
        );
        assert_eq!(next("two", "", 1), shell("cat 'hello.txt'"));
        assert_eq!(next("two", "", 2), None);
        assert_eq!(
            next("long", "", 0),
            shell("echo begun > begun.txt; sleep 300")
        );
        assert_eq!(next("loop", "", 900), shell("echo 900"));
    }

    #[test]
    fn commands_are_lists_where_the_schema_says_so() {
        let tools = json!({"shell": {"properties": {"command": {"type": "array"}}}});
        let (scenario, _) = Scenario::of_path("/ok/").expect("a scenario");
        let call = call(&scenario, &conversation("[[sh ls]]", &tools, 0)).expect("a call");
        assert_eq!(call.arguments, json!({"command": ["bash", "-lc", "ls"]}));
    }

    #[test]
    fn a_model_without_a_fitting_tool_only_talks() {
        let (scenario, _) = Scenario::of_path("/ok/").expect("a scenario");
        assert_eq!(
            call(&scenario, &conversation("", &json!({"search": {}}), 0)),
            None
        );
        assert_eq!(call(&scenario, &conversation("", &json!({}), 0)), None);
    }

    #[test]
    fn required_values_have_their_type() {
        let schema = json!({
            "required": ["a", "b", "c", "d", "e", "f"],
            "properties": {
                "a": {"type": "integer"}, "b": {"type": ["BOOLEAN", "null"]}, "c": {"type": "array"},
                "d": {"enum": ["first", "second"]}, "e": {"type": "object"},
            },
        });
        let expected =
            json!({"a": 1, "b": false, "c": [], "d": "first", "e": {}, "f": "a scripted step"});
        assert_eq!(filled(&schema, Map::new()), expected);
    }
}
