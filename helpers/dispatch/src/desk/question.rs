//! A question of Codex that is the user's to decide: what is asked, in one line, until when, and what is answered then.

use std::time::Instant;

use clodex_codex::app_server::{AskedOfUs, Reply};
use clodex_core::{OpenRequest, cut, harmless};
use clodex_os::clock::Timestamp;

/// What is longer is cut: the question is shown in lines.
const QUESTION_COLUMNS: usize = 300;
/// A command's next line is another command, not more words of the one before.
const LINE_END: &str = " ⏎ ";

/// A question that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked, in one line without anything that a terminal would obey.
    pub text: String,
    /// The command that wants to leave the sandbox, where that is asked.
    pub command: Option<String>,
    /// What is answered when nobody does.
    pub default: Reply,
    /// When; absent = nobody will, or it was done.
    pub deadline: Option<Instant>,
    /// The same for people, UTC in RFC 3339.
    pub until: String,
}

impl Question {
    /// A question of Codex; none where no person can say anything about it.
    pub fn of(about: &AskedOfUs, deadline: Option<(Instant, Timestamp)>) -> Option<Self> {
        let because =
            |reason: &str| if reason.is_empty() { String::new() } else { format!(" It says: {reason}") };
        let (text, command) = match about {
            AskedOfUs::Command { command, reason } => {
                let command = command.lines().collect::<Vec<_>>().join(LINE_END);
                (format!("May it run `{command}` outside its sandbox?{}", because(reason)), Some(command))
            }
            AskedOfUs::Permissions { reason } => {
                (format!("May it have more rights until its turn ends?{}", because(reason)), None)
            }
            AskedOfUs::Words(text) => (text.clone(), None),
            AskedOfUs::Patch { .. } | AskedOfUs::Nobody(_) => return None,
        };
        Some(Self {
            text: cut(&harmless(&one_line(&text)), QUESTION_COLUMNS),
            command,
            default: Reply::Decline,
            deadline: deadline.map(|(at, _)| at),
            until: deadline.map(|(_, until)| until.rfc3339()).unwrap_or_default(),
        })
    }

    /// As the record shows it.
    pub fn shown(&self, number: u64) -> OpenRequest {
        OpenRequest { id: number.to_string(), question: self.text.clone(), deadline: self.until.clone() }
    }

    /// Whether its time is up.
    pub fn is_due(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
