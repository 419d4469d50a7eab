//! Another program of ours at work beside this one: it is told when to go, heard line by line, and waited for. It is no
//! part of us: it goes on when we die, and a signal from the terminal does not reach it. Knows nothing of what it does.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::error::{Result, Tried as _};
use crate::process::{ProcessHandle, ProcessId};
use crate::report::ExitKind;

/// Longer than anything that a program of ours says in one line, or at its end.
const SAID_MAX_BYTES: u64 = 4 << 20;

/// A hold on a program that works beside this one.
#[derive(Debug)]
pub struct Companion {
    /// Open until it was told to go: should we die before that, it ends by itself.
    go: Option<ChildStdin>,
    handle: Option<ProcessHandle>,
}

/// What it says, and how it ends: for a thread that listens.
#[derive(Debug)]
pub struct Said {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Companion {
    /// Starts a program in a directory. Its stderr goes to a file: a stream of ours that it held would keep whoever reads it
    /// waiting when we are dead.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        directory: &Path,
        stderr: File,
    ) -> Result<(Self, Said)> {
        let shown = format!("start `{}`", program.display());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).process_group(0);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().tried(&shown)?;
        let piped = "a stream that was piped is there";
        let (go, lines) = (child.stdin.take().expect(piped), child.stdout.take().expect(piped));
        // It is not collected yet, so its number is its own.
        let handle = ProcessId::of(child.id()).map(ProcessHandle::open).transpose().tried(&shown)?.flatten();
        Ok((Self { go: Some(go), handle }, Said { child, lines: BufReader::new(lines) }))
    }

    /// Tells it to go. Whether it heard it is seen by what it does.
    pub fn go(&mut self) {
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
    use super::*;

    fn null() -> File {
        File::options().write(true).open("/dev/null").unwrap()
    }

    fn shell(script: &str) -> (Companion, Said) {
        Companion::start(Path::new("/bin/sh"), ["-c", script], Path::new("/"), null()).unwrap()
    }

    #[test]
    fn it_waits_to_be_told_and_is_heard_to_its_end() {
        let (mut companion, mut said) = shell("echo ready; read word; echo $word; echo more; exit 3");
        assert_eq!(said.line().as_deref(), Some("ready"));
        companion.go();
        assert_eq!(said.line().as_deref(), Some("go"));
        assert_eq!(said.rest(), ("more\n".to_owned(), Some(ExitKind::Exit(3))));
    }

    #[test]
    fn one_that_is_not_told_to_go_hears_that_nobody_will() {
        let (companion, said) = shell("read word || exit 4");
        drop(companion);
        assert_eq!(said.rest(), (String::new(), Some(ExitKind::Exit(4))));
    }

    #[test]
    fn it_can_be_asked_to_end_at_any_time() {
        let (mut companion, mut said) = shell("echo ready; exec sleep 100");
        assert_eq!(said.line().as_deref(), Some("ready"));
        companion.go();
        companion.terminate();
        assert_eq!(said.rest(), (String::new(), Some(ExitKind::Signal(15))));
        companion.terminate();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Companion::start::<&str>(Path::new("/no/such"), [], Path::new("/"), null()).unwrap_err();
        assert!(error.to_string().starts_with("cannot start `/no/such`: "), "{error}");
    }
}
