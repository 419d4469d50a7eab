//! Why a turn brought no answer, from what Claude Code said of it. Knows no exit codes.

use crate::output::{Ended, Retrying};

/// What went wrong, and Claude Code's words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of thing.
    pub kind: TroubleKind,
    /// In words.
    pub message: String,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// There is no such conversation to go on with.
    NoSession,
    /// Nobody is logged in, or the key is not accepted.
    NotLoggedIn,
    /// The model's server cannot be reached.
    Unreachable,
    /// There is no such model, or not for this user.
    NoModel,
    /// The account has nothing left to pay with.
    NoCredit,
    /// Too much was asked in too short a time.
    RateLimited,
    /// The model's server has too much to do.
    Overloaded,
    /// The model's server refused otherwise.
    Refused,
    /// It was stopped.
    Interrupted,
    /// No answer follows the schema.
    Schema,
    /// Anything else.
    Failed,
}

impl Trouble {
    /// What went wrong in a turn that ended so; none where nothing did. `error` is the word that came with Claude Code's
    /// own last message ([`crate::Message::error`]); `with_schema`: the answer was to follow one.
    pub fn of(ended: &Ended, error: Option<&str>, with_schema: bool) -> Option<Self> {
        let told = || ended.result.clone().unwrap_or_else(|| ended.errors.join("; "));
        let trouble = |kind, message| Some(Self { kind, message, status: ended.api_error_status });
        if ended.terminal_reason.as_deref().is_some_and(|reason| reason.starts_with("aborted")) {
            return trouble(TroubleKind::Interrupted, "the turn was stopped".to_owned());
        }
        if ended.is_error || ended.subtype != "success" {
            return trouble(kind_of_end(ended, error), told());
        }
        // It gives up without calling that an error.
        if with_schema && ended.structured_output.is_none() {
            let message = format!("no answer follows the schema; the last one: {}", told());
            return trouble(TroubleKind::Schema, message);
        }
        None
    }
}

fn kind_of_end(ended: &Ended, error: Option<&str>) -> TroubleKind {
    let is_session =
        |text: &String| text.contains("No conversation found") || text.contains("requires a valid session");
    match (error, ended.api_error_status, ended.api_error.as_deref()) {
        _ if ended.subtype == "error_max_structured_output_retries" => TroubleKind::Schema,
        _ if ended.errors.iter().any(is_session) => TroubleKind::NoSession,
        (_, None, Some("connection_failed")) => TroubleKind::Unreachable,
        (None, None, _) => TroubleKind::Failed,
        (error, status, _) => kind_of(error, status),
    }
}

/// From Claude Code's word for it and the HTTP status.
fn kind_of(error: Option<&str>, status: Option<u16>) -> TroubleKind {
    match (error, status) {
        (Some("authentication_failed" | "oauth_org_not_allowed"), _) | (_, Some(401 | 403)) => {
            TroubleKind::NotLoggedIn
        }
        (Some("model_not_found"), _) => TroubleKind::NoModel,
        (Some("billing_error"), _) => TroubleKind::NoCredit,
        (Some("rate_limit"), _) | (_, Some(429)) => TroubleKind::RateLimited,
        (Some("overloaded"), _) | (_, Some(529)) => TroubleKind::Overloaded,
        _ => TroubleKind::Refused,
    }
}

impl Retrying {
    /// Whether trying once more cannot help: the login was read anew after the first refusal, and is refused again.
    pub fn is_hopeless(&self) -> bool {
        self.attempt > 1 && kind_of(self.error.as_deref(), self.error_status) == TroubleKind::NotLoggedIn
    }

