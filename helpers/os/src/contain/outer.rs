//! The process outside: makes the namespace, speaks for it, and ends when all in it is dead.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::channel::{Channel, FromInit};
use super::namespace::{self, Forked};
use super::start::{not_started, release_streams};
use super::supervise::{Occurrence, Watch};
use super::{Failure, Held, OWN_FAILURE, Reporter, Task, Ties, init};
use crate::process::{ProcessId, child_by_inner_pid};
use clodex_core::Containment;

use crate::report::{Ended, Report};

/// Runs the task under an init of its own. `Err` = namespaces cannot be had; nothing was started then.
pub(super) fn hold(task: &Task, ties: &mut Ties) -> Result<Held, String> {
    if ties.owner.is_some() {
        // For the case that the pipe's news come late: a stopped process does not read. Cannot fail for a valid
        // signal; an owner that died before this is seen by the pipe's end of file.
        let _ = set_pdeathsig(Signal::SIGKILL);
    }
    let (mut ours, theirs) =
        Channel::pair().map_err(|error| format!("cannot make a socket pair: {error}"))?;
    let init = match namespace::fork_into_new_namespaces() {
        Ok(Forked::Outer { init }) => Init(init),
        Ok(Forked::Init) => {
            drop(ours);
            // Held open by init, a report pipe would not end when the outer process is killed.
            ties.report.0 = None;
            let lived = init::live(task, ties.owner.as_ref().map(|fd| fd.as_fd()), theirs);
            std::process::exit(i32::from(lived.is_err()));
        }
        Err(error) => return Err(format!("cannot make a user and pid namespace: {error}")),
    };
    drop(theirs);
    prepare(&init, &mut ours)?;
    ties.report.tell(&Report::Contained {
        containment: Containment::Kernel,
        reason: None,
        holder: init.id(),
        private_tmp: task.private_tmp.is_some(),
    });
    Ok(oversee(task, ties, init, ours))
}

/// Brings init to the point where it would start the command.
fn prepare(init: &Init, channel: &mut Channel) -> Result<(), String> {
    let silent = |error: io::Error| format!("the new namespace's init is silent: {error}");
    let FromInit::Tied = channel.hear().map_err(silent)? else { return Err("init is out of step".into()) };
    namespace::map_ids(init.0)?;
    channel.let_go_on().map_err(silent)?;
    match channel.hear().map_err(silent)? {
        FromInit::Ready => Ok(()),
        FromInit::Refused(refusal) => Err(refusal),
        other => Err(format!("init is out of step: {other:?}")),
    }
}

fn oversee(task: &Task, ties: &mut Ties, init: Init, mut channel: Channel) -> Held {
    let owner = ties.owner.as_ref().map(|fd| fd.as_fd());
    // Signals are caught before the command can run: nobody may take us for an unwatched process after that.
    let watched = channel.as_fd().try_clone_to_owned().and_then(|init_fd| {
        let mut watch = Watch::begin(owner.into_iter().chain([init_fd.as_fd()]))?;
        if let Launch::Refused(error) = launch(&mut ties.report, &init, &mut channel)? {
            return Ok(Err(not_started(task, &error)));
        }
        release_streams()?;
        until_end(&mut watch, owner, &init, &mut channel).map(Ok)
    });
    drop(init);
    match watched {
        Ok(Ok(ended)) => {
            ties.report.tell(&Report::Ended(ended.clone()));
            Ok(ended)
        }
        Ok(Err(failure)) => Err(failure),
        Err(error) => {
            let message = format!("cannot watch over the command: {error}\nhint: it was killed; try again");
            Err(Failure { code: OWN_FAILURE, message })
        }
    }
}

enum Launch {
    Running,
    Refused(io::Error),
}

fn launch(report: &mut Reporter, init: &Init, channel: &mut Channel) -> io::Result<Launch> {
    channel.let_go_on()?;
    match channel.hear()? {
        FromInit::Started { inner_pid } => {
            let command = child_by_inner_pid(init.id().pid, inner_pid).ok_or(io::ErrorKind::NotFound)?;
            report.tell(&Report::Started(command));
            channel.let_go_on()?;
            Ok(Launch::Running)
        }
        FromInit::NotStarted { errno } => Ok(Launch::Refused(io::Error::from_raw_os_error(errno))),
        other => Err(io::Error::other(format!("init is out of step: {other:?}"))),
    }
}

/// Passes signals on until init has said how the command ended, or has died, or the owner has.
fn until_end(
    watch: &mut Watch<'_>,
    owner: Option<BorrowedFd<'_>>,
    init: &Init,
    channel: &mut Channel,
) -> io::Result<Ended> {
    loop {
        match watch.next(None)? {
            Occurrence::Signal(Signal::SIGCHLD) | Occurrence::DeadlinePassed => {}
            Occurrence::Signal(signal) => init.pass_on(signal),
            Occurrence::TieCut => break,
        }
    }
    // When the owner is dead, init must not be waited for: it may be stopped, with nothing to say.
    if !owner.is_some_and(|owner| is_cut(owner))
        && let Ok(FromInit::Ended { status, stragglers }) = channel.hear()
    {
        return Ok(Ended { status, stragglers: Some(stragglers), survivors: Vec::new() });
    }
    Ok(Ended::killed())
}

fn is_cut(owner: BorrowedFd<'_>) -> bool {
    crate::poll::is_readable(&owner, Some(std::time::Instant::now())).unwrap_or(true)
}

/// The namespace's pid 1, as seen from here. Dropping it kills all in the namespace and waits for that.
struct Init(Pid);

impl Init {
    fn id(&self) -> ProcessId {
        let pid = self.0.as_raw().unsigned_abs();
        // It is our child, so it can be looked at until we collect it.
        ProcessId::of(pid).unwrap_or(ProcessId { pid, start_ticks: 0 })
    }

    fn pass_on(&self, signal: Signal) {
        let _ = kill(self.0, signal);
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        let _ = kill(self.0, Signal::SIGKILL);
        // The kernel lets pid 1 be collected when the rest of its namespace is gone.
        while waitpid(self.0, None) == Err(Errno::EINTR) {}
    }
}
