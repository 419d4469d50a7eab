//! Finds what a test has left behind: processes, by the marker in what they were started with, and temporary files.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// A process that still carries a marker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// As seen from here.
    pub pid: i32,
    /// Its command line.
    pub command: String,
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.pid, self.command)
    }
}

/// Panics when a process has `marker` in its environment, command line, or current directory.
#[track_caller]
pub fn assert_nothing_left(marker: &str) {
    let left = leftovers(marker);
    assert!(left.is_empty(), "left behind: {left:#?}");
}

/// What lies in the system's temp directory, or directly in a directory there, and has `marker` in its name or content.
pub fn left_in_temp(marker: &str) -> Vec<PathBuf> {
    /// Longer than everything that names a place.
    const NOTE_MAX_BYTES: u64 = 4096;
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let has_marker = |path: &PathBuf| {
        let is_note = fs::symlink_metadata(path)
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= NOTE_MAX_BYTES);
        path.to_string_lossy().contains(marker)
            || is_note && fs::read(path).is_ok_and(|note| String::from_utf8_lossy(&note).contains(marker))
    };
    let all =
        entries(Path::new("/tmp")).flat_map(|path| entries(&path).chain([path.clone()]).collect::<Vec<_>>());
    all.filter(has_marker).collect()
}

/// All living processes, but this one, with `marker` in their environment, command line, or current
/// directory. Zombies have none of these.
#[cfg(target_os = "linux")]
pub fn leftovers(marker: &str) -> Vec<Leftover> {
    use std::process;

    let ourselves = process::id().cast_signed();
    let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != ourselves)
        .filter_map(|pid| {
            let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let mut traces = read("cmdline");
            let command = String::from_utf8_lossy(&traces).replace('\0', " ").trim_end().to_owned();
            traces.append(&mut read("environ"));
            if let Ok(cwd) = fs::read_link(format!("/proc/{pid}/cwd")) {
                traces.extend_from_slice(cwd.as_os_str().as_encoded_bytes());
            }
            let found = traces.windows(marker.len()).any(|window| window == marker.as_bytes());
            found.then_some(Leftover { pid, command })
        })
        .collect()
}

/// All living processes of ours with `marker` in their environment or command line, as far as `ps`
/// shows them.
#[cfg(not(target_os = "linux"))]
pub fn leftovers(marker: &str) -> Vec<Leftover> {
    use std::process::Command;

    let ps = Command::new("ps").args(["-axEww", "-o", "pid=,command="]).output().expect("ps can be started");
    let lines = String::from_utf8_lossy(&ps.stdout).into_owned();
    let with_marker = lines.lines().filter(|line| line.contains(marker));
    with_marker
        .filter_map(|line| {
            let (pid, command) = line.trim_start().split_once(' ')?;
            Some(Leftover { pid: pid.parse().ok()?, command: command.to_owned() })
        })
        .collect()
}
