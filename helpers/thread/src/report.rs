//! The one JSON object of `--json`, on every path.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode as ProcessExit;
use std::time::Duration;

use clodex_core::ExitCode;
use serde::Serialize;

use crate::approvals::Declined;
use crate::session::Session;
use crate::trouble::{Kind, Trouble};
use crate::turn_summary::{Message, TurnSummary};

/// The object that `clodex-thread --json` prints.
#[derive(Debug, Serialize)]
pub struct Report {
    version: u32,
    thread_id: Option<String>,
    turn_id: Option<String>,
    status: Status,
    exit_code: u8,
    /// The final answer; absent where the turn did not end well.
    text: Option<String>,
    messages: Vec<Message>,
    error: Option<Told>,
    declined: Vec<Declined>,
    warnings: Vec<String>,
    notifications: BTreeMap<String, u64>,
    metrics: Metrics,
    codex: Option<String>,
}

/// What became of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It ended well.
    Completed,
    /// It failed.
    Failed,
    /// Somebody ended it.
    Interrupted,
    /// It was ended because it took too long.
    TimedOut,
    /// It was asked for, and what became of it cannot be known.
    Unknown,
    /// There was none.
    NotStarted,
}

/// What went wrong.
#[derive(Debug, Serialize)]
pub struct Told {
    kind: &'static str,
    code: Option<i64>,
    message: String,
}

/// Absent = not told, never zero.
#[derive(Debug, Default, Serialize)]
pub struct Metrics {
    latency_ms: Option<u64>,
    time_to_first_token_ms: Option<u64>,
    input_tokens: Option<u64>,
    cached_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    reasoning_output_tokens: Option<u64>,
    model: Option<String>,
}

impl Report {
    /// Before there was a session.
    pub fn of_trouble(trouble: &Trouble) -> Self {
        Self::new(None, None, &TurnSummary::default(), vec![], Some(trouble))
    }

    /// Whatever is known.
    pub fn new(
        session: Option<&Session>,
        turn_id: Option<String>,
        turn_summary: &TurnSummary,
        declined: Vec<Declined>,
        trouble: Option<&Trouble>,
    ) -> Self {
        let is_ours = session.is_some_and(Session::is_with_own_server);
        let status = known(status(trouble, turn_summary), is_ours, turn_summary);
        let code = trouble.map_or(ExitCode::Done, |trouble| trouble.kind.exit_code());
        Self {
            version: 1,
            thread_id: session.and_then(Session::thread).map(str::to_owned),
            turn_id,
            status,
            exit_code: code as u8,
            text: turn_summary.last_message().filter(|_| status == Status::Completed).map(str::to_owned),
            messages: turn_summary.messages(),
            error: trouble.map(Told::of),
            declined,
            warnings: turn_summary.warnings().to_vec(),
            notifications: session.map(Session::notifications).cloned().unwrap_or_default(),
            metrics: Metrics::of(turn_summary),
            codex: session.and_then(|session| session.version().text()),
        }
    }

    /// Its row in the common table.
    pub fn exit_code(&self) -> ProcessExit {
        ProcessExit::from(self.exit_code)
    }

    /// The same for people, on one line.
    pub fn summary(&self) -> String {
        let mut parts = vec![self.status.as_str().to_owned()];
        parts.extend(self.metrics.parts());
        parts.extend(self.thread_id.as_ref().map(|id| format!("thread {id}")));
        parts.extend(self.turn_id.as_ref().map(|id| format!("turn {id}")));
        parts.join(" · ")
    }

    /// Prints it, alone on its line.
    pub fn print(&self) -> ProcessExit {
        print_line(self, self.exit_code)
    }
}

/// Prints an object, alone on its line. What could not be printed did not end well, whatever the object says.
pub fn print_line(object: &impl Serialize, exit_code: u8) -> ProcessExit {
    let mut line = text(object);
    line.push('\n');
    let mut stdout = io::stdout().lock();
    let Err(error) = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush()) else {
        return ProcessExit::from(exit_code);
    };
    let trouble = not_printed(&error);
    if trouble.kind != Kind::ReaderGone {
        eprintln!("{}", trouble.message);
    }
    ProcessExit::from(if exit_code == 0 { trouble.kind.exit_code() as u8 } else { exit_code })
}

/// What it means that standard output cannot be written.
pub fn not_printed(error: &io::Error) -> Trouble {
    let kind = if error.kind() == io::ErrorKind::BrokenPipe { Kind::ReaderGone } else { Kind::Output };
    Trouble::new(kind, format!("cannot write to standard output: {error}"))
}

