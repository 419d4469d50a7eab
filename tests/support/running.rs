//! Runs programs with an end to it: no test waits for ever, and none leaves its program behind.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// Runs a program to its end and to the end of its output.
///
/// # Panics
/// When that takes longer than `limit`; its process group is killed then.
#[track_caller]
pub fn run_with_timeout(command: Command, limit: Duration) -> Output {
    Running::start(command, b"").finish(limit)
}

/// A program that runs, in a process group of its own. Dropping it kills the group.
#[derive(Debug)]
pub struct Running {
    name: String,
    pid: Pid,
    pieces: Receiver<Piece>,
    stdout: Stream,
    stderr: Stream,
    status: Option<ExitStatus>,
}

#[derive(Debug, Default)]
struct Stream {
    bytes: Vec<u8>,
    ended: bool,
}

#[derive(Debug)]
enum Piece {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Exit(io::Result<ExitStatus>),
}

impl Running {
    /// Starts a program that gets `stdin` and then the end of it.
    #[track_caller]
    pub fn start(mut command: Command, stdin: &[u8]) -> Self {
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let name = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
        with_default_signals(&mut command);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {name}: {e}"));
        let pid = Pid::from_raw(child.id().cast_signed());
        let (sender, pieces) = channel();
        let mut input = child.stdin.take().expect("stdin is a pipe");
        let stdin = stdin.to_owned();
        // A program that does not read its input is no concern of ours.
        thread::spawn(move || input.write_all(&stdin));
        forward(child.stdout.take().expect("stdout is a pipe"), sender.clone(), Piece::Stdout);
        forward(child.stderr.take().expect("stderr is a pipe"), sender.clone(), Piece::Stderr);
        thread::spawn(move || sender.send(Piece::Exit(child.wait())));
        Self { name, pid, pieces, stdout: Stream::default(), stderr: Stream::default(), status: None }
    }

    /// The process, which leads its group.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the process alone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap_or_else(|e| panic!("cannot send {signal} to {}: {e}", self.name));
    }

    /// Waits until stdout holds `text`, and returns all of stdout so far.
    #[track_caller]
    pub fn stdout_with(&mut self, text: &str, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        loop {
            let so_far = String::from_utf8_lossy(&self.stdout.bytes);
            if so_far.contains(text) {
                return so_far.into_owned();
            }
            assert!(!self.stdout.ended, "no `{text}` on stdout of {}", self.told());
            self.next(deadline);
        }
    }

    /// Waits for the end of stdout, and returns all of it.
    #[track_caller]
    pub fn stdout_until_end(&mut self, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        while !self.stdout.ended {
            self.next(deadline);
        }
        String::from_utf8_lossy(&self.stdout.bytes).into_owned()
    }

    /// Waits for the end of the process and of its output.
    #[track_caller]
    pub fn finish(mut self, limit: Duration) -> Output {
        let deadline = Instant::now() + limit;
        loop {
            if let (Some(status), true, true) = (self.status, self.stdout.ended, self.stderr.ended) {
                let (stdout, stderr) = (&mut self.stdout.bytes, &mut self.stderr.bytes);
                return Output { status, stdout: std::mem::take(stdout), stderr: std::mem::take(stderr) };
            }
            self.next(deadline);
        }
    }

    #[track_caller]
    fn next(&mut self, deadline: Instant) {
        match self.pieces.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Piece::Stdout(bytes)) => self.stdout.add(&bytes),
            Ok(Piece::Stderr(bytes)) => self.stderr.add(&bytes),
            Ok(Piece::Exit(status)) => self.status = Some(status.expect("the child is ours to wait for")),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let what = if self.status.is_some() { "its output is still open" } else { "it still runs" };
                panic!("too late: {what}: {}", self.told())
            }
        }
    }

    /// The program and what it said, for a failure's message.
    fn told(&self) -> String {
        let status = self.status.map_or("running".to_owned(), |status| match status.signal() {
            Some(signal) => format!("killed by signal {signal}"),
            None => format!("{status}"),
        });
        let text = |stream: &Stream| String::from_utf8_lossy(&stream.bytes).into_owned();
        format!("{} ({status})\nstdout: {}\nstderr: {}", self.name, text(&self.stdout), text(&self.stderr))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() || !self.stdout.ended || !self.stderr.ended {
            // Gone already is as good.
            let _ = killpg(self.pid, Signal::SIGKILL);
        }
    }
}

impl Stream {
    /// No bytes are the end.
    fn add(&mut self, bytes: &[u8]) {
        self.ended |= bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
    }
}

fn forward(mut from: impl Read + Send + 'static, to: Sender<Piece>, piece: fn(Vec<u8>) -> Piece) {
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = from.read(&mut buffer).unwrap_or(0);
            if to.send(piece(buffer[..read].to_owned())).is_err() || read == 0 {
                return;
            }
        }
    });
}

/// Signals do what they do by default, however the tests were started: a shell's background jobs ignore SIGINT, and
/// what is ignored is inherited.
#[expect(unsafe_code, reason = "a signal's disposition is set between fork and exec")]
fn with_default_signals(command: &mut Command) {
    use nix::sys::signal::{SigHandler, Signal, signal};
    let restore = || {
        for name in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM] {
            // SAFETY: the default is no handler of ours.
            unsafe { signal(name, SigHandler::SigDfl) }?;
        }
        Ok(())
    };
    // SAFETY: only system calls that may be made between fork and exec; nothing allocates.
    unsafe { command.pre_exec(restore) };
}
