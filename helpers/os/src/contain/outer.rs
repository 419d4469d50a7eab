//! The process outside: makes the namespace, speaks for it, and ends when all in it is dead.

use std::io;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::channel::{Channel, FromInit};
use super::namespace::{self, Forked};
use super::start::{not_started, release_streams};
use super::supervise::{Occurrence, Watch};
use super::{Failure, Held, OWN_FAILURE, Task, Ties, init};
use crate::process::{ProcessId, child_by_inner_pid};
use crate::report::{Containment, Ended, Report};

/// Runs the task under an init of its own. `Err` = namespaces cannot be had; nothing was started then.
pub(super) fn hold(task: &Task, ties: &mut Ties) -> Result<Held, String> {
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
    match launch(ties, &init, &mut channel) {
        Ok(Launch::Running) => {}
        Ok(Launch::Refused(error)) => return Err(not_started(task, &error)),
        // Init is dead: somebody killed it, which is an end like any other.
        Err(_) => return Ok(end(ties, init, Ended::killed())),
    }
    let watched = release_streams().and_then(|()| watch(ties, &init, &mut channel));
    match watched {
        Ok(ended) => Ok(end(ties, init, ended)),
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

fn launch(ties: &mut Ties, init: &Init, channel: &mut Channel) -> io::Result<Launch> {
    channel.let_go_on()?;
    match channel.hear()? {
        FromInit::Started { inner_pid } => {
            let command = child_by_inner_pid(init.id().pid, inner_pid).ok_or(io::ErrorKind::NotFound)?;
            ties.report.tell(&Report::Started(command));
            channel.let_go_on()?;
            Ok(Launch::Running)
        }
        FromInit::NotStarted { errno } => Ok(Launch::Refused(io::Error::from_raw_os_error(errno))),
        other => Err(io::Error::other(format!("init is out of step: {other:?}"))),
    }
}

/// Passes signals on until init has said how the command ended, or has died, or the owner has.
fn watch(ties: &Ties, init: &Init, channel: &mut Channel) -> io::Result<Ended> {
    let init_fd = channel.as_fd().try_clone_to_owned()?;
    let owner_fd = ties.owner.as_ref().map(|fd| fd.as_fd());
    let mut watch = Watch::begin(owner_fd.into_iter().chain([init_fd.as_fd()]))?;
    loop {
        match watch.next(None)? {
            Occurrence::Signal(Signal::SIGCHLD) | Occurrence::DeadlinePassed => {}
            Occurrence::Signal(signal) => init.pass_on(signal),
            Occurrence::TieCut => break,
        }
    }
    // Either init has something to say, or it is dead, or the owner is dead and init must not be waited for.
    if !ties.owner.as_ref().is_some_and(is_cut)
        && let Ok(FromInit::Ended { status, stragglers }) = channel.hear()
    {
        return Ok(Ended { status, stragglers: Some(stragglers), survivors: Vec::new() });
    }
    Ok(Ended::killed())
}

fn is_cut(owner: &impl std::os::fd::AsFd) -> bool {
    crate::poll::is_readable(owner, Some(std::time::Instant::now())).unwrap_or(true)
}

fn end(ties: &mut Ties, init: Init, ended: Ended) -> Ended {
    drop(init);
    ties.report.tell(&Report::Ended(ended.clone()));
    ended
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
