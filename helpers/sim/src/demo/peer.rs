//! Who plays Codex: the user's own, the real one with a scripted model, or the stand-in.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;

use crate::npm_codex;
use crate::stand_in::SCRIPT_VARIABLE;
use crate::{CodexHome, ScriptedModel};

/// A Codex and the environment that it needs.
pub struct Peer {
    what: String,
    /// Environment for the dispatcher; empty = the user's own.
    pub env: Vec<(&'static str, OsString)>,
    /// Answers as long as this lives.
    _model: Option<ScriptedModel>,
}

impl Peer {
    /// The user's Codex with its login and model.
    pub fn users_own() -> Result<Self, String> {
        let codex = on_path().ok_or("--live needs a `codex` on PATH: npm install -g @openai/codex")?;
        Ok(Self { what: format!("{} (your own, live)", codex.display()), env: vec![], _model: None })
    }

    /// A Codex from PATH, else from npm into `target`, with a scripted model; else the stand-in.
    pub fn scripted(target: &Path, root: &Path) -> Result<Self, String> {
        let model =
            ScriptedModel::start().map_err(|error| format!("cannot start the scripted model: {error}"))?;
        let failed = |error: std::io::Error| format!("cannot write below `{}`: {error}", root.display());
        CodexHome::new(model.port()).write(&root.join("codex-home")).map_err(failed)?;
        let mut env =
            vec![("CODEX_HOME", root.join("codex-home").into()), ("HOME", root.join("home").into())];
        let found = on_path()
            .map_or_else(|| npm_codex::fetch(&target.join("real-codex")).map(|codex| codex.native), Ok);
        let what = match found {
            Ok(codex) => {
                let what = format!("{} with a scripted model", codex.display());
                env.push(("CLODEX_CODEX", codex.into()));
                what
            }
            Err(why) => {
                let bin = root.join("codex");
                stand_in(root, &bin).map_err(failed)?;
                env.push(("CLODEX_CODEX", bin.into()));
                env.push((SCRIPT_VARIABLE, root.join("stand-in.json").into()));
                format!("a stand-in, because there is no real one ({why})")
            }
        };
        Ok(Self { what, env, _model: Some(model) })
    }

    /// For people.
    pub fn describe(&self) -> &str {
        &self.what
    }
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join("codex")).find(|candidate| candidate.is_file())
}

/// The stand-in does one thing only: what the second task does, so that there is something to see.
fn stand_in(root: &Path, link: &Path) -> std::io::Result<()> {
    let own = env::current_exe()?.with_file_name("clodex-sim-codex");
    symlink(own, link)?;
    let script = json!({"exec": [
        "read_stdin",
        {"line": {"type": "thread.started", "thread_id": "00000000-0000-7000-8000-000000000001"}},
        {"line": {"type": "turn.started"}},
        {"sh": "echo '# seen' >> src/slug.py"},
        {"sleep_ms": 1500},
        {"line": {"type": "item.completed", "item": {"id": "item_0", "type": "agent_message", "text": "done\nVERDICT: CLEAN"}}},
        {"line": {"type": "turn.completed", "usage": {"input_tokens": 10, "cached_input_tokens": 0, "output_tokens": 5}}},
    ]});
    fs::write(root.join("stand-in.json"), script.to_string())
}
