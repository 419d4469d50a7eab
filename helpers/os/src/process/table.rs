//! The process table: one entry, all of them, and who descends from whom.

use serde::Serialize;

use super::ProcessId;

/// One line of the process table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessEntry {
    /// Which process.
    #[serde(flatten)]
    pub id: ProcessId,
    /// Its parent now.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// The state's letter: `R` runs, `S` sleeps, `D` waits for a device, `T` is stopped, `Z` is a zombie.
    pub state: char,
    /// Clock ticks used, its waited-for children included.
    pub cpu_ticks: u64,
}

impl ProcessEntry {
    /// Whether it has ended and only waits to be collected.
    pub const fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// All that descends from `ancestor` (without itself), parents before children, zombies included.
pub fn descendants(ancestor: u32) -> Vec<ProcessEntry> {
    family(ancestor, read_all())
}

pub(super) fn family(ancestor: u32, mut others: Vec<ProcessEntry>) -> Vec<ProcessEntry> {
    let mut found: Vec<ProcessEntry> = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        let (children, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|entry| entry.parent == parent);
        parents.extend(children.iter().map(|entry| entry.id.pid));
        found.extend(children);
        others = rest;
    }
    found
}

#[cfg(target_os = "macos")]
pub use super::macos::command_line;
#[cfg(target_os = "macos")]
pub(crate) use super::macos::{read_all, read_entry};
#[cfg(target_os = "linux")]
pub use linux::command_line;
#[cfg(target_os = "linux")]
pub(crate) use linux::{child_by_inner_pid, environment, owner, read_all, read_entry};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use super::{ProcessEntry, ProcessId};

    pub(crate) fn read_all() -> Vec<ProcessEntry> {
        let Ok(numbers) = fs::read_dir("/proc") else { return Vec::new() };
        numbers
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(read_entry)
            .collect()
    }

    pub(crate) fn read_entry(pid: u32) -> Option<ProcessEntry> {
        parse_stat(pid, &fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads `pid (name) S ppid pgrp session …`, `proc_pid_stat(5)`. The name may hold blanks, brackets and
    /// bytes that are no text, so the fields are counted from its last bracket.
    pub(super) fn parse_stat(pid: u32, stat: &[u8]) -> Option<ProcessEntry> {
        let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
        let text = std::str::from_utf8(&stat[after_name..]).ok()?;
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        // Field 3 of the manual is the first one here.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        let narrow = |field: usize| u32::try_from(number(field)?).ok();
        Some(ProcessEntry {
            id: ProcessId { pid, start_ticks: number(22)? },
            parent: narrow(4)?,
            group: narrow(5)?,
            session: narrow(6)?,
            state: fields.first()?.chars().next()?,
            cpu_ticks: (14..=17).filter_map(number).sum(),
        })
    }

    /// The child of `parent` (a process of one thread) whose number in its own, inner pid namespace is `inner`.
    pub(crate) fn child_by_inner_pid(parent: u32, inner: u32) -> Option<ProcessId> {
        let is_it = |pid: &u32| inner_pid(*pid) == Some(inner);
        let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let found = listed.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).find(is_it);
        // Kernels without CONFIG_PROC_CHILDREN do not list them: there all processes are looked at.
        let all = || read_all().into_iter().filter(|entry| entry.parent == parent).map(|entry| entry.id.pid);
        found.or_else(|| all().find(is_it)).and_then(read_entry).map(|entry| entry.id)
    }

    fn inner_pid(pid: u32) -> Option<u32> {
        let status = fs::read(format!("/proc/{pid}/status")).ok()?;
        let numbers = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"))?;
        std::str::from_utf8(numbers).ok()?.split_ascii_whitespace().last()?.parse().ok()
    }

    /// Its arguments, separated by blanks; empty for a zombie. For people only: the process chose them.
    pub fn command_line(pid: u32) -> String {
        let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = bytes.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
        String::from_utf8_lossy(&words.join(&b' ')).into_owned()
    }

    /// Its environment as it was at its start, `NAME=VALUE` ended by NUL each. Empty when unreadable.
    pub(crate) fn environment(pid: u32) -> Vec<u8> {
        fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
    }

    pub(crate) fn owner(pid: u32) -> Option<u32> {
        fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pid: u32, parent: u32) -> ProcessEntry {
        let id = ProcessId { pid, start_ticks: 1 };
        ProcessEntry { id, parent, group: 1, session: 1, state: 'S', cpu_ticks: 0 }
    }

    #[test]
    fn a_family_is_children_and_their_children_and_nobody_else() {
        let all = vec![entry(9, 3), entry(2, 1), entry(3, 2), entry(4, 1), entry(5, 4)];
        let pids: Vec<u32> = family(2, all).iter().map(|entry| entry.id.pid).collect();
        assert_eq!(pids, [3, 9]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = b"7 (a) R (\xff b) S 1 2 3 0 -1 4 0 0 0 0 10 20 30 40 20 0 1 0 777 0 0";
        let wanted = ProcessEntry {
            id: ProcessId { pid: 7, start_ticks: 777 },
            parent: 1,
            group: 2,
            session: 3,
            state: 'S',
            cpu_ticks: 100,
        };
        assert_eq!(linux::parse_stat(7, stat), Some(wanted));
    }

    #[test]
    fn the_table_holds_the_caller() {
        assert!(read_all().iter().any(|entry| entry.id == ProcessId::own() && !entry.is_zombie()));
    }
}
