//! Why there is no good end: a kind for programs, words for people, and the exit code that both mean.

use clodex_codex::app_server::CallError;
use clodex_core::{Ending, ExitCode, FailureKind};

/// Something went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of thing.
    pub kind: Kind,
    /// The other side's own number, where it told one: JSON-RPC's, or HTTP's.
    pub code: Option<i64>,
    /// What was tried on what, and why it failed; then perhaps a line `hint: …`.
    pub message: String,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The arguments are wrong, or a file that they name.
    Usage,
    /// There is no server, no codex, or it does not let us in.
    Unreachable,
    /// The connection broke; what was under way is unknown.
    ConnectionLost,
    /// Codex was silent for too long.
    Timeout,
    /// The turn took too long.
    Deadline,
    /// Codex refused what was asked of it.
    Refused,
    /// The thread does not exist (any more), or somebody else writes in it.
    Thread,
    /// What Codex said cannot be understood.
    Protocol,
    /// The answer does not follow the schema that was asked for.
    Schema,
    /// The turn failed.
    Turn(FailureKind),
    /// The user or a signal ended it.
    Interrupted,
    /// Nobody reads what is printed any more.
    ReaderGone,
    /// What was asked for cannot be written where it should be.
    Output,
}

impl Kind {
    /// The word of `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Unreachable => "unreachable",
            Self::ConnectionLost => "connection-lost",
            Self::Timeout => "timeout",
            Self::Deadline => "deadline",
            Self::Refused => "refused",
            Self::Thread => "thread",
            Self::Protocol => "protocol",
            Self::Schema => "schema",
            Self::Turn(kind) => failure(kind),
            Self::Interrupted => "interrupted",
            Self::ReaderGone => "reader-gone",
            Self::Output => "output",
        }
    }

    /// Its row in the common table.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Usage => ExitCode::Usage,
            Self::Unreachable | Self::ConnectionLost => ExitCode::Unreachable,
            Self::Timeout | Self::Deadline => ExitCode::Watchdog,
            Self::Protocol | Self::Schema => ExitCode::Protocol,
            Self::Refused | Self::Thread | Self::Output => ExitCode::TurnFailed,
            Self::Turn(kind) => match Ending::of_failure(kind) {
                Ending::Unreachable => ExitCode::Unreachable,
                Ending::Protocol => ExitCode::Protocol,
                Ending::Completed | Ending::TurnFailed => ExitCode::TurnFailed,
            },
            Self::Interrupted | Self::ReaderGone => ExitCode::Cancelled,
        }
    }
}

const fn failure(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::UsageLimit => "usage-limit",
        FailureKind::RateLimit => "rate-limit",
        FailureKind::ModelUnavailable => "model-unavailable",
        FailureKind::Unauthorized => "unauthorized",
        FailureKind::Configuration => "configuration",
        FailureKind::Connection => "connection",
        FailureKind::Overloaded => "overloaded",
        FailureKind::ContextWindow => "context-window",
        FailureKind::Thread => "thread",
        FailureKind::Other => "turn-failed",
    }
}

impl Trouble {
    /// Trouble of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into() }
    }

    /// The arguments are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        let (kind, code) = match error {
            CallError::Refused { error, .. } => (Kind::Refused, Some(error.code)),
            CallError::Late(_) => (Kind::Timeout, None),
            CallError::Closed { .. } | CallError::NotSent { .. } => (Kind::ConnectionLost, None),
            CallError::Shape { .. } => (Kind::Protocol, None),
            CallError::TooOld(_) => (Kind::Unreachable, None),
        };
        Self { kind, code, message }
    }
}