    /// Why the model is not asked any more where this was the last try.
    pub fn trouble(&self) -> Trouble {
        let word = self.error.as_deref().unwrap_or("unknown");
        let (kind, why) = match self.error_status {
            // Without a status nobody has answered.
            None => (TroubleKind::Unreachable, "no connection".to_owned()),
            Some(status) => (kind_of(Some(word), Some(status)), format!("{word} (HTTP {status})")),
        };
        let times = if self.attempt == 1 { "once".to_owned() } else { format!("{} times", self.attempt) };
        let message = format!("the model was asked {times} in vain: {why}");
        Trouble { kind, message, status: self.error_status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::OutputLine;

    /// How what was recorded ended.
    fn trouble(recorded: &str, with_schema: bool) -> Option<(TroubleKind, String, Option<u16>)> {
        let mut error = None;
        let mut ended = None;
        for line in recorded.lines() {
            match OutputLine::read(line.as_bytes()).unwrap() {
                OutputLine::Message(message) => error = message.error,
                OutputLine::Ended(end) => ended = Some(end),
                _ => {}
            }
        }
        let trouble = Trouble::of(&ended.unwrap(), error.as_deref(), with_schema)?;
        Some((trouble.kind, trouble.message, trouble.status))
    }

    macro_rules! recorded {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/claude/", $name, ".jsonl"))
        };
    }

    #[test]
    fn what_really_went_wrong_has_its_kind() {
        use TroubleKind::{Interrupted, NoModel, NoSession, NotLoggedIn, Overloaded, Schema, Unreachable};
        let stopped = "the turn was stopped";
        let no_session = "No conversation found with session ID: 00c1a0de-0000-4000-8000-";
        for (recorded, kind, message, status) in [
            (recorded!("not-logged-in"), NotLoggedIn, "Not logged in · Please run /login", None),
            (
                recorded!("model-unknown"),
                NoModel,
                "There's an issue with the selected model (nonsense-1).",
                Some(404),
            ),
            (recorded!("overloaded"), Overloaded, "API Error: Repeated 529 Overloaded errors.", Some(529)),
            (recorded!("unreachable"), Unreachable, "API Error: Connection refused", None),
            (recorded!("no-session"), NoSession, no_session, None),
            (recorded!("interrupted"), Interrupted, stopped, None),
            (recorded!("interrupted-asking"), Interrupted, stopped, None),
        ] {
            let (found, told, code) = trouble(recorded, false).unwrap();
            assert_eq!((found, code), (kind, status), "{told}");
            assert!(told.starts_with(message), "{told}");
        }
        let (kind, told, _) = trouble(recorded!("answer"), true).unwrap();
        assert_eq!((kind, told.as_str()), (Schema, "no answer follows the schema; the last one: the answer"));
    }

    fn retrying(attempt: u32, error: &str, error_status: Option<u16>) -> Retrying {
        Retrying { attempt, error: Some(error.to_owned()), error_status, ..Retrying::default() }
    }

    #[test]
    fn a_try_in_vain_tells_why() {
        use TroubleKind::{NotLoggedIn, Overloaded, RateLimited, Refused, Unreachable};
        for (retrying, kind, message) in [
            (retrying(1, "unknown", None), Unreachable, "asked once in vain: no connection"),
            (retrying(7, "overloaded", Some(529)), Overloaded, "7 times in vain: overloaded (HTTP 529)"),
            (retrying(2, "rate_limit", Some(429)), RateLimited, "2 times in vain: rate_limit (HTTP 429)"),
            (retrying(2, "server_error", Some(500)), Refused, "2 times in vain: server_error (HTTP 500)"),
            (
                retrying(2, "authentication_failed", Some(401)),
                NotLoggedIn,
                "authentication_failed (HTTP 401)",
            ),
        ] {
            let told = retrying.trouble();
            assert_eq!((told.kind, told.status), (kind, retrying.error_status));
            assert!(told.message.ends_with(message), "{}", told.message);
        }
    }

    #[test]
    fn a_login_that_is_refused_twice_is_not_tried_any_more() {
        let refused = |attempt| retrying(attempt, "authentication_failed", Some(401)).is_hopeless();
        assert!(!refused(1) && refused(2));
        assert!(!retrying(9, "overloaded", Some(529)).is_hopeless());
        assert!(!retrying(9, "unknown", None).is_hopeless());
    }

    #[test]
    fn what_went_well_has_none() {
        for (recorded, with_schema) in
            [(recorded!("answer"), false), (recorded!("schema"), true), (recorded!("background"), false)]
        {
            assert_eq!(trouble(recorded, with_schema), None);
        }
    }
}
