//! One line of a transcript as Claude Code 2.1 writes it (seen in 2.1.329), read tolerantly: what is not understood is
//! nothing.

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a line tells that matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Words of the user.
    User(String),
    /// Words of Claude.
    Claude(String),
    /// A file that Claude wrote.
    Wrote(String),
    /// What Claude planned, or the list of what is to be done.
    Plan(String),
    /// Claude called a tool; the call's id.
    Called(String),
    /// The call with this id has returned.
    Returned(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: String,
    is_sidechain: Option<bool>,
    is_meta: Option<bool>,
    timestamp: Option<String>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    name: Option<String>,
    id: Option<String>,
    tool_use_id: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

/// What of a tool's input is looked at.
#[derive(Deserialize)]
struct Input {
    file_path: Option<String>,
    notebook_path: Option<String>,
    plan: Option<String>,
    todos: Option<Vec<Todo>>,
}

#[derive(Deserialize)]
struct Todo {
    #[serde(default)]
    content: String,
    #[serde(default)]
    status: String,
}

/// What a line tells, and when it was written.
pub fn read(line: &[u8]) -> (Option<String>, Vec<Told>) {
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return (None, vec![]) };
    let is_ours = line.is_sidechain != Some(true) && line.is_meta != Some(true);
    let content = line.message.and_then(|message| message.content).filter(|_| is_ours);
    let told = match (line.kind.as_str(), content) {
        ("user", Some(content)) => told_by_user(content),
        ("assistant", Some(content)) => blocks(content).iter().flat_map(said_by_claude).collect(),
        _ => vec![],
    };
    (line.timestamp, told)
}

fn blocks(content: &RawValue) -> Vec<Block<'_>> {
    let blocks: Vec<&RawValue> = serde_json::from_str(content.get()).unwrap_or_default();
    blocks.into_iter().filter_map(|block| serde_json::from_str(block.get()).ok()).collect()
}

/// A text alone, or blocks: of what a tool returned it is only told that it did.
fn told_by_user(content: &RawValue) -> Vec<Told> {
    if let Ok(text) = serde_json::from_str::<String>(content.get()) {
        return said_by_user(&text).into_iter().collect();
    }
    let told = |block: Block<'_>| match block.kind.as_str() {
        "text" => said_by_user(&block.text?),
        "tool_result" => block.tool_use_id.map(Told::Returned),
        _ => None,
    };
    blocks(content).into_iter().filter_map(told).collect()
}

/// What the host puts into the user's mouth (notices, reminders, output of commands) is left out; of a slash command the
/// line that was typed is kept.
fn said_by_user(text: &str) -> Option<Told> {
    let text = text.trim();
    if let Some(name) = between(text, "<command-name>", "</command-name>") {
        let arguments = between(text, "<command-args>", "</command-args>").unwrap_or_default();
        return Some(Told::User(format!("{name} {arguments}").trim().to_owned()));
    }
    let is_the_hosts =
        ["<task-notification>", "<system-reminder>", "<local-command-", "<bash-", "[SYSTEM NOTIFICATION"];
    let is_typed = !text.is_empty() && !is_the_hosts.iter().any(|begin| text.starts_with(begin));
    is_typed.then(|| Told::User(text.to_owned()))
}

fn said_by_claude(block: &Block<'_>) -> Vec<Told> {
    match (block.kind.as_str(), &block.text, &block.name, block.input) {
        ("text", Some(text), _, _) if !text.trim().is_empty() => vec![Told::Claude(text.trim().to_owned())],
        ("tool_use", _, Some(tool), Some(input)) => {
            block.id.clone().map(Told::Called).into_iter().chain(used(tool, input)).collect()
        }
        _ => vec![],
    }
}

fn used(tool: &str, input: &RawValue) -> Vec<Told> {
    let Ok(input) = serde_json::from_str::<Input>(input.get()) else { return vec![] };
    match tool {
        "Edit" | "MultiEdit" | "Write" | "NotebookEdit" => {
            input.file_path.or(input.notebook_path).map(Told::Wrote).into_iter().collect()
        }
        "ExitPlanMode" => input.plan.map(Told::Plan).into_iter().collect(),
        "TodoWrite" => input.todos.map(|todos| Told::Plan(listed(&todos))).into_iter().collect(),
        _ => vec![],
    }
}

