//! A session, bounded: what was said, newest kept, without secrets, and what had to be left out.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use crate::entry::{self, Told};
use crate::redact::redact;

/// What is kept of all that was said, together.
pub const MAX_BYTES: usize = 32 << 10;
/// What is kept of one thing that was said: its beginning and its end.
const MAX_TURN: usize = 4 << 10;
/// What is kept of the list of files.
const MAX_FILES: usize = 100;
/// No path is longer, on Linux.
const MAX_PATH: usize = 4096;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The user.
    User,
    /// Claude.
    Claude,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// By whom.
    pub who: Who,
    /// What.
    pub text: String,
    /// When, as the transcript has it.
    pub at: Option<String>,
}

/// What is in the transcript and not here, besides what tools were given and returned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Turns between the first and the oldest that was kept.
    pub turns: usize,
    /// Bytes in the middle of long turns.
    pub bytes: usize,
    /// Files that were written.
    pub files: usize,
    /// What looked like a secret.
    pub secrets: usize,
}

/// What a session was about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// The first prompt, then the newest of what was said, in order.
    pub turns: Vec<Turn>,
    /// The files that Claude wrote, each once.
    pub files: Vec<String>,
    /// The last plan, or the last list of what is to be done.
    pub plan: Option<String>,
    /// What is missing.
    pub left_out: LeftOut,
    /// Whether a tool that Claude called has not returned yet.
    pub waits_for_tool: bool,
}

impl Session {
    /// Reads a transcript, which may be written to meanwhile; lines that are not understood are passed over.
    pub fn read(transcript: &Path) -> io::Result<Self> {
        let mut lines = BufReader::new(File::open(transcript)?);
        let mut gathering = Gathering::default();
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            let (at, told) = entry::read(&line);
            for told in told {
                gathering.add(told, at.as_deref());
            }
            line.clear();
        }
        Ok(gathering.session())
    }
}

/// What is kept so far, as it was said: secrets are looked for at the end, in what is handed on.
#[derive(Default)]
struct Gathering {
    first: Option<Turn>,
    newest: VecDeque<Turn>,
    bytes: usize,
    files: Vec<String>,
    plan: Option<String>,
    left_out: LeftOut,
    /// The calls that have not returned.
    called: BTreeSet<String>,
}

impl Gathering {
    fn add(&mut self, told: Told, at: Option<&str>) {
        match told {
            Told::User(text) => self.turn(Who::User, text, at),
            Told::Claude(text) => self.turn(Who::Claude, text, at),
            Told::Wrote(file) if self.files.contains(&file) => {}
            Told::Wrote(file) if self.files.len() == MAX_FILES || file.len() > MAX_PATH => {
                self.left_out.files += 1;
            }
            Told::Wrote(file) => self.files.push(file),
            Told::Plan(plan) => self.plan = Some(plan),
            Told::Called(id) => drop(self.called.insert(id)),
            Told::Returned(id) => drop(self.called.remove(&id)),
        }
    }

    fn turn(&mut self, who: Who, text: String, at: Option<&str>) {
        let turn = Turn { who, text, at: at.map(str::to_owned) };
        self.bytes += kept(&turn);
        if self.first.is_none() && who == Who::User {
            self.first = Some(turn);
            return;
        }
        self.newest.push_back(turn);
        while self.bytes > MAX_BYTES && self.newest.len() > 1 {
            let oldest = self.newest.pop_front().expect("there is more than one");
            self.bytes -= kept(&oldest);
            self.left_out.turns += 1;
        }
    }

    fn session(self) -> Session {
        let mut left_out = self.left_out;
        let turns = self.first.into_iter().chain(self.newest);
        let turns = turns.map(|turn| Turn { text: clean(&turn.text, &mut left_out), ..turn }).collect();
        let plan = self.plan.map(|plan| clean(&plan, &mut left_out));
        let waits_for_tool = !self.called.is_empty();
        Session { turns, files: self.files, plan, left_out, waits_for_tool }
    }
}

/// How much of a turn is kept.
fn kept(turn: &Turn) -> usize {
    turn.text.len().min(MAX_TURN)
}

/// Secrets go before the text is cut: half of one would not be known again.
fn clean(text: &str, left_out: &mut LeftOut) -> String {
    let (text, secrets) = redact(text);
    left_out.secrets += secrets;
    let (text, bytes) = shortened(&text);
    left_out.bytes += bytes;
    text
}

/// Beginning and end of what is long, and how many bytes are missing between them.
fn shortened(text: &str) -> (String, usize) {
    if text.len() <= MAX_TURN {
        return (text.to_owned(), 0);
    }
    let head = &text[..text.floor_char_boundary(MAX_TURN * 3 / 4)];
    let tail = &text[text.ceil_char_boundary(text.len() - MAX_TURN / 4)..];
    let missing = text.len() - head.len() - tail.len();
    (format!("{head}\n[… {missing} bytes left out …]\n{tail}"), missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[String]) -> Session {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        Session::read(file.path()).unwrap()
    }

    fn said(kind: &str, text: &str) -> String {
        format!(
            r#"{{"type":"{kind}","timestamp":"t","message":{{"content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    }

    #[test]
    fn of_a_long_session_the_first_prompt_and_the_newest_words_are_kept() {
        let mut lines = vec![said("user", "the task")];
        lines.extend((0..100).map(|number| said("assistant", &format!("{number} {}", "x".repeat(1000)))));
        let session = read(&lines);
        assert_eq!(session.turns[0], Turn { who: Who::User, text: "the task".into(), at: Some("t".into()) });
        assert!(session.turns.last().unwrap().text.starts_with("99 "));
        let bytes: usize = session.turns.iter().map(|turn| turn.text.len()).sum();
        assert!(bytes <= MAX_BYTES && bytes > MAX_BYTES - 2000, "{bytes}");
        assert_eq!(session.left_out.turns, 101 - session.turns.len());
    }

    #[test]
    fn a_path_that_can_be_none_is_only_counted() {
        let wrote = |path: &str| {
            let block = format!(r#"{{"type":"tool_use","name":"Write","input":{{"file_path":"{path}"}}}}"#);
            format!(r#"{{"type":"assistant","message":{{"content":[{block}]}}}}"#)
        };
        let session = read(&[wrote("/a"), wrote(&"x".repeat(1 << 20)), wrote("/a")]);
        assert_eq!((session.files, session.left_out.files), (vec!["/a".to_owned()], 1));
    }

    #[test]
    fn of_long_words_beginning_and_end_are_kept_and_the_rest_is_counted() {
        let session = read(&[said("user", &format!("begin{}end", "ü".repeat(5000)))]);
        let text = &session.turns[0].text;
        assert!(text.starts_with("begin") && text.ends_with("end") && text.len() < MAX_TURN + 60);
        assert!(text.contains(&format!("[… {} bytes left out …]", session.left_out.bytes)));
    }

    #[test]
    fn a_secret_that_would_be_cut_in_half_is_gone_all_the_same() {
        let secret = format!("{} ghp_{}", "x".repeat(MAX_TURN * 3 / 4 - 10), "a1".repeat(2000));
        let session = read(&[said("user", &secret)]);
        assert!(!session.turns[0].text.contains("ghp_"), "{}", session.turns[0].text);
        assert_eq!(session.left_out.secrets, 1);
    }
}
