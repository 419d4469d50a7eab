//! What the user and Codex have to say to each other while the loop runs: does what the [`LiveSession`] decides.
//!
//! [`LiveSession`]: crate::live_session::LiveSession

use std::time::Instant;

use clodex_codex::app_server::{AppServerRun, Effect, Reply};
use clodex_core::{LiveFate, Turn};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::Arrived;

use super::Watch;
use crate::conductor::Input;
use crate::conversation::Conversation;
use crate::live_session::{LiveAction, Said};

impl Watch<'_> {
    /// Takes in what the conversation came to, as far as it is about the user.
    pub(super) fn heard(&mut self, effect: Effect) {
        let now = Instant::now();
        let todo = match effect {
            Effect::Asked(number, about) => self.live.asked(number, &about, now),
            Effect::Open(_) => vec![self.live.session.turn_due()],
            Effect::Began => self.live.session.turn_began(),
            Effect::Over if self.listener.folds.story.turn == Turn::Failed => self.live.session.turn_failed(),
            Effect::Over => self.live.session.turn_ended(),
            Effect::Steered(number) => self.live.session.steered(number),
            Effect::NotRead(number) => {
                self.live.session.not_read(number);
                vec![]
            }
            Effect::NotSteered(number, why) => self.live.session.not_steered(number, why),
            Effect::Interrupted => {
                self.listener.folds.progress.turn_interrupted();
                self.live.session.interrupted(now)
            }
            Effect::NotInterrupted(why) => self.live.session.not_interrupted(&why),
            Effect::Resolved(number) => {
                self.live.session.resolved(number);
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
        for Arrived { name, message } in self.live.arrived() {
            let todo = self.live.session.message(name, message);
            self.carry_out(todo);
        }
    }

    /// Time has passed.
    pub(super) fn live_tick(&mut self) {
        let todo = self.live.session.tick(Instant::now());
        self.carry_out(todo);
    }

    /// The run is being ended: whoever waits is told.
    pub(super) fn live_end(&mut self, why: &str) {
        let todo = self.live.session.end(why, LiveFate::Ended);
        self.carry_out(todo);
    }

    /// Shows what is waited for, and keeps the watchdog from taking it for a stall.
    pub(super) fn show_waiting(&mut self) {
        let waits_for = self.live.waits_for();
        let waits = waits_for.is_some();
        self.listener.publisher.waits(self.live.open_requests(), waits_for);
        if waits != self.waits {
            self.waits = waits;
            self.step(if waits { Input::Waits } else { Input::GoesOn });
        }
    }

    fn carry_out(&mut self, todo: Vec<LiveAction>) {
        let now = Instant::now();
        for one in todo {
            match one {
                LiveAction::Steer { number, name, text } => {
                    if self.live.take(&name) {
                        self.with_run(|run| run.steer(number, &text, now));
                    } else {
                        self.live.session.withdrawn(number);
                    }
                }
                LiveAction::Begin { again, said } => {
                    let texts = [again, self.taken(said)].concat();
                    self.with_run(|run| run.begin_turn(&texts, now));
                }
                LiveAction::GoOn { again, said } => self.go_on(again, said, now),
                LiveAction::PutBack(name) => self.live.put_back(&name),
                LiveAction::Interrupt(name) => {
                    if self.live.take(&name) {
                        self.with_run(|run| run.interrupt(now));
                    } else {
                        let todo = self.live.session.taken_back(&name);
                        self.carry_out(todo);
                    }
                }
                LiveAction::Reply { question, reply, name } => self.reply(question, &reply, name),
                LiveAction::Tell { name, fate } => self.live.tell(&name, &fate),
                LiveAction::Close => {
                    if let Conversation::AppServer(talk) = &mut self.listener.conversation {
                        talk.close();
                    }
                }
                LiveAction::GiveUp => self.step(Input::LeftAlone),
            }
        }
    }

    fn go_on(&mut self, again: Vec<String>, said: Vec<Said>, now: Instant) {
        let is_asked_for = !said.is_empty();
        let said = self.taken(said);
        if is_asked_for && said.is_empty() {
            return self.live.session.none_left(again, now);
        }
        let texts = [again, said].concat();
        self.with_run(|run| run.go_on(&texts, now));
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
        let (settled, todo) = self.live.session.replied(question, name, &done);
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
