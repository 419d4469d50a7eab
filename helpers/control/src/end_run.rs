//! Ending one run: its dispatcher is asked; if it does not answer, it and all of the run are killed; then it is
//! checked that nothing of it lives.

use std::time::{Duration, Instant};

use clodex_core::{ExitCode, Liveness, Outcome, Phase, RunRecord, harmless};
use clodex_os::DirectoryWatch;
use clodex_os::RunLock;
use clodex_os::clock::HostAndBoot;
use clodex_os::process::{ProcessHandle, ProcessId, Survivor, kill_marked};
use clodex_os::record_store::{Reaped, RecordStore, SeenRun};

use clodex_os::Failure;

/// The dispatcher gives Codex half a second of grace; the rest is for the commands and the record.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// A dispatcher that is asked twice grants no grace: it kills at once and has only to say so.
const SECOND_ANSWER_WITHIN: Duration = Duration::from_secs(4);
/// Everything of the run is dead by then, the verdict over a large repository is being made.
const VERDICT_WITHIN: Duration = Duration::from_mins(1);
const KILLED_WITHIN: Duration = Duration::from_secs(5);
/// The directory tells when a record moves; this is for what it does not tell.
const TICK: Duration = Duration::from_millis(250);

/// A run that is about to end.
#[derive(Debug)]
pub struct Ending {
    run: SeenRun,
    asked: Asked,
    turn: Turn,
    since: Instant,
}

#[derive(Debug)]
enum Asked {
    /// SIGTERM was sent.
    Dispatcher(ProcessHandle),
    /// There was nobody to ask.
    Nobody,
    /// The system did not let us.
    Refused(String),
}

/// Whether somebody else waits for the same run already.
#[derive(Debug)]
enum Turn {
    /// Nobody does; the lock says so to others while this one waits.
    First(#[expect(dead_code, reason = "held, not looked at")] RunLock),
    /// Somebody does, and the user does not want to wait: the dispatcher is asked again.
    Second,
    /// It cannot be known.
    Untold,
}

impl Turn {
    fn take(store: &RecordStore, run: &SeenRun) -> Self {
        if run.liveness != Liveness::Live {
            return Self::Untold;
        }
        match RunLock::acquire(&store.dir().cancel_lock(run.record.id.as_str())) {
            Ok(Some(lock)) => Self::First(lock),
            Ok(None) => Self::Second,
            Err(_) => Self::Untold,
        }
    }
}

impl Ending {
    /// Asks a live run's dispatcher to end it.
    pub fn begin(store: &RecordStore, run: SeenRun) -> Self {
        let turn = Turn::take(store, &run);
        let asked = if run.liveness == Liveness::Live { ask(&run.record) } else { Asked::Nobody };
        Self { run, asked, turn, since: Instant::now() }
    }

    /// Sees it through to the end; the line says what happened.
    pub fn finish(self, store: &RecordStore) -> Result<String, Failure> {
        let told = self.see_through(store);
        if matches!(self.turn, Turn::First(_)) {
            let _ = std::fs::remove_file(store.dir().cancel_lock(self.run.record.id.as_str()));
        }
        told
    }

    fn see_through(&self, store: &RecordStore) -> Result<String, Failure> {
        let record = &self.run.record;
        match self.run.liveness {
            Liveness::Ended => {
                // It may have been killed before its record was where those of ended runs are. What cannot be tidied up
                // now is by whoever comes next.
                let _ = store.reap(&record.id);
                return Ok(format!("{}: already ended: {}", shown(record), outcome(record)));
            }
            Liveness::OtherHost => {
                let host = harmless(&record.host);
                return Err(not_ended(format!(
                    "cannot cancel {}: it runs on host {host}\nhint: call clodex-cancel there",
                    shown(record)
                )));
            }
            Liveness::Dead => return self.close(store, "closed, its dispatcher had died"),
            Liveness::Live => {}
        }
        if let Asked::Refused(why) = &self.asked {
            let pid = record.dispatcher.pid;
            return Err(not_ended(format!(
                "cannot cancel {}: cannot signal its dispatcher, pid {pid}: {why}\n\
                 hint: call clodex-cancel as the user, and in the container, that started it",
                shown(record)
            )));
        }
        if self.has_answered(store)? {
            return self.told_end(store);
        }
        self.kill(store)
    }

