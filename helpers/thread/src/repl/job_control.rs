//! Ctrl-Z and `fg`: the terminal is the shell's meanwhile, and lines are edited again afterwards. Knows no lines.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use clodex_os::EditedTerminal;
use clodex_os::signals::{JobSignal, JobSignals};

/// Whether what is pasted comes in brackets: the line editor wants that, and a shell may not know them.
const PLAIN_PASTE: &str = "\u{1b}[?2004l";
const BRACKETED_PASTE: &str = "\u{1b}[?2004h";

/// Stops the program where it can be stopped. The line editor lets others stop it in the middle of its own changes to the
/// terminal's mode; when it draws a line it makes none.
#[derive(Debug)]
pub struct JobControl {
    terminal: EditedTerminal,
    is_to_stop: AtomicBool,
    goes_on: AtomicBool,
}

impl JobControl {
    /// Of the terminal that stdin is, while no line is edited there yet.
    pub fn of_stdin() -> Option<Arc<Self>> {
        let terminal = EditedTerminal::of(io::stdin())?;
        Some(Arc::new(Self { terminal, is_to_stop: AtomicBool::new(false), goes_on: AtomicBool::new(false) }))
    }

    /// Sees to signals from now on; `redraw` lets the line be drawn anew.
    pub fn follow(self: &Arc<Self>, mut redraw: impl FnMut() + Send + 'static) {
        // Where they cannot be caught, they do what they do by default.
        let Ok(mut signals) = JobSignals::catch() else { return };
        let control = Arc::clone(self);
        thread::spawn(move || {
            while let Ok(signal) = signals.wait() {
                let wish = match signal {
                    JobSignal::Stop => &control.is_to_stop,
                    JobSignal::Continue => &control.goes_on,
                };
                wish.store(true, Ordering::Release);
                redraw();
            }
        });
    }

    /// A line is about to be drawn, by whoever edits it.
    pub fn before_drawing(&self) {
        if self.is_to_stop.swap(false, Ordering::AcqRel) {
            write(PLAIN_PASTE);
            self.terminal.stop();
            self.goes_on.store(true, Ordering::Release);
        }
        if self.goes_on.swap(false, Ordering::AcqRel) {
            self.terminal.edit_again();
            write(BRACKETED_PASTE);
        } else {
            self.terminal.note_mode();
        }
    }
}

fn write(text: &str) {
    let mut stdout = io::stdout().lock();
    // Whose terminal is gone does not want to know.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
