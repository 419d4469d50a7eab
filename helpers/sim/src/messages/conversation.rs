//! What a request to the Messages API says: who spoke last, and which step of which script is due.

use serde_json::Value;

use crate::script_mark::scripts_in;

/// The newest script of the conversation, and how many answers were given since it was.
pub(super) fn newest_script(request: &Value) -> Result<Option<(Value, usize)>, String> {
    let messages = messages(request);
    for (at, message) in messages.iter().enumerate().rev().filter(|(_, message)| message["role"] == "user") {
        for text in texts(message).into_iter().rev() {
            if let Some(script) = scripts_in(text)?.pop() {
                return Ok(Some((script, answers(&messages[at..]))));
            }
        }
    }
    Ok(None)
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
        assert_eq!(newest_script(&conversation(&[])), Ok(Some((json!([]), 0))));
        let answered = [
            json!({ "role": "assistant", "content": [{ "type": "tool_use" }] }),
            json!({ "role": "user", "content": [{ "type": "tool_result", "content": "@@[no]@@" }] }),
        ];
        assert_eq!(newest_script(&conversation(&answered)), Ok(Some((json!([]), 1))));
        assert_eq!(answers_since_prompt(&conversation(&answered)), 1);
        assert_eq!(newest_script(&json!({ "messages": [] })), Ok(None));
    }

    #[test]
    fn what_tools_returned_is_part_of_the_whole_text() {
        let result = json!({ "type": "tool_result", "content": [{ "type": "text", "text": "deep" }, { "type": "image" }] });
        let request = json!({ "messages": [{ "role": "user", "content": [result] }] });
        assert_eq!(whole_text(&request), "deep\n");
    }
}
