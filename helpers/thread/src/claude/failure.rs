//! Why there is no good end, from Claude Code's words into the common kinds.

use clodex_claude_code::{Ended, Retrying, Trouble as ClaudeTrouble, TroubleKind};
use clodex_core::FailureKind;

use super::session_summary::SessionSummary;
use crate::trouble::{Kind, Trouble};

/// How a turn that ended so ended.
pub fn of_turn(ended: &Ended, error: Option<&str>, with_schema: bool) -> Result<(), Trouble> {
    ClaudeTrouble::of(ended, error, with_schema).map_or(Ok(()), |trouble| Err(told(trouble)))
}

/// The model was not asked again: this was the last time that it was asked in vain.
pub fn of_retries(last: &Retrying) -> Trouble {
    told(last.trouble())
}

/// Claude was not let ask.
pub fn blocked(why: &str) -> Trouble {
    Trouble::new(Kind::Refused, format!("claude did not ask the model: {}", why.trim()))
}

fn told(ClaudeTrouble { kind, message, status }: ClaudeTrouble) -> Trouble {
    let (kind, hint) = match kind {
        TroubleKind::NoSession => {
            (Kind::Thread, "sessions are kept per directory: -C names the one it was begun in")
        }
        TroubleKind::NotLoggedIn => (
            Kind::Turn(FailureKind::Unauthorized),
            "run `claude` once and log in, or check ANTHROPIC_API_KEY",
        ),
        TroubleKind::Unreachable => {
            (Kind::Turn(FailureKind::Connection), "inside a sandbox without network Claude cannot be reached")
        }
        TroubleKind::NoModel => (Kind::Turn(FailureKind::ModelUnavailable), ""),
        TroubleKind::NoCredit => (Kind::Turn(FailureKind::UsageLimit), ""),
        TroubleKind::RateLimited => (Kind::Turn(FailureKind::RateLimit), ""),
        TroubleKind::Overloaded => (Kind::Turn(FailureKind::Overloaded), ""),
        TroubleKind::Refused | TroubleKind::Failed => (Kind::Turn(FailureKind::Other), ""),
        TroubleKind::Interrupted => (Kind::Interrupted, ""),
        TroubleKind::Schema => (Kind::Schema, ""),
    };
    let hint = if hint.is_empty() { String::new() } else { format!("\nhint: {hint}") };
    Trouble { kind, code: status.map(i64::from), message: format!("claude: {message}{hint}") }
}

/// It ended without a word of how the turn did.
pub fn gone(session_summary: &SessionSummary, unreadable: bool, code: Option<i32>) -> Trouble {
    let code = code.map(|code| format!(" with exit code {code}")).unwrap_or_default();
    let last: Vec<&str> =
        session_summary.complaints().iter().rev().take(5).rev().map(String::as_str).collect();
    let said = if last.is_empty() { "it said nothing".to_owned() } else { last.join("\n") };
    match (session_summary.session(), unreadable) {
        (None, false) => Trouble::new(
            Kind::Unreachable,
            format!(
                "claude ended{code} before the turn began: {said}\nhint: run `claude --version`; 2.1.250 and later are known to work"
            ),
        ),
        (Some(_), false) => Trouble::new(
            Kind::ConnectionLost,
            format!("claude ended{code} in the middle of the turn: {said}"),
        ),
        (_, true) => Trouble::new(
            Kind::Protocol,
            format!("what claude said cannot be understood, and it ended{code}: {said}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::ExitCode;

    use super::*;

    fn code(ended: &Ended, error: Option<&str>, with_schema: bool) -> Option<ExitCode> {
        of_turn(ended, error, with_schema).err().map(|trouble| trouble.kind.exit_code())
    }

    #[test]
    fn each_end_has_its_exit_code() {
        let well = Ended { subtype: "success".into(), result: Some("x".into()), ..Ended::default() };
        let ill = Ended { is_error: true, ..well.clone() };
        let aborted = Ended { terminal_reason: Some("aborted_streaming".into()), ..ill.clone() };
        for (ended, error, with_schema, wanted) in [
            (&well, None, false, None),
            (&well, None, true, Some(ExitCode::Protocol)),
            (&ill, Some("authentication_failed"), false, Some(ExitCode::Unreachable)),
            (&ill, Some("overloaded"), false, Some(ExitCode::TurnFailed)),
            (&ill, None, false, Some(ExitCode::TurnFailed)),
            (&aborted, None, false, Some(ExitCode::Cancelled)),
        ] {
            assert_eq!(code(ended, error, with_schema), wanted, "{ended:?} {error:?}");
        }
    }

    #[test]
    fn an_end_without_a_word_is_told_by_what_came_before() {
        let mut session_summary = SessionSummary::default();
        session_summary.complained("error: unknown option".into());
        let never = gone(&session_summary, false, Some(1));
        assert_eq!(never.kind, Kind::Unreachable);
        assert!(
            never.message.contains("exit code 1 before the turn began: error: unknown option"),
            "{never:?}"
        );
        assert_eq!(gone(&session_summary, true, None).kind, Kind::Protocol);
    }
}
