//! From the facts of a finished run to its outcome: what the worker claims, what the turn's end says, what stopped it.
//! Pure; knows nothing of the tree (that is the verdict's business).

use std::path::Path;

use clodex_codex::{reason_on_stderr, said_on_stderr, startup_failure_kind};
use clodex_core::{
    Claim, ClaimParse, ClaimedVerdict, CommandSeen, Ending, FailureKind, FailureSeen, Outcome, Review, Turn,
    VerificationEntry, VerificationStatus, verification_attention,
};

use crate::answer::Schema;
use crate::conductor::Stop;
use crate::reviewed::reviewed;

/// How the Codex process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It never ran, or nobody saw it end.
    Unseen,
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// What is known of a run when nothing of it lives any more.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Why it was ended from outside.
    pub stop: Option<Stop>,
    /// The limit of wall clock time, in seconds.
    pub timeout_sec: u64,
    /// The limit of silence, in seconds.
    pub heartbeat_sec: u64,
    /// How long an interrupted run waits, in seconds.
    pub idle_timeout_sec: u64,
    /// Where the turn stands.
    pub turn: Turn,
    /// The last error that the stream told.
    pub failure: Option<&'a FailureSeen>,
    /// Why the conversation could not go on.
    pub broke_off: &'a str,
    /// How the process ended.
    pub exit: Exit,
    /// Whether the stream had a line that could be understood.
    pub understood: bool,
    /// The final message, from the stream or the rollout.
    pub final_message: Option<&'a str>,
    /// Which answer was asked for.
    pub schema: &'a Schema,
    /// What Codex's reviewer answered, where it was asked.
    pub reviewer_says: Option<&'a str>,
    /// The top of the work tree.
    pub root: &'a Path,
    /// The last words on stderr, for a Codex that ended without saying why.
    pub last_words: &'a str,
    /// What kind of failure these last words tell of.
    pub last_words_kind: FailureKind,
    /// The packet's VERIFICATION joined to the stream.
    pub verification: &'a [VerificationEntry],
}

/// What became of the work.
#[derive(Debug, PartialEq)]
pub struct Judgement {
    /// In one word.
    pub outcome: Outcome,
    /// How Codex ended, for the exit code.
    pub ending: Ending,
    /// Whether somebody should look although Codex ended well.
    pub needs_attention: bool,
    /// What kind of failure Codex told of.
    pub failure: FailureKind,
    /// One line for people.
    pub summary: String,
    /// The worker's structured answer.
    pub claim: Option<Claim>,
    /// The worker's own word.
    pub claimed_verdict: Option<ClaimedVerdict>,
    /// The answer to a schema of the user's own.
    pub answer: Option<serde_json::Value>,
    /// What a review found.
    pub review: Option<Review>,
}

impl Judgement {
    /// A run that ended so; somebody should look.
    pub fn ended(outcome: Outcome, ending: Ending, summary: impl Into<String>) -> Self {
        Self {
            outcome,
            ending,
            needs_attention: true,
            failure: FailureKind::Other,
            summary: summary.into(),
            claim: None,
            claimed_verdict: None,
            answer: None,
            review: None,
        }
    }
}

/// Judges a finished run.
pub fn judge(facts: &Facts<'_>) -> Judgement {
    let mut judgement = match (facts.stop, facts.turn) {
        (Some(Stop::Cancelled), _) => Judgement::ended(Outcome::Cancelled, Ending::TurnFailed, "cancelled"),
        (Some(Stop::TimedOut), _) => Judgement::ended(
            Outcome::TimedOut,
            Ending::TurnFailed,
            format!("stopped: the wall clock limit of {} s was reached", facts.timeout_sec),
        ),
        (Some(Stop::Stalled), _) => Judgement::ended(
            Outcome::Stalled,
            Ending::TurnFailed,
            format!("stopped: no sign of life for {} s", facts.heartbeat_sec),
        ),
        (Some(Stop::LeftAlone), _) => Judgement::ended(
            Outcome::Partial,
            Ending::Completed,
            format!("interrupted, and not continued within {} s", facts.idle_timeout_sec),
        ),
        (Some(Stop::OutOfScope), _) => Judgement::ended(
            Outcome::Cancelled,
            Ending::TurnFailed,
            "stopped: something outside the scope changed",
        ),
        (Some(Stop::NotStarted), _) => Judgement::ended(Outcome::Refused, Ending::Completed, "not started"),
        (Some(Stop::BrokeOff), _) => not_talked_to(facts),
        (Some(Stop::Lingered) | None, Turn::Completed) => delivered(facts),
        (Some(Stop::Lingered) | None, Turn::Failed) => failed(facts),
        (Some(Stop::Lingered) | None, Turn::NotStarted | Turn::Running) => broke_off(facts),
    };
    if let Some(why) = verification_attention(facts.verification)
        && !judgement.needs_attention
    {
        judgement.needs_attention = true;
        judgement.summary = why;
    }
    judgement
}

