//! Performs a scene on one connection. What connections share (which threads and turns there are, what was heard) is the
//! server's.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use serde_json::{Value, json};

use super::scene::Names;
use super::script::{Act, Scene, well};
use super::wire::Wire;

/// What the connections of a server share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Every message, in order, after the number of its connection, from 0.
    pub(super) heard: Mutex<Vec<(usize, String)>>,
    pub(super) file: Option<Mutex<File>>,
    pub(super) counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    threads: u32,
    turns: u32,
    items: u32,
    thread: String,
    turn: String,
}

/// A performance on one connection.
#[derive(Debug)]
pub(super) struct Performance {
    number: usize,
    scene: Scene,
    shared: Arc<Shared>,
    names: Names,
    /// How often what was heard, by its key.
    times: HashMap<String, u32>,
    /// What is left of a message that was half said.
    rest: Vec<u8>,
    /// The most tokens that were told.
    tokens: (u64, u64),
}

/// Whether the connection lives on.
enum Next {
    Go,
    Silence,
    Close,
    Cut,
}

impl Performance {
    pub(super) fn new(number: usize, scene: Scene, shared: Arc<Shared>) -> Self {
        let (names, times, rest) = (Names::default(), HashMap::new(), Vec::new());
        Self { number, scene, shared, names, times, rest, tokens: (0, 0) }
    }

    /// Until one side ends the connection.
    pub(super) fn run(mut self, mut wire: Wire) {
        let mut is_silent = false;
        let mut next = self.react("connected", &mut wire);
        loop {
            match next {
                Ok(Next::Go) => {}
                Ok(Next::Silence) => is_silent = true,
                Ok(Next::Close) => return wire.close(),
                Ok(Next::Cut) | Err(_) => return wire.cut(),
            }
            let Some(text) = wire.read() else { return };
            let key = self.hear(&text);
            next = if is_silent { Ok(Next::Go) } else { self.react(&key, &mut wire) };
        }
    }

