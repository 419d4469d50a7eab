//! Signals as messages, and which of them the caller wants ignored.
#![expect(unsafe_code, reason = "asking for a signal's disposition has no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction, signal};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// Takes back what a caller may have left to a program that has children and writes files: an ignored SIGCHLD would throw
/// away how children ended, and a file that is too large (`ulimit -f`) is an error of the write, not the writer's end.
/// Children get neither: a handler does not outlive `exec`.
pub fn settle() {
    // Neither can fail for a signal that there is.
    // SAFETY: the default action runs nothing of ours.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    // SAFETY: it does nothing at all.
    let _ = unsafe { signal_hook::low_level::register(Signal::SIGXFSZ as i32, || {}) };
}

/// A wish of somebody outside that this program should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: end, please.
    Terminate,
    /// SIGHUP: the terminal, or whoever held it, is gone.
    HangUp,
}

impl StopSignal {
    const ALL: [Self; 3] = [Self::Interrupt, Self::Terminate, Self::HangUp];

    const fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::SIGINT,
            Self::Terminate => Signal::SIGTERM,
            Self::HangUp => Signal::SIGHUP,
        }
    }
}

/// The stop signals of this program, caught from now on.
#[derive(Debug)]
pub struct StopSignals(CaughtSignals);

impl StopSignals {
    /// Catches SIGINT, SIGTERM and SIGHUP, except those that were ignored when the program was started:
    /// whoever used `nohup` meant it.
    pub fn catch() -> io::Result<Self> {
        CaughtSignals::unless_ignored(StopSignal::ALL.map(StopSignal::signal).as_slice()).map(Self)
    }

    /// The same for a program that has to close what it began: with the first SIGTERM or SIGHUP it leaves its process
    /// group, because whoever ends a whole group kills it a moment later. With SIGINT it stays: a terminal asks again,
    /// and kills nobody.
    pub fn catch_and_outlive_group() -> io::Result<Self> {
        let caught = Self::catch()?;
        for signal in [Signal::SIGTERM, Signal::SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)) {
            // SAFETY: a system call that may be made in a signal handler; it touches no memory of ours.
            let leave = || unsafe { _ = libc::setpgid(0, 0) };
            // SAFETY: see above.
            unsafe { signal_hook::low_level::register(signal as i32, leave) }?;
        }
        Ok(caught)
    }

    /// Waits for the next one, for as long as it takes. Made for a thread that passes them on.
    pub fn wait(&mut self) -> io::Result<StopSignal> {
        let signal = self.0.wait()?;
        let known = StopSignal::ALL.into_iter().find(|stop| stop.signal() == signal);
        Ok(known.expect("only stop signals were registered"))
    }
}

/// What a shell wants of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobSignal {
    /// SIGTSTP: Ctrl-Z. Whoever catches it is not stopped by it.
    Stop,
    /// SIGCONT: it goes on, after whatever has stopped it.
    Continue,
}

/// The signals of job control, caught from now on.
#[derive(Debug)]
pub struct JobSignals(CaughtSignals);

impl JobSignals {
    /// Catches those that were not ignored when the program was started.
    pub fn catch() -> io::Result<Self> {
        CaughtSignals::unless_ignored(&[Signal::SIGTSTP, Signal::SIGCONT]).map(Self)
    }

    /// Waits for the next one, for as long as it takes.
    pub fn wait(&mut self) -> io::Result<JobSignal> {
        let signal = self.0.wait()?;
        Ok(if signal == Signal::SIGTSTP { JobSignal::Stop } else { JobSignal::Continue })
    }
}

/// Stops this program as Ctrl-Z does by default, and returns when it goes on. Where nobody could let it go on (it is no
/// shell's job), the kernel does not stop it.
pub(crate) fn stop_this_program() {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action runs nothing of ours. None of these can fail for a signal that there is.
    let caught = unsafe { sigaction(Signal::SIGTSTP, &default) };
    let _ = raise(Signal::SIGTSTP);
    if let Ok(caught) = caught {
        // SAFETY: it is what was there before.
        let _ = unsafe { sigaction(Signal::SIGTSTP, &caught) };
    }
}

/// Signals that arrive on a descriptor, so that they can be waited for together with other things.
#[derive(Debug)]
pub(crate) struct CaughtSignals(SignalDelivery<UnixStream, SignalOnly>);

impl CaughtSignals {
    pub(crate) fn unless_ignored(signals: &[Signal]) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let wanted = signals.iter().filter(|signal| !is_ignored(**signal)).map(|signal| *signal as i32);
        SignalDelivery::with_pipe(read, write, SignalOnly, wanted).map(Self)
    }

    fn wait(&mut self) -> io::Result<Signal> {
        loop {
            if let Some(signal) = self.next() {
                return Ok(signal);
            }
            crate::poll::is_readable(self, None)?;
        }
    }

    /// One that has arrived, without waiting. Several of one kind may come as one.
    pub(crate) fn next(&mut self) -> Option<Signal> {
        let number = self.0.pending().next()?;
        Some(Signal::try_from(number).expect("only known signals were registered"))
    }
}

impl AsFd for CaughtSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}

/// Ignores a signal from now on.
pub(crate) fn ignore(wanted: Signal) {
    // SAFETY: nothing of ours runs. It cannot fail for a signal that can be ignored.
    let _ = unsafe { signal(wanted, SigHandler::SigIgn) };
}

/// Whether a signal is ignored now: at the start of a program this is what its caller wants.
pub(crate) fn is_ignored(signal: Signal) -> bool {
    // SAFETY: plain numbers, for which all zeros is a value.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: a null new action changes nothing; the old one is written to a value that outlives the call.
    let asked = unsafe { libc::sigaction(signal as i32, std::ptr::null(), &raw mut now) };
    asked == 0 && now.sa_sigaction == libc::SIG_IGN
}
