//! A user's own status line that takes longer than Claude Code waits for one: made beside us, at its own pace, one at a
//! time, and shown as it was the last time. What a line printed is kept in a small file for each session and command.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use clodex_os::atomic_file::{self, Durability};
use clodex_os::detach::{self, Side};
use clodex_os::record_store::StateDir;
use clodex_os::{Filtered, RunLock, filter, read_regular};

/// It hangs that takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is older tells of another time.
const SHOWN_FOR: Duration = Duration::from_mins(1);
/// Then its session is over, or has no such line any more.
const KEPT_FOR: Duration = Duration::from_hours(24);
/// As much as is kept of any line's output, and its exit code.
const MAX_BYTES: u64 = (1 << 20) + 16;

/// Where the last output of a line is kept that is slow; there is no such file for one that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Background {
    last: PathBuf,
}

impl Background {
    /// That of a session's command.
    pub fn of(state: &StateDir, session: &str, command: &OsStr) -> Self {
        Self { last: state.line(session.as_bytes(), command.as_bytes()) }
    }

    /// Whether it was slow the last time.
    pub fn is_known(&self) -> bool {
        self.last.exists()
    }

    /// From now on it counts as slow.
    pub fn remember(&self) {
        if let Some(dir) = self.last.parent() {
            // Where nothing can be kept it is tried each time, as it was this time.
            let _ = atomic_file::private_dir(dir).and_then(|()| atomic_file::create_new(&self.last));
        }
    }

    /// What it printed the last time; makes it anew unless that is under way. To be called before there are threads.
    pub fn show(&self, command: &OsStr, input: &[u8]) -> Filtered {
        let shown = self.read();
        if !RunLock::is_held(&self.lock()).unwrap_or(true)
            && let Ok(Side::Detached(_)) = detach::split()
        {
            self.make(command, input);
            std::process::exit(0);
        }
        shown.unwrap_or(Filtered::Late)
    }

    fn make(&self, command: &OsStr, input: &[u8]) {
        let Ok(Some(_alone)) = RunLock::acquire(&self.lock()) else { return };
        let begun = Instant::now();
        if let Ok(Filtered::Ended { code, stdout }) = filter(command, input, begun + PATIENCE) {
            let mut kept = code.map_or_else(String::new, |code| code.to_string()).into_bytes();
            kept.push(b'\n');
            kept.extend(stdout);
            let _ = atomic_file::replace(&self.last, &kept, Durability::Cached);
            if begun.elapsed() < super::PATIENCE / 2 {
                // It is quick again: the next one is waited for.
                let _ = fs::remove_file(&self.last);
            }
        }
        if let Some(dir) = self.last.parent() {
            forget_old(dir);
        }
    }

    fn read(&self) -> Option<Filtered> {
        if age(&self.last)? > SHOWN_FOR {
            return None;
        }
        let bytes = read_regular(&self.last, MAX_BYTES).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let code = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok();
        Some(Filtered::Ended { code, stdout: bytes[end + 1..].to_vec() })
    }

    fn lock(&self) -> PathBuf {
        self.last.with_extension("lock")
    }
}

/// None for what is not there. What was written in the future was written now.
fn age(path: &Path) -> Option<Duration> {
    let written = fs::metadata(path).and_then(|found| found.modified()).ok()?;
    Some(SystemTime::now().duration_since(written).unwrap_or_default())
}

fn forget_old(dir: &Path) {
    let files = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    for old in files.filter(|path| age(path).is_some_and(|age| age > KEPT_FOR)) {
        let _ = fs::remove_file(old);
    }
}
