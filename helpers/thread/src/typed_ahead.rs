//! What was typed before a question was put: on a terminal it is no answer to that question, which nobody had seen. In a
//! pipe the answers stand before they are asked for. Knows no question.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, OwnedFd};

use clodex_os::forget_typed;
use crossbeam_channel::Receiver;

use crate::approvals::TERMINAL;

/// Where answers are typed.
#[derive(Debug)]
pub struct TypedAhead {
    /// None = it is no terminal.
    terminal: Option<OwnedFd>,
}

impl TypedAhead {
    /// On stdin, or on the terminal itself where stdin is what was said.
    pub fn on(stdin_is_taken: bool) -> Self {
        let terminal = if stdin_is_taken {
            File::open(TERMINAL).ok().map(OwnedFd::from)
        } else {
            let stdin = io::stdin();
            stdin.is_terminal().then(|| stdin.as_fd().try_clone_to_owned().ok()).flatten()
        };
        Self { terminal }
    }

    /// In a pipe.
    #[cfg(test)]
    pub const fn in_a_pipe() -> Self {
        Self { terminal: None }
    }

    /// Forgets it; how many lines it was.
    pub fn forget(&self, lines: &Receiver<String>) -> usize {
        let Some(terminal) = &self.terminal else { return 0 };
        forget_typed(terminal);
        lines.try_iter().count()
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;

    #[test]
    fn it_is_forgotten_on_a_terminal_and_kept_in_a_pipe() {
        let (typed, lines) = unbounded();
        for word in ["y", "yes"] {
            typed.send(word.to_owned()).unwrap();
        }
        TypedAhead::in_a_pipe().forget(&lines);
        assert_eq!(lines.len(), 2);
        // Whose own line is empty.
        let terminal = File::open("/dev/null").ok().map(OwnedFd::from);
        TypedAhead { terminal }.forget(&lines);
        assert_eq!(lines.len(), 0);
    }
}
