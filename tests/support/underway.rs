//! A run as its user meets it: dispatched, looked at through the other tools, found on disk.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clodex_core::RunRecord;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{Dispatched, LIMIT, Running, Sandbox, eventually, first_line, run_with_timeout};

/// A dispatcher that runs and has said its first line.
#[derive(Debug)]
pub struct Underway {
    /// The id of the run.
    pub id: String,
    /// Where its artifacts lie.
    pub artifacts: PathBuf,
    running: Running,
}

impl Underway {
    /// Starts a dispatcher and waits for its first line.
    #[track_caller]
    pub fn start(dispatch: Command) -> Self {
        Self::of(Running::start(dispatch, b""))
    }

    /// Waits for the first line of a dispatcher that was started.
    #[track_caller]
    pub fn of(mut running: Running) -> Self {
        let (id, artifacts) = first_line(&running.stdout_with("\n", LIMIT));
        Self { id, artifacts, running }
    }

    /// Waits until Codex has told the dispatcher of something that says `text`. What a command does is seen before
    /// Codex has told of the command.
    #[track_caller]
    pub fn until_told(&self, text: &str) {
        let events = self.artifacts.join("events.jsonl");
        eventually(LIMIT, || fs::read_to_string(&events).ok()?.contains(text).then_some(()));
    }

    /// The dispatcher's process.
    pub fn pid(&self) -> i32 {
        self.running.pid().as_raw()
    }

    /// Sends a signal to the dispatcher alone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        self.running.signal(signal);
    }

    /// Waits for the dispatcher's end.
    #[track_caller]
    pub fn finish(self) -> Dispatched {
        Dispatched::of(self.running.finish(LIMIT))
    }
}

impl Sandbox {
    /// `clodex-dispatch` with these arguments.
    pub fn dispatcher(&self, arguments: &[&str]) -> Command {
        let mut dispatch = self.command("clodex-dispatch");
        dispatch.args(arguments);
        dispatch
    }

    /// `clodex-cancel` with these arguments.
    pub fn cancel(&self, arguments: &[&str]) -> Command {
        let mut cancel = self.command("clodex-control");
        cancel.args(["--as", "cancel"]).args(arguments);
        cancel
    }

    /// What `clodex-status --json` tells of one run.
    #[track_caller]
    pub fn status(&self, run: &str) -> Value {
        let mut status = self.command("clodex-status");
        status.args(["--json", run]);
        let output = run_with_timeout(status, LIMIT);
        let told: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("clodex-status --json {run}: {e}: {output:?}"));
        told[0].clone()
    }

    /// The dispatcher of a live run, as its record names it.
    #[track_caller]
    pub fn dispatcher_of(&self, id: &str) -> Pid {
        let record = self.state().join(format!("live/{id}.json"));
        let record = fs::read(&record).unwrap_or_else(|e| panic!("cannot read {}: {e}", record.display()));
        let record: RunRecord = serde_json::from_slice(&record).expect("a live record is whole");
        Pid::from_raw(record.dispatcher.pid)
    }

    /// What the statusline of a Claude Code session in the repository shows.
    pub fn statusline(&self) -> String {
        let repo = self.repo();
        let stdin = json!({ "session_id": "s", "cwd": repo, "workspace": { "current_dir": repo, "project_dir": repo } });
        let mut statusline = self.command("clodex-statusline");
        statusline.env("NO_COLOR", "1");
        let output = Running::start(statusline, stdin.to_string().as_bytes()).finish(LIMIT);
        String::from_utf8(output.stdout).expect("a statusline is text")
    }

    /// Waits until a run's record is as wanted.
    #[track_caller]
    pub fn until_status(&self, run: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(LIMIT, || Some(self.status(run)).filter(&is_wanted))
    }

    /// Panics when the state directory holds anything of a run that has not ended.
    #[track_caller]
    pub fn assert_no_leftovers(&self) {
        for dir in ["live", "tmp"] {
            let Ok(entries) = fs::read_dir(self.state().join(dir)) else { continue };
            let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            assert!(names.is_empty(), "left in {dir}: {names:?}");
        }
    }
}
