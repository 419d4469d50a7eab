//! A command that answers, one request at a time (`git cat-file --batch`), bounded in time. Knows nothing of what is
//! asked.

use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::error::{Result, Tried as _};
use crate::poll::readable;
use crate::run_command::ShortCommand;

/// Longer than any line that answers or announces an answer.
const LINE: usize = 64 << 10;

/// A command that waits for requests on its stdin. It is killed with its group when this is dropped.
#[derive(Debug)]
pub struct InteractiveCommand {
    child: Child,
    requests: ChildStdin,
    answers: ChildStdout,
    /// What was read and not yet given out.
    ahead: Vec<u8>,
    shown: String,
    limit: Duration,
    deadline: Instant,
    wanted: Option<PipeReader>,
}

impl ShortCommand {
    /// Starts it to be asked; each answer is to be complete within the limit. What it writes to stderr is dropped.
    pub fn converse(mut self) -> Result<InteractiveCommand> {
        let shown = format!("ask `{}`", self.program.display());
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = self.command.spawn().tried(&shown)?;
        let piped = "a stream that was piped is there";
        let (requests, answers) = (child.stdin.take().expect(piped), child.stdout.take().expect(piped));
        let deadline = Instant::now() + self.limit;
        let (limit, ahead) = (self.limit, Vec::new());
        Ok(InteractiveCommand { child, requests, answers, ahead, shown, limit, deadline, wanted: None })
    }
}

impl InteractiveCommand {
    /// Waits for answers only until the other end of this pipe is closed: then they are errors of kind `Interrupted`.
    #[must_use]
    pub fn while_wanted(mut self, wanted: Option<PipeReader>) -> Self {
        self.wanted = wanted;
        self
    }

    /// Sends a request, which must be short enough for a pipe to take it.
    pub fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.deadline = Instant::now() + self.limit;
        self.requests.write_all(request).tried(&self.shown)
    }

    /// One line of the answer, without its end.
    pub fn line(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.ahead.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            if self.ahead.len() > LINE {
                return Err(io::Error::from(io::ErrorKind::InvalidData)).tried(&self.shown);
            }
            self.read_more(LINE)?;
        }
    }

    /// So many bytes of the answer.
    pub fn bytes(&mut self, len: usize) -> Result<Vec<u8>> {
        while self.ahead.len() < len {
            self.read_more(len - self.ahead.len())?;
        }
        let rest = self.ahead.split_off(len);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    fn read_more(&mut self, at_most: usize) -> Result<()> {
        self.wait().tried(&self.shown)?;
        let begin = self.ahead.len();
        self.ahead.resize(begin + at_most.min(64 << 10), 0);
        let read = self.answers.read(&mut self.ahead[begin..]);
        self.ahead.truncate(begin + read.as_ref().copied().unwrap_or_default());
        match read.tried(&self.shown)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)).tried(&self.shown),
            _ => Ok(()),
        }
    }

    fn wait(&self) -> io::Result<()> {
        let both: Vec<_> =
            [self.answers.as_fd()].into_iter().chain(self.wanted.as_ref().map(PipeReader::as_fd)).collect();
        match readable(&both, Some(self.deadline))?[..] {
            [] => {
                let late = format!("it did not answer in {:?}", self.limit);
                Err(io::Error::new(io::ErrorKind::TimedOut, late))
            }
            [_, true] => Err(io::Error::new(io::ErrorKind::Interrupted, "nobody waits for it any more")),
            [..] => Ok(()),
        }
    }
}

impl Drop for InteractiveCommand {
    fn drop(&mut self) {
        // Not collected yet, so its number still stands for its group.
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> InteractiveCommand {
        ShortCommand::new("sh", limit).args(["-c", script]).converse().unwrap()
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn each_request_has_its_answer() {
        let mut cat = shell("cat", LONG);
        for _ in 0..3 {
            cat.ask(b"line\nbytes\nrest").unwrap();
            assert_eq!(cat.line().unwrap(), b"line");
            assert_eq!((cat.bytes(6).unwrap(), cat.bytes(4).unwrap()), (b"bytes\n".into(), b"rest".into()));
        }
    }

    #[test]
    fn large_answers_come_whole() {
        let mut zeros = shell("head -c 3000000 /dev/zero; echo end", LONG);
        assert_eq!(zeros.bytes(3_000_000).unwrap(), vec![0; 3_000_000]);
        assert_eq!(zeros.line().unwrap(), b"end");
    }

    #[test]
    fn one_that_ends_or_hangs_is_an_error() {
        let kind = |error: crate::Error| error.io().map(io::Error::kind);
        let mut gone = shell("read x; echo half", LONG);
        gone.ask(b"x\n").unwrap();
        assert_eq!(kind(gone.bytes(100).unwrap_err()), Some(io::ErrorKind::UnexpectedEof));
        let begun = Instant::now();
        let mut hangs = shell("sleep 100 & sleep 100", Duration::from_millis(50));
        assert_eq!(kind(hangs.line().unwrap_err()), Some(io::ErrorKind::TimedOut));
        drop(hangs);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn one_that_nobody_waits_for_any_more_holds_nobody_up() {
        let (wanted, patience) = io::pipe().unwrap();
        let mut asked = shell("read x; echo answer; sleep 100", LONG).while_wanted(Some(wanted));
        asked.ask(b"x\n").unwrap();
        assert_eq!(asked.line().unwrap(), b"answer");
        let waiting = std::thread::spawn(move || asked.line().unwrap_err());
        drop(patience);
        let error = waiting.join().unwrap();
        assert_eq!(error.io().map(io::Error::kind), Some(io::ErrorKind::Interrupted), "{error}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = ShortCommand::new("no-such-program", LONG).converse().unwrap_err();
        assert!(error.to_string().starts_with("cannot ask `no-such-program`: "), "{error}");
    }
}
