//! What the commands that Codex started use, as a sign of life that Codex's own idling does not give.

use std::collections::HashMap;
use std::time::Duration;

use super::table::{ProcessEntry, descendants};
use super::{ProcessId, read_entry};

/// What was used since the meter was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU time. That of a child is counted once more when its parent collects it: a sign, no bill.
    pub cpu: Duration,
    /// Bytes read and written, from wherever to wherever.
    pub io_bytes: u64,
}

/// Adds up, from sample to sample, what a run's commands use.
///
/// A command is what runs below the holder of a run in another session than Codex itself: Codex starts every
/// command in a session of its own, while it shares its own with the MCP servers it starts.
#[derive(Debug)]
pub struct CommandMeter {
    holder: u32,
    codex: u32,
    seen: HashMap<ProcessId, (u64, u64)>,
    total: (u64, u64),
}

impl CommandMeter {
    /// A meter for what runs below `holder` (see [`Contained::holder`](crate::Contained::holder)), except in
    /// the session of `codex`.
    pub fn new(holder: ProcessId, codex: ProcessId) -> Self {
        Self { holder: holder.pid, codex: codex.pid, seen: HashMap::new(), total: (0, 0) }
    }

    /// Looks now. Grows from call to call, and stands still exactly when no command does anything.
    pub fn sample(&mut self) -> Usage {
        let mut seen = HashMap::new();
        for entry in self.commands() {
            let now = (entry.cpu_ticks, io_bytes(entry.id.pid));
            let before = self.seen.get(&entry.id).copied().unwrap_or_default();
            self.total.0 += now.0.saturating_sub(before.0);
            self.total.1 += now.1.saturating_sub(before.1);
            seen.insert(entry.id, now);
        }
        self.seen = seen;
        Usage { cpu: cpu_time(self.total.0), io_bytes: self.total.1 }
    }

    fn commands(&self) -> Vec<ProcessEntry> {
        // Codex leads its session, so its number is the session's even when it is gone already.
        let own_session = read_entry(self.codex).map_or(self.codex, |entry| entry.session);
        let mut below = descendants(self.holder);
        below.retain(|entry| entry.session != own_session && !entry.is_zombie());
        below
    }
}

#[cfg(target_os = "linux")]
fn cpu_time(ticks: u64) -> Duration {
    use nix::unistd::{SysconfVar, sysconf};
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|hz| u64::try_from(hz).ok());
    Duration::from_millis(ticks * 1000 / per_second.filter(|hz| *hz > 0).unwrap_or(100))
}

#[cfg(not(target_os = "linux"))]
fn cpu_time(microseconds: u64) -> Duration {
    Duration::from_micros(microseconds)
}

/// `rchar` and `wchar`: what went through read and write calls, pipes and cached files included.
#[cfg(target_os = "linux")]
fn io_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let counted =
        |line: &str| line.strip_prefix("rchar: ").or(line.strip_prefix("wchar: "))?.parse::<u64>().ok();
    text.lines().filter_map(counted).sum()
}

#[cfg(not(target_os = "linux"))]
fn io_bytes(_pid: u32) -> u64 {
    0
}
