//! Dispatches to the stand-in, and the turns that it plays. Knows what Codex says in which order, nothing of why.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Codex, Dispatched, LIMIT, Packet, Sandbox, run_with_timeout};

/// The thread id of every stand-in's run.
pub const THREAD: &str = "01a1fbc7-bb57-7293-99d2-e4e427410296";

impl Sandbox {
    /// A dispatch of a worker on `src/` to a stand-in that does these acts. Not started yet.
    pub fn dispatching(&self, acts: &Value) -> Command {
        self.codex_is(Codex::StandIn(json!({ "exec": acts })));
        let packet = self.packet(&Packet::worker(&["src/"]));
        let mut command = self.dispatcher(&["--task"]);
        command.arg(packet);
        command
    }

    /// Makes `codex` a stand-in that ends its turn well, but not before there is the file that is returned.
    pub fn codex_waits(&self) -> PathBuf {
        let go_on = self.root().join("go-on");
        self.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[json!({ "until": go_on })]) })));
        go_on
    }

    /// Dispatches a worker on `src/` to a stand-in that does these acts.
    #[track_caller]
    pub fn dispatch(&self, acts: &Value) -> Dispatched {
        dispatched(self.dispatching(acts))
    }
}

/// Runs a dispatcher to its end.
#[track_caller]
pub fn dispatched(command: Command) -> Dispatched {
    Dispatched::of(run_with_timeout(command, LIMIT))
}

/// A turn in which these acts happen, and which ends well with a worker that says CLEAN.
pub fn clean_turn(acts: &[Value]) -> Value {
    let end = [message("did it\nVERDICT: CLEAN"), turn_completed()];
    Value::Array(begun_turn(&[acts, &end].concat()))
}

/// A turn that ends well, with this as its only message.
pub fn ended_turn(last: &str) -> Value {
    Value::Array(begun_turn(&[message(last), turn_completed()]))
}

/// A turn in which these acts happen, without its end.
pub fn begun_turn(acts: &[Value]) -> Vec<Value> {
    let mut all = vec![
        json!("read_stdin"),
        json!({ "line": { "type": "thread.started", "thread_id": THREAD } }),
        json!({ "line": { "type": "turn.started" } }),
    ];
    all.extend_from_slice(acts);
    all
}

/// The act of saying something.
pub fn message(text: &str) -> Value {
    json!({ "line": { "type": "item.completed", "item": { "id": "item_9", "type": "agent_message", "text": text } } })
}

/// The act of ending a turn well.
pub fn turn_completed() -> Value {
    json!({ "line": { "type": "turn.completed",
                      "usage": { "input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 5 } } })
}

/// The act of running a shell command in the work directory.
pub fn sh(command: &str) -> Value {
    json!({ "sh": command })
}
