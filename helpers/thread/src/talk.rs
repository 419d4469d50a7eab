//! A session with somebody on this side: what is heard is shown, questions are answered, limits and Ctrl-C hold. Opens
//! threads and sees turns through to their end.

use std::io::Write;
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::{Configured, OpenThread};
use clodex_codex::app_server::{TurnEnd, TurnSettings};
use clodex_core::Event;
use clodex_json_rpc::Closed;

use crate::approvals::Approvals;
use crate::common_cli::limit_text;
use crate::screen::Screen;
use crate::server::LONG;
use crate::session::{ENDING, Heard, Session};
use crate::stop_signals::{Patience, Stops, interrupted};
use crate::thread_permissions::ResumeSettings;
use crate::trouble::{Kind, Trouble};
use crate::turn_summary::TurnSummary;

/// A session, and who listens.
#[derive(Debug)]
pub struct Talk<W> {
    /// The conversation.
    pub session: Session,
    /// Where it is shown.
    pub screen: Screen<W>,
    /// Who answers.
    pub approvals: Approvals,
    /// What the turn has come to.
    pub turn_summary: TurnSummary,
    /// Its id.
    turn_id: Option<String>,
    /// Ctrl-C.
    pub stops: Stops,
    /// How long Codex may be silent; none = any time.
    pub silence: Option<Duration>,
    /// How long a turn may take; none = any time.
    pub whole: Option<Duration>,
    /// How long a lost connection may take to come back; none = any time.
    pub back_within: Option<Duration>,
    /// How long a thread may take to be open again then; none = any time.
    pub open_within: Option<Duration>,
    /// Why the turn failed, as far as it was told before its end.
    last_error: Option<Trouble>,
    last_heard: Instant,
    to_end_by: Option<Instant>,
}

/// What one step of a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The turn has ended well.
    Ended,
    /// Somebody on this side wants to be heard: see [`Stops::wake_now`].
    Woken,
    /// Something happened, or nothing did.
    Went,
}

impl<W: Write> Talk<W> {
    /// Nothing was said yet.
    pub fn new(session: Session, screen: Screen<W>, approvals: Approvals, stops: Stops) -> Self {
        let (turn_summary, turn_id) = (TurnSummary::default(), None);
        Self {
            session,
            screen,
            approvals,
            turn_summary,
            turn_id,
            stops,
            silence: None,
            whole: None,
            back_within: None,
            open_within: None,
            last_error: None,
            last_heard: Instant::now(),
            to_end_by: None,
        }
    }

    /// Waits until the thread that was asked for is open. How a server is configured is heeded before.
    pub fn opened(
        &mut self,
        mut heed: impl FnMut(&mut Session, &Configured, Option<Instant>) -> Result<(), Trouble>,
    ) -> Result<Box<OpenThread>, Trouble> {
        loop {
            match self.hear(None)? {
                Some(Heard::Configured(configured, until)) => heed(&mut self.session, &configured, until)?,
                Some(Heard::Open(open)) => return Ok(open),
                Some(Heard::NotOpen(trouble)) => return Err(trouble),
                Some(Heard::Closed(closed)) => return Err(lost(&closed)),
                Some(_) | None => self.stops.heed()?,
            }
        }
    }

    /// Says something and sees the turn through to its end, on another connection if need be. One that does not end
    /// well is interrupted, with all that it runs.
    pub fn turn(
        &mut self,
        text: &str,
        how: &TurnSettings<'_>,
        kept: &ResumeSettings<'_>,
    ) -> Result<(), Trouble> {
        self.begin(|session| session.say(&[text], how))?;
        let followed = loop {
            match self.step(kept) {
                Ok(Step::Ended) => break Ok(()),
                Ok(Step::Woken | Step::Went) => {}
                Err(trouble) => break Err(trouble),
            }
        };
        self.end(followed)
    }

    /// Begins a turn, by whatever asks the session for one; then [`step`](Self::step) until it has ended or there is
    /// trouble, and [`end`](Self::end).
    pub fn begin(&mut self, ask: impl FnOnce(&mut Session) -> Result<(), Trouble>) -> Result<(), Trouble> {
        let now = Instant::now();
        self.turn_summary.asked(now);
        self.last_error = None;
        self.turn_id = None;
        self.last_heard = now;
        self.to_end_by = self.whole.map(|whole| now + whole);
        ask(&mut self.session)
    }