fn failed(facts: &Facts<'_>) -> Judgement {
    let (kind, message) =
        facts.failure.map_or((FailureKind::Other, "the turn failed"), |seen| (seen.kind, &seen.message));
    Judgement { failure: kind, ..Judgement::ended(Outcome::Failed, Ending::of_failure(kind), message) }
}

fn delivered(facts: &Facts<'_>) -> Judgement {
    let message = facts.final_message.filter(|message| !message.trim().is_empty());
    match (facts.schema, message) {
        (Schema::Review(schema), _) => reviewed(schema, facts.reviewer_says, facts.root),
        (Schema::Claim | Schema::Own(_), None) => {
            Judgement::ended(Outcome::Partial, Ending::Completed, "Codex ended without a final message")
        }
        (Schema::Claim, Some(message)) => claimed(message),
        (Schema::Own(schema), Some(message)) => match schema.check(message) {
            Ok(answer) => Judgement {
                needs_attention: false,
                answer: Some(answer),
                ..Judgement::ended(Outcome::Done, Ending::Completed, "the answer follows the schema")
            },
            Err(why) => Judgement::ended(Outcome::Failed, Ending::Protocol, why),
        },
    }
}

fn claimed(message: &str) -> Judgement {
    match ClaimParse::from_final_message(message) {
        ClaimParse::Structured(claim, word) => Judgement {
            outcome: claim.result.into(),
            ending: Ending::Completed,
            needs_attention: word != ClaimedVerdict::Clean,
            failure: FailureKind::Other,
            summary: claim.summary.clone(),
            claim: Some(*claim),
            claimed_verdict: Some(word),
            answer: None,
            review: None,
        },
        ClaimParse::Text(word) => Judgement {
            needs_attention: word != ClaimedVerdict::Clean,
            claimed_verdict: Some(word),
            ..Judgement::ended(Outcome::Done, Ending::Completed, first_line(message))
        },
        ClaimParse::Unreadable(why) => Judgement::ended(Outcome::Failed, Ending::Protocol, why),
    }
}

fn not_talked_to(facts: &Facts<'_>) -> Judgement {
    let kind = startup_failure_kind(facts.broke_off);
    let ending = if kind == FailureKind::Thread { Ending::TurnFailed } else { Ending::Unreachable };
    Judgement { failure: kind, ..Judgement::ended(Outcome::Failed, ending, first_line(facts.broke_off)) }
}

fn broke_off(facts: &Facts<'_>) -> Judgement {
    let words = match facts.exit {
        // Whoever killed it is not named in its log.
        Exit::Signal(_) => said_on_stderr(facts.last_words),
        Exit::Code(_) | Exit::Unseen => reason_on_stderr(facts.last_words),
    };
    let words = first_line(&words.unwrap_or_default());
    let said = |what: String| if words.is_empty() { what } else { format!("{what}: {words}") };
    let judgement = match facts.exit {
        Exit::Signal(signal) => Judgement::ended(
            Outcome::Failed,
            Ending::TurnFailed,
            said(format!("codex was killed by signal {signal}")),
        ),
        Exit::Code(0) => Judgement::ended(
            Outcome::Failed,
            Ending::Protocol,
            said("codex exited with 0 without telling how its turn ended".to_owned()),
        ),
        Exit::Code(code) if facts.understood => Judgement::ended(
            Outcome::Failed,
            Ending::of_failure(facts.last_words_kind),
            said(format!("codex exited with {code} in the middle of its turn")),
        ),
        Exit::Code(code) => {
            let ending = match facts.last_words_kind {
                FailureKind::Thread => Ending::TurnFailed,
                _ => Ending::Unreachable,
            };
            Judgement::ended(
                Outcome::Failed,
                ending,
                said(format!("codex exited with {code} before it began")),
            )
        }
        Exit::Unseen => {
            Judgement::ended(Outcome::Failed, Ending::Unreachable, said("codex did not run".to_owned()))
        }
    };
    Judgement { failure: facts.last_words_kind, ..judgement }
}

