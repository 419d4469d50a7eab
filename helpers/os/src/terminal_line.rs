//! One line below all that stderr says, drawn over and over, where stderr is a terminal. Knows nothing of what it says.

use std::cell::Cell;
use std::io::Write as _;

use clodex_core::{Colour, StyledLine};

use crate::terminal_columns;

/// The line. Dropping it takes it away.
#[derive(Debug)]
pub struct TerminalLine {
    manner: Manner,
    is_shown: Cell<bool>,
}

/// What a terminal understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Escape codes.
    Obeys(Colour),
    /// Nothing but going back to the beginning of the line (`TERM=dumb`).
    Dumb,
}

impl Manner {
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_plain = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        match variable("TERM").as_deref() {
            Some("dumb") => Self::Dumb,
            Some(_) | None => Self::Obeys(if is_plain { Colour::Off } else { Colour::On }),
        }
    }

    /// Takes away what the line shows.
    fn cleared(self, columns: usize) -> String {
        match self {
            Self::Obeys(_) => "\r\x1b[2K".to_owned(),
            Self::Dumb => format!("\r{}\r", " ".repeat(columns)),
        }
    }

    fn drawn(self, line: &StyledLine, columns: usize) -> String {
        let colour = match self {
            Self::Obeys(colour) => colour,
            Self::Dumb => Colour::Off,
        };
        self.cleared(columns) + &line.render(columns, colour)
    }
}

impl TerminalLine {
    /// None where stderr is no terminal: whoever reads it then wants lines that stay.
    pub fn on_stderr() -> Option<Self> {
        let manner = Manner::from_variables(|name| std::env::var(name).ok());
        columns().map(|_| Self { manner, is_shown: Cell::new(false) })
    }

    /// Shows this in the place of what it showed.
    pub fn draw(&self, line: &StyledLine) {
        let Some(columns) = columns() else { return };
        self.is_shown.set(true);
        say(&self.manner.drawn(line, columns));
    }

    /// Takes it away, so that something can be said above it.
    pub fn clear(&self) {
        if let Some(columns) = columns().filter(|_| self.is_shown.replace(false)) {
            say(&self.manner.cleared(columns));
        }
    }
}

impl Drop for TerminalLine {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The last column stays free: a line that fills it begins another one on some terminals.
fn columns() -> Option<usize> {
    terminal_columns(&std::io::stderr()).map(|columns| columns.saturating_sub(1))
}

fn say(text: &str) {
    // A terminal that is gone shows nothing, and needs nothing.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use clodex_core::Tone;

    use super::*;

    fn manner(set: &[(&str, &str)]) -> Manner {
        let find =
            |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Manner::from_variables(find)
    }

    #[test]
    fn a_dumb_terminal_gets_no_escape_code_and_colour_can_be_declined() {
        assert_eq!(manner(&[("TERM", "xterm"), ("NO_COLOR", "")]), Manner::Obeys(Colour::On));
        assert_eq!(manner(&[("NO_COLOR", "1")]), Manner::Obeys(Colour::Off));
        assert_eq!(manner(&[("TERM", "dumb")]), Manner::Dumb);
        let mut line = StyledLine::new();
        line.push(Tone::Bad, "it is longer than ten");
        assert_eq!(Manner::Dumb.drawn(&line, 10), format!("\r{}\rit is lon…", " ".repeat(10)));
        assert_eq!(Manner::Obeys(Colour::Off).drawn(&line, 10), "\r\x1b[2Kit is lon…");
        assert_eq!(Manner::Dumb.cleared(3), "\r   \r");
    }
}
