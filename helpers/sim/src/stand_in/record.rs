//! What the stand-in writes down for tests and benches, and how they read it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, process};

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, getpgrp, getsid};
use serde::{Deserialize, Serialize};

/// One start of the stand-in. Pids are those of its own pid namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Invocation {
    pub started_ns: u64,
    pub argv: Vec<String>,
    pub cwd: PathBuf,
    pub env: BTreeMap<String, String>,
    pub pid: u32,
    pub pgid: i32,
    pub sid: i32,
    /// What came on stdin, once it has been read to its end.
    #[serde(skip)]
    pub stdin: Option<Vec<u8>>,
}

/// A moment on the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// `start`, `stdin-eof`, or `line N`.
    pub what: String,
    /// Nanoseconds of `CLOCK_MONOTONIC`, comparable between processes.
    pub ns: u64,
}

/// The starts that were recorded in a directory, in their order.
pub fn invocations(dir: &Path) -> io::Result<Vec<Invocation>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let mut invocation: Invocation = serde_json::from_slice(&fs::read(&path)?)?;
            invocation.stdin = fs::read(path.with_extension("stdin")).ok();
            found.push(invocation);
        }
    }
    found.sort_by_key(|invocation| invocation.started_ns);
    Ok(found)
}

/// The stamps in a file, in their order.
pub fn stamps(file: &Path) -> io::Result<Vec<Stamp>> {
    let text = fs::read_to_string(file)?;
    let stamp = |line: &str| {
        let (what, ns) = line.rsplit_once(' ')?;
        Some(Stamp { what: what.to_owned(), ns: ns.parse().ok()? })
    };
    Ok(text.lines().filter_map(stamp).collect())
}

/// Nanoseconds of the monotonic clock.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Unix has a monotonic clock");
    u64::try_from(now.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec()).unwrap_or(0)
}

/// Writes the record and the stamps of this process.
pub(super) struct Recorder {
    /// The invocation's file, once it is written.
    invocation: Option<PathBuf>,
    stamps: Option<File>,
    lines: u64,
}

impl Recorder {
    /// Records the start.
    pub(super) fn start(args: &[OsString], record: Option<&Path>, stamps: Option<&Path>) -> io::Result<Self> {
        let started_ns = now_ns();
        let stamps =
            stamps.map(|path| OpenOptions::new().create(true).append(true).open(path)).transpose()?;
        let invocation = record.map(|dir| write_invocation(dir, args, started_ns)).transpose()?;
        let mut recorder = Self { invocation, stamps, lines: 0 };
        recorder.stamp("start", started_ns)?;
        Ok(recorder)
    }

    /// Records the end of stdin and what came before.
    pub(super) fn stdin(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stamp("stdin-eof", now_ns())?;
        match &self.invocation {
            Some(path) => write_whole(&path.with_extension("stdin"), bytes),
            None => Ok(()),
        }
    }

    /// Records that a line goes out now.
    pub(super) fn line(&mut self) -> io::Result<()> {
        let number = self.lines;
        self.lines += 1;
        if self.stamps.is_some() { self.stamp(&format!("line {number}"), now_ns()) } else { Ok(()) }
    }

    fn stamp(&mut self, what: &str, ns: u64) -> io::Result<()> {
        match &mut self.stamps {
            Some(file) => file.write_all(format!("{what} {ns}\n").as_bytes()),
            None => Ok(()),
        }
    }
}

fn write_invocation(dir: &Path, args: &[OsString], started_ns: u64) -> io::Result<PathBuf> {
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    let invocation = Invocation {
        started_ns,
        argv: args.iter().cloned().map(lossy).collect(),
        cwd: lossy(env::current_dir()?.into_os_string()).into(),
        env: env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect(),
        pid: process::id(),
        pgid: getpgrp().as_raw(),
        sid: getsid(None).map_or(-1, Pid::as_raw),
        stdin: None,
    };
    fs::create_dir_all(dir)?;
    // In a pid namespace of their own many processes are number 2; the clock tells them apart.
    let path = dir.join(format!("{started_ns}-{}.json", invocation.pid));
    write_whole(&path, &serde_json::to_vec(&invocation)?)?;
    Ok(path)
}

/// Whoever sees the file sees all of it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, bytes)?;
    fs::rename(&partial, path)
}
