//! How a session is handed on: as Markdown for a reader, and as a transcript of the words alone for an importer.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::{LeftOut, Session, Who};

impl Session {
    /// The plan, the files and what is missing; not the words.
    pub fn outline(&self) -> String {
        let mut text = String::new();
        if let Some(plan) = &self.plan {
            let _ = writeln!(text, "## Last plan\n\n{plan}\n");
        }
        if !self.files.is_empty() {
            let files: Vec<String> = self.files.iter().map(|file| format!("- {file}\n")).collect();
            let _ = writeln!(text, "## Files that Claude wrote\n\n{}", files.concat());
        }
        let _ = writeln!(text, "## Left out\n\n{}", self.left_out.told());
        text
    }

    /// Outline and conversation as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = self.outline();
        text.push_str("\n## What was said\n");
        for turn in &self.turns {
            let who = match turn.who {
                Who::User => "User",
                Who::Claude => "Claude",
            };
            let _ = write!(text, "\n### {who}\n\n{}\n", turn.text);
        }
        text
    }

    /// A transcript in Claude Code's own form that holds the words and nothing else.
    pub fn to_transcript(&self, session: &str, cwd: &Path) -> String {
        let line = |(number, turn): (usize, &crate::Turn)| {
            let kind = match turn.who {
                Who::User => "user",
                Who::Claude => "assistant",
            };
            let content = json!([{ "type": "text", "text": turn.text }]);
            let line = json!({
                "type": kind, "sessionId": session, "cwd": cwd, "timestamp": turn.at, "isSidechain": false,
                "uuid": format!("{number:08x}-0000-4000-8000-000000000000"),
                "message": { "role": kind, "content": content },
            });
            format!("{line}\n")
        };
        self.turns.iter().enumerate().map(line).collect()
    }
}

impl LeftOut {
    /// In a sentence.
    pub fn told(&self) -> String {
        let mut parts = vec!["what tools were given and returned".to_owned()];
        for (number, what) in [
            (self.turns, "older turns"),
            (self.bytes, "bytes of long turns"),
            (self.files, "more files"),
            (self.secrets, "things that look like secrets"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {what}"));
            }
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Turn;
    use crate::entry::Told;

    fn session() -> Session {
        let turn =
            |who, text: &str| Turn { who, text: text.into(), at: Some("2026-11-21T10:05:08.464Z".into()) };
        Session {
            turns: vec![turn(Who::User, "fix \"it\""), turn(Who::Claude, "done")],
            files: vec!["/a/b.rs".into()],
            plan: Some("1. look".into()),
            left_out: LeftOut { turns: 3, secrets: 1, ..LeftOut::default() },
            waits_for_tool: true,
        }
    }

    #[test]
    fn a_reader_finds_plan_files_words_and_what_is_missing() {
        assert_eq!(
            session().to_markdown(),
            "## Last plan\n\n1. look\n\n## Files that Claude wrote\n\n- /a/b.rs\n\n## Left out\n\n\
             what tools were given and returned, 3 older turns, 1 things that look like secrets\n\n\
             ## What was said\n\n### User\n\nfix \"it\"\n\n### Claude\n\ndone\n"
        );
    }

    #[test]
    fn what_is_written_for_an_importer_reads_back_as_the_same_words() {
        let text = session().to_transcript("0a-1b", Path::new("/home/me"));
        let told: Vec<_> = text.lines().flat_map(|line| crate::entry::read(line.as_bytes()).1).collect();
        assert_eq!(told, [Told::User("fix \"it\"".into()), Told::Claude("done".into())]);
    }
}
