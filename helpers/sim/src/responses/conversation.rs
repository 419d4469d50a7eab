//! What a request to the Responses API says: who asks, and what users wrote.

use serde_json::Value;

use crate::Request;

impl Request {
    /// The id of the Codex thread that asks, empty when it sends none.
    pub fn thread_id(&self) -> &str {
        ["thread-id", "session-id", "session_id"]
            .iter()
            .find_map(|name| self.header(name))
            .unwrap_or_default()
    }

    /// The texts of the conversation's user messages, oldest first (Codex's own context is among them).
    pub fn user_texts(&self) -> Vec<String> {
        user_texts(&self.json())
    }

    /// The newest user text: the prompt.
    pub fn prompt(&self) -> Option<String> {
        self.user_texts().pop()
    }
}

/// The texts of the user messages in a request's JSON, oldest first.
pub(super) fn user_texts(json: &Value) -> Vec<String> {
    let items = json["input"].as_array().map(Vec::as_slice).unwrap_or_default();
    items
        .iter()
        .filter(|item| item["role"] == "user")
        .flat_map(|item| item["content"].as_array().map(Vec::as_slice).unwrap_or_default())
        .filter_map(|part| part["text"].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_user_texts_count() {
        let json = serde_json::json!({ "input": [
            { "role": "developer", "content": [{ "type": "input_text", "text": "no" }] },
            { "role": "user", "content": [{ "type": "input_text", "text": "a" }, { "type": "input_image" }] },
            { "type": "function_call_output", "output": "x" },
            { "role": "user", "content": [{ "type": "input_text", "text": "b" }] },
        ] });
        assert_eq!(user_texts(&json), ["a", "b"]);
    }
}
