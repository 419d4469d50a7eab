//! A question of Codex's, as it is put to a person, and how the answer is read. Pure.

use clodex_codex::app_server::{Asked, Question, Reply, UserQuestion, Visibility};
use clodex_core::FileChange;

use super::deed::Wants;
use super::line::Answer;
use super::show::named;

/// A question as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posed {
    /// What is asked, whole: a part that is not seen would be agreed to blindly.
    pub lines: Vec<String>,
    /// What answers it.
    pub wants: Wants,
    /// Whether the answer may be seen.
    pub visibility: Visibility,
    /// Answers that can be chosen by number.
    options: Vec<String>,
}

impl Posed {
    /// Puts a question; none when it is not for people. `changes` are those of the patch that it is about.
    pub fn of(asked: &Asked<'_>, changes: &[FileChange<'_>], workdir: &str) -> Option<Self> {
        match &asked.question {
            Question::Command { command, workdir: place, reason, .. } => {
                let mut lines = vec![format!("Codex asks to run{}:", elsewhere(place, workdir))];
                lines.extend(command.lines().map(|line| format!("  {line}")));
                Some(Self::decision(lines, reason))
            }
            Question::Patch { paths, wants_root, reason, .. } => {
                let mut lines = vec!["Codex asks to write:".to_owned()];
                lines.extend(changes.iter().map(|change| format!("  {}", named(change, workdir))));
                lines.extend(paths.iter().map(|path| format!("  {path}")));
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
            Question::Elicitation { server, message } => {
                Some(Self::decision(vec![format!("MCP server {server} asks: {message}")], ""))
            }
            Question::UserInput(questions) => Some(Self::words(questions)),
            Question::ToolCall { .. }
            | Question::CurrentTime
            | Question::NotOurs(_)
            | Question::Unknown(_) => None,
        }
    }

    fn decision(mut lines: Vec<String>, reason: &str) -> Self {
        if !reason.is_empty() {
            lines.push(format!("It says: {reason}"));
        }
        Self { lines, wants: Wants::Decision, visibility: Visibility::Open, options: Vec::new() }
    }

    fn words(questions: &[UserQuestion<'_>]) -> Self {
        let mut lines = vec!["Codex asks:".to_owned()];
        for question in questions {
            lines.push(format!("  {}", question.text));
            lines.extend(
                question.options.iter().zip(1..).map(|(option, number)| format!("  {number}. {option}")),
            );
        }
        // One answer is given to all that it asks at once: a number would mean another one in each.
        let options = match questions {
            [one] => one.options.iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        let is_secret = questions.iter().any(|question| question.visibility == Visibility::Secret);
        let visibility = if is_secret { Visibility::Secret } else { Visibility::Open };
        Self { lines, wants: Wants::Words, visibility, options }
    }

    /// How it can be answered.
    pub fn how(&self) -> &'static str {
        match (self.wants, self.options.is_empty()) {
            (Wants::Decision, _) => "y yes, n no, c no and end the turn",
            (Wants::Words, true) => "answer in words",
            (Wants::Words, false) => "answer in words or with a number",
        }
    }

    /// An answer in Codex's words.
    pub fn reply(&self, answer: Answer) -> Reply {
        match answer {
            Answer::Accept => Reply::Accept,
            Answer::Decline => Reply::Decline,
            Answer::Cancel => Reply::Cancel,
            Answer::Words(words) => {
                let number = words.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
                let chosen = number.and_then(|number| self.options.get(number).cloned());
                Reply::Text(chosen.unwrap_or(words))
            }
        }
    }
}

fn elsewhere(place: &str, workdir: &str) -> String {
    if place.is_empty() || place == workdir { String::new() } else { format!(" in {place}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clodex_core::ChangeKind;

    fn posed(method: &str, params: &str) -> Option<Posed> {
        let change = FileChange { path: "/p/src/a".into(), kind: ChangeKind::Update };
        Posed::of(&Asked::read(method, Some(params)), &[change], "/p")
    }

    #[test]
    fn a_command_is_shown_whole_with_its_reason_and_where_it_would_run() {
        let asked = r#"{"command":"/bin/bash -lc 'make\nrm x'","cwd":"/q","reason":"to build"}"#;
        let posed = posed("item/commandExecution/requestApproval", asked).unwrap();
        assert_eq!(posed.lines, ["Codex asks to run in /q:", "  make", "  rm x", "It says: to build"]);
        assert_eq!(posed.how(), "y yes, n no, c no and end the turn");
        assert_eq!(posed.reply(Answer::Cancel), Reply::Cancel);
    }

    #[test]
    fn a_patch_names_its_files_and_what_else_it_wants() {
        let posed = posed("item/fileChange/requestApproval", r#"{"itemId":"1","grantRoot":"/q"}"#).unwrap();
        assert_eq!(
            posed.lines,
            ["Codex asks to write:", "  changed src/a", "and to write below /q from now on"]
        );
    }

    #[test]
    fn a_question_is_answered_in_words_or_by_number() {
        let asked =
            r#"{"questions":[{"id":"q","question":"Which?","options":[{"label":"red"},{"label":"blue"}]}]}"#;
        let posed = posed("item/tool/requestUserInput", asked).unwrap();
        assert_eq!(posed.lines, ["Codex asks:", "  Which?", "  1. red", "  2. blue"]);
        let reply = |words: &str| posed.reply(Answer::Words(words.to_owned()));
        assert_eq!((reply("2"), reply("3")), (Reply::Text("blue".to_owned()), Reply::Text("3".to_owned())));
        assert_eq!(reply("green"), Reply::Text("green".to_owned()));
    }

    #[test]
    fn a_secret_is_known_as_one_and_what_is_not_for_people_is_not_put_to_them() {
        let secret = r#"{"questions":[{"id":"q","question":"Password?","isSecret":true}]}"#;
        assert_eq!(posed("item/tool/requestUserInput", secret).unwrap().visibility, Visibility::Secret);
        for method in ["currentTime/read", "attestation/generate", "item/tool/call", "what/ever"] {
            assert_eq!(posed(method, "{}"), None, "{method}");
        }
    }
}
