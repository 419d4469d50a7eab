//! Why nothing could be done: the message with its hint, and the exit code.

use std::process::ExitCode as ProcessExit;

use clodex_core::ExitCode;
use clodex_os::record_store::StateError;

/// A message for people and an exit code of the common table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// Bad arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: ExitCode::Usage as u8, message: message.into() }
    }

    /// Something of a run could not be ended.
    pub fn not_ended(message: impl Into<String>) -> Self {
        Self { code: ExitCode::TurnFailed as u8, message: message.into() }
    }

    /// What is told to people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Tells it: to stderr with its code, or, called from inline shell, to stdout with 0.
    pub fn report(self, inline: bool) -> ProcessExit {
        if inline {
            println!("{}", self.message);
            return ProcessExit::SUCCESS;
        }
        eprintln!("{}", self.message);
        ProcessExit::from(self.code)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::not_ended(error.to_string())
    }
}
