//! Going on after the caller is gone: the same program again, in a session of its own.
#![expect(unsafe_code, reason = "what happens between fork and exec has no safe form")]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Result, Tried as _};
use crate::process::ProcessId;

/// Starts the running program again with `arguments`, without terminal, in a session of its own, with nothing
/// of the caller's open. Stdin and stdout are `/dev/null`; stderr goes to the end of `log`, or is lost.
///
/// It is not waited for: when the caller ends, it is init's child; while the caller lives, its end leaves a zombie.
pub fn again<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
    log: Option<&Path>,
) -> Result<ProcessId> {
    let own = std::env::current_exe().tried("find the running program's own path")?;
    let shown = format!("start {} detached", own.display());
    let stderr = match log {
        Some(path) => {
            let mut options = OpenOptions::new();
            let options = options.append(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
            Stdio::from(options.open(path).tried(format!("open log {}", path.display()))?)
        }
        None => Stdio::null(),
    };
    let mut command = Command::new(&own);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr);
    // SAFETY: only system calls that may be made between fork and exec; nothing allocates.
    unsafe { command.pre_exec(leave_caller) };
    let child = command.spawn().tried(&shown)?;
    let pid = child.id();
    Ok(ProcessId::of(pid).unwrap_or(ProcessId { pid, start_ticks: 0 }))
}

fn leave_caller() -> std::io::Result<()> {
    nix::unistd::setsid()?;
    #[cfg(target_os = "linux")]
    // A pipe of the caller's that stays open makes whoever reads it wait for us.
    // SAFETY: takes numbers only. Where the kernel is older than 5.11 what we opened ourselves is closed anyway.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
    Ok(())
}
