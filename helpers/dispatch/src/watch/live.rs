//! What the user and Codex have to say to each other while the loop runs: does what the [`Desk`] decides.
//!
//! [`Desk`]: crate::desk::Desk

use std::time::Instant;

use clodex_codex::app_server::{AppServerRun, Effect, Reply};
use clodex_core::Turn;
use clodex_os::clock::Timestamp;

use super::Watch;
use crate::conductor::Input;
use crate::conversation::Conversation;
use crate::desk::{Do, Said};

impl Watch<'_> {
    /// Takes in what the conversation came to, as far as it is about the user.
    pub(super) fn heard(&mut self, effect: Effect) {
        let now = Instant::now();
        let todo = match effect {
            Effect::Asked(number, about) => self.live.asked(number, &about, now),
            Effect::Open(_) => vec![self.live.desk.turn_due()],
            Effect::Began => self.live.desk.turn_began(),
            Effect::Over if self.listener.folds.story.turn == Turn::Failed => self.live.desk.turn_failed(),
            Effect::Over => self.live.desk.turn_ended(),
            Effect::Steered(number) => self.live.desk.steered(number),
            Effect::NotSteered(number, why) => self.live.desk.not_steered(number, why),
            Effect::Interrupted => {
                self.listener.folds.progress.turn_interrupted();
                self.listener.folds.story.stream_ended();
                self.live.desk.interrupted(now)
            }
            Effect::NotInterrupted(why) => self.live.desk.not_interrupted(&why),
            Effect::Resolved(number) => {
                self.live.desk.resolved(number);
                vec![]
            }
            // Not about the user.
            Effect::Say(_)
            | Effect::Event(_)
            | Effect::Greeted(_)
            | Effect::RateLimits(_)
            | Effect::Failed(..) => vec![],
        };
        self.carry_out(todo);
    }

    /// Something has come into the inbox.
    pub(super) fn inbox_changed(&mut self) {
        let todo = self.live.arrived();
        self.carry_out(todo);
    }

    /// Time has passed.
    pub(super) fn live_tick(&mut self) {
        let todo = self.live.desk.tick(Instant::now());
        self.carry_out(todo);
    }

    /// The run is being ended: whoever waits is told.
    pub(super) fn live_end(&mut self, why: &str) {
        let todo = self.live.desk.end(why);
        self.carry_out(todo);
    }

    /// Shows what is waited for, and keeps the watchdog from taking it for a stall.
    pub(super) fn show_waiting(&mut self) {
        let waits_for = self.live.waits_for();
        let waits = waits_for.is_some();
        self.listener.board.waits(self.live.open_requests(), waits_for);
        if waits != self.waits {
            self.waits = waits;
            self.step(if waits { Input::Waits } else { Input::GoesOn });
        }
    }

    fn carry_out(&mut self, todo: Vec<Do>) {
        let now = Instant::now();
        for one in todo {
            match one {
                Do::Steer { number, name, text } => {
                    if self.live.take(&name) {
                        self.with_run(|run| run.steer(number, &text, now));
                    } else {
                        self.live.desk.withdrawn(number);
                    }
                }
                Do::Begin(said) => {
                    let texts = self.taken(said);
                    self.with_run(|run| run.begin_turn(&texts, now));
                }
                Do::GoOn(said) => match self.taken(said).as_slice() {
                    [] => self.live.desk.none_left(now),
                    texts => self.with_run(|run| run.go_on(texts, now)),
                },
                Do::PutBack(name) => self.live.put_back(&name),
                Do::Interrupt(name) => {
                    if self.live.take(&name) {
                        self.with_run(|run| run.interrupt(now));
                    } else {
                        self.live.desk.taken_back(&name);
                    }
                }
                Do::Reply { question, reply, name } => self.reply(question, &reply, name),
                Do::Tell { name, fate } => self.live.tell(&name, &fate),
                Do::Close => {
                    if let Conversation::AppServer(talk) = &mut self.listener.conversation {
                        talk.close();
                    }
                }
                Do::GiveUp => self.step(Input::LeftAlone),
            }
        }
    }

    /// Takes messages up; what was taken back is not said.
    fn taken(&mut self, said: Vec<Said>) -> Vec<String> {
        said.into_iter().filter(|said| self.live.take(&said.name)).map(|said| said.text).collect()
    }

    fn reply(&mut self, question: u64, reply: &Reply, name: Option<String>) {
        let unix_now = Timestamp::now().unix_ms() / 1000;
        let mut done = Ok(());
        if let Some(name) = &name {
            self.live.take(name);
        }
        let by_user = name.is_some();
        self.with_run(|run| done = run.reply(question, reply, unix_now));
        let (settled, todo) = self.live.desk.replied(question, name, &done);
        if let Some(settled) = settled {
            self.live.settled(&settled, reply, by_user);
        }
        self.carry_out(todo);
    }

    fn with_run(&mut self, act: impl FnOnce(&mut AppServerRun)) {
        let Conversation::AppServer(talk) = &mut self.listener.conversation else { return };
        let effects = talk.follow(act);
        self.follow(effects);
    }
}
