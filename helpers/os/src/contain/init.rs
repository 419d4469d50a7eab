//! Pid 1 of the namespace: ties itself to the outer process, mounts, starts the command, collects the dead.
//! When it exits, the kernel kills everything else in the namespace.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::sys::prctl::{set_dumpable, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::unistd::setsid;

use super::channel::{Channel, FromInit};
use super::start::{Tie, release_streams, start};
use super::supervise::{Finish, Watch};
use super::{Task, namespace};
use crate::process::read_all;

/// Lives pid 1's life. Returning means: exit now, whatever still runs.
///
/// An error is a dead outer process, or a system that refuses what cannot be refused: in both cases there is
/// nobody to tell, and exiting is the right thing to do.
pub(super) fn live(task: &Task, owner: Option<BorrowedFd<'_>>, mut outer: Channel) -> io::Result<()> {
    // Asked for before leave to go on is: an outer process that gives it lived when the tie stood.
    set_pdeathsig(Signal::SIGKILL)?;
    outer.say(&FromInit::Tied)?;
    outer.await_leave()?;
    // Out of the terminal's reach: its signals come through the outer process, once.
    setsid()?;
    // The command must not look into our descriptors, not even as root of this namespace.
    set_dumpable(false)?;
    if let Err(refusal) = namespace::mount_own_view(task.private_tmp.as_deref()) {
        return outer.say(&FromInit::Refused(refusal));
    }
    outer.say(&FromInit::Ready)?;
    outer.await_leave()?;
    run_command(task, owner, outer)
}

fn run_command(task: &Task, owner: Option<BorrowedFd<'_>>, mut outer: Channel) -> io::Result<()> {
    let outer_fd = outer.as_fd().try_clone_to_owned()?;
    let mut watch = Watch::begin(owner.into_iter().chain([outer_fd.as_fd()]))?;
    let command = match start(task, Tie::ByNamespace) {
        Ok(command) => command,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
            return outer.say(&FromInit::NotStarted { errno });
        }
    };
    outer.say(&FromInit::Started { inner_pid: command.as_raw().unsigned_abs() })?;
    // The outer process looks up the command's number on its side; until it did, the dead are not collected.
    outer.await_leave()?;
    release_streams()?;
    match watch.until_end(command, task.kill_after)? {
        Finish::KillAll => Ok(()),
        Finish::CommandEnded(status) => {
            let stragglers = watch.count_stragglers(others_alive);
            outer.say(&FromInit::Ended { status, stragglers })
        }
    }
}

/// Every living process of the namespace but pid 1. `/proc` shows this namespace only.
fn others_alive() -> usize {
    read_all().iter().filter(|entry| entry.id.pid != 1 && !entry.is_zombie()).count()
}
