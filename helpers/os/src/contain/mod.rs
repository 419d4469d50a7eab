//! `clodex-contain`: runs one command so that nothing it starts can outlive it.
//!
//! One wrapper for both containments, so that its callers have one path:
//!
//! ```text
//! kernel        clodex-contain (outer) ── init, pid 1 of a new user, pid and mount namespace ── CMD
//! best-effort   clodex-contain (guardian, sub-reaper) ── CMD
//! ```
//!
//! In both the outermost process ends last: when it has ended, nothing of the command lives.
//! This module reads the command line and chooses; it knows nothing of runs, records or Codex.

mod arguments;
#[cfg(target_os = "linux")]
mod channel;
mod guardian;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod outer;
mod start;
mod supervise;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use clodex_core::ContainmentWish;

use crate::report::Report;
use arguments::{Asked, Invocation};

/// Exit code for failures of the wrapper itself, as `env` and `timeout` have it.
const OWN_FAILURE: u8 = 125;

/// What is to be run, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Task {
    program: OsString,
    arguments: Vec<OsString>,
    private_tmp: Option<PathBuf>,
    run_id: Option<String>,
    /// How long after a SIGTERM everything is killed; none = never.
    kill_after: Option<Duration>,
}

/// What ties the wrapper to its caller.
#[derive(Debug)]
struct Ties {
    /// The read end of a pipe whose write end the owner alone holds: its end of file is the owner's death.
    owner: Option<OwnedFd>,
    report: Reporter,
}

/// Where the caller wants to be told what happens.
#[derive(Debug)]
struct Reporter(Option<File>);

impl Reporter {
    fn tell(&mut self, report: &Report) {
        let Some(file) = &mut self.0 else { return };
        let mut line = serde_json::to_vec(report).expect("reports hold nothing that JSON cannot say");
        line.push(b'\n');
        // A caller that is gone cannot be told, and is noticed through its end of the owner pipe.
        let _ = file.write_all(&line);
    }
}

/// Why nothing could be started: the exit code and what to tell people.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

/// Runs the wrapper. `arguments` are those after the program's name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match arguments::parse(arguments) {
        Ok(Invocation::Print(text)) => {
            // Whoever closed stdout does not want to read it.
            let _ = write!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Ok(Invocation::Contain(asked)) => contain(&asked),
        Err(message) => {
            eprintln!("clodex-contain: {message}\nhint: clodex-contain --help shows the options");
            ExitCode::from(OWN_FAILURE)
        }
    }
}

fn contain(asked: &Asked) -> ExitCode {
    let (owner, report) = match (open_fd(asked.owner_fd), open_fd(asked.report_fd)) {
        (Ok(owner), Ok(report)) => (owner, report),
        (Err(message), _) | (_, Err(message)) => {
            eprintln!("clodex-contain: {message}\nhint: pass a descriptor that is open and above 2");
            return ExitCode::from(OWN_FAILURE);
        }
    };
    let mut ties = Ties { owner, report: Reporter(report.map(File::from)) };
    let ended = match asked.wish {
        ContainmentWish::BestEffort => guardian::hold(&asked.task, &mut ties, "asked for".into()),
        ContainmentWish::Auto => hold_in_kernel(&asked.task, &mut ties)
            .unwrap_or_else(|refusal| guardian::hold(&asked.task, &mut ties, refusal)),
        ContainmentWish::Kernel => {
            hold_in_kernel(&asked.task, &mut ties).unwrap_or_else(|refusal| Err(no_namespace(&refusal)))
        }
    };
    match ended {
        Ok(ended) => ExitCode::from(u8::try_from(ended.status.shell_code()).unwrap_or(u8::MAX)),
        Err(failure) => {
            eprintln!("clodex-contain: {}", failure.message);
            ties.report.tell(&Report::Refused(failure.message));
            ExitCode::from(failure.code)
        }
    }
}

type Held = Result<crate::Ended, Failure>;

/// Runs the task in namespaces; `Err` = they cannot be had, and why. Nothing has been started then.
#[cfg(target_os = "linux")]
fn hold_in_kernel(task: &Task, ties: &mut Ties) -> Result<Held, String> {
    outer::hold(task, ties)
}

#[cfg(not(target_os = "linux"))]
fn hold_in_kernel(_task: &Task, _ties: &mut Ties) -> Result<Held, String> {
    Err("this system has no pid namespaces".into())
}

fn no_namespace(refusal: &str) -> Failure {
    let hint = "allow unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
                kernel.apparmor_restrict_unprivileged_userns), or ask for --containment best-effort";
    Failure { code: OWN_FAILURE, message: format!("cannot contain in a namespace: {refusal}\nhint: {hint}") }
}

#[expect(unsafe_code, reason = "a descriptor named on the command line has no other owner to borrow from")]
fn open_fd(number: Option<RawFd>) -> Result<Option<OwnedFd>, String> {
    let Some(number) = number else { return Ok(None) };
    // SAFETY: only asked about and owned from here on; nothing else in this program knows the number.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    match fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Ok(Some(fd)),
        Err(errno) => {
            // Closing what is not open would be an error of its own.
            std::mem::forget(fd);
            Err(format!("cannot use descriptor {number}: {}", errno.desc()))
        }
    }
}
