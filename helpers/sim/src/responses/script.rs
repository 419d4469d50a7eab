//! The language of scripts: what a step may say.
//! Knows nothing of prompts, sockets, or the wire format that a step becomes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Map, Value};

/// One answer after the other.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Script {
    /// The k-th request gets the k-th step; requests beyond the last get a short final message.
    pub steps: Vec<Step>,
}

impl Script {
    /// Reads a script from its JSON, as it stands between the `@@` marks.
    pub fn from_json(json: Value) -> serde_json::Result<Self> {
        serde_json::from_value(json)
    }
}

/// What the server does with one request.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// Added to the HTTP response, e.g. rate limits.
    pub headers: BTreeMap<String, String>,
    /// Waits this long before the response's head (`delay_ms`).
    pub delay_ms: u64,
    /// What follows.
    pub reply: Reply,
}

/// The two shapes of an answer.
#[derive(Debug, Clone)]
pub enum Reply {
    /// `{"status": 503, "error": {…}}` or `{"status": 502, "body": "<html>"}`.
    Refusal {
        /// The HTTP status.
        status: u16,
        /// The whole body.
        body: String,
    },
    /// A stream of events.
    Stream(Stream),
}

/// A stream of events: `do`, in order, then the ending.
#[derive(Debug, Clone)]
pub struct Stream {
    /// What the model does.
    pub acts: Vec<Act>,
    /// How the stream ends.
    pub ending: Ending,
    /// Waits this long before each event (`stream_ms`).
    pub stream_ms: u64,
    /// Sends an SSE comment this often while waiting (`ping_ms`); 0 = never.
    pub ping_ms: u64,
    /// The figures of `response.completed`.
    pub usage: Usage,
}

/// How a stream ends.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With `response.completed`.
    Completed,
    /// `{"failed": {"code": "context_length_exceeded", "message": "…"}}`
    Failed(Value),
    /// `{"incomplete": "max_output_tokens"}`
    Incomplete(String),
    /// `{"cut": true}`: the connection is closed in the middle of the body.
    Cut,
    /// `{"silence": true}`: nothing more is sent until the client goes away.
    Silence,
}

/// The figures of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names of the figures say it")]
pub struct Usage {
    pub input: u64,
    pub cached: u64,
    pub output: u64,
    pub reasoning: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self { input: 1000, cached: 200, output: 50, reasoning: 7 }
    }
}

/// One thing that the model does within a response.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A reasoning summary.
    Think(String),
    /// A message: a text, or an object with `text` and optionally `phase` and `deltas`.
    Say(Say),
    /// A final message that is this JSON, as a structured answer is.
    Answer(Value),
    /// A shell command: a text, or the arguments of `exec_command` (`cmd`, `yield_time_ms`, …).
    Run(Arguments),
    /// Input for the command that still runs: a text ("" only polls) or arguments of `write_stdin`.
    Stdin(Arguments),
    /// A patch from `*** Begin Patch` to `*** End Patch`.
    Patch(String),
    /// A web search for this query.
    Search(String),
    /// Any function, e.g. one of an MCP server.
    Tool(Tool),
    /// A raw output item.
    Item(Value),
    /// A raw server-sent event; its `type` names it.
    Event(Value),
    /// Waits.
    PauseMs(u64),
    /// Waits until this file exists.
    Until(PathBuf),
}

/// The two ways to write a message.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Say {
    /// The text; the phase follows from its place: before a call commentary, otherwise final.
    Text(String),
    /// The text with more to say about it.
    Message(Message),
}

/// A message in full.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// What is said.
    pub text: String,
    /// `commentary` or `final_answer`.
    pub phase: Option<String>,
    /// Sent in pieces of so many characters before the whole; 0 = only the whole.
    #[serde(default)]
    pub deltas: usize,
}

/// The main argument alone, or all arguments by their real names.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Arguments {
    /// The main argument.
    Text(String),
    /// All of them.
    Named(Map<String, Value>),
}

impl Arguments {
    /// All arguments, the main one under the name `main`.
    pub fn named(&self, main: &str) -> Map<String, Value> {
        match self {
            Self::Text(text) => Map::from_iter([(main.to_owned(), Value::from(text.as_str()))]),
            Self::Named(arguments) => arguments.clone(),
        }
    }
}

/// A function call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// The name, without the namespace.
    pub name: String,
    /// E.g. `mcp__server`.
    pub namespace: Option<String>,
    /// The arguments.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// A step as it is written; [`Step`] is what it means.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawStep {
    #[serde(rename = "do")]
    acts: Vec<Act>,
    usage: Usage,
    headers: BTreeMap<String, String>,
    delay_ms: u64,
    stream_ms: u64,
    ping_ms: u64,
    status: Option<u16>,
    error: Option<Value>,
    body: Option<String>,
    cut: bool,
    silence: bool,
    failed: Option<Value>,
    incomplete: Option<String>,
}

impl TryFrom<RawStep> for Step {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        let (headers, delay_ms) = (raw.headers.clone(), raw.delay_ms);
        let reply = if let Some(status) = raw.status { refusal(status, raw)? } else { stream(raw)? };
        Ok(Self { headers, delay_ms, reply })
    }
}

fn refusal(status: u16, raw: RawStep) -> Result<Reply, String> {
    if !raw.acts.is_empty() || raw.cut || raw.silence || raw.failed.is_some() || raw.incomplete.is_some() {
        return Err(format!("a step with status {status} streams nothing"));
    }
    let body = match (raw.body, raw.error) {
        (Some(_), Some(_)) => return Err("a step has either a body or an error".to_owned()),
        (Some(body), None) => body,
        (None, Some(error)) => serde_json::json!({ "error": error }).to_string(),
        (None, None) => {
            serde_json::json!({ "error": { "message": format!("scripted {status}") } }).to_string()
        }
    };
    Ok(Reply::Refusal { status, body })
}

fn stream(raw: RawStep) -> Result<Reply, String> {
    if raw.error.is_some() || raw.body.is_some() {
        return Err("`error` and `body` need a `status`".to_owned());
    }
    let mut endings = [
        raw.cut.then_some(Ending::Cut),
        raw.silence.then_some(Ending::Silence),
        raw.failed.map(Ending::Failed),
        raw.incomplete.map(Ending::Incomplete),
    ]
    .into_iter()
    .flatten();
    let ending = endings.next().unwrap_or(Ending::Completed);
    if endings.next().is_some() {
        return Err("a step has one ending".to_owned());
    }
    Ok(Reply::Stream(Stream {
        acts: raw.acts,
        ending,
        stream_ms: raw.stream_ms,
        ping_ms: raw.ping_ms,
        usage: raw.usage,
    }))
}

#[cfg(test)]
mod tests;
