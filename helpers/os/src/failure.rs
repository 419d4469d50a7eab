//! How a helper that looks at or acts on runs tells why it could not: the message with its hint, and the exit code.

use std::io::Write as _;
use std::process::ExitCode as ProcessExit;

use clodex_core::ExitCode;

use crate::{Error, say_line};

/// A message for people and an exit code of the common table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: ExitCode,
    message: String,
}

impl Failure {
    /// A failure with a code of the common table.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Bad arguments, or a place that cannot be used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
    }

    /// The same, and one line more.
    #[must_use]
    pub fn with_line(self, line: &str) -> Self {
        Self { message: format!("{}\n{line}", self.message), ..self }
    }

    /// Its exit code.
    pub fn code(&self) -> ExitCode {
        self.code
    }

    /// What is told to people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Tells it: to stderr with its code, or, called from inline shell, to stdout with 0.
    pub fn report(self, inline: bool) -> ProcessExit {
        if inline {
            say_line(&self.message);
            return ProcessExit::SUCCESS;
        }
        // Nobody may listen there either.
        let _ = writeln!(std::io::stderr(), "{}", self.message);
        ProcessExit::from(self.code as u8)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::usage(format!("{error}\nhint: CLODEX_STATE_DIR names the directory that records are kept in"))
    }
}
