//! What Claude Code says on its stdout (`--output-format stream-json --verbose`), a line at a time: typed where somebody
//! needs it, and tolerant of everything else. Knows nothing of what came before.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::tool::ToolCall;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputLine {
    /// A turn begins; comes after the prompt, and once more for each turn that a background task causes.
    Began(Began),
    /// A piece of a text that is being written (`--include-partial-messages`); the whole comes as a message.
    Piece(String),
    /// A finished block of the main conversation.
    Message(Message),
    /// Claude Code asks whether a tool may be used, and waits.
    Asked(Question),
    /// It asks something else, of this kind, and waits.
    AskedElse {
        /// What the answer names.
        request: String,
        /// What it is.
        kind: String,
    },
    /// It no longer wants an answer to this request.
    Withdrawn(String),
    /// It has answered our request.
    Answered,
    /// It does not go on with this, and why: a hook forbids it. The turn then ends as if all were well.
    Blocked(String),
    /// The model could not be asked; it will be again.
    Retrying(Retrying),
    /// How many tasks run in the background now. The end of one begins a turn.
    Background(usize),
    /// The end of a turn.
    Ended(Box<Ended>),
    /// Anything else, by its kind: `user`, `system/status`, …
    Else(String),
}

/// The begin of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Began {
    /// The conversation's id.
    pub session_id: String,
    /// The model that is meant to be asked.
    #[serde(default)]
    pub model: Option<String>,
    /// Claude Code's version.
    #[serde(default, rename = "claude_code_version")]
    pub version: Option<String>,
}

/// A finished block of a message. A message of several blocks comes as several of these, with the same id.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The model that wrote it; none where Claude Code itself did.
    pub model: Option<String>,
    /// What it says.
    pub text: String,
    /// The tools that it calls.
    pub calls: Vec<ToolCall>,
    /// Why the model could not be asked, in Claude Code's word (`authentication_failed`); the text then says it.
    pub error: Option<String>,
}

/// A question whether a tool may be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What the answer names.
    pub request: String,
    /// The tool and its arguments.
    pub call: ToolCall,
    /// Why Claude Code asks, where it says so.
    pub reason: Option<String>,
    /// The id of the call, by which a [`Denial`] names it as well.
    pub tool_use: Option<String>,
}

/// The model is asked once more.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Retrying {
    /// Which try has failed, from 1.
    #[serde(default)]
    pub attempt: u32,
    /// How many there will be.
    #[serde(default)]
    pub max_retries: u32,
    /// The HTTP status.
    #[serde(default)]
    pub error_status: Option<u16>,
    /// What went wrong, in Claude Code's word: `overloaded`, `authentication_failed`, `unknown`, …
    #[serde(default)]
    pub error: Option<String>,
}

/// The end of a turn.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Ended {
    /// The conversation's id.
    pub session_id: String,
    /// `success`, also where the model could not be asked; `error_during_execution`, `error_max_turns`, …
    pub subtype: String,
    /// Whether it failed.
    pub is_error: bool,
    /// Why it ended: `completed`, `api_error`, `aborted_tools`, …
    pub terminal_reason: Option<String>,
    /// The last text, or what went wrong.
    pub result: Option<String>,
    /// The answer that follows the schema.
    pub structured_output: Option<serde_json::Value>,
    /// What went wrong, where there is no result.
    pub errors: Vec<String>,
    /// The HTTP status of what went wrong.
    pub api_error_status: Option<u16>,
    /// What went wrong, where there was no HTTP status: `connection_failed`.
    pub api_error: Option<String>,
    /// US dollars for the conversation so far, what was resumed included.
    pub total_cost_usd: Option<f64>,
    /// What each model cost since the last end; older versions do not tell.
    pub model_usage_since_last_result: BTreeMap<String, Share>,
    /// Tokens of this turn.
    pub usage: Usage,
    /// Calls of tools that were not allowed.
    pub permission_denials: Vec<Denial>,
}

/// One model's part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Share {
    /// US dollars.
    #[serde(rename = "costUSD")]
    pub cost_usd: f64,
}

/// Tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Read, and not from the cache.
    pub input_tokens: u64,
    /// Written to the cache.
    pub cache_creation_input_tokens: u64,
    /// Read from the cache.
    pub cache_read_input_tokens: u64,
    /// Written by the model.
    pub output_tokens: u64,
    /// How much of that is what.
    pub output_tokens_details: OutputDetails,
}

/// What the model wrote, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct OutputDetails {
    /// While it thought.
    pub thinking_tokens: u64,
}

/// A call of a tool that was not allowed: by whoever was asked, or by Claude Code itself without asking.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "wire::Denied")]
pub struct Denial {
    /// The call, as the model put it.
    pub call: ToolCall,
    /// Its id.
    pub tool_use: Option<String>,
}

impl OutputLine {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is no JSON object, or one that has not the form that its kind has.
    pub fn read(line: &[u8]) -> Result<Self, serde_json::Error> {
        let head: Head<'_> = serde_json::from_slice(line)?;
        // What a subagent says is not the answer.
        let main = head.parent_tool_use_id.is_none();
        Ok(match (head.kind.as_ref(), head.subtype.as_deref()) {
            ("system", Some("init")) => Self::Began(serde_json::from_slice(line)?),
            ("system", Some("api_retry")) => Self::Retrying(serde_json::from_slice(line)?),
            ("system", Some("informational")) => wire::informed(line)?,
            ("system", Some("background_tasks_changed")) => {
                let changed: wire::Background<'_> = serde_json::from_slice(line)?;
                Self::Background(changed.tasks.len())
            }
            ("stream_event", _) if main => wire::piece(line)?,
            ("assistant", _) if main => wire::message(line)?,
            ("control_request", _) => wire::asked(line)?,
            ("control_cancel_request", _) => Self::Withdrawn(wire::withdrawn(line)?),
            ("control_response", _) => Self::Answered,
            ("result", _) => Self::Ended(serde_json::from_slice(line)?),
            (kind, Some(subtype)) => Self::Else(format!("{kind}/{subtype}")),
            (kind, None) => Self::Else(kind.to_owned()),
        })
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    subtype: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    parent_tool_use_id: Option<&'a RawValue>,
}

mod wire;

#[cfg(test)]
mod tests;
