//! A hold on one process that cannot slip to another one with the same number.
//!
//! On Linux it is a pidfd. Elsewhere the start time is compared right before each signal: the gap of
//! microseconds that remains is the system's.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "pidfd calls have no safe wrapper in libc or nix")
)]

use std::io;
use std::time::Instant;

use nix::sys::signal::Signal;

use super::ProcessId;

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was sent.
    Delivered,
    /// The process had ended before.
    AlreadyGone,
}

/// A hold on one process: signals reach this one or none.
#[derive(Debug)]
pub struct ProcessHandle {
    id: ProcessId,
    #[cfg(target_os = "linux")]
    pidfd: std::os::fd::OwnedFd,
}

impl ProcessHandle {
    /// Takes hold of a process; none when it has ended and was collected.
    pub fn open(id: ProcessId) -> io::Result<Option<Self>> {
        #[cfg(target_os = "linux")]
        {
            let pidfd = match pidfd_open(id.pid) {
                Ok(pidfd) => pidfd,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(None),
                Err(error) => return Err(error),
            };
            // The number may have gone to another process before the descriptor was made, not after.
            Ok((ProcessId::of(id.pid) == Some(id)).then_some(Self { id, pidfd }))
        }
        #[cfg(not(target_os = "linux"))]
        Ok((ProcessId::of(id.pid) == Some(id)).then_some(Self { id }))
    }

    /// Which process it is.
    pub const fn id(&self) -> ProcessId {
        self.id
    }

    /// SIGKILL.
    pub fn kill(&self) -> io::Result<Sent> {
        self.send(Signal::SIGKILL)
    }

    /// SIGTERM.
    pub fn terminate(&self) -> io::Result<Sent> {
        self.send(Signal::SIGTERM)
    }

    /// SIGCONT: one that was stopped hears what it was told.
    pub fn wake(&self) -> io::Result<Sent> {
        self.send(Signal::SIGCONT)
    }

    pub(crate) fn send(&self, signal: Signal) -> io::Result<Sent> {
        match self.deliver(signal) {
            Ok(()) => Ok(Sent::Delivered),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(Sent::AlreadyGone),
            Err(error) => Err(error),
        }
    }

    #[cfg(target_os = "linux")]
    fn deliver(&self, signal: Signal) -> io::Result<()> {
        use std::os::fd::AsRawFd as _;
        let no_info = std::ptr::null::<libc::siginfo_t>();
        let pidfd = self.pidfd.as_raw_fd();
        // SAFETY: the descriptor is open for as long as `self` lives; a null siginfo is allowed.
        let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signal as i32, no_info, 0) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    #[cfg(not(target_os = "linux"))]
    fn deliver(&self, signal: Signal) -> io::Result<()> {
        if !self.id.is_alive() {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        let pid = i32::try_from(self.id.pid).map_err(io::Error::other)?;
        Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal)?)
    }

    /// Waits until it has ended (being a zombie is enough); false = the deadline passed first.
    ///
    /// The end of a pid namespace's init is told only when all other processes of the namespace are gone.
    #[cfg(target_os = "linux")]
    pub fn wait(&self, deadline: Instant) -> io::Result<bool> {
        crate::poll::is_readable(&self.pidfd, Some(deadline))
    }

    /// Waits until it has ended (being a zombie is enough); false = the deadline passed first.
    #[cfg(not(target_os = "linux"))]
    pub fn wait(&self, deadline: Instant) -> io::Result<bool> {
        while self.id.is_alive() {
            if Instant::now() >= deadline {
                return Ok(false);
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ok(true)
    }
}

/// Readable once the process has ended.
#[cfg(target_os = "linux")]
impl std::os::fd::AsFd for ProcessHandle {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

#[cfg(target_os = "linux")]
fn pidfd_open(pid: u32) -> io::Result<std::os::fd::OwnedFd> {
    use std::os::fd::{FromRawFd as _, OwnedFd};
    // SAFETY: takes no pointers; the kernel marks the new descriptor close-on-exec.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_zombie_is_not_alive_and_its_handle_says_it_ended() {
        let mut child = Command::new("true").spawn().unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        let handle = ProcessHandle::open(id).unwrap().unwrap();
        assert!(handle.wait(Instant::now() + Duration::from_secs(10)).unwrap());
        assert!(!id.is_alive());
        child.wait().unwrap();
        assert_eq!(handle.kill().unwrap(), Sent::AlreadyGone);
    }

    #[test]
    fn whoever_outlives_its_shell_has_no_leader_any_more() {
        use std::io::BufRead as _;
        use std::process::Stdio;
        let script = "sleep 60 & echo $!; read _";
        let mut shell = Command::new("setsid")
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = String::new();
        io::BufReader::new(shell.stdout.take().unwrap()).read_line(&mut told).unwrap();
        let sleeper = ProcessId::of(told.trim().parse().unwrap()).unwrap();
        assert_eq!(sleeper.has_live_leader(), Some(true));
        drop(shell.stdin.take());
        shell.wait().unwrap();
        assert_eq!(sleeper.has_live_leader(), Some(false));
        let handle = ProcessHandle::open(sleeper).unwrap().unwrap();
        handle.kill().unwrap();
        assert!(handle.wait(Instant::now() + Duration::from_secs(10)).unwrap());
        assert_eq!(sleeper.has_live_leader(), None);
    }

    #[test]
    fn a_pid_with_another_start_time_is_another_process() {
        let own = ProcessId::own();
        let other = ProcessId { start_ticks: own.start_ticks + 1, ..own };
        assert!(!other.is_alive());
        assert!(ProcessHandle::open(other).unwrap().is_none());
    }

    #[test]
    fn waiting_for_a_living_process_ends_at_the_deadline() {
        let handle = ProcessHandle::open(ProcessId::own()).unwrap().unwrap();
        assert!(!handle.wait(Instant::now() + Duration::from_millis(20)).unwrap());
    }
}
