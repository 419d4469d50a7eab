//! clodex-resume: a person goes on with a run's thread in Codex itself. Says the line, and on a terminal becomes Codex.

use std::env;
use std::io::{IsTerminal as _, Write as _};
use std::iter;
use std::path::{Path, PathBuf};

use clodex_codex::is_thread_id;
use clodex_core::{ExitCode, Layer, Liveness, RunRecord, Settings};
use clodex_os::record_store::{RecordStore, SeenRun};
use clodex_os::{ConfigFiles, Failure, exec_program};

use crate::cli::ResumeArguments;

pub fn resume(store: &RecordStore, arguments: &ResumeArguments) -> Result<u8, Failure> {
    let id = store.find(&arguments.run).one(&arguments.run).map_err(Failure::usage)?;
    let run = store.see(&id).ok_or_else(|| Failure::usage(format!("cannot read the record of {id}")))?;
    let thread = thread(&run)?;
    let workdir = workdir(&run.record)?;
    let line = format!("cd {} && {}", shell_word(&workdir), clodex_codex::resume_hint(thread));
    // Whoever does not listen may still want Codex.
    let _ = writeln!(std::io::stdout(), "{line}");
    let on_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if arguments.print || arguments.inline || !on_terminal {
        return Ok(0);
    }
    let codex = clodex_codex::locate(named_codex()?.as_deref(), &env::var_os("PATH").unwrap_or_default());
    let codex = codex.map_err(|error| Failure::new(ExitCode::Unreachable, error.to_string()))?;
    let error = exec_program(&codex, &["resume", thread], &workdir);
    Err(Failure::new(ExitCode::Unreachable, format!("{error}\nhint: run the line above by hand")))
}

/// The codex that the environment or the user's settings name.
fn named_codex() -> Result<Option<PathBuf>, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let environment = Layer::from_environment(|name| env::var_os(name)).map_err(|error| refused(&error))?;
    let files = ConfigFiles::of_user().map_err(|error| refused(&error))?;
    let layers: Vec<Layer> =
        iter::once(environment).chain(files.user_layer().map_err(|error| refused(&error))?).collect();
    Ok(Settings::effective(&layers).codex.value)
}

fn thread(run: &SeenRun) -> Result<&str, Failure> {
    let id = &run.record.id;
    match run.liveness {
        Liveness::Live => Err(Failure::new(
            ExitCode::Refused,
            format!(
                "cannot resume {id}: it is still working in its thread\n\
                 hint: wait for it with `clodex-wait {id}`, or end it with `clodex-cancel {id}`"
            ),
        )),
        Liveness::OtherHost => Err(Failure::usage(format!(
            "cannot resume {id}: its thread is on another machine\nhint: resume it there, on {}",
            run.record.host
        ))),
        Liveness::Dead | Liveness::Ended => {
            run.record.thread_id.as_deref().filter(|thread| is_thread_id(thread)).ok_or_else(|| {
                Failure::usage(format!(
                    "cannot resume {id}: Codex never began a thread in it\nhint: `clodex-debug {id}` shows why"
                ))
            })
        }
    }
}

/// Where it worked; where an isolated run's worktree is gone, the user's own directory.
fn workdir(record: &RunRecord) -> Result<PathBuf, Failure> {
    let source = record.isolated.as_ref().map(|isolated| isolated.source_workdir.as_str());
    let mut places = [Some(record.workdir.as_str()), source].into_iter().flatten().map(PathBuf::from);
    places.find(|place| place.is_dir()).ok_or_else(|| {
        Failure::usage(format!(
            "cannot resume {}: its work directory {} is gone\nhint: make it again, or run `{}` elsewhere",
            record.id,
            record.workdir,
            record.thread_id.as_deref().map_or_else(String::new, clodex_codex::resume_hint)
        ))
    })
}

/// A path as a POSIX shell reads it back.
fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@%=:,".contains(c);
    if text.chars().all(is_plain) { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_back_in_a_shell() {
        assert_eq!(shell_word(Path::new("/home/me/shop")), "/home/me/shop");
        assert_eq!(shell_word(Path::new("/it's $HOME")), r"'/it'\''s $HOME'");
    }
}
