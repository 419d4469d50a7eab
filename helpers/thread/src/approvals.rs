//! What Codex asks for, and who answers: nobody, which is a no, or the user on a terminal or a pipe.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::thread;

use clodex_codex::app_server::{Question, Reply, ReplyError, ServerQuestion};
use clodex_core::harmless;
use clodex_json_rpc::Id;
use crossbeam_channel::{Receiver, unbounded};
use serde::Serialize;

use crate::session::Session;
use crate::stops::Stops;
use crate::trouble::{Kind, Trouble};

/// Who answers, and what waits for an answer.
#[derive(Debug)]
pub struct Approvals {
    /// Lines that the user types; none = nobody is asked. Disconnected: there will be no more.
    lines: Option<Receiver<String>>,
    waiting: VecDeque<ServerQuestion>,
    declined: Vec<Declined>,
}

/// A question that was answered with no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Declined {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub about: String,
}

impl Approvals {
    /// Nobody is asked: everything is declined.
    pub const fn declining() -> Self {
        Self { lines: None, waiting: VecDeque::new(), declined: Vec::new() }
    }

    /// The user is asked, on stdin, or on the terminal itself where stdin is what was said.
    pub fn asking(stdin_is_taken: bool, stops: &Stops) -> Result<Self, Trouble> {
        let lines = typed_lines(stdin_is_taken, stops)?;
        Ok(Self { lines: Some(lines), ..Self::declining() })
    }

    /// What was declined so far.
    pub fn declined(&self) -> Vec<Declined> {
        self.declined.clone()
    }

    /// Whether Codex waits for the user.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The connection on which it was asked is gone: what still waits is asked again.
    pub fn forget(&mut self) {
        self.waiting.clear();
    }

    /// Codex asks.
    pub fn asked(&mut self, session: &mut Session, question: ServerQuestion) -> Result<(), Trouble> {
        let Some((kind, about)) = told(&question) else {
            // Nobody has to decide on these; the answer is what this client can say.
            return reply(session, question, &Reply::Decline);
        };
        if self.lines.is_none() {
            eprintln!("declined: {kind}: {about}\nhint: --interactive-approvals asks you");
            return self.decline(session, question, kind, about);
        }
        self.waiting.push_back(question);
        if self.waiting.len() == 1 {
            self.show();
        }
        self.answer(session)
    }

    /// A question no longer waits: somebody else has answered it, or its turn is over.
    pub fn resolved(&mut self, id: &Id) {
        let before = self.waiting.len();
        let was_shown = self.waiting.front().is_some_and(|question| question.id() == id);
        self.waiting.retain(|question| question.id() != id);
        if self.waiting.len() < before && was_shown {
            eprintln!("(answered elsewhere)");
            self.show();
        }
    }

    /// Takes what was typed meanwhile.
    pub fn answer(&mut self, session: &mut Session) -> Result<(), Trouble> {
        while let (Some(lines), Some(question)) = (&self.lines, self.waiting.front()) {
            let typed = match lines.try_recv() {
                Ok(line) => line,
                Err(crossbeam_channel::TryRecvError::Empty) => return Ok(()),
                // Nobody is there to be asked any more.
                Err(crossbeam_channel::TryRecvError::Disconnected) => "decline".to_owned(),
            };
            let Some(meant) = meant(&question.asked().question, &typed) else {
                eprintln!("not understood: `{}`", harmless(&typed));
                self.show();
                continue;
            };
            let Some(question) = self.waiting.pop_front() else { return Ok(()) };
            match (meant, told(&question)) {
                (Reply::Decline, Some((kind, about))) => self.decline(session, question, kind, about)?,
                (other, _) => reply(session, question, &other)?,
            }
            self.show();
        }
        Ok(())
    }

    fn decline(
        &mut self,
        session: &mut Session,
        question: ServerQuestion,
        kind: &'static str,
        about: String,
    ) -> Result<(), Trouble> {
        self.declined.push(Declined { kind, about });
        reply(session, question, &Reply::Decline)
    }

