//! The scripted model of Claude Code: finds the step that a request is due. Not what it looks like on the wire.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::conversation::{
    Known, answers_since_prompt, newest_output_file, newest_script, prescribed_command, whole_text,
};
use super::plan::beats;
use super::script::{Act, OUTPUT_FILE, PRESCRIBED, Script, Step};
use crate::http::{Close, Request, Server, Wire};

/// What the server says when a script has no more steps, or when there is none at all.
const LAST_WORD: &str = "All done.";

/// A scripted Messages API on the loopback interface. Dropping it hangs up on all clients.
pub struct ScriptedClaude {
    server: Server,
    known: Arc<Mutex<Known>>,
}

impl std::fmt::Debug for ScriptedClaude {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedClaude").field("port", &self.port()).finish_non_exhaustive()
    }
}

impl ScriptedClaude {
    /// Starts a server for prompts that carry their scripts.
    pub fn start() -> io::Result<Self> {
        Self::with_default(Script::default())
    }

    /// Starts a server that plays `default` to a prompt that carries no script: a slash command, for instance.
    pub fn with_default(default: Script) -> io::Result<Self> {
        let known = Arc::new(Mutex::new(Known::new()));
        let scripts = Scripts { default, known: Arc::clone(&known) };
        let server = Server::listen(0, move |request, number, wire| answer(&scripts, request, number, wire))?;
        Ok(Self { server, known })
    }

    /// Lets a prompt name this script, by [`super::named`].
    pub fn learn(&self, name: &str, script: Value) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), script);
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// What the model was asked, in order: the conversation of each request, as one text.
    pub fn asked(&self) -> Vec<String> {
        self.turns().iter().map(|request| whole_text(&request.json())).collect()
    }

    /// The requests that wanted an answer of the model, in order.
    pub fn turns(&self) -> Vec<Arc<Request>> {
        let mut requests = self.server.requests();
        requests.retain(|request| is_turn(request, &request.json()));
        requests
    }
}

/// What the server may play.
struct Scripts {
    default: Script,
    known: Arc<Mutex<Known>>,
}

fn answer(scripts: &Scripts, request: &Request, number: usize, wire: &mut Wire<'_>) -> io::Result<()> {
    let json = request.json();
    if request.path.contains("/count_tokens") {
        return wire.answer(200, &[].into(), r#"{"input_tokens":1000}"#);
    }
    if request.method != "POST" || !request.path.contains("/messages") {
        return refuse(wire, 404, &json!({ "type": "not_found_error", "message": "no such page" }));
    }
    let step = match due_step(scripts, request, &json) {
        Ok(step) => step,
        Err(why) => {
            let message = format!("scripted model: {why}");
            return refuse(wire, 400, &json!({ "type": "invalid_request_error", "message": message }));
        }
    };
    wire.pause(Duration::from_millis(step.delay_ms))?;
    if let Some(status) = step.status {
        return refuse(wire, status, &step.error);
    }
    let model = json["model"].as_str().unwrap_or_default();
    wire.stream(&[].into(), 0, &beats(&step, number, model), Close::Whole)
}

fn refuse(wire: &mut Wire<'_>, status: u16, error: &Value) -> io::Result<()> {
    wire.answer(status, &[].into(), &json!({ "type": "error", "error": error }).to_string())
}

/// Whether a request wants an answer of the model; some only make titles or ask whether anybody is there.
fn is_turn(request: &Request, json: &Value) -> bool {
    let offers_tools = json["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    request.method == "POST" && request.path.contains("/messages") && offers_tools && json["max_tokens"] != 1
}

fn due_step(scripts: &Scripts, request: &Request, json: &Value) -> Result<Step, String> {
    if !is_turn(request, json) {
        return Ok(last_word());
    }
    let known = scripts.known.lock().unwrap_or_else(PoisonError::into_inner);
    let (script, at) = match newest_script(&known, json)? {
        Some((script, at)) => (Script::from_json(script).map_err(|error| format!("script: {error}"))?, at),
        None => (scripts.default.clone(), answers_since_prompt(json)),
    };
    let mut step = script.steps.into_iter().nth(at).unwrap_or_else(last_word);
    for (place, said) in [(OUTPUT_FILE, newest_output_file(json)), (PRESCRIBED, prescribed_command(json))] {
        let said = said.unwrap_or_default();
        step.acts.iter_mut().for_each(|act| act.fill(place, &said));
    }
    Ok(step)
}

fn last_word() -> Step {
    Step { acts: vec![Act::Say(LAST_WORD.to_owned())], ..Step::default() }
}
