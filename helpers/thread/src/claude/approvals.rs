//! What Claude asks for, and who answers: the scope, nobody, which is a no, or the user. Says what is to be told; tells
//! nothing itself.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use clodex_claude_code::{Question, READING, SHELL, ToolCall, said};
use clodex_core::harmless;
use crossbeam_channel::{Receiver, never};

use super::access::{Access, Judged};
use crate::approvals::Declined;

/// Who answers, and what waits for an answer.
#[derive(Debug)]
pub struct Approvals {
    access: Access,
    workdir: PathBuf,
    /// Lines that the user types.
    typed: Receiver<String>,
    asks_user: bool,
    waiting: VecDeque<Question>,
    declined: Vec<Declined>,
}

/// What follows from a question or an answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Claude is told this.
    Tell(String),
    /// The turn is to end.
    Interrupt,
    /// Somebody is waited for.
    Wait,
}

impl Approvals {
    /// The user is asked where there is something to be typed on.
    pub fn new(access: Access, workdir: &Path, typed: Option<Receiver<String>>) -> Self {
        let asks_user = typed.is_some();
        let typed = typed.unwrap_or_else(never);
        Self {
            access,
            workdir: workdir.to_owned(),
            typed,
            asks_user,
            waiting: VecDeque::new(),
            declined: vec![],
        }
    }

    /// What the user types, while something waits for it: what was typed ahead is for the next question. Disconnected:
    /// nobody is there any more.
    pub fn typed(&self) -> Receiver<String> {
        if self.is_waiting() { self.typed.clone() } else { never() }
    }

    /// What was declined so far.
    pub fn declined(&self) -> Vec<Declined> {
        self.declined.clone()
    }

    /// Whether Claude waits for the user.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Claude asks.
    pub fn asked(&mut self, question: Question) -> Next {
        let why = match self.access.judge(&question.call, &self.workdir) {
            Judged::InScope => return Next::Tell(said::allow(&question.request, &question.call.input)),
            Judged::OutOfScope(why) => why,
            Judged::Unsaid => "this conversation does not allow it".to_owned(),
        };
        if self.asks_user {
            self.waiting.push_back(question);
            if self.waiting.len() == 1 {
                self.show();
            }
            return Next::Wait;
        }
        eprintln!("declined: {}: {why}", told(&question));
        Next::Tell(self.decline(&question, &why))
    }

    /// A question no longer waits.
    pub fn withdrawn(&mut self, request: &str) {
        let was_shown = self.waiting.front().is_some_and(|question| question.request == request);
        self.waiting.retain(|question| question.request != request);
        if was_shown {
            eprintln!("(no longer asked)");
            self.show();
        }
    }

    /// The user has typed a line.
    pub fn answered(&mut self, typed: &str) -> Next {
        let Some(question) = self.waiting.pop_front() else { return Next::Wait };
        let next = match typed.trim() {
            "y" | "yes" | "accept" => Next::Tell(said::allow(&question.request, &question.call.input)),
            "n" | "no" | "decline" => Next::Tell(self.decline(&question, "the user declined it")),
            "c" | "cancel" => {
                self.waiting.push_front(question);
                return Next::Interrupt;
            }
            other => {
                eprintln!("not understood: `{}`", harmless(other));
                self.waiting.push_front(question);
                Next::Wait
            }
        };
        self.show();
        next
    }

    /// Nobody will type any more: what waits is declined, and what comes, too.
    pub fn nobody_types(&mut self) -> Vec<String> {
        self.typed = never();
        self.asks_user = false;
        let waiting = std::mem::take(&mut self.waiting);
        waiting.iter().map(|question| self.decline(question, "nobody is there to be asked")).collect()
    }

    fn decline(&mut self, question: &Question, why: &str) -> String {
        self.declined.push(Declined { kind: kind(&question.call), about: harmless(&question.call.told()) });
        said::deny(
            &question.request,
            &format!("Declined: {why}. Do not try it in another way; answer without it."),
        )
    }

    fn show(&self) {
        if let Some(question) = self.waiting.front() {
            eprintln!("claude asks: {}\n[y]es, [n]o, [c]ancel the turn:", told(question));
        }
    }
}

/// A question for people, on one line.
fn told(question: &Question) -> String {
    let reason = question.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    harmless(&format!("{}: {}{reason}", kind(&question.call), question.call.told()))
}

fn kind(call: &ToolCall) -> &'static str {
    if call.changed_file().is_some() {
        "file change"
    } else if call.name == SHELL {
        "command"
    } else if READING.contains(&call.name.as_str()) {
        "read"
    } else {
        "tool"
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use crossbeam_channel::unbounded;
    use serde_json::json;

    use super::*;
    use crate::claude::cli::Cli;

    fn approvals(words: &[&str], typed: Option<Receiver<String>>) -> Approvals {
        let cli = Cli::try_parse_from([&["clodex-claude", "q"], words].concat()).unwrap();
        let workdir = std::env::temp_dir();
        Approvals::new(Access::decide(&cli, &workdir).unwrap(), &workdir, typed)
    }

    fn question(request: &str, tool: &str, file: &str) -> Question {
        let input = serde_json::value::to_raw_value(&json!({ "file_path": file })).unwrap();
        let call = ToolCall { name: tool.to_owned(), input };
        Question { request: request.to_owned(), call, reason: None }
    }

    fn verdict(next: &Next) -> &str {
        match next {
            Next::Tell(line) if line.contains(r#""behavior":"allow""#) => "allow",
            Next::Tell(line) if line.contains(r#""behavior":"deny""#) => "deny",
            Next::Tell(line) => line,
            Next::Interrupt => "interrupt",
            Next::Wait => "wait",
        }
    }

    #[test]
    fn nobody_says_yes_but_the_scope() {
        let mut approvals = approvals(&["--scope", "in"], None);
        assert_eq!(verdict(&approvals.asked(question("1", "Write", "in/new"))), "allow");
        assert_eq!(verdict(&approvals.asked(question("2", "Write", "out"))), "deny");
        assert_eq!(verdict(&approvals.asked(question("3", "Read", "/etc/passwd"))), "deny");
        let declined = approvals.declined();
        let kinds: Vec<_> = declined.iter().map(|declined| declined.kind).collect();
        assert_eq!(kinds, ["file change", "read"]);
    }

    #[test]
    fn the_user_is_asked_one_thing_after_the_other() {
        let (_typed, lines) = unbounded();
        let mut approvals = approvals(&[], Some(lines));
        for request in ["1", "2", "3"] {
            assert_eq!(approvals.asked(question(request, "Write", "a")), Next::Wait);
        }
        assert_eq!(verdict(&approvals.answered("what?")), "wait");
        assert_eq!(verdict(&approvals.answered(" yes ")), "allow");
        approvals.withdrawn("2");
        assert_eq!(verdict(&approvals.answered("n")), "deny");
        assert!(!approvals.is_waiting());
        assert_eq!(approvals.asked(question("4", "Bash", "")), Next::Wait);
        assert_eq!(approvals.answered("c"), Next::Interrupt);
    }

    #[test]
    fn where_nobody_types_any_more_everything_is_declined() {
        let (_, lines) = unbounded();
        let mut approvals = approvals(&[], Some(lines));
        assert_eq!(approvals.asked(question("1", "Write", "a")), Next::Wait);
        assert_eq!(approvals.nobody_types().len(), 1);
        assert_eq!(verdict(&approvals.asked(question("2", "Write", "a"))), "deny");
        assert_eq!(approvals.declined().len(), 2);
    }
}
