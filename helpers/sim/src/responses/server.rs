//! The scripted model: finds the step that a request is due.
//! Knows how scripts are addressed; not what the steps look like on the wire.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Request;
use crate::http::{Server, Wire};
use crate::script_mark::scripts_in;

use super::conversation::user_texts;
use super::plan::{beats, close, running_terminal};
use super::script::{Reply, Script, Step};

/// What the server says when a script has no more steps, or when there is none at all.
const LAST_WORD: &str = "All done.";

/// A scripted Responses API on the loopback interface. Dropping it hangs up on all clients.
pub struct ScriptedModel {
    server: Server,
}

impl std::fmt::Debug for ScriptedModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedModel").field("port", &self.port()).finish_non_exhaustive()
    }
}

/// Whose turn it is in which script.
struct Scripts {
    default: Box<Default>,
    /// How many requests a script of a thread has had; see [`Address`].
    counts: Mutex<HashMap<Address, usize>>,
}

type Default = dyn Fn(&Request) -> Script + Send + Sync;

/// Thread, script and number of the script in its conversation.
type Address = (String, String, usize);

impl ScriptedModel {
    /// Starts a server for prompts that carry their scripts.
    pub fn start() -> io::Result<Self> {
        Self::with_default(|_| Script::default())
    }

    /// Starts a server that asks `default` for the script of a prompt that carries none.
    pub fn with_default(default: impl Fn(&Request) -> Script + Send + Sync + 'static) -> io::Result<Self> {
        Self::listen(0, default)
    }

    /// Like [`Self::with_default`], on a port of the caller's choice; 0 = any.
    pub fn listen(
        port: u16,
        default: impl Fn(&Request) -> Script + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let scripts = Scripts { default: Box::new(default), counts: Mutex::default() };
        let server =
            Server::listen(port, move |request, number, wire| scripts.answer(request, number, wire))?;
        Ok(Self { server })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// All requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<Arc<Request>> {
        self.server.requests()
    }

    /// How many clients are connected: streams that are under way or silent.
    pub fn open_connections(&self) -> usize {
        self.server.open_connections()
    }
}

impl Scripts {
    fn answer(&self, request: &Request, number: usize, wire: &mut Wire<'_>) -> io::Result<()> {
        if request.method != "POST" || !request.path.ends_with("/responses") {
            let body = r#"{"error":{"message":"the scripted model has no such page"}}"#;
            return wire.answer(404, &[].into(), body);
        }
        let json = request.json();
        let step = match self.due_step(request, &json) {
            Ok(step) => step,
            Err(why) => {
                let body = json!({ "error": { "message": format!("scripted model: {why}") } });
                return wire.answer(400, &[].into(), &body.to_string());
            }
        };
        wire.pause(Duration::from_millis(step.delay_ms))?;
        match &step.reply {
            Reply::Refusal { status, body } => wire.answer(*status, &step.headers, body),
            Reply::Stream(stream) => {
                let beats = beats(stream, number, running_terminal(&json));
                wire.stream(&step.headers, stream.ping_ms, &beats, close(&stream.ending))
            }
        }
    }

    /// The step that this request is due; asking counts.
    fn due_step(&self, request: &Request, json: &Value) -> Result<Step, String> {
        let texts = user_texts(json);
        let mut scripts = Vec::new();
        for text in &texts {
            scripts.append(&mut scripts_in(text)?);
        }
        let nth = scripts.len();
        let (script, address) = match scripts.pop() {
            Some(json) => {
                let text = json.to_string();
                let script = Script::from_json(json).map_err(|e| format!("script: {e}"))?;
                (script, (request.thread_id().to_owned(), text, nth))
            }
            // Each user message begins the default script anew.
            None => ((self.default)(request), (request.thread_id().to_owned(), String::new(), texts.len())),
        };
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        let step = script.steps.into_iter().nth(*count);
        *count += 1;
        Ok(step.unwrap_or_else(last_word))
    }
}

fn last_word() -> Step {
    serde_json::from_value(json!({ "do": [{ "say": LAST_WORD }] }))
        .expect("it is a step as the docs show them")
}

#[cfg(test)]
mod tests;