    /// Waits until the dispatcher let the record go; false = it does not answer.
    fn has_answered(&self, store: &RecordStore) -> Result<bool, Failure> {
        wait_until(
            store,
            |run| match run {
                Some(run) if run.liveness == Liveness::Live => {
                    let patience = match (run.record.progress.phase, &self.turn) {
                        (Phase::Finishing, _) => VERDICT_WITHIN,
                        (_, Turn::Second) => SECOND_ANSWER_WITHIN,
                        (_, Turn::First(_) | Turn::Untold) => ANSWER_WITHIN,
                    };
                    self.insist();
                    if self.since.elapsed() >= patience { Wait::Over(false) } else { Wait::On }
                }
                Some(_) | None => Wait::Over(true),
            },
            &self.run,
        )
    }

    /// Two signals of one kind may arrive as one: whoever does not want to wait asks until it is heard.
    fn insist(&self) {
        if let (Turn::Second, Asked::Dispatcher(dispatcher)) = (&self.turn, &self.asked) {
            let _ = dispatcher.terminate();
        }
    }

    /// How a run ended that was asked to: its own record says it.
    fn told_end(&self, store: &RecordStore) -> Result<String, Failure> {
        let Some(run) = store.see(&self.run.record.id) else {
            return Err(not_ended(format!(
                "cannot read how {} ended: its record is gone",
                shown(&self.run.record)
            )));
        };
        if run.liveness == Liveness::Dead {
            return self.close(store, "closed, its dispatcher died");
        }
        let record = &run.record;
        let verdict = record.verdict.map_or(String::new(), |verdict| format!(", {verdict}"));
        let what = match record.outcome {
            Some(Outcome::Cancelled) | None => format!("cancelled{verdict}"),
            Some(other) => format!("ended by itself: {other}{verdict}"),
        };
        verified(record, &what)
    }

    /// The dispatcher does not answer: nothing is asked any more.
    fn kill(&self, store: &RecordStore) -> Result<String, Failure> {
        let record = store.see(&self.run.record.id).map_or_else(|| self.run.record.clone(), |run| run.record);
        if let Asked::Dispatcher(dispatcher) = &self.asked {
            let _ = dispatcher.kill();
            let _ = dispatcher.wait(Instant::now() + KILLED_WITHIN);
        }
        // The lock is free when its holder is dead, but asking for it shall not race its last breath.
        let begun = Instant::now();
        wait_until(
            store,
            |run| match run {
                Some(run) if run.liveness == Liveness::Live && begun.elapsed() < KILLED_WITHIN => Wait::On,
                Some(_) | None => Wait::Over(true),
            },
            &self.run,
        )?;
        let what = match self.turn {
            Turn::First(_) | Turn::Untold => "killed, its dispatcher did not answer",
            Turn::Second => "killed at the second cancel, its dispatcher did not answer",
        };
        let told = self.close(store, what);
        verified(&record, "").and(told)
    }

