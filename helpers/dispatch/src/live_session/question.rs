//! A question of Codex that is the user's to decide: what is asked, whole and in one line, until when, what is answered
//! then, and what a yes means for the verdict.

use std::time::Instant;

use clodex_codex::app_server::{AskedOfUs, Reply};
use clodex_core::{OpenRequest, QuestionPart, cut, escaped, harmless};
use clodex_os::clock::Timestamp;

/// The one line is cut; nobody has to decide by it.
const QUESTION_COLUMNS: usize = 300;
/// What nobody will read to its end is not asked. It also lies in the record, which is read often.
const WHOLE_MAX_BYTES: usize = 64 << 10;
/// A command's next line is another command, not more words of the one before.
const LINE_END: &str = " ⏎ ";

/// A question that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked, in one line without anything that a terminal would obey.
    pub text: String,
    /// All of it; empty where the line says it.
    lines: Vec<String>,
    /// What it wants to know in words.
    parts: Vec<QuestionPart>,
    /// What a yes lets the run do that its sandbox does not, for the report; none = nothing.
    pub lets: Option<String>,
    /// What is answered when nobody does.
    pub default: Reply,
    /// When; absent = nobody will, or it was done.
    pub deadline: Option<Instant>,
    /// The same for people, UTC in RFC 3339.
    pub until: String,
}

/// Why a question is not put to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAsked {
    /// No person can say anything about it.
    NotForPeople,
    /// It is too long to be read.
    TooLong,
}

/// What is asked, as it is before it is made fit to be shown.
struct Words {
    line: String,
    lines: Vec<String>,
    parts: Vec<QuestionPart>,
    lets: Option<String>,
}

impl Question {
    /// A question of Codex.
    pub fn of(about: &AskedOfUs, deadline: Option<(Instant, Timestamp)>) -> Result<Self, NotAsked> {
        let Words { line, lines, parts, lets } = words(about).ok_or(NotAsked::NotForPeople)?;
        let whole: usize = lines.iter().map(String::len).sum();
        let said: usize = parts.iter().flat_map(QuestionPart::lines).map(|line| line.len()).sum();
        if whole + said > WHOLE_MAX_BYTES {
            return Err(NotAsked::TooLong);
        }
        Ok(Self {
            text: cut(&harmless(&one_line(&line)), QUESTION_COLUMNS),
            lines: lines.iter().map(|line| escaped(line)).collect(),
            parts: parts.into_iter().map(shown_part).collect(),
            lets,
            default: Reply::Decline,
            deadline: deadline.map(|(at, _)| at),
            until: deadline.map(|(_, until)| until.rfc3339()).unwrap_or_default(),
        })
    }

    /// As the record shows it.
    pub fn shown(&self, number: u64) -> OpenRequest {
        OpenRequest {
            id: number.to_string(),
            question: self.text.clone(),
            deadline: self.until.clone(),
            lines: self.lines.clone(),
            parts: self.parts.clone(),
        }
    }

    /// Whether its time is up.
    pub fn is_due(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

fn words(about: &AskedOfUs) -> Option<Words> {
    Some(match about {
        AskedOfUs::Command { command, workdir, wanted: None, reason } => Words {
            line: format!("May it run `{}` outside its sandbox?{}", joined(command), because(reason)),
            lines: around(&format!("May it run this outside its sandbox, in {workdir}?"), command, reason),
            parts: vec![],
            lets: Some(format!("the user let a command out of the sandbox: `{}`", joined(command))),
        },
        AskedOfUs::Command { command, workdir, wanted: Some(wanted), reason } => Words {
            line: format!(
                "May it run `{}` with these rights besides: {wanted}?{}",
                joined(command),
                because(reason)
            ),
            lines: around(
                &format!("May it run this with more rights, {wanted}, in {workdir}?"),
                command,
                reason,
            ),
            parts: vec![],
            lets: Some(format!("the user let a command have more rights, {wanted}: `{}`", joined(command))),
        },
        AskedOfUs::Permissions { wanted, reason } => Words {
            line: format!("May it have these rights until its turn ends: {wanted}?{}", because(reason)),
            lines: around("May it have these rights until its turn ends?", wanted, reason),
            parts: vec![],
            lets: Some(format!("the user let the turn have more rights: {wanted}")),
        },
        AskedOfUs::Words { text, parts } => Words {
            line: in_one_line(text, parts),
            lines: if parts.is_empty() || !text.is_empty() {
                split(text)
            } else {
                vec!["It asks:".to_owned()]
            },
            parts: parts.clone(),
            lets: None,
        },
        AskedOfUs::Patch { .. } | AskedOfUs::Nobody(_) => return None,
    })
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" It says: {reason}") }
}

fn around(ask: &str, what: &str, reason: &str) -> Vec<String> {
    let what = split(what).into_iter().map(|line| format!("  {line}"));
    let reason = split(because(reason).trim_start()).into_iter().filter(|line| !line.is_empty());
    std::iter::once(ask.to_owned()).chain(what).chain(reason).collect()
}

/// What a shell takes for a line's end, and no more than that.
fn split(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

fn joined(command: &str) -> String {
    command.lines().collect::<Vec<_>>().join(LINE_END)
}

/// What is wanted stands in the line, what can be chosen does not.
fn in_one_line(text: &str, parts: &[QuestionPart]) -> String {
    let asked = parts.iter().map(|part| if part.text.is_empty() { &part.id } else { &part.text });
    let asked: Vec<&str> = asked.map(String::as_str).collect();
    let asked = asked.join(" / ");
    if text.is_empty() || asked.is_empty() { format!("{text}{asked}") } else { format!("{text} ({asked})") }
}

/// Ids and labels are said back by people, and so must be what is shown.
fn shown_part(part: QuestionPart) -> QuestionPart {
    let mut options = part.options;
    for option in &mut options {
        option.description = escaped(&one_line(&option.description));
    }
    QuestionPart { text: escaped(&one_line(&part.text)), options, ..part }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
