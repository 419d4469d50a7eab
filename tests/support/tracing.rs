//! Killing a program at a system call of our choice: where a crash comes is enumerated, not hoped for. Linux.

#![expect(unsafe_code, reason = "which call it is stands in a union")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A program's main thread that enters or leaves the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Whether it enters.
    pub enters: bool,
    /// Number of the call.
    pub call: u64,
    /// What its first argument stands for, where that is an open file.
    pub file: Option<PathBuf>,
}

impl Stop {
    /// Whether a file of this name is written to.
    pub fn writes(&self, name: &str) -> bool {
        self.call == libc::SYS_write.unsigned_abs() && self.is_of(name)
    }

    /// Whether a file of this name is put on the disk.
    pub fn syncs(&self, name: &str) -> bool {
        self.call == libc::SYS_fdatasync.unsigned_abs() && self.is_of(name)
    }

    /// Whether it enters a rename that never loses what lies at the target.
    pub fn begins_safe_rename(&self) -> bool {
        self.enters && self.call == libc::SYS_renameat2.unsigned_abs()
    }

    fn is_of(&self, name: &str) -> bool {
        self.file.as_ref().is_some_and(|file| file.ends_with(name))
    }
}

/// Runs a program until `is_it` says that a stop is the one, and kills it there; whether it came to that. Its stdout is
/// dropped. Only its main thread is looked at, and it alone is killed: what it started lives on.
pub fn killed_at(command: &Command, mut is_it: impl FnMut(&Stop) -> bool) -> bool {
    let mut held = Command::new("sh");
    held.args(["-c", "kill -STOP $$; exec \"$@\"", "sh"]).arg(command.get_program()).args(command.get_args());
    held.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    held.current_dir(command.get_current_dir().unwrap_or(".".as_ref())).stdout(Stdio::null());
    #[expect(clippy::zombie_processes, reason = "waited for by its id, as whoever traces it must")]
    let child = held.spawn().expect("every Unix has a shell");
    let pid = Pid::from_raw(child.id().cast_signed());
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("it is our child");
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    ptrace::seize(pid, Options::PTRACE_O_EXITKILL | Options::PTRACE_O_TRACESYSGOOD).expect("it is our child");
    kill(pid, Signal::SIGCONT).expect("it is our child");
    let (mut entered, mut killed) = (None, false);
    loop {
        let signal = match waitpid(pid, None).expect("it is our child") {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return killed,
            WaitStatus::PtraceSyscall(_) => {
                let stop = stop(pid, &mut entered);
                if stop.is_some_and(|stop| is_it(&stop)) {
                    kill(pid, Signal::SIGKILL).expect("it is our child");
                    killed = true;
                    continue;
                }
                None
            }
            WaitStatus::Stopped(_, signal) if signal != Signal::SIGTRAP => Some(signal),
            _ => None,
        };
        // Killed meanwhile: the next wait says so.
        let _ = ptrace::syscall(pid, signal);
    }
}

/// Which call it is: on the way out, that of the way in.
fn stop(pid: Pid, entered: &mut Option<Stop>) -> Option<Stop> {
    let info = ptrace::syscall_info(pid).ok()?;
    if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
        // SAFETY: the kernel says that it is an entry.
        let entry = unsafe { info.u.entry };
        let file = std::fs::read_link(format!("/proc/{pid}/fd/{}", entry.args[0])).ok();
        let stop = Stop { enters: true, call: entry.nr, file };
        *entered = Some(stop.clone());
        return Some(stop);
    }
    entered.take().map(|stop| Stop { enters: false, ..stop })
}
