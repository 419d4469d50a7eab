//! What a request to the Messages API says: who spoke last, and which step of which script is due.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::script_mark::scripts_in;

/// Scripts that a prompt can name.
pub(super) type Known = BTreeMap<String, Value>;

/// The text that names a script in a prompt: plain enough to be typed into a terminal.
pub fn named(name: &str) -> String {
    format!("<<{name}>>")
}

/// The newest script of the conversation, and how many answers were given since it was.
pub(super) fn newest_script(known: &Known, request: &Value) -> Result<Option<(Value, usize)>, String> {
    let messages = messages(request);
    for (at, message) in messages.iter().enumerate().rev().filter(|(_, message)| message["role"] == "user") {
        for text in texts(message).into_iter().rev() {
            let script = scripts_in(text)?.pop().or_else(|| last_named(known, text));
            if let Some(script) = script {
                return Ok(Some((script, answers(&messages[at..]))));
            }
        }
    }
    Ok(None)
}

/// A prompt names a script in its text, an expanded slash command by being it.
fn last_named(known: &Known, text: &str) -> Option<Value> {
    let place = |name: &str| {
        text.rfind(&named(name)).max(text.rfind(&format!("<command-name>/{name}</command-name>")))
    };
    let found = known.iter().filter_map(|(name, script)| Some((place(name)?, script)));
    found.max_by_key(|(at, _)| *at).map(|(_, script)| script.clone())
}

/// How many answers were given since the newest message that a person wrote.
pub(super) fn answers_since_prompt(request: &Value) -> usize {
    let messages = messages(request);
    let prompt = |message: &Value| message["role"] == "user" && !texts(message).is_empty();
    let at = messages.iter().rposition(prompt).unwrap_or_default();
    answers(&messages[at..])
}

fn answers(messages: &[Value]) -> usize {
    messages.iter().filter(|message| message["role"] == "assistant").count()
}

fn messages(request: &Value) -> &[Value] {
    request["messages"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The texts of a message; results of tools are none.
fn texts(message: &Value) -> Vec<&str> {
    match &message["content"] {
        Value::String(text) => vec![text],
        Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        _ => vec![],
    }
}

/// All that a request's conversation holds as text: prompts, context, and what tools returned.
pub(super) fn whole_text(request: &Value) -> String {
    let mut text = String::new();
    for message in messages(request) {
        collect(&message["content"], &mut text);
    }
    text
}

/// Where the background command that ended last has written what it says: its notice names the file.
pub(super) fn newest_output_file(request: &Value) -> Option<String> {
    let text = whole_text(request);
    let (_, rest) = text.rsplit_once("<output-file>")?;
    Some(rest.split_once("</output-file>")?.0.to_owned())
}

/// The command that the newest prompt tells the model to run: the line that it sets off by four spaces.
pub(super) fn prescribed_command(request: &Value) -> Option<String> {
    let prompts = messages(request).iter().rev().filter(|message| message["role"] == "user");
    let mut lines = prompts.flat_map(texts).flat_map(str::lines);
    lines.find_map(|line| line.strip_prefix("    ")).map(|command| command.trim().to_owned())
}

fn collect(value: &Value, text: &mut String) {
    match value {
        Value::String(part) => {
            text.push_str(part);
            text.push('\n');
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect(part, text)),
        Value::Object(block) => {
            for part in ["text", "content"].iter().filter_map(|key| block.get(*key)) {
                collect(part, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_step_that_is_due_is_counted_in_answers_since_the_newest_script() {
        let conversation = |more: &[Value]| {
            let mut messages = vec![
                json!({ "role": "user", "content": "a @@[{\"do\":[]}]@@" }),
                json!({ "role": "assistant", "content": [{ "type": "text", "text": "1" }] }),
                json!({ "role": "user", "content": [{ "type": "text", "text": "b @@[]@@" }] }),
                json!({ "role": "system", "content": "context" }),
            ];
            messages.extend_from_slice(more);
            json!({ "messages": messages })
        };
        let known = Known::new();
        assert_eq!(newest_script(&known, &conversation(&[])), Ok(Some((json!([]), 0))));
        let answered = [
            json!({ "role": "assistant", "content": [{ "type": "tool_use" }] }),
            json!({ "role": "user", "content": [{ "type": "tool_result", "content": "@@[no]@@" }] }),
        ];
        assert_eq!(newest_script(&known, &conversation(&answered)), Ok(Some((json!([]), 1))));
        assert_eq!(answers_since_prompt(&conversation(&answered)), 1);
        assert_eq!(newest_script(&known, &json!({ "messages": [] })), Ok(None));
    }

    #[test]
    fn a_prompt_can_name_its_script() {
        let known = Known::from([("one".to_owned(), json!([1])), ("two".to_owned(), json!([2]))]);
        let request = |text: &str| json!({ "messages": [{ "role": "user", "content": text }] });
        let text = format!("{} then {}, not {}", named("two"), named("one"), named("three"));
        assert_eq!(newest_script(&known, &request(&text)), Ok(Some((json!([1]), 0))));
        assert_eq!(newest_script(&known, &request("one")), Ok(None));
        let command = "<command-message>one</command-message>\n<command-name>/one</command-name>";
        assert_eq!(newest_script(&known, &request(command)), Ok(Some((json!([1]), 0))));
    }

    #[test]
    fn the_newest_prompt_prescribes_what_it_sets_off() {
        let prompt = |text: &str| json!({ "role": "user", "content": [{ "type": "text", "text": text }] });
        let request =
            json!({ "messages": [prompt("Call:\n\n    old"), prompt("Call this:\n\n    ls -l \n\nOnce.")] });
        assert_eq!(prescribed_command(&request).as_deref(), Some("ls -l"));
        assert_eq!(prescribed_command(&json!({ "messages": [prompt("ls")] })), None);
    }

    #[test]
    fn what_tools_returned_is_part_of_the_whole_text() {
        let result = json!({ "type": "tool_result", "content": [{ "type": "text", "text": "deep" }, { "type": "image" }] });
        let request = json!({ "messages": [{ "role": "user", "content": [result] }] });
        assert_eq!(whole_text(&request), "deep\n");
    }

    #[test]
    fn the_newest_notice_names_the_output_file() {
        let notice = |file: &str| {
            let text =
                format!("<task-id>b</task-id><output-file>{file}</output-file><status>completed</status>");
            json!({ "role": "user", "content": [{ "type": "text", "text": text }] })
        };
        let request = json!({ "messages": [notice("/tmp/1"), notice("/tmp/2")] });
        assert_eq!(newest_output_file(&request).as_deref(), Some("/tmp/2"));
        assert_eq!(newest_output_file(&json!({})), None);
    }
}
