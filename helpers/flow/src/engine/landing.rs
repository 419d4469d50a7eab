//! Landing what an isolated step changed, through clodex-apply: all of it or nothing. Interrupted, it is done again,
//! which completes what was begun.

use std::thread;
use std::time::Duration;

use clodex_core::RunId;
use clodex_os::{ExitKind, Failure, Finished, ShortCommand};
use serde::Deserialize;

use super::{Event, Work};
use crate::journal::Entry;
use crate::report::stand_word;
use crate::schedule::{Input, Stand};

/// Landing is a matter of moments; a tree of a million files is not.
const PATIENCE: Duration = Duration::from_mins(10);

/// What clodex-apply says.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(default)]
    changed: Vec<String>,
    /// Those of them that are not as they landed any more.
    #[serde(default)]
    not_as_landed: Vec<String>,
    #[serde(default)]
    in_the_way: Vec<InTheWay>,
}

#[derive(Debug, Deserialize)]
struct InTheWay {
    path: String,
    why: String,
}

impl Work {
    /// Begins to land a step; what is known at once comes back.
    pub(super) fn land(&mut self, step: usize) -> Result<Option<Input>, Failure> {
        let facts = self.engine.flow_state.step(self.id(step)).and_then(|known| known.facts.as_ref());
        let run = facts.filter(|facts| !facts.changed.is_empty()).and_then(|facts| facts.run.clone());
        let Some(run) = run else {
            // Nothing was changed, and its worktree is gone already.
            self.write(Entry::Landed { step: self.id(step).to_owned(), changed: Vec::new() })?;
            return Ok(Some(Input::Landed(step)));
        };
        self.sync()?;
        let (apply, sender) = (self.engine.programs.apply.clone(), self.sender.clone());
        thread::spawn(move || {
            let told = command(apply, &run).run().map_err(|error| error.to_string());
            // Nobody listens any more: the flow has ended.
            let _ = sender.send(Event::Landed(step, told));
        });
        Ok(None)
    }

    /// Writes down what became of a landing.
    pub(super) fn landed(&mut self, step: usize, told: Result<Finished, String>) -> Result<Input, Failure> {
        let id = self.id(step).to_owned();
        match outcome(told) {
            Ok(changed) => {
                self.write(Entry::Landed { step: id, changed })?;
                self.say(step, stand_word(Stand::Passed), "landed");
                Ok(Input::Landed(step))
            }
            Err((why, in_the_way)) => {
                self.say(step, stand_word(Stand::Failed), &why);
                self.write(Entry::NotLanded { step: id, why, in_the_way })?;
                Ok(Input::NotLanded(step))
            }
        }
    }
}

fn command(apply: std::path::PathBuf, run: &RunId) -> ShortCommand {
    ShortCommand::new(apply, PATIENCE).args([run.as_str(), "--json"])
}

/// The paths that landed, or why they did not and what is in the way.
fn outcome(told: Result<Finished, String>) -> Result<Vec<String>, (String, Vec<String>)> {
    let finished = told.map_err(|why| (format!("its changes could not be landed: {why}"), Vec::new()))?;
    let said: Option<Told> = serde_json::from_slice(&finished.stdout).ok();
    match (finished.status, said) {
        (ExitKind::Exit(0), Some(mut told)) => {
            told.changed.retain(|path| !told.not_as_landed.contains(path));
            Ok(told.changed)
        }
        (status, said) => {
            let in_the_way: Vec<String> = said
                .into_iter()
                .flat_map(|told| told.in_the_way)
                .map(|found| format!("{}: {}", found.path, found.why))
                .collect();
            let stderr = String::from_utf8_lossy(&finished.stderr);
            let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let why = if in_the_way.is_empty() {
                format!("its changes did not land (exit {}): {}", status.shell_code(), lines.join("; "))
            } else {
                "its changes did not land; your tree is as it was".to_owned()
            };
            Err((why, in_the_way))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(code: i32, stdout: &str, stderr: &str) -> Finished {
        let status = ExitKind::Exit(code);
        Finished { status, stdout: stdout.as_bytes().to_vec(), stderr: stderr.as_bytes().to_vec() }
    }

    #[test]
    fn what_landed_and_what_is_in_the_way_are_told_path_by_path() {
        let told = r#"{"version":1,"did":"landed","changed":["src/a"],"merged":[],"in_the_way":[]}"#;
        assert_eq!(outcome(Ok(finished(0, told, ""))), Ok(vec!["src/a".to_owned()]));
        let told = r#"{"did":"refused","changed":[],"in_the_way":[{"path":"src/a","why":"it was edited"}]}"#;
        let (why, in_the_way) = outcome(Ok(finished(7, told, "nothing was touched"))).unwrap_err();
        assert_eq!(
            (why.as_str(), in_the_way),
            ("its changes did not land; your tree is as it was", vec!["src/a: it was edited".to_owned()])
        );
        let (why, _) = outcome(Ok(finished(7, "", "run x works in your tree\nhint: wait"))).unwrap_err();
        assert_eq!(why, "its changes did not land (exit 7): run x works in your tree; hint: wait");
        assert!(outcome(Err("cannot run".into())).is_err());
    }
}