    fn show(&self) {
        let Some(question) = self.waiting.front() else { return };
        let Some((kind, about)) = told(question) else { return };
        let how = match question.asked().question {
            Question::UserInput(_) => "your answer, or an empty line to decline",
            Question::Command { .. }
            | Question::Patch { .. }
            | Question::Permissions { .. }
            | Question::Elicitation { .. }
            | Question::ToolCall { .. }
            | Question::CurrentTime
            | Question::NotOurs(_)
            | Question::Unknown(_) => "[y]es, [n]o, [c]ancel the turn",
        };
        eprintln!("codex asks: {kind}: {about}\n{how}:");
    }
}

/// What the user types from now on, on stdin, or on the terminal itself where stdin is what was said.
pub fn typed_lines(stdin_is_taken: bool, stops: &Stops) -> Result<Receiver<String>, Trouble> {
    let from: Box<dyn Read + Send> = if stdin_is_taken {
        let terminal = File::open("/dev/tty").map_err(|error| {
            Trouble::usage(format!(
                "cannot ask: standard input is the prompt, and there is no terminal: {error}\n\
                 hint: name the prompt's file, or leave --interactive-approvals out"
            ))
        })?;
        Box::new(terminal)
    } else {
        Box::new(io::stdin())
    };
    let (typed, lines) = unbounded();
    let waking = stops.clone();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
            waking.wake_now();
        }
        drop(typed);
        waking.wake_now();
    });
    Ok(lines)
}

fn reply(session: &mut Session, question: ServerQuestion, with: &Reply) -> Result<(), Trouble> {
    match session.reply(question, with) {
        // Where it still waits, it is asked again.
        Ok(()) | Err(ReplyError::Lost) => Ok(()),
        Err(ReplyError::Wrong(why, _)) => {
            Err(Trouble::new(Kind::Protocol, format!("cannot answer codex: {why}")))
        }
        Err(ReplyError::NotSent(why)) => {
            Err(Trouble::new(Kind::ConnectionLost, format!("cannot answer codex: {why}")))
        }
    }
}

/// What was typed, as an answer to this; none = it is none.
fn meant(question: &Question<'_>, typed: &str) -> Option<Reply> {
    let wants_words = matches!(question, Question::UserInput(_));
    Some(match typed.trim() {
        "" if wants_words => Reply::Decline,
        words if wants_words => Reply::Text(words.to_owned()),
        "y" | "yes" | "accept" => Reply::Accept,
        "n" | "no" | "decline" => Reply::Decline,
        "c" | "cancel" => Reply::Cancel,
        _ => return None,
    })
}

/// What is asked, for people, on one line; none = it needs nobody's decision.
fn told(question: &ServerQuestion) -> Option<(&'static str, String)> {
    let because = |what: &str, reason: &str| {
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        harmless(&format!("{what}{reason}"))
    };
    Some(match &question.asked().question {
        Question::Command { command, reason, .. } => ("command", because(&format!("`{command}`"), reason)),
        Question::Patch { paths, wants_root, reason, .. } => {
            let what = if !wants_root.is_empty() {
                format!("write below {wants_root}")
            } else if paths.is_empty() {
                "a change of files".to_owned()
            } else {
                paths.join(", ")
            };
            ("file change", because(&what, reason))
        }
        Question::Permissions { reason, wanted } => {
            ("permissions", because(wanted.as_deref().unwrap_or("more than it has"), reason))
        }
        Question::UserInput(questions) => {
            let texts: Vec<&str> = questions.iter().map(|question| &*question.text).collect();
            ("question", harmless(&texts.join(" / ")))
        }
        Question::Elicitation { server, message } => ("mcp", harmless(&format!("{server}: {message}"))),
        Question::ToolCall { .. } | Question::CurrentTime | Question::NotOurs(_) | Question::Unknown(_) => {
            return None;
        }
    })
}