    /// Ends what is shown of a turn, and what is asked; where there is trouble the turn is interrupted as well.
    pub fn end(&mut self, followed: Result<(), Trouble>) -> Result<(), Trouble> {
        let shown = self.screen.end_message();
        let is_under_way = |trouble: &Trouble| match trouble.kind {
            Kind::Interrupted
            | Kind::Timeout
            | Kind::Deadline
            | Kind::ReaderGone
            | Kind::Output
            | Kind::Protocol => true,
            Kind::Usage
            | Kind::Unreachable
            | Kind::ConnectionLost
            | Kind::Refused
            | Kind::Thread
            | Kind::Schema
            | Kind::Turn(_) => false,
        };
        let until = if followed.as_ref().is_err_and(is_under_way) {
            self.interrupt()
        } else {
            Instant::now() + ENDING
        };
        // Nobody will be there to answer; whoever cannot be told so asks nothing any more.
        let _ = self.approvals.close(&mut self.session);
        self.session.part(until);
        followed.and(shown)
    }

    /// Hears one thing of the turn. Out of time, and Ctrl-C, are trouble.
    pub fn step(&mut self, kept: &ResumeSettings<'_>) -> Result<Step, Trouble> {
        // Nobody is silent who waits for an answer of ours.
        let was_asked = self.approvals.is_waiting();
        let silence = self.silence.filter(|_| !was_asked);
        let silent = silence.map(|silence| self.last_heard + silence);
        let heard = self.hear(silent.into_iter().chain(self.to_end_by).min())?;
        self.stops.heed()?;
        let now = Instant::now();
        if was_asked {
            self.last_heard = now;
        }
        let is_over = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        match heard {
            Some(Heard::TurnEnded(end)) => return self.ended(end).map(|()| Step::Ended),
            Some(Heard::NoTurn(trouble)) => return Err(trouble),
            Some(Heard::Closed(closed)) => {
                self.come_back(&closed, kept)?;
                self.last_heard = Instant::now();
                return Ok(Step::Went);
            }
            Some(_) | None if is_over(self.to_end_by) => {
                let what = "the turn took longer than";
                return Err(out_of_time(Kind::Deadline, what, "--deadline", self.whole));
            }
            Some(Heard::Woken) => return Ok(Step::Woken),
            Some(heard) if heard.is_life() => self.last_heard = now,
            // Only where nothing waits to be heard: it may be life.
            None if is_over(silent) => {
                let what = "codex has been silent for";
                return Err(out_of_time(Kind::Timeout, what, "--timeout", self.silence));
            }
            Some(_) | None => {}
        }
        Ok(Step::Went)
    }

    /// Hears what comes next and does what has to be done about it here.
    fn hear(&mut self, until: Option<Instant>) -> Result<Option<Heard>, Trouble> {
        self.approvals.expire(&mut self.session)?;
        let until = until.into_iter().chain(self.approvals.deadline()).min();
        let Some(heard) = self.session.next(until) else { return Ok(None) };
        if let (None, Some(id)) = (&self.turn_id, self.session.turn()) {
            self.turn_id = Some(id.to_owned());
        }
        self.turn_summary.hear(&heard, Instant::now());
        self.screen.hear(&heard)?;
        match heard {
            Heard::Asked(question) => {
                self.approvals.asked(&mut self.session, question)?;
                return Ok(Some(Heard::Other));
            }
            Heard::Resolved(id) => {
                self.approvals.resolved(&id);
                return Ok(Some(Heard::Other));
            }
            Heard::AsksNoMore(turn) => {
                self.approvals.turn_ended(&mut self.session, &turn)?;
                return Ok(Some(Heard::Other));
            }
            Heard::Woken => self.approvals.answer(&mut self.session)?,
            Heard::TurnBegun(id) => {
                self.turn_id = Some(id.clone());
                return Ok(Some(Heard::TurnBegun(id)));
            }
            Heard::Event(Event::Error { message, kind }) => {
                self.last_error = Some(Trouble::new(Kind::Turn(kind), message.into_owned()));
                return Ok(Some(Heard::Other));
            }
            other => return Ok(Some(other)),
        }
        Ok(Some(Heard::Woken))
    }