/// As JSON in which no character means anything to a terminal.
fn text(object: &impl Serialize) -> String {
    let json = serde_json::to_string(object).expect("texts and numbers can be written as JSON");
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // Beyond ASCII JSON lets them stand as they are; they can only stand in texts.
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

impl Told {
    /// As it is told.
    pub fn of(trouble: &Trouble) -> Self {
        Self { kind: trouble.kind.as_str(), code: trouble.code, message: trouble.message.clone() }
    }
}

impl Status {
    /// The word of `--json`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed-out",
            Self::Unknown => "unknown",
            Self::NotStarted => "not-started",
        }
    }
}

/// What became of a turn that ended with this trouble, or with none.
pub fn status(trouble: Option<&Trouble>, turn_summary: &TurnSummary) -> Status {
    let Some(trouble) = trouble else { return Status::Completed };
    if !turn_summary.was_asked() {
        return Status::NotStarted;
    }
    match trouble.kind {
        Kind::Turn(_) | Kind::Schema => Status::Failed,
        Kind::Interrupted | Kind::ReaderGone => Status::Interrupted,
        Kind::Timeout | Kind::Deadline => Status::TimedOut,
        Kind::ConnectionLost | Kind::Protocol | Kind::Unreachable => Status::Unknown,
        Kind::Refused | Kind::Usage | Kind::Thread => Status::NotStarted,
        // The turn itself is over.
        Kind::Output => Status::Completed,
    }
}

/// A turn on somebody else's server that was told to end, and of whose end nothing was heard, may run on.
fn known(status: Status, is_ours: bool, turn_summary: &TurnSummary) -> Status {
    match status {
        Status::Interrupted | Status::TimedOut if !is_ours && !turn_summary.has_ended() => Status::Unknown,
        Status::Completed
        | Status::Failed
        | Status::Interrupted
        | Status::TimedOut
        | Status::Unknown
        | Status::NotStarted => status,
    }
}

impl Metrics {
    /// The same for people.
    pub fn parts(&self) -> Vec<String> {
        let mut parts = Vec::new();
        parts.extend(self.latency_ms.map(|ms| format!("{}.{:01} s", ms / 1000, ms % 1000 / 100)));
        if let (Some(input), Some(cached), Some(output)) =
            (self.input_tokens, self.cached_input_tokens, self.output_tokens)
        {
            parts.push(format!("{input} tokens in ({cached} cached), {output} out"));
        }
        parts.extend(self.model.as_ref().map(|model| format!("model {model}")));
        parts
    }

    /// Of a turn.
    pub fn of(turn_summary: &TurnSummary) -> Self {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let tokens = turn_summary.tokens();
        Self {
            latency_ms: turn_summary.latency().map(ms),
            time_to_first_token_ms: turn_summary.time_to_first_token().map(ms),
            input_tokens: tokens.map(|tokens| tokens.input),
            cached_input_tokens: tokens.map(|tokens| tokens.cached_input),
            output_tokens: tokens.map(|tokens| tokens.output),
            reasoning_output_tokens: tokens.map(|tokens| tokens.reasoning),
            model: turn_summary.model().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use clodex_codex::app_server::TurnEnd;
    use clodex_core::{Event, FailureKind};

    use super::*;
    use crate::session::Heard;

    #[test]
    fn what_was_never_asked_for_was_not_started_and_what_is_lost_is_unknown() {
        let lost = Trouble::new(Kind::ConnectionLost, "gone");
        let mut turn_summary = TurnSummary::default();
        assert_eq!(status(Some(&lost), &turn_summary), Status::NotStarted);
        turn_summary.asked(Instant::now());
        assert_eq!(status(Some(&lost), &turn_summary), Status::Unknown);
        let failed = Trouble::new(Kind::Turn(FailureKind::Other), "no");
        assert_eq!(status(Some(&failed), &turn_summary), Status::Failed);
        assert_eq!(status(None, &turn_summary), Status::Completed);
    }

    #[test]
    fn who_has_left_without_hearing_of_the_end_does_not_know_it() {
        let mut turn_summary = TurnSummary::default();
        let known = |is_ours, turn_summary: &TurnSummary| known(Status::Interrupted, is_ours, turn_summary);
        assert_eq!(
            (known(true, &turn_summary), known(false, &turn_summary)),
            (Status::Interrupted, Status::Unknown)
        );
        turn_summary.asked(Instant::now());
        turn_summary.hear(&Heard::TurnEnded(TurnEnd::Interrupted), Instant::now());
        assert_eq!(known(false, &turn_summary), Status::Interrupted);
    }

    #[test]
    fn no_text_of_the_model_means_anything_to_a_terminal() {
        let mut turn_summary = TurnSummary::default();
        let hostile = "a\u{1b}]0;x\u{7}\u{9b}31mb\u{7f}\u{2028}ü";
        turn_summary.hear(&Heard::Event(Event::Message { text: hostile.into() }), Instant::now());
        let text = text(&Report::new(None, None, &turn_summary, vec![], None));
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{2028}'), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["text"], hostile);
    }
}
