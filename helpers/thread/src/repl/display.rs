//! Where a talk is shown: above the line that is being edited, or as plain lines. Knows nothing of what is shown.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use clodex_core::{Colour, StyledLine, Tone};
use clodex_os::terminal_columns;
use rustyline::ExternalPrinter;

use super::pieces::Pieces;
use crate::screen::Form;

/// Where nobody counts columns, a line is as long as it is.
const PLAIN_COLUMNS: usize = usize::MAX;

/// Takes away the line that is being edited.
pub const CLEAR_LINE: &str = "\r\u{1b}[J";

/// Printed above the line that is being edited, it lets that be drawn anew and nothing else: up, and down again.
pub const REDRAW: &str = "\u{1b}[A\n";

/// Where a talk is shown.
pub enum Display {
    /// A terminal on which lines are edited.
    Terminal(Terminal),
    /// Something else: what Codex says goes to stdout, what is said of it to stderr.
    Plain,
}

/// A terminal on which lines are edited.
pub struct Terminal {
    printer: Box<dyn ExternalPrinter + Send>,
    gate: Arc<Gate>,
    colour: Colour,
}

impl Display {
    /// Columns that a line may take; none where nobody counts them.
    pub fn columns(&self) -> Option<usize> {
        match self {
            Self::Terminal(_) => terminal_columns(&io::stdout()),
            Self::Plain => None,
        }
    }

    /// What makes lines of what Codex says.
    pub fn pieces(&self) -> Pieces {
        let form = match self {
            Self::Terminal(_) => Form::Harmless,
            Self::Plain => Form::of_stdout(),
        };
        Pieces::new(form, self.columns())
    }

    /// Shows something that happened.
    pub fn note(&mut self, line: &StyledLine) {
        match self {
            Self::Terminal(terminal) => {
                let columns = terminal_columns(&io::stdout()).unwrap_or(PLAIN_COLUMNS);
                terminal.print(line.render(columns, terminal.colour));
            }
            // Whoever does not listen to stderr does not want to know.
            Self::Plain => {
                let _ = writeln!(io::stderr(), "{}", line.render(PLAIN_COLUMNS, Colour::Off));
            }
        }
    }

    /// Shows something that nobody may overlook, on as many lines as it takes.
    pub fn loud(&mut self, tone: Tone, text: &str) {
        let columns = self.columns().map(|columns| columns.saturating_sub(2).max(1));
        let mut pieces = Pieces::new(Form::Harmless, columns);
        for text in pieces.whole(text) {
            let mut line = StyledLine::new();
            line.push(Tone::Plain, "  ").push(tone, &text);
            self.note(&line);
        }
    }

    /// Nobody edits a line there any more: what was edited is gone, and what is written next begins a line.
    pub fn leave(&mut self) {
        match self {
            Self::Terminal(terminal) => {
                terminal.gate.leave();
                let mut stdout = io::stdout().lock();
                // Whose terminal is gone does not want to know.
                let _ = stdout.write_all(CLEAR_LINE.as_bytes()).and_then(|()| stdout.flush());
            }
            Self::Plain => {}
        }
    }

    /// Shows lines that were asked for. An error when nobody can read them any more.
    pub fn say(&mut self, lines: &[String]) -> io::Result<()> {
        match self {
            Self::Terminal(terminal) => {
                if !lines.is_empty() {
                    terminal.print(lines.join("\n"));
                }
                Ok(())
            }
            Self::Plain => {
                let mut stdout = io::stdout().lock();
                lines.iter().try_for_each(|line| writeln!(stdout, "{line}"))?;
                stdout.flush()
            }
        }
    }
}

impl Terminal {
    /// One that this prints on, while the gate says that it is right.
    pub fn new(printer: Box<dyn ExternalPrinter + Send>, gate: Arc<Gate>, colour: Colour) -> Self {
        Self { printer, gate, colour }
    }

    /// Prints lines above the one that is being edited.
    pub fn print(&mut self, mut text: String) {
        text.push('\n');
        self.gate.wait();
        // It fails when the terminal is gone; then the line editor ends, too, and that is heard.
        let _ = self.printer.print(text);
    }
}

/// Whose the terminal is: it keeps what is printed in order, and what is said last from being drawn over. Between two
/// lines the printer writes at once, although what it was given before may still wait for the next line to be edited.
#[derive(Debug, Default)]
pub struct Gate {
    terminal: Mutex<TerminalIs>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum TerminalIs {
    /// A line was read, and the next one is not being edited yet.
    #[default]
    Between,
    /// A line is being edited, or none will be any more.
    Edited,
    /// Somebody leaves.
    Left,
}

impl Gate {
    /// A line was read, and the next one is not being edited yet. Does not return when somebody has left meanwhile.
    pub fn close(&self) {
        self.becomes(TerminalIs::Between);
    }

    /// A line is being edited, or none will be any more. Does not return when somebody has left meanwhile.
    pub fn open(&self) {
        self.becomes(TerminalIs::Edited);
    }

    /// From now on no line is edited: the terminal is as it was, and stays so.
    pub fn leave(&self) {
        *self.edited() = TerminalIs::Left;
    }

    fn becomes(&self, next: TerminalIs) {
        let mut terminal = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        while *terminal == TerminalIs::Left {
            // The process is about to end.
            terminal = self.changed.wait(terminal).unwrap_or_else(PoisonError::into_inner);
        }
        *terminal = next;
        self.changed.notify_all();
    }

    fn wait(&self) {
        drop(self.edited());
    }

    fn edited(&self) -> MutexGuard<'_, TerminalIs> {
        let terminal = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        let is_between = |terminal: &mut TerminalIs| *terminal == TerminalIs::Between;
        self.changed.wait_while(terminal, is_between).unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_leaves_waits_for_the_line_that_is_about_to_be_edited_and_no_other_is() {
        let gate = Arc::new(Gate::default());
        let leaving = thread::spawn({
            let gate = Arc::clone(&gate);
            move || gate.leave()
        });
        gate.open();
        leaving.join().unwrap();
        let (drawn, draws) = channel();
        thread::spawn(move || {
            gate.close();
            drawn.send(())
        });
        assert_eq!(draws.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
    }
}
