//! How wide the terminal is, and how it was before somebody changed it.
#![expect(unsafe_code, reason = "ioctl has no safe wrapper")]

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt as _;

use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};

/// Columns of the terminal that a stream (stdout, stderr) is; none when it is no terminal.
pub fn terminal_columns(stream: &(impl IsTerminal + AsRawFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the pointer is to a live `winsize`, which is what this request fills.
    let asked = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    let told = if asked == 0 { usize::from(size.ws_col) } else { 0 };
    let in_environment = || std::env::var("COLUMNS").ok()?.parse().ok();
    Some(told).filter(|columns| *columns > 0).or_else(in_environment).or(Some(80))
}

/// Columns of the terminal that another process of this user writes its stdout to; none when it is no terminal, and
/// where the system does not let us look.
pub fn terminal_columns_of(pid: u32) -> Option<usize> {
    // It must not become ours, nor make us wait: it may be a pipe.
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK;
    let stdout = OpenOptions::new().read(true).custom_flags(flags).open(format!("/proc/{pid}/fd/1")).ok()?;
    terminal_columns(&stdout)
}

/// How a terminal reads what is typed: dropping it lets it read like that again, whoever has changed it meanwhile.
#[derive(Debug)]
pub struct TerminalMode(Termios);

impl TerminalMode {
    /// How stdin reads now; none where it is no terminal.
    pub fn of_stdin() -> Option<Self> {
        tcgetattr(io::stdin().as_fd()).ok().map(Self)
    }
}

impl Drop for TerminalMode {
    fn drop(&mut self) {
        // It fails when the terminal is gone.
        let _ = tcsetattr(io::stdin().as_fd(), SetArg::TCSANOW, &self.0);
    }
}
