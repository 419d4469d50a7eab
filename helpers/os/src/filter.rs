//! A shell command that gets bytes and gives some back, run as its user meant it, and not waited for any longer than
//! that is good for.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Result, Tried as _};
use crate::poll::readable;
use crate::signals::CaughtSignals;

/// How often it is asked whether a command has ended whose output somebody else holds open.
const LOOK: Duration = Duration::from_millis(5);
/// What is kept of its output.
const OUTPUT_LIMIT: usize = 1 << 20;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filtered {
    /// It ended by itself. What it started in the background lives on.
    Ended {
        /// Its exit code; none when a signal ended it.
        code: Option<i32>,
        /// What it had written by then.
        stdout: Vec<u8>,
    },
    /// It did not end in time, and was killed with all it had started.
    Late,
    /// This program was told to end, and has passed that on.
    Stopped,
}

/// Runs `/bin/sh -c command` with the caller's environment and directory, and `input` on its stdin.
pub fn filter(command: &OsStr, input: &[u8], deadline: Instant) -> Result<Filtered> {
    let shown = "run the command of the shell";
    let mut signals =
        CaughtSignals::unless_ignored(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]).tried(shown)?;
    let mut child = Command::new("/bin/sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .tried(shown)?;
    let (stdin, input) = (child.stdin.take(), input.to_vec());
    // It may never read what it gets; the thread ends with the program.
    thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let filtered = until(&mut child, &mut signals, deadline).tried(shown)?;
    if !matches!(filtered, Filtered::Ended { .. }) {
        end(&mut child);
    }
    Ok(filtered)
}

fn until(child: &mut Child, signals: &mut CaughtSignals, deadline: Instant) -> io::Result<Filtered> {
    use std::os::fd::AsFd as _;
    let mut pipe = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let flags = OFlag::from_bits_truncate(fcntl(&pipe, FcntlArg::F_GETFL)?);
    fcntl(&pipe, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    let (mut stdout, mut is_open) = (Vec::new(), true);
    loop {
        let ended = child.try_wait()?;
        is_open = is_open && drain(&mut pipe, &mut stdout);
        if let Some(status) = ended {
            return Ok(Filtered::Ended { code: status.code(), stdout });
        }
        if signals.next().is_some() {
            return Ok(Filtered::Stopped);
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(Filtered::Late);
        }
        let look = Some(deadline.min(now + LOOK));
        let fds = if is_open { vec![signals.as_fd(), pipe.as_fd()] } else { vec![signals.as_fd()] };
        readable(&fds, look)?;
    }
}

/// Takes what is there; false when there will be no more.
fn drain(pipe: &mut impl io::Read, kept: &mut Vec<u8>) -> bool {
    let mut chunk = [0; 8 * 1024];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) => return false,
            Ok(count) => {
                let room = OUTPUT_LIMIT.saturating_sub(kept.len());
                kept.extend_from_slice(&chunk[..count.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// Its group dies with it.
fn end(child: &mut Child) {
    if let Ok(group) = i32::try_from(child.id()) {
        // Not collected yet, so its number is still its own.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(command: &str, input: &[u8], limit: Duration) -> Filtered {
        filter(OsStr::new(command), input, Instant::now() + limit).unwrap()
    }

    const LONG: Duration = Duration::from_mins(1);

    fn ended(code: i32, stdout: &[u8]) -> Filtered {
        Filtered::Ended { code: Some(code), stdout: stdout.to_vec() }
    }

    #[test]
    fn it_gets_its_input_and_keeps_its_code() {
        assert_eq!(run("tr a-z A-Z; exit 3", b"some text", LONG), ended(3, b"SOME TEXT"));
        let large = vec![b'x'; 300_000];
        assert_eq!(run("cat", &large, LONG), ended(0, &large));
        assert_eq!(run("echo unread", &large, LONG), ended(0, b"unread\n"));
    }

    #[test]
    fn what_it_leaves_in_the_background_is_neither_waited_for_nor_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let command = format!("echo x; (sleep 0.2; echo > '{}') & exit 0", mark.display());
        assert_eq!(run(&command, b"", LONG), ended(0, b"x\n"));
        let deadline = Instant::now() + LONG;
        while !mark.exists() {
            assert!(Instant::now() < deadline, "it was killed");
            thread::yield_now();
        }
    }

    #[test]
    fn what_hangs_is_killed_in_time() {
        let begun = Instant::now();
        assert_eq!(run("trap '' TERM; echo x; sleep 100", b"", Duration::from_millis(100)), Filtered::Late);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
