//! How wide the terminal is, and how it was before somebody changed it.
#![expect(unsafe_code, reason = "ioctl has no safe wrapper")]

use std::fs::OpenOptions;
use std::io::IsTerminal;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr};

use crate::signals::stop_this_program;

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

/// Throws away what was typed on a terminal and nobody has read yet.
pub fn forget_typed(terminal: impl AsFd) {
    // It fails where it is no terminal, or where that is gone: then nothing was typed.
    let _ = tcflush(terminal, FlushArg::TCIFLUSH);
}

/// How a terminal reads what is typed: dropping it lets it read like that again, whoever has changed it meanwhile.
#[derive(Debug)]
pub struct TerminalMode {
    terminal: OwnedFd,
    before: Termios,
}

impl TerminalMode {
    /// How it reads now; none where it is no terminal.
    pub fn of(terminal: impl AsFd) -> Option<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned().ok()?;
        let before = tcgetattr(&terminal).ok()?;
        Some(Self { terminal, before })
    }

    /// Lets nobody see what is typed from now on, but for the ends of lines.
    pub fn hide(&self) {
        let mut hidden = self.before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        hidden.local_flags.insert(LocalFlags::ECHONL);
        // It fails when the terminal is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &hidden);
    }
}

impl Drop for TerminalMode {
    fn drop(&mut self) {
        // It fails when the terminal is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}

/// A terminal on which lines are edited by somebody who does not notice that the program was stopped and goes on.
#[derive(Debug)]
pub struct EditedTerminal {
    terminal: OwnedFd,
    modes: Mutex<Modes>,
}

/// How it reads what is typed.
#[derive(Debug)]
struct Modes {
    before: Termios,
    edited: Option<Termios>,
}

impl EditedTerminal {
    /// While no line is edited there yet; none where it is no terminal.
    pub fn of(terminal: impl AsFd) -> Option<Self> {
        let terminal = terminal.as_fd().try_clone_to_owned().ok()?;
        let before = tcgetattr(&terminal).ok()?;
        Some(Self { terminal, modes: Mutex::new(Modes { before, edited: None }) })
    }

    /// A line is being edited: its mode is the one to come back to.
    pub fn note_mode(&self) {
        let is_edited = |now: &Termios| !now.local_flags.contains(LocalFlags::ICANON);
        if let Some(now) = tcgetattr(&self.terminal).ok().filter(is_edited) {
            self.modes().edited = Some(now);
        }
    }

    /// Stops this program as Ctrl-Z does by default, with the terminal as it was before lines were edited; returns when it
    /// goes on.
    pub fn stop(&self) {
        self.set(&self.modes().before);
        stop_this_program();
    }

    /// Comes back to the mode in which lines are edited, whatever a shell has left there.
    pub fn edit_again(&self) {
        if let Some(edited) = &self.modes().edited {
            self.set(edited);
        }
    }

    fn modes(&self) -> MutexGuard<'_, Modes> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mode: &Termios) {
        // It fails when the terminal is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, mode);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use nix::pty::openpty;

    use super::*;

    #[test]
    fn lines_are_edited_again_in_the_mode_in_which_they_were() {
        let pty = openpty(None, None).unwrap();
        let (keys, terminal) = (std::fs::File::from(pty.master), std::fs::File::from(pty.slave));
        let edited = EditedTerminal::of(&terminal).unwrap();
        let local_flags = || tcgetattr(&terminal).unwrap().local_flags;
        edited.edit_again();
        assert!(local_flags().contains(LocalFlags::ICANON), "none was edited yet");
        let mut raw = tcgetattr(&terminal).unwrap();
        raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        tcsetattr(&terminal, SetArg::TCSANOW, &raw).unwrap();
        edited.note_mode();
        edited.set(&edited.modes().before);
        edited.note_mode();
        assert!(local_flags().contains(LocalFlags::ICANON | LocalFlags::ECHO));
        edited.edit_again();
        assert!(!local_flags().intersects(LocalFlags::ICANON | LocalFlags::ECHO));
        drop(keys);
    }

    #[test]
    fn what_was_typed_and_not_read_is_forgotten() {
        let pty = openpty(None, None).unwrap();
        let (mut keys, mut terminal) = (std::fs::File::from(pty.master), std::fs::File::from(pty.slave));
        keys.write_all(b"before\n").unwrap();
        forget_typed(&terminal);
        keys.write_all(b"after\n").unwrap();
        let mut read = [0; 20];
        let length = terminal.read(&mut read).unwrap();
        assert_eq!(&read[..length], b"after\n");
    }
}
