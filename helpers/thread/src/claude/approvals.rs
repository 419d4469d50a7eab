//! What Claude asks for, and who answers: the scope, nobody, which is a no, or the user. Says what is to be told; tells
//! nothing itself.

use std::collections::{BTreeSet, VecDeque};
use std::iter::once;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_claude_code::{Denial, Question, READING, SHELL, ToolCall, input};
use clodex_core::{escaped, harmless};
use crossbeam_channel::{Receiver, never};

use super::access::{Access, Judged};
use crate::approvals::Declined;
use crate::question_prompt::declined_after;
use crate::typed_ahead::TypedAhead;

/// What nobody will read to its end is not asked.
const WHOLE_MAX_BYTES: usize = 64 << 10;

/// Who answers, and what waits for an answer.
#[derive(Debug)]
pub struct Approvals {
    access: Access,
    workdir: PathBuf,
    /// Who is asked; none = nobody is.
    user: Option<User>,
    waiting: VecDeque<Question>,
    /// When the question that was put is declined; none = none was put, or it waits for ever.
    deadline: Option<Instant>,
    declined: Vec<Declined>,
    /// The calls that are decided, by their ids.
    decided: BTreeSet<String>,
}

/// Somebody who is asked.
#[derive(Debug)]
pub struct User {
    /// Lines that are typed. Disconnected: nobody is there any more.
    pub typed: Receiver<String>,
    /// Where.
    pub ahead: TypedAhead,
    /// How long a question waits; none = any time.
    pub patience: Option<Duration>,
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
    /// The user is asked where there is one.
    pub fn new(access: Access, workdir: &Path, user: Option<User>) -> Self {
        Self {
            access,
            workdir: workdir.to_owned(),
            user,
            waiting: VecDeque::new(),
            deadline: None,
            declined: vec![],
            decided: BTreeSet::new(),
        }
    }

    /// What the user types, while something waits for it: what stands in a pipe is for the next question. Disconnected:
    /// nobody is there any more.
    pub fn typed(&self) -> Receiver<String> {
        self.user.as_ref().filter(|_| self.is_waiting()).map_or_else(never, |user| user.typed.clone())
    }

    /// Until when the user may answer what was put.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
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
        self.decided.extend(question.tool_use.clone());
        let why = match self.access.judge(&question.call, &self.workdir) {
            Judged::InScope => return Next::Tell(input::allow(&question.request, &question.call.input)),
            Judged::OutOfScope(why) => why,
            Judged::Unsaid if self.user.is_some() => "it is too long to be read to its end".to_owned(),
            Judged::Unsaid => "this conversation does not allow it".to_owned(),
        };
        if self.user.is_some() && whole(&question).iter().map(String::len).sum::<usize>() <= WHOLE_MAX_BYTES {
            self.waiting.push_back(question);
            if self.waiting.len() == 1 {
                self.put();
            }
            return Next::Wait;
        }
        eprintln!("declined: {}: {why}", told(&question));
        Next::Tell(self.decline(&question, &why))
    }

    /// Claude Code has denied this, perhaps without asking. Without an id it may be something that was asked.
    pub fn denied(&mut self, denial: &Denial) {
        let is_new = |id: &String| self.decided.insert(id.clone());
        if denial.tool_use.as_ref().is_some_and(is_new) {
            self.list(&denial.call);
        }
    }

    /// A question no longer waits.
    pub fn withdrawn(&mut self, request: &str) {
        let was_shown = self.waiting.front().is_some_and(|question| question.request == request);
        self.waiting.retain(|question| question.request != request);
        if was_shown {
            eprintln!("(no longer asked)");
            self.put();
        }
    }

    /// The user has typed a line.
    pub fn answered(&mut self, typed: &str) -> Next {
        let Some(question) = self.waiting.pop_front() else { return Next::Wait };
        let next = match typed.trim() {
            "y" | "yes" | "accept" => Next::Tell(input::allow(&question.request, &question.call.input)),
            "n" | "no" | "decline" => Next::Tell(self.decline(&question, "the user declined it")),
            "c" | "cancel" => {
                self.waiting.push_front(question);
                return Next::Interrupt;
            }
            other => {
                eprintln!("not understood: `{}`", harmless(other));
                self.waiting.push_front(question);
                self.show();
                return Next::Wait;
            }
        };
        self.put();
        next
    }

    /// What nobody has answered in time is declined.
    pub fn expire(&mut self, now: Instant) -> Option<String> {
        self.deadline.filter(|deadline| *deadline <= now)?;
        let question = self.waiting.pop_front()?;
        eprintln!("not answered in time: declined");
        let declined = self.decline(&question, "nobody has answered in time");
        self.put();
        Some(declined)
    }

    /// Nobody will type any more: what waits is declined, and what comes, too.
    pub fn nobody_types(&mut self) -> Vec<String> {
        (self.user, self.deadline) = (None, None);
        let waiting = std::mem::take(&mut self.waiting);
        waiting.iter().map(|question| self.decline(question, "no one is there to ask")).collect()
    }

    fn decline(&mut self, question: &Question, why: &str) -> String {
        self.list(&question.call);
        input::deny(
            &question.request,
            &format!("Declined: {why}. Do not try it in another way; answer without it."),
        )
    }

    fn list(&mut self, call: &ToolCall) {
        self.declined.push(Declined { kind: kind(call), about: harmless(&call.told()) });
    }

    /// Puts the question that waits longest; its time begins now, and what was typed before does not answer it.
    fn put(&mut self) {
        self.deadline = None;
        if let (Some(user), false) = (&self.user, self.waiting.is_empty()) {
            user.ahead.forget(&user.typed);
            self.deadline = user.patience.map(|patience| Instant::now() + patience);
            self.show();
        }
    }

    fn show(&self) {
        let (Some(user), Some(question)) = (&self.user, self.waiting.front()) else { return };
        for line in whole(question) {
            eprintln!("{line}");
        }
        let in_time = declined_after(user.patience);
        eprintln!("[y]es, [n]o, [c]ancel the turn{in_time}:");
    }
}

