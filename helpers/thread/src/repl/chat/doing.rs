//! What a line asks for, done.

use std::time::Instant;

use clodex_codex::app_server::call::{ListModels, ListThreads, Model, ReviewTarget, StartReview, Thread};
use clodex_core::Tone;
use clodex_os::atomic_file::{self, Durability};

use super::{Chat, State};
use crate::repl::deed::Deed;
use crate::repl::line::{COMMANDS, Review};
use crate::repl::pieces::Pieces;
use crate::repl::tell;
use crate::story::Story;
use crate::trouble::{Kind, Trouble};

/// How many threads are listed.
const LISTED: u32 = 20;

impl Chat<'_> {
    /// Does it. Trouble that comes of it is told, and the talk goes on.
    pub(super) fn perform(&mut self, deed: Deed) -> Result<(), Trouble> {
        let done = match self.state {
            State::None => self.without_thread(deed),
            State::Opening | State::Idle | State::Turn { .. } => self.with_thread(deed),
        };
        match done {
            Err(trouble) if trouble.kind == Kind::Output => Err(trouble),
            // The connection's end is heard as well, and says more.
            Err(trouble) if trouble.kind == Kind::ConnectionLost => Ok(()),
            Err(trouble) => {
                self.trouble(&trouble);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn without_thread(&mut self, deed: Deed) -> Result<(), Trouble> {
        match deed {
            Deed::Nothing => self.open_new(),
            Deed::Send(text) if matches!(text.to_ascii_lowercase().as_str(), "y" | "yes") => self.open_new(),
            Deed::Send(_) | Deed::Fork | Deed::Review(_) | Deed::Compact | Deed::Tell => {
                self.note(Tone::Warn, "there is no thread: /new begins one, /resume goes on with another");
                Ok(())
            }
            other => self.with_thread(other),
        }
    }

    fn with_thread(&mut self, deed: Deed) -> Result<(), Trouble> {
        match deed {
            Deed::Nothing | Deed::Leave => Ok(()),
            Deed::Say(text) => {
                self.note(Tone::Warn, &text);
                Ok(())
            }
            Deed::Help => self.say(&tell::help(&COMMANDS)),
            Deed::Send(text) => self.send(&text),
            Deed::Steer(text) => self.steer(text),
            Deed::Interrupt => self.interrupt(),
            Deed::Answer(answer) => self.answer(answer),
            Deed::Review(what) => self.review(&what),
            Deed::Compact => self.compact(),
            Deed::Tell => self.tell(),
            Deed::New => self.open_new(),
            Deed::Fork => {
                let id = self.session.thread().unwrap_or_default().to_owned();
                self.fork(&id)
            }
            Deed::Resume(id) => self.resume_named(id),
            Deed::List => self.list(),
            Deed::Models => self.models(),
            Deed::Model(name, effort) => {
                let effort_text =
                    effort.as_ref().map_or_else(String::new, |effort| format!(", effort {effort}"));
                self.note(Tone::Dim, &format!("from the next turn on: {name}{effort_text}"));
                self.manner.model = Some(name);
                self.manner.effort = effort.or(self.manner.effort.take());
                Ok(())
            }
        }
    }

    pub(super) fn send(&mut self, text: &str) -> Result<(), Trouble> {
        self.session.say(text, &self.manner.turn())?;
        self.turn_asked();
        Ok(())
    }

    fn turn_asked(&mut self) {
        let now = Instant::now();
        self.story = Story::default();
        self.story.asked(now);
        self.pieces = Pieces::new(self.display.columns());
        self.heard_at = now;
        self.last_error = None;
        self.enter(State::Turn { since: now, ends_by: None });
    }

    /// Says it to the turn that runs; to one that has not started yet, as soon as it has.
    pub(super) fn steer(&mut self, text: String) -> Result<(), Trouble> {
        if !self.session.can_be_steered() {
            self.to_say.push_back(text);
            return Ok(());
        }
        let number = self.session.steer(&text)?;
        self.steering.insert(number, text);
        Ok(())
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
        let model = self.manner.model.clone().or_else(|| self.model.clone());
        let lines = tell::thread(&tell::ThisThread {
            id: self.session.thread().unwrap_or_default(),
            model: model.as_deref().unwrap_or("unknown"),
            workdir: &self.manner.workdir,
            server: self.session.place(),
            turn: self.session.turn(),
            tokens: self.tokens,
        });
        self.say(&lines)
    }

    fn list(&mut self) -> Result<(), Trouble> {
        let threads = self.threads()?;
        let lines = tell::threads(&threads, self.session.thread(), self.display.columns());
        self.listed = threads.into_iter().map(|thread| thread.id).collect();
        self.say(&lines)
    }

    fn threads(&mut self) -> Result<Vec<Thread>, Trouble> {
        let call =
            ListThreads { cwd: Some(&self.manner.workdir), limit: Some(LISTED), ..ListThreads::default() };
        Ok(self.session.ask(&call)?.data)
    }

    /// By its id, by its number in the list, or the latest that is not this one.
    fn resume_named(&mut self, named: Option<String>) -> Result<(), Trouble> {
        let nothing = |what: &str| {
            Trouble::new(Kind::Thread, format!("{what}; /list lists the threads of this directory"))
        };
        let id = if let Some(name) = named {
            let number = name.parse::<usize>().ok();
            let listed =
                number.map(|number| number.checked_sub(1).and_then(|at| self.listed.get(at)).cloned());
            match listed {
                Some(listed) => listed.ok_or_else(|| nothing(&format!("no thread {name} was listed")))?,
                None => name,
            }
        } else {
            let threads = self.threads()?;
            let latest = threads.into_iter().find(|thread| Some(thread.id.as_str()) != self.session.thread());
            latest.ok_or_else(|| nothing("there is no other thread"))?.id
        };
        self.resume(&id)
    }

    fn models(&mut self) -> Result<(), Trouble> {
        let models: Vec<Model> = self.session.ask(&ListModels {})?.data;
        let now = self.manner.model.as_deref().or(self.model.as_deref());
        let lines = tell::models(&models, now);
        self.say(&lines)
    }

    /// Keeps the answer where it is to be kept, too.
    pub(super) fn keep_answer(&mut self) -> Result<(), Trouble> {
        let (Some(path), Some(answer)) = (self.manner.out(), self.story.last_message()) else {
            return Ok(());
        };
        atomic_file::replace(path, answer.as_bytes(), Durability::Cached)
            .map_err(|error| Trouble::new(Kind::Output, format!("cannot keep the answer: {error}")))
    }
}
