//! Why a run was not started: what was tried on what, the next step, and the exit code.

use clodex_core::ExitCode;
use clodex_os::ConfigError;

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

    /// An error of another crate that brings its own hint, on a line of its own. Several problems with a hint each stay
    /// together.
    pub fn told(code: ExitCode, error: &impl std::fmt::Display) -> Self {
        let text = error.to_string();
        let (message, hint) = match text.split_once("hint: ") {
            Some((message, hint))
                if message.trim_end_matches(' ').ends_with('\n') && !hint.contains("\n  hint: ") =>
            {
                (message.trim_end(), Some(hint))
            }
            Some(_) | None => (text.as_str(), None),
        };
        Self { code, message: message.to_owned(), hint: hint.map(str::to_owned) }
    }

    /// A gate is shut.
    pub fn gate(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ExitCode::Refused, message: message.into(), hint: Some(hint.into()) }
    }

    /// Codex is not there, too old, or cannot be started.
    pub fn unreachable(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: ExitCode::Unreachable, message: message.into(), hint: Some(hint.into()) }
    }
}

impl From<ConfigError> for Refusal {
    fn from(error: ConfigError) -> Self {
        Self::told(ExitCode::Usage, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_another_crates_error_is_told_apart() {
        let refusal = Refusal::told(ExitCode::Usage, &"unknown tier `x`\n  hint: the tiers are a, b");
        assert_eq!(refusal, Refusal::usage("unknown tier `x`", "the tiers are a, b"));
        assert_eq!(refusal.to_string(), "unknown tier `x`\nhint: the tiers are a, b");
        let several = "a\n  hint: b\nc\n  hint: d";
        assert_eq!(Refusal::told(ExitCode::Usage, &several).to_string(), several);
        let plain = Refusal::told(ExitCode::Usage, &"no hint: here");
        assert_eq!((plain.message.as_str(), plain.hint), ("no hint: here", None));
    }
}
