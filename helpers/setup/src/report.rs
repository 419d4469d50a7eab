//! The report of an installation: a line for each thing, its subject first.

use std::fmt::Write as _;

/// The lines so far.
#[derive(Debug, Default)]
pub struct Report(String);

impl Report {
    /// Adds a line about `subject`.
    pub fn line(&mut self, subject: &str, text: impl AsRef<str>) {
        // Into a text: cannot fail.
        let _ = writeln!(self.0, "{subject:<10}{}", text.as_ref());
    }

    /// Adds text as it is.
    pub fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// The lines so far.
    pub fn into_text(self) -> String {
        self.0
    }
}
