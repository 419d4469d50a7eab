//! Where lines come from: the line editor of a terminal, or stdin; and who is woken when one has come. Knows of commands
//! only which of them leaves.

use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::display::Gate;
use super::editor::{Edited, LineEditor};
use super::line::{Command, Line};
use crate::stop_signals::Stops;

/// How many lines of a script are read ahead.
const AHEAD: usize = 16;

/// What somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Typed {
    /// A line.
    Line(Line),
    /// Ctrl-C, for the first time since the last line.
    Interrupt,
    /// Ctrl-C once more.
    InterruptAgain,
    /// Nothing more will come.
    End,
}

/// Reads lines from a terminal until one of them leaves. Whoever waits for Codex is woken by each.
pub fn edit_lines(mut editor: LineEditor, gate: Arc<Gate>, stops: Stops) -> Receiver<Typed> {
    // A person does not type more than can be kept.
    let (typed, lines) = unbounded();
    thread::spawn(move || {
        let mut interrupts = 0;
        loop {
            let edited = editor.read();
            gate.close();
            let what = read(edited, &mut interrupts);
            if matches!(what, Typed::Interrupt | Typed::InterruptAgain) {
                stops.typed();
            }
            let is_last = is_last(&what);
            if typed.send(what).is_err() || is_last {
                gate.open();
                return stops.wake_now();
            }
            stops.wake_now();
        }
    });
    lines
}

fn read(edited: Edited, interrupts: &mut usize) -> Typed {
    match edited {
        Edited::Line(line) => {
            *interrupts = 0;
            Typed::Line(Line::read(&line))
        }
        Edited::Interrupt if *interrupts == 0 => {
            *interrupts = 1;
            Typed::Interrupt
        }
        Edited::Interrupt => Typed::InterruptAgain,
        Edited::End => Typed::End,
    }
}

/// After it the terminal must be as it was: nobody reads it any more.
fn is_last(typed: &Typed) -> bool {
    match typed {
        Typed::Line(Line::Command(Command::Leave)) | Typed::InterruptAgain | Typed::End => true,
        Typed::Line(_) | Typed::Interrupt => false,
    }
}

/// Reads lines from stdin to its end. Whoever waits for Codex is woken by each.
pub fn read_lines(stops: Stops) -> Receiver<Typed> {
    let (typed, lines) = bounded(AHEAD);
    thread::spawn(move || {
        send_lines(io::stdin().lock(), &typed, &stops);
        // Whoever has left does not want to know.
        let _ = typed.send(Typed::End);
        stops.wake_now();
    });
    lines
}

fn send_lines(mut from: impl io::BufRead, typed: &Sender<Typed>, stops: &Stops) {
    let mut line = Vec::new();
    loop {
        line.clear();
        // What can no longer be read is at its end.
        if !matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            return;
        }
        let line = Line::read(&String::from_utf8_lossy(&line));
        if typed.send(Typed::Line(line)).is_err() {
            return;
        }
        stops.wake_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_ctrl_c_without_a_line_between_is_the_last() {
        let mut interrupts = 0;
        let mut press = |edited| read(edited, &mut interrupts);
        assert_eq!(press(Edited::Interrupt), Typed::Interrupt);
        assert_eq!(press(Edited::Line("x".to_owned())), Typed::Line(Line::Text("x".to_owned())));
        assert_eq!(press(Edited::Interrupt), Typed::Interrupt);
        let again = press(Edited::Interrupt);
        assert!(is_last(&again) && again == Typed::InterruptAgain);
        assert!(is_last(&read(Edited::Line("/quit".to_owned()), &mut 0)) && is_last(&Typed::End));
    }
}
