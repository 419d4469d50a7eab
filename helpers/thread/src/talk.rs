//! A session with somebody on this side: what is heard is shown, questions are answered, limits and Ctrl-C hold. Opens
//! threads and sees turns through to their end.

use std::io::Write;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use clodex_codex::app_server::call::{Call, OpenThread};
use clodex_codex::app_server::{TurnEnd, TurnSettings};
use clodex_core::Event;
use clodex_json_rpc::Closed;

use crate::approvals::Approvals;
use crate::screen::Screen;
use crate::session::{Heard, Session};
use crate::stops::{Stops, interrupted};
use crate::story::Story;
use crate::trouble::{Kind, Trouble};

/// How long an interrupted turn may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// How long a lost connection may take to come back, unless it is said otherwise.
const BACK: Duration = Duration::from_secs(10);

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
    pub story: Story,
    /// Its id.
    turn_id: Option<String>,
    /// Ctrl-C.
    pub stops: Stops,
    /// How long Codex may be silent; none = any time.
    pub silence: Option<Duration>,
    /// How long a turn may take; none = any time.
    pub whole: Option<Duration>,
    /// How long a lost connection may take to come back.
    pub back_within: Duration,
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
        let (story, turn_id) = (Story::default(), None);
        Self {
            session,
            screen,
            approvals,
            story,
            turn_id,
            stops,
            silence: None,
            whole: None,
            back_within: BACK,
            last_error: None,
            last_heard: Instant::now(),
            to_end_by: None,
        }
    }

    /// Opens a thread and waits until it is open.
    pub fn open<C: Call<Answer = OpenThread>>(
        &mut self,
        call: &C,
        limit: Option<Duration>,
    ) -> Result<Box<OpenThread>, Trouble> {
        self.session.open(call, limit)?;
        loop {
            match self.hear(None)? {
                Some(Heard::Open(open)) => return Ok(open),
                Some(Heard::NotOpen(trouble)) => return Err(trouble),
                Some(Heard::Closed(closed)) => return Err(lost(&closed)),
                Some(_) | None => self.stop_asked_for()?,
            }
        }
    }

    /// Says something and sees the turn through to its end. One that does not end well is interrupted, with all that it
    /// runs.
    pub fn turn(&mut self, text: &str, how: &TurnSettings<'_>) -> Result<(), Trouble> {
        self.begin(|session| session.say(text, how))?;
        let followed = loop {
            match self.step() {
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
        self.story.asked(now);
        self.last_error = None;
        self.turn_id = None;
        self.last_heard = now;
        self.to_end_by = self.whole.map(|whole| now + whole);
        ask(&mut self.session)
    }

    /// Ends what is shown of a turn; where there is trouble the turn is interrupted as well.
    pub fn end(&mut self, followed: Result<(), Trouble>) -> Result<(), Trouble> {
        let shown = self.screen.end_message();
        let is_under_way = |trouble: &Trouble| match trouble.kind {
            Kind::Interrupted | Kind::Timeout | Kind::Deadline | Kind::ReaderGone | Kind::Output => true,
            Kind::Usage
            | Kind::Unreachable
            | Kind::ConnectionLost
            | Kind::Refused
            | Kind::Thread
            | Kind::Protocol
            | Kind::Turn(_) => false,
        };
        if followed.as_ref().is_err_and(is_under_way) {
            self.interrupt();
        }
        followed.and(shown)
    }

    /// Hears one thing of the turn. Out of time, and Ctrl-C, are trouble.
    pub fn step(&mut self) -> Result<Step, Trouble> {
        // Nobody is silent who waits for an answer of ours.
        let silence = self.silence.filter(|_| !self.approvals.is_waiting());
        let silent = silence.map(|silence| self.last_heard + silence);
        let heard = self.hear(silent.into_iter().chain(self.to_end_by).min())?;
        self.stop_asked_for()?;
        let now = Instant::now();
        let is_over = |end: Option<Instant>| end.is_some_and(|end| end <= now);
        match heard {
            Some(Heard::TurnEnded(end)) => return self.ended(end).map(|()| Step::Ended),
            Some(Heard::NoTurn(trouble)) => return Err(trouble),
            Some(Heard::Closed(closed)) => {
                self.come_back(&closed)?;
                self.last_heard = Instant::now();
                return Ok(Step::Went);
            }
            Some(_) | None if is_over(self.to_end_by) => {
                let what = "the turn took longer than";
                return Err(out_of_time(Kind::Deadline, what, "--deadline", self.whole));
            }
            Some(Heard::Woken) => return Ok(Step::Woken),
            Some(_) => self.last_heard = now,
            None if is_over(silent) => {
                let what = "codex has been silent for";
                return Err(out_of_time(Kind::Timeout, what, "--timeout", self.silence));
            }
            None => {}
        }
        Ok(Step::Went)
    }

    /// Hears what comes next and does what has to be done about it here.
    fn hear(&mut self, until: Option<Instant>) -> Result<Option<Heard>, Trouble> {
        let Some(heard) = self.session.next(until) else { return Ok(None) };
        self.story.hear(&heard, Instant::now());
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
    fn come_back(&mut self, closed: &Closed) -> Result<(), Trouble> {
        self.screen.remark(&format!("codex is gone: {closed}; coming back"));
        self.approvals.forget();
        let mut stopped = None;
        let stops = &self.stops.arrived;
        let mut wait = |pause| match stops.recv_timeout(pause) {
            Ok(signal) => {
                stopped = Some(signal);
                ControlFlow::Break(())
            }
            Err(_) => ControlFlow::Continue(()),
        };
        let until = Instant::now() + self.back_within;
        let until = self.to_end_by.map_or(until, |end| until.min(end));
        let back = self.session.come_back(until, &mut wait);
        if let Some(signal) = stopped {
            return Err(interrupted(signal));
        }
        back.map_err(|why| Trouble { message: format!("{}; {}", lost(closed).message, why.message), ..why })?;
        self.turn_id = self.session.turn().map(str::to_owned).or(self.turn_id.take());
        Ok(())
    }

    fn stop_asked_for(&self) -> Result<(), Trouble> {
        self.stops.arrived.try_recv().map_or(Ok(()), |signal| Err(interrupted(signal)))
    }

    fn ended(&mut self, end: TurnEnd<'static>) -> Result<(), Trouble> {
        Err(match end {
            TurnEnd::Completed => return Ok(()),
            TurnEnd::Interrupted => Trouble::new(Kind::Interrupted, "somebody else has interrupted the turn"),
            TurnEnd::Failed { message, kind } => match self.last_error.take() {
                Some(told) if message.is_empty() => told,
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

    /// Ends the turn and what it runs, and waits for that, but not for ever, and not when it is asked once more.
    pub fn interrupt(&mut self) {
        let deadline = Instant::now() + ENDING;
        if self.session.interrupt().is_err() {
            return;
        }
        while Instant::now() < deadline && self.stops.arrived.try_recv().is_err() {
            let Some(heard) = self.session.next(Some(deadline)) else { return };
            self.story.hear(&heard, Instant::now());
            match heard {
                Heard::Cleaned(why) => {
                    if let Some(why) = why {
                        self.screen
                            .remark(&format!("cannot end what the turn has left running: {}", why.message));
                    }
                    return;
                }
                Heard::TurnBegun(id) => self.turn_id = Some(id),
                Heard::NoTurn(_) | Heard::Closed(_) => return,
                // Nobody is asked any more: what waits goes with its turn.
                Heard::Asked(_)
                | Heard::Open(_)
                | Heard::NotOpen(_)
                | Heard::Part(_)
                | Heard::Event(_)
                | Heard::Tokens { .. }
                | Heard::TokensBefore(_)
                | Heard::ModelIs(_)
                | Heard::Resolved(_)
                | Heard::Steered(_)
                | Heard::NotSteered(..)
                | Heard::TurnEnded(_)
                | Heard::Other
                | Heard::Woken => {}
            }
        }
    }
}

fn lost(closed: &Closed) -> Trouble {
    Trouble::new(Kind::ConnectionLost, format!("codex is gone: {closed}"))
}

fn out_of_time(kind: Kind, what: &str, flag: &str, limit: Option<Duration>) -> Trouble {
    let limit = limit.unwrap_or_default();
    Trouble::new(kind, format!("{what} {limit:?}\nhint: {flag} sets the limit, 0 takes it away"))
}
