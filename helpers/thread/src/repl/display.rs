//! Where a talk is shown: above the line that is being edited, or as plain lines. Knows nothing of what is shown.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use clodex_core::{Colour, StyledLine, Tone};
use clodex_os::terminal_columns;
use rustyline::ExternalPrinter;

use super::pieces::Pieces;

/// Where nobody counts columns, a line is as long as it is.
const PLAIN_COLUMNS: usize = usize::MAX;

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
        let mut pieces = Pieces::new(self.columns().map(|columns| columns.saturating_sub(2).max(1)));
        for text in pieces.whole(text) {
            let mut line = StyledLine::new();
            line.push(Tone::Plain, "  ").push(tone, &text);
            self.note(&line);
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

    fn print(&mut self, mut text: String) {
        text.push('\n');
        self.gate.wait();
        // It fails when the terminal is gone; then the line editor ends, too, and that is heard.
        let _ = self.printer.print(text);
    }
}

/// Keeps what is printed in order: between two lines the printer writes at once, although what it was given before may
/// still wait for the next line to be edited.
#[derive(Debug, Default)]
pub struct Gate {
    is_edited: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// A line was read, and the next one is not being edited yet.
    pub fn close(&self) {
        *self.is_edited.lock().unwrap_or_else(PoisonError::into_inner) = false;
    }

    /// A line is being edited, or none will be any more.
    pub fn open(&self) {
        *self.is_edited.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let is_edited = self.is_edited.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(is_edited, |is_edited| !*is_edited));
    }
}
