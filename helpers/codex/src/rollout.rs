//! Codex's own record of a thread (`$CODEX_HOME/sessions/YYYY/MM/DD/rollout-<time>-<thread>.jsonl`): the last resort
//! when its stream broke off. Read only, tolerant, bounded; nothing here is needed for a run that went well.

mod review;
mod tool_actions;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

pub use review::{reviewer_usage, rollout_review};
pub use tool_actions::rollout_tool_actions;

use clodex_core::Usage;

use crate::tokens::Tokens;
use crate::tolerant_json::{List, Text, last_key_wins};

/// Longer lines are passed over.
const LINE_LIMIT: u64 = 64 << 20;
const ENTRY_CHARS: usize = 200;

last_key_wins! {
    /// A line of the file.
    struct Line<'a> {
        "timestamp" => timestamp: Text<'a>,
        "type" => kind: Text<'a>,
        "payload" => payload: Payload<'a>,
    }
}

last_key_wins! {
    /// What a line carries, whatever its type.
    struct Payload<'a> {
        "type" => kind: Text<'a>,
        "role" => role: Text<'a>,
        "content" => content: List<Content<'a>>,
        "message" => message: Text<'a>,
        "last_agent_message" => last_agent_message: Text<'a>,
        "call_id" => call_id: Text<'a>,
        "name" => name: Text<'a>,
        "arguments" => arguments: Text<'a>,
        "input" => input: Text<'a>,
        "output" => output: Text<'a>,
        "info" => info: Info<'a>,
    }
}

last_key_wins! {
    /// A part of a message.
    struct Content<'a> {
        "text" => text: Text<'a>,
    }
}

last_key_wins! {
    /// `token_count.info`.
    struct Info<'a> {
        "total_token_usage" => total: Tokens<'a>,
    }
}

/// What a thread's file tells of its last turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// The last message of the model in the last turn.
    pub last_message: Option<String>,
    /// Whether that turn came to its end.
    pub is_complete: bool,
    /// Tokens of the whole thread so far.
    pub usage: Option<Usage>,
}

/// One line of a thread's file, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutEntry {
    /// UTC, RFC 3339.
    pub timestamp: String,
    /// Codex's name for what happened.
    pub kind: String,
    /// Its beginning.
    pub text: String,
}

/// The file of a thread; of several (forks keep their own ids) the newest.
pub fn find_rollout(codex_home: &Path, thread_id: &str) -> Option<PathBuf> {
    let ending = format!("-{thread_id}.jsonl");
    let is_wanted =
        |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().ends_with(&ending);
    all_rollouts(codex_home).filter(|path| !thread_id.is_empty() && is_wanted(path)).max()
}

/// The files of all threads.
fn all_rollouts(codex_home: &Path) -> impl Iterator<Item = PathBuf> {
    let mut dirs = vec![codex_home.join("sessions")];
    for _level in ["year", "month", "day"] {
        dirs = dirs.iter().flat_map(|dir| entries(dir)).collect();
    }
    let is_rollout =
        |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().starts_with("rollout-");
    dirs.into_iter().flat_map(|dir| entries(&dir)).filter(is_rollout)
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

impl Rollout {
    /// Reads a thread's file to its end. A half line at the end (Codex was killed) is normal.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut rollout = Self::default();
        for_each_line(path, |line| rollout.apply(line))?;
        Ok(rollout)
    }

    fn apply(&mut self, line: Line<'_>) {
        let payload = line.payload;
        match (&*line.kind.0, &*payload.kind.0) {
            ("event_msg", "task_started") => {
                self.last_message = None;
                self.is_complete = false;
            }
            ("event_msg", "task_complete") => {
                self.is_complete = true;
                self.hear(&payload.last_agent_message.0);
            }
            ("event_msg", "turn_aborted") => self.is_complete = false,
            ("event_msg", "agent_message") => self.hear(&payload.message.0),
            ("event_msg", "token_count") => {
                let usage = payload.info.total.usage();
                if usage != Usage::default() {
                    self.usage = Some(usage);
                }
            }
            ("response_item", "message") if payload.role.0 == "assistant" => {
                let text: String = payload.content.0.iter().map(|part| &*part.text.0).collect();
                self.hear(&text);
            }
            _ => {}
        }
    }

    fn hear(&mut self, message: &str) {
        if !message.is_empty() {
            self.last_message = Some(message.to_owned());
        }
    }
}

