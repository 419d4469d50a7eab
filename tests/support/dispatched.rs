//! What a dispatcher said and left behind. Knows the shape of artifacts and records, nothing of why.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::Sandbox;

/// A dispatcher that has ended.
#[derive(Debug)]
pub struct Dispatched {
    /// The exit code; the negative signal when one killed it.
    pub code: i32,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Dispatched {
    /// Reads a finished dispatcher's output.
    ///
    /// # Panics
    /// When it panicked itself or printed what is no text: that is no result on any path.
    #[track_caller]
    pub fn of(output: Output) -> Self {
        let text =
            |bytes| String::from_utf8(bytes).unwrap_or_else(|error| panic!("printed no text: {error:?}"));
        let signal = || output.status.signal().expect("what has no exit code was killed");
        let code = output.status.code().unwrap_or_else(|| -signal());
        let dispatched = Self { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!dispatched.stderr.contains("panicked"), "{}", dispatched.stderr);
        dispatched
    }

    /// Asserts the exit code; what was printed is shown when it is another.
    #[track_caller]
    #[expect(clippy::return_self_not_must_use, reason = "often the code is all that a test asks for")]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// stdout holds each of these.
    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Self {
        holds(&self.stdout, words);
        self
    }

    /// stderr holds each of these.
    #[track_caller]
    pub fn complains(&self, words: &[&str]) -> &Self {
        holds(&self.stderr, words);
        self
    }

    /// The run's id, as the first line tells it.
    #[track_caller]
    pub fn id(&self) -> String {
        self.announced().0
    }

    /// The artifact directory, as the first line tells it.
    #[track_caller]
    pub fn artifacts(&self) -> PathBuf {
        self.announced().1
    }

    /// The first line is on stderr when stdout is for JSON.
    #[track_caller]
    fn announced(&self) -> (String, PathBuf) {
        let on_stderr = self.stderr.starts_with("run ");
        first_line(if on_stderr { &self.stderr } else { &self.stdout })
    }

    /// An artifact as text.
    #[track_caller]
    pub fn artifact(&self, name: &str) -> String {
        text(self.artifacts().join(name))
    }

    /// An artifact as JSON.
    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        json_file(&self.artifacts().join(name))
    }

    /// `policy.json`.
    #[track_caller]
    pub fn policy(&self) -> Value {
        self.json("policy.json")
    }

    /// `result.json`.
    #[track_caller]
    pub fn result(&self) -> Value {
        self.json("result.json")
    }

    /// The record that outlives the run.
    #[track_caller]
    pub fn record(&self, sandbox: &Sandbox) -> Value {
        json_file(&sandbox.state().join("ended").join(format!("{}.json", self.id())))
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

/// Id and artifact directory out of what a dispatcher says first.
#[track_caller]
pub fn first_line(text: &str) -> (String, PathBuf) {
    let line = text.lines().next().unwrap_or_default();
    let parts = line.strip_prefix("run ").and_then(|rest| rest.split_once(" · artifacts "));
    let (id, artifacts) = parts.unwrap_or_else(|| panic!("no run begins with `{line}`"));
    (id.to_owned(), artifacts.into())
}

/// What a text file holds.
#[track_caller]
pub fn text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// What a JSON file holds.
#[track_caller]
pub fn json_file(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{} is no JSON: {error}", path.display()))
}

#[track_caller]
fn holds(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "no `{words}` in:\n{text}");
    }
}
