//! Who plays Codex: the user's own, the real one with a scripted model, or the stand-in.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

use super::repository::Task;
use crate::npm_codex;
use crate::stand_in::SCRIPT_VARIABLE;
use crate::{CodexHome, ScriptedModel};

/// A Codex and the environment that it needs.
pub struct Peer {
    what: String,
    /// Environment for the dispatcher; empty = the user's own.
    pub env: Vec<(&'static str, OsString)>,
    /// Where the stand-in reads what to do; none for a real Codex.
    lines: Option<PathBuf>,
    /// Answers as long as this lives.
    _model: Option<ScriptedModel>,
}

impl Peer {
    /// The user's Codex with its login and model.
    pub fn users_own() -> Result<Self, String> {
        let codex = on_path().ok_or("--live needs a `codex` on PATH: npm install -g @openai/codex")?;
        let what = format!("{} (your own, live)", codex.display());
        Ok(Self { what, env: vec![], lines: None, _model: None })
    }

    /// A Codex from PATH, else from npm into `target`, with a scripted model; else the stand-in.
    pub fn scripted(target: &Path, root: &Path) -> Result<Self, String> {
        let found = on_path()
            .map_or_else(|| npm_codex::fetch(&target.join("real-codex")).map(|codex| codex.native), Ok);
        let codex = match found {
            Ok(codex) => codex,
            Err(why) => return Self::stand_in(root, &format!("there is no real one ({why})")),
        };
        let model =
            ScriptedModel::start().map_err(|error| format!("cannot start the scripted model: {error}"))?;
        CodexHome::new(model.port())
            .write(&root.join("codex-home"))
            .map_err(|error| unwritten(root, &error))?;
        let what = format!("{} with a scripted model", codex.display());
        let mut env = own_homes(root);
        env.push(("CLODEX_CODEX", codex.into()));
        Ok(Self { what, env, lines: None, _model: Some(model) })
    }

    /// The stand-in, and why it is not a real one.
    pub fn stand_in(root: &Path, why: &str) -> Result<Self, String> {
        let failed = |error: std::io::Error| unwritten(root, &error);
        let (link, lines) = (root.join("codex"), root.join("stand-in.json"));
        let own = env::current_exe().map_err(failed)?.with_file_name("clodex-sim-codex");
        symlink(own, &link).map_err(failed)?;
        let mut env = own_homes(root);
        env.extend([("CLODEX_CODEX", link.into()), (SCRIPT_VARIABLE, lines.clone().into())]);
        // That is all it plays.
        env.push(("CLODEX_BACKEND", "exec".into()));
        Ok(Self { what: format!("a stand-in, because {why}"), env, lines: Some(lines), _model: None })
    }

    /// For people.
    pub fn describe(&self) -> &str {
        &self.what
    }

    /// Whether it can show what the task is there to show.
    pub fn can_play(&self, task: &Task) -> bool {
        self.lines.is_none() || task.deed.is_some()
    }

    /// Tells the stand-in what to do in this task; a real Codex reads the packet.
    pub fn learn(&self, task: &Task) -> Result<(), String> {
        let (Some(lines), Some(deed)) = (&self.lines, &task.deed) else { return Ok(()) };
        fs::write(lines, stand_ins_script(deed).to_string()).map_err(|error| unwritten(lines, &error))
    }
}

fn own_homes(root: &Path) -> Vec<(&'static str, OsString)> {
    vec![("CODEX_HOME", root.join("codex-home").into()), ("HOME", root.join("home").into())]
}

fn unwritten(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write `{}`: {error}", path.display())
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join("codex")).find(|candidate| candidate.is_file())
}

fn stand_ins_script(deed: &str) -> Value {
    json!({"exec": [
        "read_stdin",
        {"line": {"type": "thread.started", "thread_id": "00000000-0000-7000-8000-000000000001"}},
        {"line": {"type": "turn.started"}},
        {"sh": deed},
        {"sleep_ms": 1500},
        {"line": {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": "done\nVERDICT: CLEAN"}}},
        {"line": {"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 5}}},
    ]})
}