fn listed(todos: &[Todo]) -> String {
    let lines = todos.iter().map(|todo| format!("- {} ({})", todo.content, todo.status));
    lines.collect::<Vec<_>>().join("\n")
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    Some(text.split_once(begin)?.1.split_once(end)?.0.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Vec<Told> {
        read(line.as_bytes()).1
    }

    #[test]
    fn words_of_both_are_kept_and_what_tools_returned_is_not() {
        assert_eq!(
            told(r#"{"type":"user","message":{"role":"user","content":" hello "}}"#),
            [Told::User("hello".into())]
        );
        let result = r#"{"type":"user","message":{"content":[{"type":"tool_result","content":"SECRET"},{"type":"text","text":"go on"}]}}"#;
        assert_eq!(told(result), [Told::User("go on".into())]);
        let answer = r#"{"type":"assistant","message":{"content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"yes"},
            {"type":"tool_use","name":"Edit","input":{"file_path":"/a/b.rs","new_string":"x"}},
            {"type":"tool_use","name":"Bash","input":{"command":"cat /etc/passwd"}}]}}"#;
        assert_eq!(told(answer), [Told::Claude("yes".into()), Told::Wrote("/a/b.rs".into())]);
    }

    #[test]
    fn of_a_tool_it_is_told_that_it_was_called_and_that_it_returned() {
        let call = r#"{"type":"assistant","message":{"content":[{"type":"tool_use","id":"t1","name":"Bash","input":{}}]}}"#;
        let result = r#"{"type":"user","message":{"content":[{"type":"tool_result","tool_use_id":"t1","content":"x"}]}}"#;
        assert_eq!(
            (told(call), told(result)),
            (vec![Told::Called("t1".into())], vec![Told::Returned("t1".into())])
        );
    }

    #[test]
    fn a_plan_and_a_list_are_plans() {
        let line = r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"TodoWrite","input":
            {"todos":[{"content":"a","status":"completed"},{"content":"b","status":"pending","activeForm":"B"}]}}]}}"#;
        assert_eq!(told(line), [Told::Plan("- a (completed)\n- b (pending)".into())]);
        let line = r#"{"type":"assistant","message":{"content":[{"type":"tool_use","name":"ExitPlanMode","input":{"plan":"1. x"}}]}}"#;
        assert_eq!(told(line), [Told::Plan("1. x".into())]);
    }

    #[test]
    fn what_the_host_says_for_the_user_is_left_out_and_a_command_is_what_was_typed() {
        for text in ["<task-notification>x", "<system-reminder>x", "<local-command-stdout>x", "  "] {
            assert_eq!(told(&format!(r#"{{"type":"user","message":{{"content":"{text}"}}}}"#)), [], "{text}");
        }
        let command = "<command-message>m</command-message><command-name>/clodex-status</command-name><command-args>--all</command-args>";
        let line = format!(r#"{{"type":"user","message":{{"content":"{command}"}}}}"#);
        assert_eq!(told(&line), [Told::User("/clodex-status --all".into())]);
    }

    #[test]
    fn what_is_not_understood_is_nothing() {
        for line in [
            "",
            "nonsense",
            "{}",
            "[1]",
            r#"{"type":"user"}"#,
            r#"{"type":"user","message":{"content":7}}"#,
            r#"{"type":"user","isMeta":true,"message":{"content":"x"}}"#,
            r#"{"type":"user","isSidechain":true,"message":{"content":"x"}}"#,
            r#"{"type":"assistant","message":{"content":[7,{"type":"tool_use","name":"Edit","input":[]}]}}"#,
            r#"{"type":"from-the-future","message":{"content":"x"}}"#,
        ] {
            assert_eq!(told(line), [], "{line}");
        }
    }
}
