//! Short helper commands (`codex --version`, `git …`), bounded in time and in what they may say.

use std::ffi::{OsStr, OsString};
use std::io::{self, PipeReader, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Error, Result, Tried as _};
use crate::process::{ProcessHandle, ProcessId};
use crate::report::ExitKind;

/// How much of each stream is kept; the rest is read and dropped.
const OUTPUT_LIMIT: u64 = 1 << 20;

/// A command that is expected to end soon.
#[derive(Debug)]
pub struct ShortCommand {
    pub(crate) command: Command,
    pub(crate) program: OsString,
    pub(crate) limit: Duration,
}

/// How a short command ended, and what it said (1 MiB of each stream at most).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub status: ExitKind,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: Vec<u8>,
}

impl ShortCommand {
    /// Prepares `program`, to be killed with its group after `limit`. Its stdin is empty.
    pub fn new(program: impl Into<OsString>, limit: Duration) -> Self {
        let program = program.into();
        Self { command: Command::new(&program), program, limit }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets one variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts with an empty environment.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Removes one variable of its environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Its working directory.
    #[must_use]
    pub fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it to its end where people see what it says: all of it goes to stderr. Out of time it is killed, as in
    /// [`run`](Self::run).
    pub fn run_shown(mut self) -> Result<ExitKind> {
        let shown = format!("run `{}`", self.program.display());
        let stderr = io::stderr().as_fd().try_clone_to_owned().tried(&shown)?;
        let deadline = Instant::now() + self.limit;
        self.command.stdin(Stdio::null()).stdout(stderr).process_group(0);
        let child = self.command.spawn().tried(&shown)?;
        wait_or_kill(child, deadline).tried(&shown)?.ok_or_else(|| self.late(shown))
    }

    /// Runs it to its end. Out of time it is killed, which is an error of kind `TimedOut`.
    pub fn run(mut self) -> Result<Finished> {
        let shown = format!("run `{}`", self.program.display());
        let deadline = Instant::now() + self.limit;
        let (stdout, stdout_end) = io::pipe().tried(&shown)?;
        let (stderr, stderr_end) = io::pipe().tried(&shown)?;
        self.command.stdin(Stdio::null()).stdout(stdout_end).stderr(stderr_end).process_group(0);
        let child = self.command.spawn().tried(&shown)?;
        // It holds the write ends of the pipes, and they must end when the command does.
        self.command = Command::new(&self.program);
        let (stdout, stderr) =
            (thread::spawn(|| read_bounded(stdout)), thread::spawn(|| read_bounded(stderr)));
        let status = wait_or_kill(child, deadline);
        let said = |reader: thread::JoinHandle<Vec<u8>>| reader.join().unwrap_or_default();
        let (stdout, stderr) = (said(stdout), said(stderr));
        let status = status.tried(&shown)?.ok_or_else(|| self.late(shown))?;
        Ok(Finished { status, stdout, stderr })
    }

    fn late(&self, tried: String) -> Error {
        let late = format!("it did not end in {:?} and was killed", self.limit);
        Error::System { tried, source: io::Error::new(io::ErrorKind::TimedOut, late) }
    }
}

/// None = out of time. Either way the whole group is dead: what a command leaves behind would hold the pipes.
fn wait_or_kill(mut child: Child, deadline: Instant) -> io::Result<Option<ExitKind>> {
    use std::os::unix::process::ExitStatusExt as _;
    let handle = ProcessId::of(child.id()).map(ProcessHandle::open).transpose()?.flatten();
    let in_time = handle.is_none_or(|handle| handle.wait(deadline).unwrap_or(false));
    // The child is not collected yet, so its number still stands for its group.
    let group = i32::try_from(child.id()).map_err(io::Error::other)?;
    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    let status = child.wait()?;
    let ended = status.code().map(ExitKind::Exit).or(status.signal().map(ExitKind::Signal));
    Ok(if in_time { ended } else { None })
}

fn read_bounded(mut stream: PipeReader) -> Vec<u8> {
    let mut kept = Vec::new();
    // What was read until an error is what there is to show.
    let _ = stream.by_ref().take(OUTPUT_LIMIT).read_to_end(&mut kept);
    let _ = io::copy(&mut stream, &mut io::sink());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> ShortCommand {
        ShortCommand::new("sh", limit).args(["-c", script])
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn it_tells_how_a_command_ended_and_what_it_said() {
        let finished = shell("cat; echo out; echo err >&2; exit 3", LONG).run().unwrap();
        let wanted = Finished { status: ExitKind::Exit(3), stdout: b"out\n".into(), stderr: b"err\n".into() };
        assert_eq!(finished, wanted);
        let killed = shell("kill -TERM $$", LONG).run().unwrap();
        assert_eq!(killed.status, ExitKind::Signal(15));
    }

    #[test]
    fn a_command_that_hangs_is_killed_in_time() {
        let begun = Instant::now();
        let error = shell("sleep 100 & sleep 100", Duration::from_millis(100)).run().unwrap_err();
        assert_eq!(error.io().map(io::Error::kind), Some(io::ErrorKind::TimedOut));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn what_it_leaves_in_the_background_does_not_hold_us_up() {
        let begun = Instant::now();
        assert_eq!(shell("sleep 100 & echo x", LONG).run().unwrap().stdout, b"x\n");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn more_output_than_anybody_wants_is_cut() {
        let finished = shell("head -c 3000000 /dev/zero", LONG).run().unwrap();
        assert_eq!((finished.status, finished.stdout.len()), (ExitKind::Exit(0), 1 << 20));
    }

    #[test]
    fn what_is_shown_to_people_is_bounded_in_time_too() {
        assert_eq!(shell("exit 4", LONG).run_shown().unwrap(), ExitKind::Exit(4));
        let error = shell("sleep 100", Duration::from_millis(50)).run_shown().unwrap_err();
        assert_eq!(error.io().map(io::Error::kind), Some(io::ErrorKind::TimedOut));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = ShortCommand::new("no-such-program", LONG).run().unwrap_err();
        assert!(error.to_string().starts_with("cannot run `no-such-program`: "), "{error}");
    }
}
