//! Dispatches packets to the stand-in and reads what is left of the run. Knows the shape of artifacts, nothing of why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Codex, Packet, Sandbox, run_with_timeout};

/// A run of the stand-in takes milliseconds; a busy machine takes longer.
const LIMIT: Duration = Duration::from_mins(1);

/// The thread id of every stand-in's run.
pub const THREAD: &str = "01a1fbc7-bb57-7293-99d2-e4e427410296";

/// What a dispatch said and left behind.
#[derive(Debug)]
pub struct Dispatched {
    /// The exit code; -1 when it was killed.
    pub code: i32,
    /// What it said on stdout.
    pub stdout: String,
    /// What it said on stderr.
    pub stderr: String,
}

impl Dispatched {
    /// Reads a finished dispatcher's output.
    ///
    /// # Panics
    /// When it panicked itself: that is no result on any path.
    #[track_caller]
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        let dispatched = Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr) };
        assert!(!dispatched.stderr.contains("panicked"), "{}", dispatched.stderr);
        dispatched
    }

    /// The artifact directory, as the first line tells it.
    #[track_caller]
    pub fn artifacts(&self) -> PathBuf {
        let first = self.stdout.lines().chain(self.stderr.lines()).find(|line| line.starts_with("run "));
        let dir = first.and_then(|line| line.split_once(" · artifacts ")).map(|(_, dir)| dir);
        PathBuf::from(dir.unwrap_or_else(|| panic!("no first line: {self:?}")))
    }

    /// `policy.json`.
    #[track_caller]
    pub fn policy(&self) -> Value {
        json_file(&self.artifacts().join("policy.json"))
    }

    /// `result.json`.
    #[track_caller]
    pub fn result(&self) -> Value {
        json_file(&self.artifacts().join("result.json"))
    }

    /// Exit code, outcome and verdict, as `result.json` has them.
    #[track_caller]
    pub fn told(&self) -> (i32, String, String) {
        let result = self.result();
        assert_eq!(result["exit_code"], self.code, "{self:?}");
        let word = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        (self.code, word("outcome"), word("verdict"))
    }

    /// Paths of the violations.
    #[track_caller]
    pub fn violations(&self) -> Vec<String> {
        let policy = self.policy();
        let found = policy["violations"].as_array().expect("policy.json lists violations").iter();
        found.map(|violation| violation["path"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Sandbox {
    /// A dispatch of a worker on `src/` to a stand-in that does these acts. Not started yet.
    pub fn dispatching(&self, acts: &Value) -> Command {
        self.codex_is(Codex::StandIn(json!({ "exec": acts })));
        let packet = self.packet(&Packet::worker(&["src/"]));
        let mut command = self.command("clodex-dispatch");
        command.arg("--task").arg(packet);
        command
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
    Dispatched::of(&run_with_timeout(command, LIMIT))
}

/// A turn in which these acts happen, and which ends well with a worker that says CLEAN.
pub fn clean_turn(acts: &[Value]) -> Value {
    let mut all = begun_turn(acts);
    all.push(message("did it\nVERDICT: CLEAN"));
    all.push(turn_completed());
    Value::Array(all)
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

#[track_caller]
fn json_file(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()))
}
