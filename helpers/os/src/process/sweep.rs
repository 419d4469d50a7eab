//! Killing what no namespace holds: freeze all, kill all, see whether anything is left, again.
//!
//! Freezing first means that nothing can fork away between being seen and being killed; looking again
//! catches what was forked before it was seen, for orphans come to the sub-reaper and are found there.

use std::collections::HashSet;
use std::time::Instant;

use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::table::{ProcessEntry, command_line, family, read_all, read_entry};
use super::{ProcessHandle, ProcessId};

/// The name of the environment variable that marks a run's processes with its id.
pub const MARK: &str = "CLODEX_RUN_ID";

/// A process that could not be killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// Which process.
    #[serde(flatten)]
    pub id: ProcessId,
    /// Its arguments, for people.
    pub command: String,
}

impl Survivor {
    pub(crate) fn named(id: ProcessId) -> Self {
        Self { id, command: command_line(id.pid) }
    }
}

/// Kills what came to the calling process as an orphan in another session, and all below it. Returns what
/// lives still at the deadline.
///
/// A contained program is given a session of its own, and a session is joined by birth only: so this is all
/// that a dead wrapper has left, and neither the short commands of the caller nor other, living wrappers.
/// Call [`adopt_orphans`](super::adopt_orphans) at the start of the program, or orphans are not found.
pub fn kill_strays(deadline: Instant) -> Vec<Survivor> {
    kill_found(strays, deadline)
}

/// Kills every process of the caller's user that carries the run's mark in its environment, but the caller.
/// Returns what lives still at the deadline.
///
/// Blind for processes whose environment was cleared; nothing on systems that do not show environments.
pub fn kill_marked(run_id: &str, deadline: Instant) -> Vec<Survivor> {
    kill_found(|| marked(run_id), deadline)
}

/// The living processes of the caller's user that carry the mark of any run, but the caller: run and process. Blind where
/// [`kill_marked`] is.
pub fn marked_processes() -> Vec<(String, Survivor)> {
    let run_of = |entry: ProcessEntry| Some((run_of(&entry)?, Survivor::named(entry.id)));
    read_all().into_iter().filter_map(run_of).collect()
}

/// The caller's living strays, and what carries the run's mark.
pub(crate) fn strays_and_marked(run_id: Option<&str>) -> Vec<ProcessEntry> {
    let mut found = strays();
    if let Some(run_id) = run_id {
        let known: HashSet<ProcessId> = found.iter().map(|entry| entry.id).collect();
        found.extend(marked(run_id).into_iter().filter(|entry| !known.contains(&entry.id)));
    }
    found
}

pub(crate) fn kill_found(find: impl Fn() -> Vec<ProcessEntry>, deadline: Instant) -> Vec<Survivor> {
    loop {
        let victims = freeze(&find, deadline);
        if victims.is_empty() {
            return Vec::new();
        }
        for victim in &victims {
            // A refusal (another user's process) shows as a survivor at the deadline.
            let _ = victim.kill();
        }
        let all_ended = victims.iter().all(|victim| victim.wait(deadline).unwrap_or(false));
        for victim in &victims {
            collect(victim.id());
        }
        if !all_ended || Instant::now() >= deadline {
            return find().into_iter().map(|entry| Survivor::named(entry.id)).collect();
        }
    }
}

/// Stops all that is found until nothing new is found.
fn freeze(find: &impl Fn() -> Vec<ProcessEntry>, deadline: Instant) -> Vec<ProcessHandle> {
    let mut frozen: Vec<ProcessHandle> = Vec::new();
    let mut known = HashSet::new();
    loop {
        let new: Vec<ProcessId> =
            find().into_iter().map(|entry| entry.id).filter(|id| known.insert(*id)).collect();
        if new.is_empty() || Instant::now() >= deadline {
            return frozen;
        }
        for handle in new.into_iter().filter_map(|id| ProcessHandle::open(id).ok().flatten()) {
            let _ = handle.send(Signal::SIGSTOP);
            frozen.push(handle);
        }
    }
}

/// Takes the exit status of a killed orphan that came to us. Others' children are their parents' to collect.
fn collect(id: ProcessId) {
    if let Ok(pid) = i32::try_from(id.pid) {
        let _ = waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG));
    }
}

/// Children of ours in another session, and all below them: orphans that came to us, or a command we started
/// in a session of its own. What runs below a child in our session is that child's to see to, if it lives.
fn strays() -> Vec<ProcessEntry> {
    let own_pid = std::process::id();
    let own_session = read_entry(own_pid).map_or(0, |entry| entry.session);
    let all = read_all();
    let is_stray = |entry: &&ProcessEntry| entry.parent == own_pid && entry.session != own_session;
    let tops: Vec<ProcessEntry> = all.iter().filter(is_stray).cloned().collect();
    let below: Vec<ProcessEntry> = tops.iter().flat_map(|top| family(top.id.pid, all.clone())).collect();
    tops.into_iter().chain(below).filter(|entry| !entry.is_zombie()).collect()
}

#[cfg(target_os = "linux")]
fn marked(run_id: &str) -> Vec<ProcessEntry> {
    read_all().into_iter().filter(|entry| run_of(entry).as_deref() == Some(run_id)).collect()
}

/// The run whose mark a living process of the caller's user carries; none for the caller itself.
#[cfg(target_os = "linux")]
fn run_of(entry: &ProcessEntry) -> Option<String> {
    use super::table::{environment, owner};
    let pid = entry.id.pid;
    if pid == std::process::id() || entry.is_zombie() || owner(pid) != Some(nix::unistd::geteuid().as_raw()) {
        return None;
    }
    let environment = environment(pid);
    let mut variables = environment.split(|byte| *byte == 0);
    let run = variables.find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(run).into_owned())
}

#[cfg(not(target_os = "linux"))]
fn run_of(_entry: &ProcessEntry) -> Option<String> {
    None
}

#[cfg(not(target_os = "linux"))]
fn marked(_run_id: &str) -> Vec<ProcessEntry> {
    Vec::new()
}
