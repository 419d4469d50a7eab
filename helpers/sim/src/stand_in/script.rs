//! The language of the stand-in's scripts, and how it behaves without one.
//! Knows nothing of processes or files other than the script itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::{env, fs};

use serde::Deserialize;
use serde_json::{Value, json};

use super::SCRIPT_VARIABLE;
use crate::app_server;

/// What to do for each subcommand, and where to write what was seen.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Script {
    /// A directory for one [`super::Invocation`] per start.
    pub record: Option<PathBuf>,
    /// A file for one [`super::Stamp`] per start, end of stdin, and line.
    pub stamps: Option<PathBuf>,
    /// What its app-server does.
    #[serde(rename = "app-server")]
    pub app_server: Option<app_server::Script>,
    /// Acts by any other subcommand (`--version`, `login`, `exec`, …).
    #[serde(flatten)]
    pub on: BTreeMap<String, Vec<Act>>,
}

/// One thing that the stand-in does.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Reads stdin to its end, and keeps it for the record.
    ReadStdin,
    /// Writes a line: a string as it is, anything else as JSON.
    Line(Value),
    /// Writes this file, byte by byte the same.
    File(PathBuf),
    /// Writes a text without a line end.
    Text(String),
    /// Writes bytes.
    Bytes(Vec<u8>),
    /// Writes to stderr.
    Stderr(String),
    /// Writes many lines.
    Flood(Flood),
    /// Waits.
    SleepMs(u64),
    /// Waits until this file exists.
    Until(PathBuf),
    /// Runs a shell command in the work directory (`-C`, else the current one) to its end.
    Sh(String),
    /// Starts a shell command and leaves it running.
    Spawn(Spawn),
    /// Ignores signals from now on, e.g. `["TERM", "INT"]`.
    Ignore(Vec<String>),
    /// Writes the `-o` file, if there is one.
    LastMessage(String),
    /// Closes stdout; the process lives on.
    CloseStdout,
    /// Ends with this status.
    Exit(u8),
    /// Dies by this signal, e.g. `KILL`.
    Die(String),
    /// Never ends.
    Hang,
}

/// Many lines of the same kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flood {
    /// As [`Act::Line`]; every `$N` in its text becomes the number of the line, from 0.
    pub line: Value,
    /// How many.
    pub count: u64,
    /// How fast; without it as fast as the reader takes them (buffered, and without stamps).
    pub per_second: Option<NonZeroU64>,
}

/// A process that is left running.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spawn {
    /// The shell command.
    pub sh: String,
    /// Whose child it becomes.
    #[serde(default)]
    pub how: How,
    /// Takes the environment away (`env -i`).
    #[serde(default)]
    pub clear_env: bool,
    /// Lets it inherit our stdout, so that its reader sees no end while the process lives.
    #[serde(default)]
    pub holds_stdout: bool,
}

/// How far a process gets away from us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A child in our process group.
    #[default]
    Child,
    /// A child in a session of its own (setsid).
    Session,
    /// A grandchild in a session of its own whose parent is gone (setsid and double fork).
    Orphan,
}

impl Script {
    /// The acts for these arguments.
    pub(super) fn acts(&self, args: &[OsString]) -> Vec<Act> {
        let mut words = args.iter().filter_map(|arg| arg.to_str());
        if let Some(acts) = words.clone().find_map(|word| self.on.get(word)) {
            return acts.clone();
        }
        words.find_map(well).unwrap_or_default()
    }
}

/// What a Codex that is well does for a subcommand.
fn well(word: &str) -> Option<Vec<Act>> {
    let acts = match word {
        "--version" | "-V" => json!([{ "line": "codex-cli 0.169.0" }]),
        "login" => json!([{ "stderr": "Logged in using ChatGPT\n" }]),
        "exec" => json!([
            "read_stdin",
            { "line": { "type": "thread.started", "thread_id": "01a1fbc7-bb57-7293-99d2-e4e427410296" } },
            { "line": { "type": "turn.started" } },
            { "line": { "type": "item.completed",
                        "item": { "id": "item_0", "type": "agent_message", "text": "All done." } } },
            { "line": { "type": "turn.completed",
                        "usage": { "input_tokens": 1000, "cached_input_tokens": 200,
                                   "cache_write_input_tokens": 0, "output_tokens": 50,
                                   "reasoning_output_tokens": 7 } } },
            { "last_message": "All done." },
        ]),
        _ => return None,
    };
    Some(serde_json::from_value(acts).expect("these are acts as the docs show them"))
}

/// The script that the environment names; the empty one when it names none.
pub(super) fn from_environment() -> Result<Script, String> {
    let Some(path) = env::var_os(SCRIPT_VARIABLE).map(PathBuf::from) else { return Ok(Script::default()) };
    let text = fs::read(&path).map_err(|e| format!("cannot read script `{}`: {e}", path.display()))?;
    serde_json::from_slice(&text).map_err(|e| format!("cannot understand script `{}`: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_subcommand_is_found_behind_options_and_others_are_well() {
        let script: Script = serde_json::from_value(json!({ "exec": ["hang"] })).unwrap();
        assert!(matches!(script.acts(&args(&["-c", "x=1", "exec", "--json"]))[..], [Act::Hang]));
        assert!(matches!(script.acts(&args(&["--version"]))[..], [Act::Line(_)]));
        assert!(script.acts(&args(&["unheard-of"])).is_empty());
    }

    #[test]
    fn a_typo_is_an_error() {
        for script in
            [json!({ "recrod": "/x" }), json!({ "exec": ["hagn"] }), json!({ "exec": [{ "spawn": {} }] })]
        {
            assert!(serde_json::from_value::<Script>(script.clone()).is_err(), "{script}");
        }
    }
}
