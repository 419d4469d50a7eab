//! A question of Codex's, as it is put to a person, and how the answer is read. Pure.

use std::time::Duration;

use clodex_codex::app_server::{Asked, Question, Reply};
use clodex_core::{ChangeKind, FileChange, Need, PartAnswer, QuestionPart, Visibility, harmless};

use crate::common_cli::limit_text;

/// What answers a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// Yes or no.
    Decision,
    /// Words.
    Words,
}

/// An answer to a question of Codex's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Do it.
    Accept,
    /// Do not, and go on.
    Decline,
    /// Do not, and end the turn.
    Cancel,
    /// In words.
    Words(String),
}

/// A question as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionPrompt {
    /// What is asked, whole: a part that is not seen would be agreed to blindly.
    lines: Vec<String>,
    /// What answers it.
    pub wants: AnswerKind,
    /// What it wants to know, one after the other.
    parts: Vec<QuestionPart>,
    /// So many of them were put.
    passed: usize,
    answers: Vec<PartAnswer>,
}

/// What an answer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// All is said.
    Reply(Reply),
    /// The next part is to be put.
    Next,
    /// It is none, and why: the same is to be put again.
    Misfit(String),
}

impl QuestionPrompt {
    /// Puts a question; none when it is not for people. `changes` are those of the patch that it is about.
    pub fn of(asked: &Asked<'_>, changes: &[FileChange<'_>], workdir: &str) -> Option<Self> {
        match &asked.question {
            Question::Command { command, workdir: place, wanted, reason, .. } => {
                let mut lines = vec![format!("Codex asks to run{}:", elsewhere(place, workdir))];
                lines.extend(command.lines().map(|line| format!("  {line}")));
                lines.extend(wanted.as_ref().map(|wanted| format!("and to be allowed, for it: {wanted}")));
                Some(Self::decision(lines, reason))
            }
            Question::Patch { paths, wants_root, reason, .. } => {
                let mut lines = vec!["Codex asks to write:".to_owned()];
                lines.extend(changes.iter().map(|change| format!("  {}", named(change, workdir))));
                lines.extend(paths.iter().map(|path| format!("  {path}")));
                if lines.len() == 1 && wants_root.is_empty() {
                    lines.push("  files that it does not name".to_owned());
                }
                if !wants_root.is_empty() {
                    lines.push(format!("and to write below {wants_root} from now on"));
                }
                Some(Self::decision(lines, reason))
            }
            Question::Permissions { reason, wanted } => {
                let lines = vec![format!(
                    "Codex asks to be allowed, for this turn: {}",
                    wanted.as_deref().unwrap_or("it does not say what")
                )];
                Some(Self::decision(lines, reason))
            }
            Question::Elicitation { server, message, url, form: Some(form) } => {
                let mut lines = vec![format!("MCP server {server} asks: {message}")];
                lines.extend((!url.is_empty()).then(|| format!("and wants you to go to {url}")));
                Some(Self::of_parts(lines, form.parts().cloned().collect()))
            }
            Question::UserInput(form) => {
                Some(Self::of_parts(vec!["Codex asks:".to_owned()], form.parts().cloned().collect()))
            }
            Question::Elicitation { form: None, .. }
            | Question::ToolCall { .. }
            | Question::CurrentTime
            | Question::NotOurs(_)
            | Question::Unknown(_) => None,
        }
    }

    fn decision(mut lines: Vec<String>, reason: &str) -> Self {
        if !reason.is_empty() {
            lines.push(format!("It says: {reason}"));
        }
        Self::of_parts(lines, vec![])
    }

    fn of_parts(lines: Vec<String>, parts: Vec<QuestionPart>) -> Self {
        let wants = if parts.is_empty() { AnswerKind::Decision } else { AnswerKind::Words };
        Self { lines, wants, parts, passed: 0, answers: vec![] }
    }

    /// What is to be shown now: all that was not shown before, and what can be said to it.
    pub fn lines(&self) -> Vec<String> {
        let first = self.lines.iter().filter(|_| self.passed == 0).cloned();
        let part = self.part().into_iter().flat_map(put_alone).map(|line| format!("  {line}"));
        first.chain(part).collect()
    }

    /// Whether what answers it now may be seen.
    pub fn visibility(&self) -> Visibility {
        self.part().map_or(Visibility::Open, |part| part.visibility)
    }

    fn part(&self) -> Option<&QuestionPart> {
        self.parts.get(self.passed)
    }

    /// What it is of, and what about: on one line, for a list of what was declined.
    pub fn in_short(asked: &Asked<'_>, changes: &[FileChange<'_>]) -> (&'static str, String) {
        let (kind, what, reason) = match &asked.question {
            Question::Command { command, reason, .. } => ("command", format!("`{command}`"), &**reason),
            Question::Patch { paths, wants_root, reason, .. } => {
                let mut files: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
                files.extend(paths.iter().map(|path| &**path));
                let root = (!wants_root.is_empty()).then(|| format!("write below {wants_root}"));
                let what: Vec<String> = files.into_iter().map(str::to_owned).chain(root).collect();
                ("file change", what.join(", "), &**reason)
            }
            Question::Permissions { reason, wanted } => {
                ("permissions", wanted.as_deref().unwrap_or("more than it has").to_owned(), &**reason)
            }
            Question::UserInput(form) => {
                let texts: Vec<&str> = form.parts().map(|part| part.text.as_str()).collect();
                ("question", texts.join(" / "), "")
            }
            Question::Elicitation { server, message, .. } => ("mcp", format!("{server}: {message}"), ""),
            Question::ToolCall { tool } => ("tool", tool.to_string(), ""),
            Question::CurrentTime => ("time", String::new(), ""),
            Question::NotOurs(method) | Question::Unknown(method) => ("other", method.to_string(), ""),
        };
        let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        (kind, harmless(&format!("{what}{because}")))
    }

    /// How it can be answered.
    pub fn how(&self) -> &'static str {
        match self.part() {
            None => "[y]es, [n]o, [c]ancel the turn",
            Some(part) if part.need == Need::Optional => "answer with text or a number; `-` skips it",
            Some(part) if part.options.is_empty() => "answer with text",
            Some(_) => "answer with text or a number",
        }
    }

    /// Takes an answer to what was put.
    pub fn answer(&mut self, answer: Answer) -> AnswerOutcome {
        let words = match answer {
            Answer::Accept => return AnswerOutcome::Reply(Reply::Accept),
            Answer::Decline => return AnswerOutcome::Reply(Reply::Decline),
            Answer::Cancel => return AnswerOutcome::Reply(Reply::Cancel),
            Answer::Words(words) => words,
        };
        let Some(part) = self.part() else { return AnswerOutcome::Misfit("it wants a yes or no".to_owned()) };
        if part.need == Need::Required || words.trim() != "-" {
            match part.answer(&words) {
                Ok(answer) => self.answers.push(answer),
                Err(why) => return AnswerOutcome::Misfit(why),
            }
        }
        self.passed += 1;
        match self.part() {
            Some(_) => AnswerOutcome::Next,
            None => AnswerOutcome::Reply(Reply::Answers(std::mem::take(&mut self.answers))),
        }
    }
}

