//! The shape of a script, as tests write it. Knows nothing of the wire.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

/// One answer after the other.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Script {
    /// Requests beyond the last step get a short answer.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script from its JSON, as it stands between the `@@` marks.
    pub fn from_json(json: Value) -> serde_json::Result<Self> {
        serde_json::from_value(json)
    }
}

/// What the server does with one request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// What the model does, in order.
    #[serde(rename = "do")]
    pub acts: Vec<Act>,
    /// Waits this long before it answers.
    pub delay_ms: u64,
    /// Refuses with this HTTP status instead.
    pub status: Option<u16>,
    /// What a refusal says: `{"type": …, "message": …}`.
    pub error: Value,
}

/// One thing that the model does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A block of text.
    Say(String),
    /// A call of a tool; the turn goes on with its result.
    Tool(Tool),
    /// Waits until this file exists.
    Until(PathBuf),
    /// Waits this long.
    PauseMs(u64),
}

/// Stands in a tool's arguments for the file with what the newest background command has said.
pub const OUTPUT_FILE: &str = "<<output-file>>";

/// Stands in a tool's arguments for the command that the newest prompt tells the model to run.
pub const PRESCRIBED: &str = "<<prescribed>>";

impl Act {
    /// Puts what the conversation says in the place of one of the two above.
    pub(super) fn fill(&mut self, place: &str, with: &str) {
        if let Self::Tool(tool) = self {
            put(&mut tool.input, place, with);
        }
    }
}

fn put(value: &mut Value, place: &str, with: &str) {
    match value {
        Value::String(text) => *text = text.replace(place, with),
        Value::Array(values) => values.iter_mut().for_each(|value| put(value, place, with)),
        Value::Object(values) => values.values_mut().for_each(|value| put(value, place, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// E.g. `Bash`.
    pub name: String,
    /// Its arguments.
    pub input: Value,
}
