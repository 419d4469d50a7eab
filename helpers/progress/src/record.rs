//! The record of a run that somebody else started: what a dispatch would have known and this helper cannot is left out.

use std::path::Path;

use clodex_core::{
    Ending, Enforcement, ExitCode, Outcome, Progress, RECORD_VERSION, RunId, RunRecord, RunStory, Turn,
    path_text,
};
use clodex_os::clock::{HostAndBoot, Timestamp};
use clodex_os::process::ProcessId;
use clodex_os::record_store::{LiveRun, RecordStore, StateDir, StateError};

use crate::Args;

const SUMMARY_CHARS: usize = 200;

/// Begins a record under a fresh id. None = there is no state directory to keep it in.
pub(crate) fn begin(args: &Args, record: &mut RunRecord) -> Result<Option<LiveRun>, StateError> {
    let Some(dir) = StateDir::from_env() else { return Ok(None) };
    let store = RecordStore::open(dir)?;
    loop {
        if let Some(run) = store.begin(record)? {
            return Ok(Some(run));
        }
        record.id = fresh_id(args);
    }
}

pub(crate) fn record(args: &Args, workdir: &Path) -> RunRecord {
    let here = HostAndBoot::here();
    let now = Timestamp::now().rfc3339();
    let project = clodex_os::git_common_dir(workdir);
    let claude = clodex_os::ClaudeCode::from_env();
    RunRecord {
        version: RECORD_VERSION,
        id: fresh_id(args),
        name: args.name.clone(),
        mode: args.mode,
        objective: String::new(),
        workdir: text(workdir),
        tree_root: String::new(),
        write_scope: vec![],
        isolated: None,
        git_common_dir: project.as_deref().map(text).unwrap_or_default(),
        claude: claude.as_ref().and_then(|claude| claude.process).map(Into::into),
        session_id: claude.map(|claude| claude.session),
        detached: false,
        host: here.host,
        boot_id: here.boot,
        dispatcher: ProcessId::own().into(),
        container: None,
        init: None,
        codex: None,
        backend: "exec".to_owned(),
        codex_version: None,
        thread_id: None,
        model: None,
        containment: None,
        enforcement: if args.unsandboxed { Enforcement::None } else { Enforcement::Sandbox },
        started: now.clone(),
        updated: now,
        ended: None,
        deadline: None,
        heartbeat_sec: 0,
        progress: Progress::default(),
        outcome: None,
        verdict: None,
        exit_code: None,
        summary: None,
        flow: None,
        quota: None,
        open_requests: Vec::new(),
        artifact_dir: String::new(),
        scratch_dir: None,
        mount_points: vec![],
        seal: None,
    }
}

fn fresh_id(args: &Args) -> RunId {
    RunId::new(&Timestamp::now().compact(), args.mode, &args.name, &clodex_os::run_suffix())
}

fn text(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    path_text(path.as_os_str().as_bytes())
}

/// How the run ended, judged by the stream alone, with one line for people.
pub(crate) fn ending(story: &RunStory, events: u64) -> (Outcome, ExitCode, String) {
    let first_line =
        |text: &str| text.lines().next().unwrap_or_default().chars().take(SUMMARY_CHARS).collect();
    let failure = story.failure.as_ref();
    match story.turn {
        Turn::Completed => {
            (Outcome::Done, ExitCode::Done, story.last_message.as_deref().map(first_line).unwrap_or_default())
        }
        Turn::Failed => {
            let words = failure.map(|failure| first_line(&failure.message)).unwrap_or_default();
            (
                Outcome::Failed,
                failure.map_or(ExitCode::TurnFailed, |failure| Ending::of_failure(failure.kind).into()),
                words,
            )
        }
        Turn::NotStarted if events > 0 && events == story.garbage_lines => {
            (Outcome::Failed, ExitCode::Protocol, "the stream is not that of `codex exec --json`".to_owned())
        }
        Turn::NotStarted | Turn::Running => {
            (Outcome::Failed, ExitCode::TurnFailed, "the stream ended before the turn did".to_owned())
        }
    }
}
