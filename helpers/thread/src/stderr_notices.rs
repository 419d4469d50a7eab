//! Notices on stderr, from any thread: in the REPL they are printed above the line that is being edited. Knows neither
//! what they say nor the line editor.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Prints a line above the one that is being edited.
pub type AbovePrompt = Box<dyn FnMut(String) + Send>;

/// Says lines beside the talk.
#[derive(Clone, Default)]
pub struct StderrNotices(Arc<Mutex<Option<AbovePrompt>>>);

impl fmt::Debug for StderrNotices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StderrNotices").finish_non_exhaustive()
    }
}

impl StderrNotices {
    /// Says a line in which a terminal finds nothing to obey.
    pub fn say(&self, line: String) {
        match &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(above) => above(line),
            None => eprintln!("{line}"),
        }
    }

    /// From now on a line is being edited, where stderr is shown, too.
    pub fn goes_above(&self, above: AbovePrompt) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(above);
    }
}
