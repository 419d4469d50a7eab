//! Ending a flow: its process is asked to, and when that is gone nothing of its runs lives either. A flow whose process
//! was killed is ended here.

use std::time::{Duration, Instant};

use clodex_core::{ExitCode, ProcessMark, RunId};
use clodex_os::process::{ProcessHandle, ProcessId};
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::{DirectoryWatch, Failure, say};

use crate::cli::OneArguments;
use crate::end_reason::EndReason;
use crate::engine::{keep_answer, of_ended};
use crate::exit_code::exit_code;
use crate::flow_dir::{self, FlowDir};
use crate::flow_state::FlowState;
use crate::journal::{Entry, Journal, Line, Then};
use crate::leftover_work;
use crate::live_runs::{self, PATIENCE};
use crate::tell::{flow_state, keep_report};

/// The directory tells of runs that end; the lock tells nobody.
const TICK: Duration = Duration::from_millis(50);

/// Ends a flow.
pub fn cancel(asked: &OneArguments) -> Result<u8, Failure> {
    let state = StateDir::required()?;
    let dir = flow_dir::find(&state, &asked.flow)?;
    let store = RecordStore::open(state).map_err(|error| Failure::usage(error.to_string()))?;
    let told = flow_state(&dir)?;
    if let Some((end, _)) = told.end.filter(|(end, _)| !dir.is_held() && *end != EndReason::Waiting) {
        say(&format!("{}: already ended: {}\n", dir.id(), end.as_str()));
        return Ok(0);
    }
    ask(&dir, &store)?;
    live_runs::end(&live_runs::of_flow(&store, &dir.id()))?;
    // It may have come to its end by itself meanwhile.
    let end = close(&dir, &store)?;
    say(&format!("{}: {}\n", dir.id(), end.as_str()));
    for line in leftover_work::told(&leftover_work::left(&store, &flow_state(&dir)?)) {
        say(&format!("{line}\n"));
    }
    Ok(0)
}

/// Asks the flow's process to end its runs, and waits until it is gone.
fn ask(dir: &FlowDir, store: &RecordStore) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    let mut watch = DirectoryWatch::new(&store.dir().live())?;
    let mut asked = false;
    while dir.is_held() {
        if !asked && let Some(handle) = process(dir)? {
            let sent = handle.terminate().and_then(|_| handle.wake());
            sent.map_err(|error| not_ended(dir, &format!("its process cannot be signalled: {error}")))?;
            asked = true;
        }
        if Instant::now() >= deadline {
            return Err(not_ended(dir, "its process does not answer"));
        }
        watch.wait(Some(Instant::now() + TICK))?;
    }
    Ok(())
}

/// The process that carries the flow out, as the journal names it.
fn process(dir: &FlowDir) -> Result<Option<ProcessHandle>, Failure> {
    let lines = crate::journal::read(&dir.journal())?;
    let Some(id) = last_process(&lines).and_then(ProcessId::from_mark) else { return Ok(None) };
    ProcessHandle::open(id).map_err(|error| not_ended(dir, &error.to_string()))
}

fn last_process(lines: &[Line]) -> Option<ProcessMark> {
    lines.iter().rev().find_map(|line| match &line.entry {
        Entry::Begun(begun) => Some(begun.process),
        Entry::Continued { process, .. } | Entry::TakenOver { process } => Some(*process),
        Entry::Run { .. }
        | Entry::Ended { .. }
        | Entry::Interrupted { .. }
        | Entry::Skipped { .. }
        | Entry::Asked { .. }
        | Entry::Answered { .. }
        | Entry::Landed { .. }
        | Entry::NotLanded { .. }
        | Entry::Discarded { .. }
        | Entry::Finished { .. } => None,
    })
}

/// Writes down that it was cancelled, and what became of its runs, where its process did not; how it ended comes back.
fn close(dir: &FlowDir, store: &RecordStore) -> Result<EndReason, Failure> {
    let _lock = dir.lock()?.ok_or_else(|| dir.is_live())?;
    let (mut journal, lines) = Journal::reopen(&dir.journal())?;
    let mut flow_state = FlowState::of(&lines).ok_or_else(|| dir.never_began())?;
    if let Some((end, _)) = flow_state.end.filter(|(end, _)| *end != EndReason::Waiting) {
        return Ok(end);
    }
    let mut write = |flow_state: &mut FlowState, entry: Entry| -> Result<(), Failure> {
        flow_state.take_in(&journal.append(entry)?);
        Ok(())
    };
    if flow_state.end.is_none() {
        write(&mut flow_state, Entry::TakenOver { process: ProcessId::own().into() })?;
    }
    for (step, run) in flow_state.running() {
        if let Some(entry) = end_of(dir, store, &step, &run)? {
            write(&mut flow_state, entry)?;
        }
    }
    let end = EndReason::Cancelled;
    let exit_code = exit_code(end, &flow_state) as u8;
    write(&mut flow_state, Entry::Finished { end, exit_code })?;
    journal.sync()?;
    keep_report(dir, &flow_state);
    Ok(end)
}

/// The line for the end of a run that its flow did not see; none = it ended by itself, and `continue` judges it.
fn end_of(dir: &FlowDir, store: &RecordStore, step: &str, run: &RunId) -> Result<Option<Entry>, Failure> {
    let evidence = of_ended(store, run)?;
    if let Some(entry) = evidence.as_interrupted(step) {
        return Ok(Some(entry));
    }
    let (then, why) = match (evidence.is_cancelled(), evidence.harm()) {
        (true, _) => (Then::Cancelled, "the flow was being ended".to_owned()),
        (false, Some(why)) => (Then::Failed, why),
        (false, None) => return Ok(None),
    };
    let answer = keep_answer(dir, step, &evidence.answer)?;
    let (step, facts) = (step.to_owned(), Box::new(evidence.facts));
    Ok(Some(Entry::Ended { step, facts, then, why, answer }))
}

fn not_ended(dir: &FlowDir, why: &str) -> Failure {
    let id = dir.id();
    let hint = "hint: `clodex-status` shows its runs, `clodex-cancel` ends them one by one";
    Failure::new(ExitCode::TurnFailed, format!("cannot end flow {id}: {why}\n{hint}"))
}