    /// After a lost connection: the turn goes on, or has ended meanwhile, or what became of it is unknown.
    fn come_back(&mut self, closed: &Closed, kept: &ResumeSettings<'_>) -> Result<(), Trouble> {
        self.screen.remark(&format!("codex is gone: {closed}; coming back"));
        self.approvals.forget();
        let patience = Patience::new(&self.stops);
        let until = Instant::now() + self.back_within.unwrap_or(LONG);
        let until = self.to_end_by.map_or(until, |end| until.min(end));
        let back = self.session.come_back(until, self.open_within, kept, &patience);
        if let Some(signal) = patience.ended_by() {
            return Err(interrupted(signal));
        }
        if back.as_ref().is_err_and(|why| why.kind == Kind::Refused) {
            // What goes on there is not held.
            self.interrupt();
        }
        back.map_err(|why| Trouble { message: format!("{}; {}", lost(closed).message, why.message), ..why })?;
        self.turn_id = self.session.turn().map(str::to_owned).or(self.turn_id.take());
        Ok(())
    }

    fn ended(&mut self, end: TurnEnd<'static>) -> Result<(), Trouble> {
        Err(match end {
            TurnEnd::Completed => return Ok(()),
            TurnEnd::Interrupted => {
                Trouble::new(Kind::Interrupted, "another client has interrupted the turn")
            }
            TurnEnd::Failed { message, kind } => match self.last_error.take() {
                Some(told) if message.is_empty() => told,
                None if message.is_empty() => {
                    Trouble::new(Kind::Turn(kind), "the turn failed, and codex does not say why")
                }
                Some(_) | None => Trouble::new(Kind::Turn(kind), message.into_owned()),
            },
            TurnEnd::Unknown(word) => {
                Trouble::new(Kind::Protocol, format!("the turn ended as `{word}`, which is not known here"))
            }
        })
    }

    /// The turn, as soon as it has an id, and when it is over, too.
    pub fn turn_id(&self) -> Option<&str> {
        self.turn_id.as_deref().or(self.session.turn())
    }

    /// Ends the turn, those of its sub-agents, and what they run, and waits for that, but not for ever, and not when it is
    /// asked once more. Until when anything may take now.
    pub fn interrupt(&mut self) -> Instant {
        self.approvals.dismiss();
        let deadline = Instant::now() + self.session.ending();
        if self.session.interrupt().is_err() {
            return deadline;
        }
        while self.session.is_ending() && Instant::now() < deadline {
            if self.stops.arrived.try_recv().is_ok() {
                return Instant::now();
            }
            let Some(heard) = self.session.next(Some(deadline)) else { break };
            self.turn_summary.hear(&heard, Instant::now());
            match heard {
                Heard::Cleaned(Some(why)) => {
                    self.screen
                        .remark(&format!("cannot end what the turn has left running: {}", why.message));
                }
                Heard::TurnBegun(id) => self.turn_id = Some(id),
                Heard::Asked(question) => {
                    // Whoever cannot be told no is not there any more, which is heard as well.
                    let _ = self.approvals.turn_away(&mut self.session, question);
                }
                Heard::AsksNoMore(turn) => {
                    let _ = self.approvals.turn_ended(&mut self.session, &turn);
                }
                Heard::Resolved(id) => self.approvals.resolved(&id),
                Heard::Closed(_) => break,
                Heard::Cleaned(None)
                | Heard::NoTurn(_)
                | Heard::Configured(..)
                | Heard::Open(_)
                | Heard::NotOpen(_)
                | Heard::Part(_)
                | Heard::Event(_)
                | Heard::Tokens { .. }
                | Heard::TokensBefore(_)
                | Heard::ModelIs(_)
                | Heard::Steered(_)
                | Heard::NotSteered(..)
                | Heard::NotRead(_)
                | Heard::Threads(..)
                | Heard::Models(_)
                | Heard::TurnEnded(_)
                | Heard::Other
                | Heard::Elsewhere
                | Heard::Woken => {}
            }
        }
        deadline
    }
}

fn lost(closed: &Closed) -> Trouble {
    Trouble::new(Kind::ConnectionLost, format!("codex is gone: {closed}"))
}

fn out_of_time(kind: Kind, what: &str, flag: &str, limit: Option<Duration>) -> Trouble {
    let limit = limit_text(limit.unwrap_or_default());
    Trouble::new(kind, format!("{what} {limit}\nhint: {flag} sets the limit, 0 takes it away"))
}
