//! Another program of ours at work beside this one: it is told when to go, heard line by line, and waited for. It is no
//! part of us: it goes on when we die, and a signal from the terminal does not reach it. Knows nothing of what it does.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Tried as _};
use crate::lock::RunLock;
use crate::process::{ProcessHandle, ProcessId};
use crate::report::ExitKind;

/// Longer than anything that a program of ours says in one line, or at its end.
const SAID_MAX_BYTES: u64 = 4 << 20;
/// Whoever holds the lock of a new program's stderr is a process that is just being started.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A hold on a program that works beside this one.
#[derive(Debug)]
pub struct Companion {
    /// Open until it was told to go: should we die before that, it ends by itself.
    go: Option<ChildStdin>,
    /// Held, by the program too, until it was told to go.
    begins: Option<RunLock>,
    handle: Option<ProcessHandle>,
}

/// What it says, and how it ends: for a thread that listens.
#[derive(Debug)]
pub struct Said {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Companion {
    /// Starts a program in a directory. Its stderr goes to a file: a stream of ours that it held would keep whoever
    /// reads it waiting when we are dead. The file is locked from before the program is there until it was told to go,
    /// or has ended: should we die, [`Companion::wait_for_begun`] waits for what was never told.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        directory: &Path,
        stderr: &Path,
    ) -> Result<(Self, Said)> {
        let shown = format!("start `{}`", program.display());
        let begins = RunLock::acquire_until(stderr, Instant::now() + LOCK_PATIENCE)?.ok_or_else(|| {
            Error::System { tried: shown.clone(), source: io::ErrorKind::WouldBlock.into() }
        })?;
        let stderr = begins.share()?;
        stderr.set_len(0).tried(&shown)?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).process_group(0);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().tried(&shown)?;
        let piped = "a stream that was piped is there";
        let (go, lines) = (child.stdin.take().expect(piped), child.stdout.take().expect(piped));
        // It is not collected yet, so its number is its own.
        let handle = ProcessId::of(child.id()).map(ProcessHandle::open).transpose().tried(&shown)?.flatten();
        Ok((
            Self { go: Some(go), begins: Some(begins), handle },
            Said { child, lines: BufReader::new(lines) },
        ))
    }

    /// Waits until a program whose stderr goes to this file was told to go, or has ended; false = not before the deadline.
    pub fn wait_for_begun(stderr: &Path, deadline: Instant) -> Result<bool> {
        if !RunLock::is_held(stderr)? {
            return Ok(true);
        }
        Ok(RunLock::acquire_until(stderr, deadline)?.is_some())
    }

    /// Tells it to go. Whether it heard it is seen by what it does.
    pub fn go(&mut self) {
        if let Some(begins) = self.begins.take() {
            // Nobody waits for it while we live.
            let _ = begins.release();
        }
        if let Some(mut go) = self.go.take() {
            // It may have ended meanwhile, which is told elsewhere.
            let _ = go.write_all(b"go\n");
        }
    }

    /// Asks it to end; one that was never told to go will not be.
    pub fn terminate(&mut self) {
        self.go = None;
        if let Some(handle) = &self.handle {
            // It may have ended meanwhile.
            let _ = handle.terminate();
        }
    }
}

impl Said {
    /// Its next line, without its end; none = it says no more.
    pub fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let read = self.lines.by_ref().take(SAID_MAX_BYTES).read_until(b'\n', &mut bytes).ok()?;
        (read > 0).then(|| String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// All that it still says, and how it ended.
    pub fn rest(mut self) -> (String, Option<ExitKind>) {
        let mut bytes = Vec::new();
        // What was read until an error is what there is.
        let _ = self.lines.by_ref().take(SAID_MAX_BYTES).read_to_end(&mut bytes);
        drop(self.lines);
        let ended = self.child.wait().ok();
        let kind = ended.and_then(|status| {
            status.code().map(ExitKind::Exit).or_else(|| status.signal().map(ExitKind::Signal))
        });
        (String::from_utf8_lossy(&bytes).into_owned(), kind)
    }
}

#[cfg(test)]
mod tests {
    use tempfile::NamedTempFile;

    use super::*;

    /// A script beside us, and where its stderr is.
    fn shell(script: &str) -> (Companion, Said, NamedTempFile) {
        let stderr = NamedTempFile::new().unwrap();
        let arguments = ["-c", script];
        let (companion, said) =
            Companion::start(Path::new("/bin/sh"), arguments, Path::new("/"), stderr.path()).unwrap();
        (companion, said, stderr)
    }

    fn has_begun(stderr: &NamedTempFile, patience: Duration) -> bool {
        Companion::wait_for_begun(stderr.path(), Instant::now() + patience).unwrap()
    }

    #[test]
    fn it_waits_to_be_told_and_is_heard_to_its_end() {
        let (mut companion, mut said, stderr) = shell("echo ready; read word; echo $word; echo more; exit 3");
        assert_eq!(said.line().as_deref(), Some("ready"));
        assert!(!has_begun(&stderr, Duration::ZERO));
        companion.go();
        assert!(has_begun(&stderr, Duration::ZERO));
        assert_eq!(said.line().as_deref(), Some("go"));
        assert_eq!(said.rest(), ("more\n".to_owned(), Some(ExitKind::Exit(3))));
    }

    #[test]
    fn one_that_is_not_told_to_go_hears_that_nobody_will() {
        let (companion, mut said, stderr) = shell("echo ready; read word || exit 4");
        assert_eq!(said.line().as_deref(), Some("ready"));
        drop(companion);
        assert_eq!(said.rest(), (String::new(), Some(ExitKind::Exit(4))));
        assert!(has_begun(&stderr, Duration::from_mins(1)));
    }

    #[test]
    fn it_can_be_asked_to_end_at_any_time() {
        let (mut companion, mut said, _stderr) = shell("echo ready; exec sleep 100");
        assert_eq!(said.line().as_deref(), Some("ready"));
        companion.go();
        companion.terminate();
        assert_eq!(said.rest(), (String::new(), Some(ExitKind::Signal(15))));
        companion.terminate();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let stderr = NamedTempFile::new().unwrap();
        let missing = Path::new("/no/such");
        let error = Companion::start::<&str>(missing, [], Path::new("/"), stderr.path()).unwrap_err();
        assert!(error.to_string().starts_with("cannot start `/no/such`: "), "{error}");
    }
}
