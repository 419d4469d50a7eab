//! Watching over the running command: the same loop for pid 1 of a namespace and for the guardian.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::poll;
use crate::report::ExitKind;
use crate::signals::CaughtSignals;

/// How long processes that are ending by themselves are given before they count as stragglers: what Codex
/// holds dies with it, but not in the same instant.
const SETTLE: Duration = Duration::from_millis(200);

/// Signals that are passed on.
pub(super) const PASSED_ON: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT];

/// Something to react to.
pub(super) enum Occurrence {
    Signal(Signal),
    /// A tie was cut: whoever wants this command to run is dead.
    TieCut,
    DeadlinePassed,
}

/// How the watch ended.
pub(super) enum Finish {
    CommandEnded(ExitKind),
    /// Everything is to be killed now.
    KillAll,
}

/// What is waited for: signals, and the ties whose end of file means death.
pub(super) struct Watch<'a> {
    signals: CaughtSignals,
    ties: Vec<BorrowedFd<'a>>,
}

impl<'a> Watch<'a> {
    /// Begins to catch signals; so it is made after the last fork that must not share them.
    pub(super) fn begin(ties: impl IntoIterator<Item = BorrowedFd<'a>>) -> io::Result<Self> {
        let mut caught = PASSED_ON.to_vec();
        caught.push(Signal::SIGCHLD);
        Ok(Self { signals: CaughtSignals::unless_ignored(&caught)?, ties: ties.into_iter().collect() })
    }

    /// Waits for the next occurrence.
    pub(super) fn next(&mut self, deadline: Option<Instant>) -> io::Result<Occurrence> {
        loop {
            if let Some(signal) = self.signals.next() {
                return Ok(Occurrence::Signal(signal));
            }
            let mut fds = vec![self.signals.as_fd()];
            fds.extend(&self.ties);
            let ready = poll::readable(&fds, deadline)?;
            if ready.is_empty() {
                return Ok(Occurrence::DeadlinePassed);
            }
            if ready.iter().skip(1).any(|is_cut| *is_cut) {
                return Ok(Occurrence::TieCut);
            }
        }
    }

    /// Passes signals on to the command until it ends or all is to be killed.
    pub(super) fn until_end(&mut self, command: Pid, kill_after: Option<Duration>) -> io::Result<Finish> {
        let mut deadline = None;
        loop {
            match self.next(deadline)? {
                Occurrence::TieCut | Occurrence::DeadlinePassed => return Ok(Finish::KillAll),
                Occurrence::Signal(Signal::SIGCHLD) => {
                    if let Some(status) = collect_all(command) {
                        return Ok(Finish::CommandEnded(status));
                    }
                }
                Occurrence::Signal(signal) => {
                    pass_on(signal, command);
                    if signal == Signal::SIGTERM {
                        deadline = deadline.or(kill_after.map(|after| Instant::now() + after));
                    }
                }
            }
        }
    }

    /// Counts what is alive after the command ended, once what was ending anyway has had its moment.
    pub(super) fn count_stragglers(&mut self, alive: impl Fn() -> usize) -> u32 {
        let deadline = Instant::now() + SETTLE;
        loop {
            let count = alive();
            // Whatever else happens meanwhile, the rest is killed right after this anyway.
            if count == 0 || !matches!(self.next(Some(deadline)), Ok(Occurrence::Signal(_))) {
                return u32::try_from(count).unwrap_or(u32::MAX);
            }
            collect_all(Pid::from_raw(0));
        }
    }
}

/// A terminal sends its signals to the whole foreground group, `kill` to one process: so do we.
fn pass_on(signal: Signal, command: Pid) {
    // The command leads its group. If it has just ended there is nobody to tell.
    let _ = if signal == Signal::SIGTERM { kill(command, signal) } else { killpg(command, signal) };
}

/// Collects every child that has ended; tells how the command did, if it is among them.
fn collect_all(command: Pid) -> Option<ExitKind> {
    let mut status = None;
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == command => status = Some(ExitKind::Exit(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == command => {
                status = Some(ExitKind::Signal(signal as i32));
            }
            Ok(WaitStatus::StillAlive) => return status,
            Ok(_) | Err(Errno::EINTR) => {}
            // ECHILD: none is left.
            Err(_) => return status,
        }
    }
}
