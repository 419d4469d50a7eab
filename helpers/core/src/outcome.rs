//! What became of a run, and the one table of exit codes for all helpers.

use serde::{Deserialize, Serialize};

use crate::{FailureKind, Verdict};

/// What became of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Codex ended well and delivered.
    Done,
    /// Codex ended well and delivered a part.
    Partial,
    /// Codex ended well and says that it could not go on.
    Blocked,
    /// Codex ended well with findings only.
    FindingsOnly,
    /// Codex, its turn or the run itself failed.
    Failed,
    /// The user, Claude or a signal ended it.
    Cancelled,
    /// The wall clock ran out.
    TimedOut,
    /// No sign of life for too long.
    Stalled,
    /// A gate refused it; nothing was started.
    Refused,
}

impl Outcome {
    /// The word used in records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Blocked => "blocked",
            Self::FindingsOnly => "findings-only",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timed-out",
            Self::Stalled => "stalled",
            Self::Refused => "refused",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Exit codes shared by all helpers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, scope clean.
    Done = 0,
    /// Codex's turn failed.
    TurnFailed = 1,
    /// Bad arguments or packet refused; nothing started.
    Usage = 2,
    /// Codex could not be reached: not installed, too old, not logged in, connection.
    Unreachable = 3,
    /// Stopped by the watchdog: wall clock or stall.
    Watchdog = 4,
    /// Protocol or schema error.
    Protocol = 5,
    /// Scope violation, or a verdict that could not be completed.
    Violation = 6,
    /// Refused by a gate: dirty overlap, overlap with a live run, quota.
    Refused = 7,
    /// Codex ended well but did not deliver.
    NotDelivered = 8,
    /// Cancelled.
    Cancelled = 130,
}

impl ExitCode {
    /// The order in which they count: where several apply, the first one wins.
    const PRECEDENCE: [Self; 10] = [
        Self::Violation,
        Self::Refused,
        Self::Cancelled,
        Self::Watchdog,
        Self::Unreachable,
        Self::Protocol,
        Self::TurnFailed,
        Self::Usage,
        Self::NotDelivered,
        Self::Done,
    ];

    /// The one that counts among those that apply; done where none does.
    pub fn that_counts(codes: impl IntoIterator<Item = Self>) -> Self {
        let place = |code: &Self| Self::PRECEDENCE.iter().position(|known| known == code);
        codes.into_iter().min_by_key(place).unwrap_or(Self::Done)
    }

    /// The one of this number; none = it is none of ours.
    pub fn of(number: i32) -> Option<Self> {
        Self::PRECEDENCE.into_iter().find(|code| i32::from(*code) == number)
    }
}

impl From<ExitCode> for i32 {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// How Codex itself ended, as far as exit codes tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// The turn completed.
    Completed,
    /// The turn failed.
    TurnFailed,
    /// Codex could not be reached.
    Unreachable,
    /// What Codex sent cannot be understood, or its answer breaks the schema.
    Protocol,
}

impl Ending {
    /// How a turn that failed in this way ended.
    pub fn of_failure(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unauthorized | FailureKind::Configuration | FailureKind::Connection => {
                Self::Unreachable
            }
            FailureKind::UsageLimit
            | FailureKind::RateLimit
            | FailureKind::ModelUnavailable
            | FailureKind::Overloaded
            | FailureKind::ContextWindow
            | FailureKind::Thread
            | FailureKind::Other => Self::TurnFailed,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Completed => Self::Done,
            Ending::TurnFailed => Self::TurnFailed,
            Ending::Unreachable => Self::Unreachable,
            Ending::Protocol => Self::Protocol,
        }
    }
}

/// The exit code of a run that was started or refused: of what its verdict, its outcome and Codex's end say, the one
/// that counts.
///
/// `needs_attention` is the worker's own `NEEDS_ATTENTION`, a missing claim, or a failed verification.
pub fn exit_code(verdict: Verdict, outcome: Outcome, ending: Ending, needs_attention: bool) -> ExitCode {
    let of_verdict = match verdict {
        Verdict::Violation | Verdict::Unknown => ExitCode::Violation,
        Verdict::Refused => ExitCode::Refused,
        Verdict::Clean => ExitCode::Done,
    };
    let of_outcome = match outcome {
        Outcome::Refused => ExitCode::Refused,
        Outcome::Cancelled => ExitCode::Cancelled,
        Outcome::TimedOut | Outcome::Stalled => ExitCode::Watchdog,
        Outcome::Failed => ExitCode::TurnFailed,
        Outcome::Partial | Outcome::Blocked => ExitCode::NotDelivered,
        Outcome::Done | Outcome::FindingsOnly if needs_attention => ExitCode::NotDelivered,
        Outcome::Done | Outcome::FindingsOnly => ExitCode::Done,
    };
    ExitCode::that_counts([of_verdict, of_outcome, ending.into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violation_and_unknown_win_over_everything() {
        for verdict in [Verdict::Violation, Verdict::Unknown] {
            assert_eq!(
                exit_code(verdict, Outcome::Cancelled, Ending::Unreachable, true),
                ExitCode::Violation
            );
        }
    }

    #[test]
    fn cancelled_wins_over_watchdog_and_codex() {
        assert_eq!(
            exit_code(Verdict::Clean, Outcome::Cancelled, Ending::TurnFailed, true),
            ExitCode::Cancelled
        );
        assert_eq!(
            exit_code(Verdict::Clean, Outcome::Stalled, Ending::Unreachable, true),
            ExitCode::Watchdog
        );
    }

    #[test]
    fn only_clean_done_or_findings_without_attention_is_zero() {
        for outcome in [Outcome::Done, Outcome::FindingsOnly] {
            assert_eq!(exit_code(Verdict::Clean, outcome, Ending::Completed, false), ExitCode::Done);
            assert_eq!(exit_code(Verdict::Clean, outcome, Ending::Completed, true), ExitCode::NotDelivered);
        }
    }

    #[test]
    fn of_several_codes_the_first_of_the_table_counts() {
        let counts = |codes: &[i32]| {
            i32::from(ExitCode::that_counts(codes.iter().filter_map(|code| ExitCode::of(*code))))
        };
        let table = [6, 7, 130, 4, 3, 5, 1, 2, 8, 0];
        for from in 0..table.len() {
            let mut codes = table[from..].to_vec();
            codes.reverse();
            assert_eq!(counts(&codes), table[from]);
        }
        assert_eq!((counts(&[]), ExitCode::of(137)), (0, None));
    }

    #[test]
    fn refused_always_is_seven() {
        assert_eq!(
            exit_code(Verdict::Refused, Outcome::Refused, Ending::Completed, false),
            ExitCode::Refused
        );
    }
}