/// The last `limit` things that a thread's file tells, oldest first.
pub fn rollout_tail(path: &Path, limit: usize) -> io::Result<Vec<RolloutEntry>> {
    let mut tail = VecDeque::new();
    for_each_line(path, |line| {
        if let Some(entry) = entry(&line) {
            tail.push_back(entry);
        }
        if tail.len() > limit {
            tail.pop_front();
        }
    })?;
    Ok(tail.into())
}

/// Settings and world state are noise for whoever asks what happened.
fn entry(line: &Line<'_>) -> Option<RolloutEntry> {
    if !matches!(&*line.kind.0, "event_msg" | "response_item") {
        return None;
    }
    let payload = &line.payload;
    let first_content = payload.content.0.first().map(|part| &*part.text.0);
    let texts = [
        &*payload.message.0,
        &*payload.arguments.0,
        &*payload.input.0,
        &*payload.output.0,
        &*payload.last_agent_message.0,
    ];
    let text = first_content.into_iter().chain(texts).find(|text| !text.is_empty()).unwrap_or_default();
    let kind = [&*payload.kind.0, &*payload.role.0, &*payload.name.0];
    let kind: Vec<&str> = kind.into_iter().filter(|word| !word.is_empty()).collect();
    Some(RolloutEntry {
        timestamp: line.timestamp.0.to_string(),
        kind: kind.join(" "),
        text: text.chars().take(ENTRY_CHARS).collect(),
    })
}

fn for_each_line(path: &Path, mut take: impl FnMut(Line<'_>)) -> io::Result<()> {
    for_each_text(path, |text| {
        if let Ok(line) = serde_json::from_str::<Line<'_>>(text) {
            take(line);
        }
    })
}

fn for_each_text(path: &Path, mut take: impl FnMut(&str)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        take(&String::from_utf8_lossy(&line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREAD: &str = "01a1fc42-79eb-70a3-a83b-5fa88bdd8a0b";

    fn recorded(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../tests/fixtures/codex/{name}.jsonl"))
    }

    #[test]
    fn the_last_message_of_the_last_turn_is_found_in_old_and_new_files() {
        for name in ["rollout-0.101", "rollout-0.169"] {
            let rollout = Rollout::read(&recorded(name)).unwrap();
            let usage = Usage { input: 2000, cached_input: 400, output: 100, reasoning: 14 };
            let wanted =
                Rollout { last_message: Some("final".into()), is_complete: true, usage: Some(usage) };
            assert_eq!(rollout, wanted, "{name}");
        }
    }

    #[test]
    fn a_message_of_an_earlier_turn_is_not_taken_for_the_last_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.jsonl");
        let mut lines = std::fs::read_to_string(recorded("rollout-0.169")).unwrap();
        lines.push_str("{\"type\":\"event_msg\",\"payload\":{\"type\":\"task_started\"}}\n");
        std::fs::write(&path, &lines).unwrap();
        let rollout = Rollout::read(&path).unwrap();
        assert_eq!((rollout.last_message, rollout.is_complete), (None, false));

        lines.push_str("{\"type\":\"event_msg\",\"payload\":{\"type\":\"agent_message\",\"message\":\"half\"}}\n{\"type\":\"event_m");
        std::fs::write(&path, &lines).unwrap();
        let rollout = Rollout::read(&path).unwrap();
        assert_eq!((rollout.last_message.as_deref(), rollout.is_complete), (Some("half"), false));
    }

    #[test]
    fn a_thread_is_found_by_its_id_wherever_its_day_is() {
        let home = tempfile::tempdir().unwrap();
        let day = home.path().join("sessions/2026/11/21");
        std::fs::create_dir_all(&day).unwrap();
        std::fs::create_dir_all(home.path().join("sessions/2025/01/01")).unwrap();
        let path = day.join(format!("rollout-2026-11-21T03-59-37-{THREAD}.jsonl"));
        std::fs::write(&path, "").unwrap();
        assert_eq!(find_rollout(home.path(), THREAD), Some(path));
        assert_eq!(find_rollout(home.path(), "other"), None);
        assert_eq!(find_rollout(home.path(), ""), None);
        assert_eq!(find_rollout(&home.path().join("none"), THREAD), None);
    }

    #[test]
    fn the_tail_tells_what_happened_last() {
        let tail = rollout_tail(&recorded("rollout-0.169"), 6).unwrap();
        let lines: Vec<String> = tail.iter().map(|e| format!("{} | {}", e.kind, e.text)).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
