//! Starting the command itself, the same in both containments.
#![expect(unsafe_code, reason = "what happens between fork and exec has no safe form")]

use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::unistd::{Pid, dup2_stdin, dup2_stdout, setsid};

use super::{Failure, Task};
use crate::process::MARK;

/// Whether the command must be told by the kernel that its parent died: pid 1 of a namespace needs no such tie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tie {
    #[cfg(target_os = "linux")]
    ByNamespace,
    ByParentDeath,
}

/// Starts the command in a session of its own. The caller collects it.
pub(super) fn start(task: &Task, tie: Tie) -> io::Result<Pid> {
    let mut command = Command::new(&task.program);
    command.args(&task.arguments);
    if let Some(run_id) = &task.run_id {
        command.env(MARK, run_id);
    }
    let parent = Pid::this();
    // SAFETY: only system calls that may be made between fork and exec; nothing allocates.
    unsafe {
        command.pre_exec(move || {
            setsid()?;
            match tie {
                #[cfg(target_os = "linux")]
                Tie::ByNamespace => Ok(()),
                Tie::ByParentDeath => die_with_parent(parent),
            }
        });
    }
    let child = command.spawn()?;
    i32::try_from(child.id()).map(Pid::from_raw).map_err(io::Error::other)
}

/// SIGKILL when the parent dies; at once if it did so before the request stood.
#[cfg(target_os = "linux")]
fn die_with_parent(parent: Pid) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    if nix::unistd::getppid() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_parent: Pid) -> io::Result<()> {
    Ok(())
}

/// Lets go of stdin and stdout, which are the command's alone: its end of file and its broken pipe must not
/// wait for us. Stderr stays, for what we have to say ourselves.
pub(super) fn release_streams() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    Ok(())
}

/// Why the command does not run, with the exit codes that shells use.
pub(super) fn not_started(task: &Task, error: &io::Error) -> Failure {
    let shown = task.program.display();
    let (code, hint) = if error.kind() == io::ErrorKind::NotFound {
        (127, "check the name and PATH, and that the working directory exists")
    } else {
        (126, "check that the file is a program and may be executed")
    };
    Failure { code, message: format!("cannot run `{shown}`: {error}\nhint: {hint}") }
}