    /// Writes down that it is dead, after ending what is left of it.
    fn close(&self, store: &RecordStore, what: &str) -> Result<String, Failure> {
        // Somebody who holds the lock of a dead run closes it: that takes as long as its processes take to die.
        let deadline = Instant::now() + ANSWER_WITHIN;
        let mut reaped = store.reap(&self.run.record.id).map_err(|error| not_ended(error.to_string()))?;
        while matches!(reaped, Reaped::Held) && Instant::now() < deadline {
            wait_until(
                store,
                |run| match run {
                    Some(run) if run.liveness == Liveness::Live && Instant::now() < deadline => Wait::On,
                    Some(_) | None => Wait::Over(true),
                },
                &self.run,
            )?;
            reaped = store.reap(&self.run.record.id).map_err(|error| not_ended(error.to_string()))?;
        }
        match reaped {
            Reaped::Closed { record, survivors } if survivors.is_empty() => verified(&record, what),
            Reaped::Closed { record, survivors } => Err(alive(&record, &survivors)),
            Reaped::AlreadyEnded(record) => {
                Ok(format!("{}: already ended: {}", shown(&record), outcome(&record)))
            }
            Reaped::Held => Err(not_ended(format!(
                "cannot close {}: its lock is still held\nhint: `clodex-debug {}` shows by whom",
                shown(&self.run.record),
                self.run.record.id
            ))),
            Reaped::OtherHost(record) => {
                Err(not_ended(format!("cannot close {}: it runs on another host", shown(&record))))
            }
            Reaped::Unknown => {
                Err(not_ended(format!("cannot close {}: its record is gone", shown(&self.run.record))))
            }
        }
    }
}

enum Wait {
    On,
    Over(bool),
}

/// Looks at the run until `judge` has seen enough; wakes up when a record changes.
fn wait_until(
    store: &RecordStore,
    judge: impl Fn(Option<&SeenRun>) -> Wait,
    run: &SeenRun,
) -> Result<bool, Failure> {
    let watched = DirectoryWatch::new(&store.dir().live());
    let mut changes = watched.map_err(|error| not_ended(error.to_string()))?;
    loop {
        if let Wait::Over(answer) = judge(store.see(&run.record.id).as_ref()) {
            return Ok(answer);
        }
        changes.wait(Some(Instant::now() + TICK)).map_err(|error| not_ended(error.to_string()))?;
    }
}

fn ask(record: &RunRecord) -> Asked {
    let Some(id) = ProcessId::from_mark(record.dispatcher) else {
        return Asked::Refused("no such process".to_owned());
    };
    match ProcessHandle::open(id) {
        Ok(Some(handle)) => match handle.terminate() {
            Ok(_) => Asked::Dispatcher(handle),
            Err(error) => Asked::Refused(error.to_string()),
        },
        // Its lock was held a moment ago: it just ended, or it is in a pid namespace that is not ours.
        Ok(None) => Asked::Nobody,
        Err(error) => Asked::Refused(error.to_string()),
    }
}

/// The line, if nothing of the run lives.
fn verified(record: &RunRecord, what: &str) -> Result<String, Failure> {
    let survivors = survivors(record);
    if survivors.is_empty() {
        Ok(format!("{}: {what}", shown(record)))
    } else {
        Err(alive(record, &survivors))
    }
}

/// What of the run is alive although it ended. What carries its mark is killed on the way.
fn survivors(record: &RunRecord) -> Vec<Survivor> {
    if record.boot_id != HostAndBoot::here().boot {
        return Vec::new();
    }
    let mut found = kill_marked(record.id.as_str(), Instant::now() + KILLED_WITHIN);
    let marks = [record.container, record.init, record.codex];
    let alive = marks.into_iter().flatten().filter_map(ProcessId::from_mark).filter(|id| id.is_alive());
    for id in alive {
        if !found.iter().any(|known| known.id == id) {
            found.push(Survivor { id, command: clodex_os::process::command_line(id.pid) });
        }
    }
    found
}

/// Something of a run could not be ended.
fn not_ended(message: impl Into<String>) -> Failure {
    Failure::new(ExitCode::TurnFailed, message)
}

fn alive(record: &RunRecord, survivors: &[Survivor]) -> Failure {
    let named: Vec<String> = survivors
        .iter()
        .map(|survivor| format!("\n  pid {} {}", survivor.id.pid, harmless(&survivor.command)))
        .collect();
    not_ended(format!(
        "{}: ended, but these live on:{}\nhint: end them by hand; they are stuck or belong to another user",
        shown(record),
        named.concat()
    ))
}

fn shown(record: &RunRecord) -> String {
    format!("{} ({})", harmless(&record.name), record.id)
}

fn outcome(record: &RunRecord) -> String {
    record.outcome.map_or("unknown".to_owned(), |outcome| outcome.to_string())
}