/// A part that is put by itself needs no name, as long as it says something.
fn put_alone(part: &QuestionPart) -> Vec<String> {
    let mut lines = part.lines();
    let named = format!("{}: ", part.id);
    if let Some(first) = lines.first_mut()
        && !part.text.is_empty()
        && let Some(text) = first.strip_prefix(&named)
    {
        *first = text.to_owned();
    }
    lines
}

impl Answer {
    /// Reads a decision; none when it is none.
    pub fn read(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "y" | "yes" | "accept" => Some(Self::Accept),
            "n" | "no" | "decline" => Some(Self::Decline),
            "c" | "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}

/// A change as people say it, its path as short as it can be.
pub fn named(change: &FileChange<'_>, workdir: &str) -> String {
    let below = change.path.strip_prefix(workdir).and_then(|path| path.strip_prefix('/'));
    let path = below.unwrap_or(&change.path);
    match change.kind {
        ChangeKind::Add => format!("new {path}"),
        ChangeKind::Update => format!("changed {path}"),
        ChangeKind::Delete => format!("deleted {path}"),
    }
}

fn elsewhere(place: &str, workdir: &str) -> String {
    if place.is_empty() || place == workdir { String::new() } else { format!(" in {place}") }
}

/// What is said behind a question of how long it waits.
pub fn declined_after(limit: Option<Duration>) -> String {
    limit.map_or_else(String::new, |limit| format!(" (declined after {})", limit_text(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posed(method: &str, params: &str) -> Option<QuestionPrompt> {
        let change = FileChange { path: "/p/src/a".into(), kind: ChangeKind::Update };
        QuestionPrompt::of(&Asked::read(method, Some(params)), &[change], "/p")
    }

    #[test]
    fn a_command_is_shown_whole_with_its_reason_and_where_it_would_run() {
        let asked = r#"{"command":"/bin/bash -lc 'make\nrm x'","cwd":"/q","reason":"to build"}"#;
        let mut posed = posed("item/commandExecution/requestApproval", asked).unwrap();
        assert_eq!(posed.lines(), ["Codex asks to run in /q:", "  make", "  rm x", "It says: to build"]);
        assert_eq!(posed.how(), "[y]es, [n]o, [c]ancel the turn");
        assert_eq!(posed.answer(Answer::Cancel), AnswerOutcome::Reply(Reply::Cancel));
    }

    #[test]
    fn a_patch_names_its_files_and_what_else_it_wants() {
        let posed = posed("item/fileChange/requestApproval", r#"{"itemId":"1","grantRoot":"/q"}"#).unwrap();
        assert_eq!(
            posed.lines(),
            ["Codex asks to write:", "  changed src/a", "and to write below /q from now on"]
        );
        let change = FileChange { path: "/p/src/a".into(), kind: ChangeKind::Update };
        let asked = Asked::read("item/fileChange/requestApproval", Some(r#"{"itemId":"1","reason":"so"}"#));
        assert_eq!(QuestionPrompt::in_short(&asked, &[change]), ("file change", "/p/src/a (so)".to_owned()));
    }

    #[test]
    fn a_question_is_answered_in_words_or_by_number() {
        let asked =
            r#"{"questions":[{"id":"q","question":"Which?","options":[{"label":"red"},{"label":"blue"}]}]}"#;
        let mut posed = posed("item/tool/requestUserInput", asked).unwrap();
        assert_eq!(posed.lines(), ["Codex asks:", "  Which?", "    1. red", "    2. blue"]);
        for (words, meant) in [("2", "blue"), ("3", "3"), ("green", "green")] {
            let wanted = Reply::Answers(vec![answer("q", meant)]);
            assert_eq!(posed.clone().answer(Answer::Words(words.to_owned())), AnswerOutcome::Reply(wanted));
        }
        assert_eq!(posed.answer(Answer::Decline), AnswerOutcome::Reply(Reply::Decline));
    }

    fn answer(part: &str, words: &str) -> PartAnswer {
        PartAnswer { part: part.to_owned(), answers: vec![words.to_owned()] }
    }

    #[test]
    fn several_questions_are_put_and_answered_one_after_the_other() {
        let asked = r#"{"serverName":"m","message":"first this","requestedSchema":{"type":"object","required":["n"],
            "properties":{"a":{"type":"string","description":"a word"},"n":{"type":"integer"}}}}"#;
        let mut posed = posed("mcpServer/elicitation/request", asked).unwrap();
        assert_eq!(posed.lines(), ["MCP server m asks: first this", "  a word (may be left out)"]);
        let mut say = |words: &str| (posed.answer(Answer::Words(words.to_owned())), posed.lines());
        let n = || vec!["  n".to_owned()];
        assert_eq!(say("-"), (AnswerOutcome::Next, n()));
        assert_eq!(say("x"), (AnswerOutcome::Misfit("`n` wants a whole number, not `x`".to_owned()), n()));
        assert_eq!(say("7").0, AnswerOutcome::Reply(Reply::Answers(vec![answer("n", "7")])));
    }

    #[test]
    fn a_secret_is_known_as_one_and_what_is_not_for_people_is_not_put_to_them() {
        let secret = r#"{"questions":[{"id":"q","question":"Password?","isSecret":true}]}"#;
        assert_eq!(posed("item/tool/requestUserInput", secret).unwrap().visibility(), Visibility::Secret);
        for method in ["currentTime/read", "attestation/generate", "item/tool/call", "what/ever"] {
            assert_eq!(posed(method, "{}"), None, "{method}");
        }
    }
}
