//! Why nothing can be shown: the message with its hint, and the exit code.

use std::process::ExitCode as ProcessExit;

use clodex_core::ExitCode;

/// A message for people and an exit code of the common table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// A failure with a code of the common table.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code: code as u8, message: message.into() }
    }

    /// Bad arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ExitCode::Usage, message)
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

impl From<clodex_os::Error> for Failure {
    fn from(error: clodex_os::Error) -> Self {
        Self::usage(format!("{error}\nhint: CLODEX_STATE_DIR names the directory that records are kept in"))
    }
}
