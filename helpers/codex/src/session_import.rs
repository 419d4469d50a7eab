//! Codex's importer for sessions of other agents: `externalAgentConfig/import` of its app server (tried with 0.169). It
//! takes transcripts below a home directory only, and appends to its thread when one has grown: so each import gets a
//! home of its own, and each run a thread of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use clodex_os::{InteractiveCommand, ShortCommand};
use serde::Deserialize;
use serde_json::json;

use crate::exec_argv::FEATURES_OFF;

/// How long each answer may take; it takes a tenth of a second.
const LIMIT: Duration = Duration::from_secs(10);

/// What is to be imported, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct SessionImport<'a> {
    /// The native Codex.
    pub codex: &'a Path,
    /// Where it keeps its own things.
    pub codex_home: &'a Path,
    /// A directory of our own that does not exist yet; it is removed in the end.
    pub home: &'a Path,
    /// Where the session worked.
    pub cwd: &'a Path,
    /// Its id.
    pub session: &'a str,
    /// Its transcript, in Claude Code's form.
    pub transcript: &'a str,
}

/// Why there is no thread of it.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The transcript cannot be put where Codex looks for it.
    #[error("cannot write {0}: {1}")]
    Unwritable(String, io::Error),
    /// Codex does not start, ends, or does not answer.
    #[error(transparent)]
    NoAnswer(#[from] clodex_os::Error),
    /// It does not know the request, or says that it cannot.
    #[error("codex says: {0}")]
    Refused(String),
}

/// A message of the app server, as far as it is looked at.
#[derive(Deserialize)]
struct Message {
    id: Option<u32>,
    method: Option<String>,
    error: Option<Said>,
    params: Option<Completed>,
}

#[derive(Deserialize)]
struct Said {
    message: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Completed {
    item_type_results: Vec<Results>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    successes: Vec<Success>,
    #[serde(default)]
    failures: Vec<Said>,
}

#[derive(Deserialize)]
struct Success {
    target: Option<String>,
}

/// Makes a thread of a session and gives its id.
pub fn import_session(import: &SessionImport<'_>) -> Result<String, ImportError> {
    let project = import.home.join(".claude/projects/session");
    let transcript = project.join(format!("{}.jsonl", import.session));
    let written = fs::create_dir_all(&project).and_then(|()| fs::write(&transcript, import.transcript));
    let thread = written
        .map_err(|error| ImportError::Unwritable(transcript.display().to_string(), error))
        .and_then(|()| ask(import, &transcript));
    // It lies in a temp directory that goes with the run.
    let _ = fs::remove_dir_all(import.home);
    thread
}

fn ask(import: &SessionImport<'_>, transcript: &Path) -> Result<String, ImportError> {
    let features =
        FEATURES_OFF.iter().flat_map(|feature| ["-c".to_owned(), format!("features.{feature}=false")]);
    let mut server = ShortCommand::new(import.codex, LIMIT)
        .args(["app-server".to_owned()].into_iter().chain(features))
        .env("HOME", import.home)
        .env("CODEX_HOME", import.codex_home)
        .env_remove("CLAUDE_CONFIG_DIR")
        .current_dir(import.cwd)
        .converse()?;
    let client = json!({ "name": "clodex", "version": env!("CARGO_PKG_VERSION") });
    request(&mut server, 1, "initialize", &json!({ "clientInfo": client }))?;
    until(&mut server, |message| message.id == Some(1))?;
    server.ask(b"{\"method\":\"initialized\"}\n")?;
    let session = json!({ "path": transcript, "cwd": import.cwd, "title": null });
    let item = json!({ "itemType": "SESSIONS", "description": "the session behind a run", "cwd": null,
                       "details": { "sessions": [session] } });
    request(&mut server, 2, "externalAgentConfig/import", &json!({ "migrationItems": [item] }))?;
    let is_end =
        |message: &Message| message.method.as_deref() == Some("externalAgentConfig/import/completed");
    outcome(until(&mut server, is_end)?)
}

fn request(
    server: &mut InteractiveCommand,
    id: u32,
    method: &str,
    params: &serde_json::Value,
) -> Result<(), ImportError> {
    let line = format!("{}\n", json!({ "id": id, "method": method, "params": params }));
    Ok(server.ask(line.as_bytes())?)
}

/// The message that is waited for. An error that answers one of ours is the end.
fn until(server: &mut InteractiveCommand, is_it: impl Fn(&Message) -> bool) -> Result<Message, ImportError> {
    loop {
        // Messages that look otherwise are none of ours.
        let Ok(message) = serde_json::from_slice::<Message>(&server.line()?) else { continue };
        match message.error {
            Some(said) => return Err(ImportError::Refused(said.message)),
            None if is_it(&message) => return Ok(message),
            None => {}
        }
    }
}

fn outcome(message: Message) -> Result<String, ImportError> {
    let results = message.params.unwrap_or_default().item_type_results;
    let (mut threads, mut why) = (Vec::new(), Vec::new());
    for result in results {
        threads.extend(result.successes.into_iter().filter_map(|success| success.target));
        why.extend(result.failures.into_iter().map(|failure| failure.message));
    }
    threads.pop().ok_or_else(|| {
        ImportError::Refused(if why.is_empty() { "nothing was imported".to_owned() } else { why.join("; ") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(results: &str) -> Result<String, String> {
        let text = format!(
            r#"{{"method":"externalAgentConfig/import/completed","params":{{"importId":"i","itemTypeResults":[{results}]}}}}"#
        );
        outcome(serde_json::from_str(&text).expect("it is a message")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_thread_is_the_target_and_what_failed_is_told_in_codexs_words() {
        let success =
            r#"{"itemType":"SESSIONS","successes":[{"itemType":"SESSIONS","target":"01a1"}],"failures":[]}"#;
        assert_eq!(completed(success), Ok("01a1".to_owned()));
        let failure =
            r#"{"itemType":"SESSIONS","successes":[],"failures":[{"failureStage":"x","message":"too odd"}]}"#;
        assert_eq!(completed(failure), Err("codex says: too odd".to_owned()));
        assert_eq!(completed(""), Err("codex says: nothing was imported".to_owned()));
    }
}
