//! The language of the scripts. Knows nothing of sockets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

/// What to do on each connection, and where to write what was heard.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// A file that gets every message that was heard, a line each.
    pub heard: Option<PathBuf>,
    /// A scene for each connection, in order; those beyond the last are well.
    #[serde(default)]
    pub connections: Vec<Scene>,
}

/// Acts by what is heard.
pub type Scene = BTreeMap<String, Vec<Act>>;

/// One thing that the server does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// What a well server does about what was heard.
    Well,
    /// Answers what was heard.
    Answer(Value),
    /// Refuses it: code and words.
    Refuse(i64, String),
    /// Refuses it as overloaded.
    Busy,
    /// A notification: method and parameters.
    Tell(String, Value),
    /// A request: id, method and parameters.
    Ask(Value, String, Value),
    /// Any message, as it stands.
    Say(Value),
    /// Text that is not looked at: on stdio a line, else a frame.
    Raw(String),
    /// The first half of a message, on the wire and nowhere else.
    Half(Value),
    /// Its second half.
    Rest,
    /// A message in pieces of so many bytes: fragments of a WebSocket message, separate writes on stdio.
    Pieces(Value, usize),
    /// A message in which `$pad` is so many megabytes of text.
    Padded(Value, usize),
    /// A message so many times, `$N` being the number, from 0.
    Flood(Value, u64),
    /// A message again and again, so many milliseconds apart, until the connection ends; nothing more is heard.
    Drip(Value, u64),
    /// Answers `turn/start` and tells that the turn has begun.
    Begin,
    /// A whole message of the model in the turn.
    Message(String),
    /// The thread's tokens so far: input, output.
    Tokens(u64, u64),
    /// The turn's end, by its status.
    End(String),
    /// Waits until this file exists.
    Until(PathBuf),
    /// Says nothing more, whatever it hears.
    Silence,
    /// Ends the connection in order.
    Close,
    /// Ends it without a word.
    Cut,
    /// Ends the process by this signal, e.g. `KILL`.
    Die(String),
}

/// What a well server does about what it hears.
pub(super) fn well(heard: &str) -> Vec<Act> {
    let acts = match heard {
        "initialize" => json!([{ "answer": { "userAgent": "clodex/0.169.0 (stand-in)" } }]),
        "thread/start" | "thread/resume" | "thread/fork" | "thread/read" => json!([{ "answer": {
            "thread": { "id": "$thread", "status": { "type": "idle" } }, "model": "stand-in" } }]),
        "turn/start" => {
            json!(["begin", { "message": "All done." }, { "tokens": [1000, 50] }, { "end": "completed" }])
        }
        "turn/steer" => json!([{ "answer": { "turnId": "$turn" } }]),
        "turn/interrupt" => json!([{ "answer": {} }, { "end": "interrupted" }]),
        "initialized" | "connected" | "reply" => json!([]),
        _ => json!([{ "answer": {} }]),
    };
    serde_json::from_value(acts).expect("these are acts as the docs show them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_an_error() {
        for script in [
            json!({ "conections": [] }),
            json!({ "connections": [{ "turn/start": ["beginn"] }] }),
            json!({ "connections": [{ "turn/start": [{ "tell": "turn/started" }] }] }),
        ] {
            assert!(serde_json::from_value::<Script>(script.clone()).is_err(), "{script}");
        }
    }
}