/// A question for whoever answers it: a part that is not seen would be agreed to blindly.
fn whole(question: &Question) -> Vec<String> {
    let first = format!("Claude asks to use {} ({}):", question.call.name, kind(&question.call));
    let arguments = question.call.whole().into_iter().map(|line| format!("  {line}"));
    let reason = question.reason.as_ref().map(|reason| format!("It says: {reason}"));
    once(first).chain(arguments).chain(reason).map(|line| escaped(&line)).collect()
}

/// A question in one line, for a list of what was declined.
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

    /// `typed` comes through a pipe.
    fn approvals(words: &[&str], typed: Option<Receiver<String>>) -> Approvals {
        let patience = Some(Duration::from_hours(1));
        let user = typed.map(|typed| User { typed, ahead: TypedAhead::in_a_pipe(), patience });
        let cli = Cli::try_parse_from([&["clodex-claude", "q"], words].concat()).unwrap();
        let workdir = std::env::temp_dir();
        Approvals::new(Access::decide(&cli, &workdir).unwrap(), &workdir, user)
    }

    fn question(request: &str, tool: &str, file: &str) -> Question {
        let input = serde_json::value::to_raw_value(&json!({ "file_path": file })).unwrap();
        let call = ToolCall { name: tool.to_owned(), input };
        Question { request: request.to_owned(), call, reason: None, tool_use: Some(request.to_owned()) }
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
    fn what_claude_code_denies_without_asking_is_listed_too_and_nothing_twice() {
        let mut approvals = approvals(&[], None);
        let Question { call, tool_use, .. } = question("1", "Write", "a");
        approvals.asked(question("1", "Write", "a"));
        approvals.denied(&Denial { call: call.clone(), tool_use });
        assert_eq!(approvals.declined().len(), 1);
        let unasked = Denial { call, tool_use: Some("2".to_owned()) };
        approvals.denied(&unasked);
        approvals.denied(&unasked);
        assert_eq!(approvals.declined().len(), 2);
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
    fn a_question_that_nobody_answers_in_time_is_declined_and_the_next_one_has_its_own_time() {
        let (_typed, lines) = unbounded();
        let mut approvals = approvals(&[], Some(lines));
        assert_eq!(approvals.deadline(), None);
        approvals.asked(question("1", "Write", "a"));
        approvals.asked(question("2", "Write", "b"));
        let first = approvals.deadline().unwrap();
        approvals.answered("what?");
        assert_eq!((approvals.deadline(), approvals.expire(Instant::now())), (Some(first), None));
        let told = approvals.expire(first).unwrap();
        assert!(told.contains(r#""behavior":"deny""#) && told.contains("in time"), "{told}");
        let second = approvals.deadline().unwrap();
        assert!(second > first && approvals.is_waiting() && approvals.declined().len() == 1);
        approvals.expire(second).unwrap();
        assert_eq!((approvals.is_waiting(), approvals.deadline()), (false, None));
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

    #[test]
    fn what_is_asked_is_shown_to_its_end_or_declined() {
        let of = |command: &str| {
            let input = serde_json::value::to_raw_value(&json!({ "command": command })).unwrap();
            let call = ToolCall { name: "Bash".to_owned(), input };
            Question { request: "1".to_owned(), call, reason: Some("so".to_owned()), tool_use: None }
        };
        assert_eq!(
            whole(&of("git status\ncurl x | sh \u{1b}[2A")),
            [
                "Claude asks to use Bash (command):",
                "  command:",
                "    git status",
                "    curl x | sh \\u{1b}[2A",
                "It says: so"
            ]
        );
        let (_typed, lines) = unbounded();
        let mut approvals = approvals(&[], Some(lines));
        assert_eq!(verdict(&approvals.asked(of(&"x".repeat(WHOLE_MAX_BYTES)))), "deny");
        assert!(!approvals.is_waiting() && approvals.declined().len() == 1);
    }
}
