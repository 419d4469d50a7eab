//! What a line asks for, done.

use std::time::Instant;

use clodex_codex::app_server::call::{ReviewTarget, StartReview};
use clodex_core::{ExitCode, Tone};

use super::{Chat, State, Untaken};
use crate::answer_file;
use crate::opening::Wish;
use crate::repl::line::{COMMANDS, Review};
use crate::repl::line_action::LineAction;
use crate::repl::listings;
use crate::session::ThreadsFor;
use crate::trouble::{Kind, Trouble};
use crate::turn_summary::TurnSummary;

impl Chat<'_> {
    /// Does it. Trouble that comes of it is told, and the talk goes on.
    pub(super) fn perform(&mut self, action: LineAction) -> Result<(), Trouble> {
        let done = match self.state {
            State::None => self.without_thread(action),
            State::Opening | State::Idle | State::Turn { .. } => self.with_thread(action),
        };
        match done {
            Err(trouble) if matches!(trouble.kind, Kind::Output | Kind::ReaderGone) => Err(trouble),
            // The connection's end is heard as well, and says more.
            Err(trouble) if trouble.kind == Kind::ConnectionLost => Ok(()),
            Err(trouble) => {
                self.trouble(&trouble);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn without_thread(&mut self, action: LineAction) -> Result<(), Trouble> {
        match action {
            LineAction::Nothing => self.open(Wish::New),
            LineAction::Send(text) if matches!(text.to_ascii_lowercase().as_str(), "y" | "yes") => {
                self.open(Wish::New)
            }
            LineAction::Send(_)
            | LineAction::Fork
            | LineAction::Review(_)
            | LineAction::Compact
            | LineAction::Tell => {
                self.note(Tone::Warn, "there is no thread: /new begins one, /resume goes on with another");
                Ok(())
            }
            other => self.with_thread(other),
        }
    }

    fn with_thread(&mut self, action: LineAction) -> Result<(), Trouble> {
        match action {
            LineAction::Nothing | LineAction::Leave => Ok(()),
            LineAction::Say(text) => {
                self.note(Tone::Warn, &text);
                Ok(())
            }
            LineAction::Misread(why) => {
                if self.options.is_script {
                    self.failed(ExitCode::Usage);
                }
                self.note(Tone::Warn, &why);
                Ok(())
            }
            LineAction::Help => self.say(&listings::help(&COMMANDS, self.display.columns())),
            LineAction::Send(text) => self.send(&text),
            LineAction::Steer(text) => self.steer(text),
            LineAction::Interrupt => self.interrupt(),
            LineAction::Answer(answer) => self.answer(answer),
            LineAction::Review(what) => self.review(&what),
            LineAction::Compact => self.compact(),
            LineAction::Tell => self.tell(),
            LineAction::New => self.open(Wish::New),
            LineAction::Fork => {
                let id = self.session.thread().unwrap_or_default().to_owned();
                self.open(Wish::Fork(id))
            }
            LineAction::Resume(id) => self.resume_named(id),
            LineAction::List => self.ask_for_threads(ThreadsFor::Listing),
            LineAction::Models => self.session.list_models(),
            LineAction::Model(name, effort) => {
                let effort_text =
                    effort.as_ref().map_or_else(String::new, |effort| format!(", effort {effort}"));
                self.note(Tone::Dim, &format!("from the next turn on: {name}{effort_text}"));
                self.options.model = Some(name);
                self.options.effort = effort.or(self.options.effort.take());
                Ok(())
            }
        }
    }

    pub(super) fn send(&mut self, text: &str) -> Result<(), Trouble> {
        self.untaken = Untaken::BeginsTurn;
        let texts: Vec<&str> = self.put_off.iter().map(String::as_str).chain([text]).collect();
        let asked = self.session.say(&texts, &self.options.turn());
        if asked.as_ref().is_err_and(|trouble| trouble.kind == Kind::ConnectionLost) {
            // It has not left, and does when there is a connection again.
            self.to_say.push_back(text.to_owned());
        }
        asked?;
        self.put_off.clear();
        self.turn_asked();
        self.has_schema = true;
        Ok(())
    }

    fn turn_asked(&mut self) {
        let now = Instant::now();
        self.turn_id = None;
        self.turn_summary = TurnSummary::default();
        self.turn_summary.asked(now);
        self.pieces = self.display.pieces();
        self.heard_at = now;
        (self.last_error, self.ended) = (None, None);
        (self.untaken, self.has_schema) = (Untaken::BeginsTurn, false);
        self.taken.clear();
        self.enter(State::Turn { since: now, ends_by: None });
    }

    /// Says it to the turn that runs; to one that has not started yet, as soon as it has.
    pub(super) fn steer(&mut self, text: String) -> Result<(), Trouble> {
        if !self.session.can_be_steered() {
            self.to_say.push_back(text);
            return Ok(());
        }
        match self.session.steer(&text) {
            Ok(number) => {
                self.steering.insert(number, text);
                Ok(())
            }
            Err(trouble) => {
                // It has not left, and does when it can.
                self.to_say.push_back(text);
                Err(trouble)
            }
        }
    }

    fn review(&mut self, what: &Review) -> Result<(), Trouble> {
        let thread_id = self.session.thread().unwrap_or_default().to_owned();
        let target = match what {
            Review::Uncommitted => ReviewTarget::UncommittedChanges,
            Review::Base(branch) => ReviewTarget::BaseBranch { branch },
            Review::Commit(sha) => ReviewTarget::Commit { sha },
            Review::Words(instructions) => ReviewTarget::Custom { instructions },
        };
        self.session.begin_turn(&StartReview { thread_id: &thread_id, target })?;
        self.turn_asked();
        Ok(())
    }

    fn compact(&mut self) -> Result<(), Trouble> {
        self.session.compact()?;
        self.turn_asked();
        Ok(())
    }

    fn tell(&mut self) -> Result<(), Trouble> {
        let model = self.options.model.clone().or_else(|| self.model.clone());
        let lines = listings::thread(&listings::ThisThread {
            id: self.session.thread().unwrap_or_default(),
            model: model.as_deref().unwrap_or("unknown"),
            workdir: &self.options.workdir,
            server: self.session.place(),
            turn: self.session.turn(),
            tokens: self.tokens,
        });
        self.say(&lines)
    }

    /// Keeps the answer where it is to be kept, too.
    pub(super) fn keep_answer(&mut self) -> Result<(), Trouble> {
        let (Some(path), Some(answer)) = (self.options.out(), self.turn_summary.last_message()) else {
            return Ok(());
        };
        answer_file::keep(path, answer)
    }
}