    /// Takes note of a message; what scenes call it.
    fn hear(&mut self, text: &str) -> String {
        let text = text.trim();
        if let Some(file) = &self.shared.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            writeln!(file, "{text}").expect("the file that the script names is writable");
        }
        self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner).push((self.number, text.to_owned()));
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let Some(method) = message["method"].as_str() else { return "reply".to_owned() };
        self.names.id = message["id"].clone();
        self.names.ids.insert(method.to_owned(), message["id"].clone());
        self.shared.meet(method, &message["params"], &mut self.names);
        method.to_owned()
    }

    fn react(&mut self, key: &str, wire: &mut Wire) -> io::Result<Next> {
        let times = self.times.entry(key.to_owned()).or_default();
        *times += 1;
        let nth = self.scene.get(&format!("{key} {times}"));
        let acts = nth.or_else(|| self.scene.get(key)).cloned().unwrap_or_else(|| vec![Act::Well]);
        self.perform(key, &acts, wire)
    }

    fn perform(&mut self, key: &str, acts: &[Act], wire: &mut Wire) -> io::Result<Next> {
        for act in acts {
            match act {
                Act::Silence => return Ok(Next::Silence),
                Act::Close => return Ok(Next::Close),
                Act::Cut => return Ok(Next::Cut),
                Act::Well => {
                    if let next @ (Next::Silence | Next::Close | Next::Cut) =
                        self.perform(key, &well(key), wire)?
                    {
                        return Ok(next);
                    }
                }
                Act::Until(path) => {
                    while !path.exists() {
                        thread::sleep(Duration::from_millis(2));
                    }
                }
                Act::Die(name) => {
                    let signal = Signal::from_str(&format!("SIG{name}")).map_err(io::Error::from)?;
                    raise(signal).map_err(io::Error::from)?;
                }
                Act::Raw(text) => wire.write(text)?,
                Act::Rest => wire.write_bytes(&std::mem::take(&mut self.rest))?,
                Act::Half(message) => {
                    let mut bytes = wire.bytes(&self.text(message));
                    self.rest = bytes.split_off(bytes.len() / 2);
                    wire.write_bytes(&bytes)?;
                }
                Act::Pieces(message, of) => wire.write_pieces(&self.text(message), *of)?,
                Act::Padded(message, megabytes) => {
                    wire.write(&self.text(message).replace("$pad", &"x".repeat(megabytes << 20)))?;
                }
                Act::Flood(message, count) => {
                    let text = self.text(message);
                    (0..*count).try_for_each(|n| wire.write(&text.replace("$N", &n.to_string())))?;
                }
                Act::Drip(message, pause_ms) => loop {
                    wire.write(&self.text(message))?;
                    thread::sleep(Duration::from_millis(*pause_ms));
                },
                Act::Begin
                | Act::Answer(_)
                | Act::Refuse(..)
                | Act::Busy
                | Act::Tell(..)
                | Act::Ask(..)
                | Act::Say(_)
                | Act::Message(_)
                | Act::Tokens(..)
                | Act::End(_) => {
                    for message in self.messages(act) {
                        wire.write(&self.text(&message))?;
                    }
                }
            }
        }
        Ok(Next::Go)
    }

    fn text(&self, message: &Value) -> String {
        self.names.fill(message).to_string()
    }

    /// The messages that an act comes to; none where it is no message.
    fn messages(&mut self, act: &Act) -> Vec<Value> {
        let tell =
            |method: &str, params: Value| json!({ "method": method, "params": params, "emittedAtMs": 1 });
        let of_turn = json!({ "threadId": "$thread", "turnId": "$turn" });
        let with = |name: &str, value: Value| {
            let mut params = of_turn.clone();
            params[name] = value;
            params
        };
        match act {
            Act::Answer(result) => vec![json!({ "id": "$id", "result": result })],
            Act::Refuse(code, message) => {
                vec![json!({ "id": "$id", "error": { "code": code, "message": message } })]
            }
            Act::Busy => {
                let error = json!({ "code": -32001, "message": "Server overloaded; retry later." });
                vec![json!({ "id": "$id", "error": error })]
            }
            Act::Tell(method, params) => vec![tell(method, params.clone())],
            Act::Ask(id, method, params) => vec![json!({ "id": id, "method": method, "params": params })],
            Act::Say(message) => vec![message.clone()],
            Act::Begin => vec![
                json!({ "id": "$id turn/start", "result": { "turn": { "id": "$turn", "status": "inProgress" } } }),
                tell("turn/started", with("turn", json!({ "id": "$turn" }))),
            ],
            Act::Message(text) => {
                let item = json!({ "id": self.shared.item(), "type": "agentMessage", "text": text });
                vec![tell("item/completed", with("item", item))]
            }
            Act::Tokens(input, output) => {
                let counts =
                    |input: u64, output: u64| json!({ "inputTokens": input, "outputTokens": output });
                let last = counts(input.saturating_sub(self.tokens.0), output.saturating_sub(self.tokens.1));
                self.tokens = self.tokens.max((*input, *output));
                let usage = json!({ "total": counts(*input, *output), "last": last });
                vec![tell("thread/tokenUsage/updated", with("tokenUsage", usage))]
            }
            Act::End(status) => {
                let error = (status == "failed").then(|| json!({ "message": "scripted" }));
                let turn = json!({ "id": "$turn", "status": status, "error": error });
                vec![tell("turn/completed", with("turn", turn))]
            }
            Act::Well
            | Act::Raw(_)
            | Act::Half(_)
            | Act::Rest
            | Act::Pieces(..)
            | Act::Padded(..)
            | Act::Flood(..)
            | Act::Drip(..)
            | Act::Until(_)
            | Act::Silence
            | Act::Close
            | Act::Cut
            | Act::Die(_) => Vec::new(),
        }
    }
}

impl Shared {
    /// Learns of the thread and turn that a message is about, or makes new ones.
    fn meet(&self, method: &str, params: &Value, names: &mut Names) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(method, "thread/start" | "thread/fork") {
            counts.threads += 1;
            counts.thread = format!("01a1fbc7-bb57-7293-99d2-{:012x}", counts.threads);
        } else if let Some(thread) = params["threadId"].as_str() {
            thread.clone_into(&mut counts.thread);
        }
        if method == "turn/start" {
            counts.turns += 1;
            counts.turn = format!("turn-{}", counts.turns);
        } else if let Some(turn) = params["turnId"].as_str().or_else(|| params["expectedTurnId"].as_str()) {
            turn.clone_into(&mut counts.turn);
        }
        (names.thread, names.turn) = (counts.thread.clone(), counts.turn.clone());
    }

    fn item(&self) -> String {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.items += 1;
        format!("msg_{}", counts.items)
    }
}