/// Joins each line of VERIFICATION to the last run of the same command in the stream.
pub fn join_verification(lines: &[String], commands: &[CommandSeen]) -> Vec<VerificationEntry> {
    lines
        .iter()
        .map(|line| {
            let wanted = line.trim().trim_matches('`').trim();
            let seen = commands.iter().rev().find(|seen| seen.command.trim() == wanted);
            let exit_code = seen.and_then(|seen| seen.exit_code);
            let status = match exit_code {
                None => VerificationStatus::NotSeen,
                Some(0) => VerificationStatus::SeenPassed,
                Some(_) => VerificationStatus::SeenFailed,
            };
            VerificationEntry { text: line.clone(), status, exit_code, claimed: None, check: None }
        })
        .collect()
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(turn: Turn, message: Option<&str>) -> Facts<'_> {
        Facts {
            stop: None,
            timeout_sec: 0,
            heartbeat_sec: 0,
            idle_timeout_sec: 0,
            turn,
            failure: None,
            broke_off: "",
            exit: Exit::Code(0),
            understood: true,
            final_message: message,
            schema: &Schema::Claim,
            reviewer_says: None,
            root: Path::new("/r"),
            last_words: "",
            last_words_kind: FailureKind::Other,
            verification: &[],
        }
    }

    fn told(facts: &Facts<'_>) -> (Outcome, Ending, bool) {
        let judgement = judge(facts);
        (judgement.outcome, judgement.ending, judgement.needs_attention)
    }

    #[test]
    fn a_turn_without_a_message_has_not_delivered() {
        for message in [None, Some(""), Some(" \n")] {
            let told = told(&facts(Turn::Completed, message));
            assert_eq!(told, (Outcome::Partial, Ending::Completed, true));
        }
    }

    #[test]
    fn free_text_passes_only_with_the_exact_last_line() {
        let clean = told(&facts(Turn::Completed, Some("did it\nVERDICT: CLEAN")));
        assert_eq!(clean, (Outcome::Done, Ending::Completed, false));
        let unclear = told(&facts(Turn::Completed, Some("did it, all CLEAN")));
        assert_eq!(unclear, (Outcome::Failed, Ending::Protocol, true));
    }

    #[test]
    fn a_failed_check_in_the_stream_outweighs_the_workers_word() {
        let seen = [CommandSeen { command: "cargo test".into(), exit_code: Some(101), duration_ms: None }];
        let verification = join_verification(&["`cargo test`".into(), "read the diff".into()], &seen);
        assert_eq!(verification[1].status, VerificationStatus::NotSeen);
        let facts =
            Facts { verification: &verification, ..facts(Turn::Completed, Some("did it\nVERDICT: CLEAN")) };
        assert_eq!(told(&facts), (Outcome::Done, Ending::Completed, true));
        assert_eq!(judge(&facts).summary, "verification failed: `cargo test`");
    }

    #[test]
    fn a_codex_that_dies_before_it_begins_was_not_reached() {
        let facts = Facts {
            exit: Exit::Code(1),
            understood: false,
            last_words: "Error: missing CODEX_HOME\n",
            ..facts(Turn::NotStarted, None)
        };
        assert_eq!(told(&facts), (Outcome::Failed, Ending::Unreachable, true));
        assert_eq!(judge(&facts).summary, "codex exited with 1 before it began: Error: missing CODEX_HOME");
    }

    #[test]
    fn garbage_with_exit_0_is_a_protocol_error_and_a_kill_is_a_failed_turn() {
        let garbage = Facts { understood: false, ..facts(Turn::NotStarted, None) };
        assert_eq!(told(&garbage), (Outcome::Failed, Ending::Protocol, true));
        let killed = Facts { exit: Exit::Signal(9), ..facts(Turn::NotStarted, None) };
        assert_eq!(told(&killed), (Outcome::Failed, Ending::TurnFailed, true));
    }
}
