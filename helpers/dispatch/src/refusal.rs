//! Why a run was not started: what was tried on what, the next step, and the exit code.

use clodex_core::ExitCode;

/// A run that does not start. Nothing was sent to Codex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default())]
pub struct Refusal {
    /// What the caller gets.
    pub code: ExitCode,
    /// Lower case: what was tried, on what, why not.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

impl Refusal {
    /// Bad arguments or packet.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ExitCode::Usage, message: message.into(), hint: Some(hint.into()) }
    }

    /// An error of another crate that brings its own hint.
    pub fn told(code: ExitCode, error: &impl std::fmt::Display) -> Self {
        Self { code, message: error.to_string(), hint: None }
    }

    /// Codex is not there, too old, or cannot be started.
    pub fn unreachable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ExitCode::Unreachable, message: message.into(), hint: Some(hint.into()) }
    }
}
