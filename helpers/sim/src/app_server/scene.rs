//! What stands in a scene's texts for what only the performance knows: ids, the thread, the turn.

use std::collections::HashMap;

use serde_json::Value;

/// What was heard, and what there is by now.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The id of the request that was heard; null for anything else.
    pub(super) id: Value,
    /// The ids of the last requests, by method.
    pub(super) ids: HashMap<String, Value>,
    /// The thread and the turn that `$thread` and `$turn` mean.
    pub(super) thread: String,
    pub(super) turn: String,
}

impl Names {
    /// The value with everything filled in.
    pub(super) fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.fill_text(text),
            Value::Array(list) => list.iter().map(|value| self.fill(value)).collect(),
            Value::Object(object) => {
                Value::Object(object.iter().map(|(key, value)| (key.clone(), self.fill(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn fill_text(&self, text: &str) -> Value {
        match text.strip_prefix("$id") {
            Some("") => self.id.clone(),
            Some(method) => self.ids.get(method.trim_start()).cloned().unwrap_or_default(),
            None => text.replace("$thread", &self.thread).replace("$turn", &self.turn).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_keep_their_type_and_names_stand_anywhere() {
        let names = Names {
            id: json!(7),
            ids: HashMap::from([("turn/start".to_owned(), json!("x"))]),
            thread: "t".to_owned(),
            turn: "u".to_owned(),
        };
        let filled = names.fill(&json!({ "id": "$id", "of": ["$id turn/start", "$thread/$turn", 1, null] }));
        assert_eq!(filled, json!({ "id": 7, "of": ["x", "t/u", 1, null] }));
    }
}
