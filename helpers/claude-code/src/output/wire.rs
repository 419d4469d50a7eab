//! The lines whose form is not what their readers want. Knows one line at a time.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Denial, Message, OutputLine, Question};
use crate::tool::ToolCall;

/// Claude Code's name for the model of what it says itself.
const ITSELF: &str = "<synthetic>";

#[derive(Deserialize)]
pub(super) struct Background<'a> {
    #[serde(borrow)]
    pub(super) tasks: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamEvent {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    delta: Option<Delta>,
}

#[derive(Deserialize)]
struct Delta {
    #[serde(default)]
    text: Option<String>,
}

pub(super) fn piece(line: &[u8]) -> Result<OutputLine, serde_json::Error> {
    let StreamEvent { event } = serde_json::from_slice(line)?;
    Ok(match event.delta.and_then(|delta| delta.text) {
        Some(text) if event.kind == "content_block_delta" => OutputLine::Piece(text),
        _ => OutputLine::Else(format!("stream_event/{}", event.kind)),
    })
}

#[derive(Deserialize)]
struct Assistant {
    message: Content,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    content: Vec<Block>,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<Box<RawValue>>,
}

pub(super) fn message(line: &[u8]) -> Result<OutputLine, serde_json::Error> {
    let Assistant { message, error } = serde_json::from_slice(line)?;
    let mut said = Message {
        model: message.model.filter(|model| model != ITSELF),
        text: String::new(),
        calls: Vec::new(),
        error,
    };
    for block in message.content {
        match (block.kind.as_str(), block.text, block.name, block.input) {
            ("text", Some(text), _, _) => said.text.push_str(&text),
            ("tool_use", _, Some(name), Some(input)) => said.calls.push(ToolCall { name, input }),
            _ => {}
        }
    }
    Ok(OutputLine::Message(said))
}

#[derive(Deserialize)]
struct Information {
    #[serde(default)]
    content: String,
    #[serde(default)]
    prevent_continuation: bool,
    #[serde(default)]
    prompt_submit_outcome: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    reason: Option<String>,
}

pub(super) fn informed(line: &[u8]) -> Result<OutputLine, serde_json::Error> {
    let informed: Information = serde_json::from_slice(line)?;
    if !informed.prevent_continuation {
        return Ok(OutputLine::Else("system/informational".to_owned()));
    }
    // The content holds the prompt, too.
    let reason = informed.prompt_submit_outcome.and_then(|outcome| outcome.reason);
    Ok(OutputLine::Blocked(reason.unwrap_or(informed.content)))
}

#[derive(Deserialize)]
struct ControlRequest {
    request_id: String,
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    subtype: String,
    #[serde(default)]
    tool_name: Option<String>,
    #[serde(default)]
    input: Option<Box<RawValue>>,
    #[serde(default)]
    decision_reason: Option<String>,
    #[serde(default)]
    tool_use_id: Option<String>,
}

pub(super) fn asked(line: &[u8]) -> Result<OutputLine, serde_json::Error> {
    let ControlRequest { request_id, request } = serde_json::from_slice(line)?;
    Ok(match (request.subtype.as_str(), request.tool_name, request.input) {
        ("can_use_tool", Some(name), Some(input)) => OutputLine::Asked(Question {
            request: request_id,
            call: ToolCall { name, input },
            reason: request.decision_reason,
            tool_use: request.tool_use_id,
        }),
        _ => OutputLine::AskedElse { request: request_id, kind: request.subtype },
    })
}

#[derive(Deserialize)]
pub(super) struct Denied {
    #[serde(rename = "tool_name")]
    name: String,
    #[serde(rename = "tool_input")]
    input: Box<RawValue>,
    #[serde(rename = "tool_use_id", default)]
    id: Option<String>,
}

impl From<Denied> for Denial {
    fn from(denied: Denied) -> Self {
        let call = ToolCall { name: denied.name, input: denied.input };
        Self { call, tool_use: denied.id }
    }
}

#[derive(Deserialize)]
struct CancelRequest {
    request_id: String,
}

pub(super) fn withdrawn(line: &[u8]) -> Result<String, serde_json::Error> {
    serde_json::from_slice::<CancelRequest>(line).map(|cancel| cancel.request_id)
}
