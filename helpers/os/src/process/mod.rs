//! Processes as the system shows them: which one is meant, its family, what it uses, how it is killed.
//! Knows nothing of runs but the mark that their processes carry in the environment.

mod handle;
#[cfg(target_os = "macos")]
mod macos;
mod sweep;
mod table;
mod usage;

use serde::{Deserialize, Serialize};

pub use handle::{ProcessHandle, Sent};
pub use sweep::{MARK, Survivor, kill_marked, kill_strays, marked_processes};
pub(crate) use sweep::{kill_found, strays_and_marked};
pub(crate) use table::read_entry;
pub use table::{ProcessEntry, command_line, descendants};
#[cfg(target_os = "linux")]
pub(crate) use table::{child_by_inner_pid, read_all};
pub use usage::{CommandMeter, Usage};

/// A process, not just its number: pids are reused, a pid with its start time is not (until the next boot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// The number, in the caller's own pid namespace.
    pub pid: u32,
    /// Start time since boot: clock ticks on Linux (`/proc/PID/stat`, field 22), microseconds elsewhere.
    pub start_ticks: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub fn of(pid: u32) -> Option<Self> {
        read_entry(pid).map(|entry| entry.id)
    }

    /// The calling process.
    pub fn own() -> Self {
        let pid = std::process::id();
        Self::of(pid).unwrap_or(Self { pid, start_ticks: 0 })
    }

    /// Whether it runs still. A zombie does not: it can do nothing any more.
    pub fn is_alive(self) -> bool {
        read_entry(self.pid).is_some_and(|entry| entry.id == self && !entry.is_zombie())
    }

    /// Whether the process that its session began with (the shell of a task, say) runs still. None = it does not run
    /// itself. A session's number is given to nobody else while somebody is in it.
    pub fn has_live_leader(self) -> Option<bool> {
        let own = read_entry(self.pid).filter(|entry| entry.id == self && !entry.is_zombie())?;
        Some(read_entry(own.session).is_some_and(|leader| !leader.is_zombie()))
    }
}

/// Makes the calling process the one to whom orphaned descendants are given, instead of the system's init.
/// Needed by whoever calls [`kill_strays`]; elsewhere than on Linux it does nothing.
pub fn adopt_orphans() {
    #[cfg(target_os = "linux")]
    // Fails on no kernel since 3.4; without it the mark in the environment still finds the orphans.
    let _ = nix::sys::prctl::set_child_subreaper(true);
}
