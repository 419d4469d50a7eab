//! What ends before its time: Ctrl-C, limits, and leaving; and what is waited for until it has ended.

use std::time::{Duration, Instant};

use clodex_codex::app_server::TurnEnd;
use clodex_core::{ExitCode, Tone};
use clodex_os::signals::StopSignal;

use super::threads::UNKNOWN;
use super::{Chat, State, Untaken};
use crate::common_cli::limit_text;
use crate::repl::line_action::NO_TURN;
use crate::session::{ENDING, Heard};
use crate::trouble::{Kind, Trouble};

/// What is heard of a turn's end before somebody leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnEndIs {
    /// It has ended, or there was none.
    Known,
    /// It may run on.
    Unknown,
}

impl Chat<'_> {
    /// Signals: the terminal gives Ctrl-C as something typed, everybody else sends one.
    pub(super) fn stopped(&mut self) -> Result<Option<ExitCode>, Trouble> {
        while let Ok(signal) = self.options.stops.arrived.try_recv() {
            let again = std::mem::replace(&mut self.was_interrupted, true);
            match signal {
                StopSignal::Interrupt if !again => self.interrupt_by_key()?,
                StopSignal::Interrupt | StopSignal::Terminate | StopSignal::HangUp => {
                    return Ok(Some(ExitCode::Cancelled));
                }
            }
        }
        Ok(None)
    }

    pub(super) fn interrupt_by_key(&mut self) -> Result<(), Trouble> {
        if let State::Turn { .. } = self.state {
            return self.interrupt();
        }
        if self.is_outlived() {
            self.interrupt()?;
        } else if !self.options.is_script {
            self.note(Tone::Dim, "Ctrl-C again, or Ctrl-D, leaves");
        }
        if self.options.is_script {
            return Err(Trouble::new(Kind::Interrupted, "interrupted by Ctrl-C"));
        }
        Ok(())
    }

    /// Whether the turn is over and sub-agents of it work on.
    pub(super) fn is_outlived(&self) -> bool {
        self.state == State::Idle && self.session.has_sub_agents_at_work()
    }

    /// Ends the turn, or what has outlived it, and what that runs. It is a turn until then.
    pub(super) fn interrupt(&mut self) -> Result<(), Trouble> {
        let end = Instant::now() + self.ending();
        match &mut self.state {
            State::Turn { ends_by, .. } => {
                ends_by.get_or_insert(end);
            }
            State::Idle if self.session.has_sub_agents_at_work() => {
                self.enter(State::Turn { since: Instant::now(), ends_by: Some(end) });
            }
            State::Opening | State::None | State::Idle => {
                self.note(Tone::Warn, NO_TURN);
                return Ok(());
            }
        }
        self.untaken = Untaken::WaitsForMessage;
        self.session.interrupt()
    }

    /// How long an interrupted turn may take to end. Codex keeps no ephemeral thread: it is gone with its server.
    fn ending(&self) -> Duration {
        if self.options.cli.ephemeral { ENDING } else { self.session.ending() }
    }

    /// When something has to be done even though nothing happens.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let asked = self.questions.front().and_then(|open| open.deadline);
        let State::Turn { since, ends_by } = self.state else { return asked };
        if ends_by.is_some() {
            return ends_by;
        }
        let silent = self.options.cli.time.silence().filter(|_| self.questions.is_empty());
        let silent = silent.map(|limit| self.heard_at + limit);
        let whole = self.options.cli.time.whole().map(|limit| since + limit);
        [asked, silent, whole].into_iter().flatten().min()
    }

    /// `is_quiet`: nothing waits to be heard.
    pub(super) fn look_at_the_clock(&mut self, is_quiet: bool) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let State::Turn { since, ends_by } = self.state else { return self.answer_late() };
        if ends_by.is_some() {
            return self.give_up();
        }
        let time = &self.options.cli.time;
        let over = time.whole().filter(|limit| since + *limit <= now);
        if over.is_none() && !self.questions.is_empty() {
            return self.answer_late();
        }
        if over.is_none() && !is_quiet {
            return Ok(());
        }
        let why = if let Some(limit) = over {
            format!("the turn took {} and is interrupted", limit_text(limit))
        } else {
            let silence = limit_text(time.silence().unwrap_or_default());
            format!("Codex was silent for {silence}, and the turn is interrupted")
        };
        self.note(Tone::Bad, &why);
        self.failed(ExitCode::Watchdog);
        self.interrupt()
    }

    /// The turn of the thread is over. One that was interrupted is told to be when nothing of it runs.
    pub(super) fn turn_ended(&mut self, end: TurnEnd<'static>) -> Result<(), Trouble> {
        let State::Turn { .. } = self.state else { return Ok(()) };
        if end == TurnEnd::Interrupted && !self.session.is_ending() {
            // By an answer, or by somebody else. Where that cannot be, the connection's end is heard as well.
            let _ = self.interrupt();
        }
        self.ended.get_or_insert(end);
        if self.session.is_ending() { Ok(()) } else { self.go_on() }
    }

    /// Nothing that was to end runs any more, or it could not be ended.
    pub(super) fn cleaned(&mut self, why_not: Option<&Trouble>) -> Result<(), Trouble> {
        let is_awaited = matches!(self.state, State::Turn { .. }) && !self.session.has_turn();
        if let Some(trouble) = why_not {
            self.note(Tone::Bad, "what the turn has left running could not be ended:");
            self.trouble(trouble);
        } else if is_awaited && self.ended.is_none() {
            self.enter(State::Idle);
            self.note(Tone::Warn, "what its sub-agents did is ended");
        }
        if is_awaited { self.go_on() } else { Ok(()) }
    }

    /// Nobody waits for an end any longer.
    fn go_on(&mut self) -> Result<(), Trouble> {
        self.tell_what_has_ended()?;
        self.enter(State::Idle);
        self.say_what_waits()
    }

    /// Tells the end of the turn that was not told yet.
    pub(super) fn tell_what_has_ended(&mut self) -> Result<(), Trouble> {
        self.ended.take().map_or(Ok(()), |end| self.tell_end(&end))
    }

    /// What was interrupted does not end: a server of ours does, and another one is started. With somebody else's nobody
    /// can go on whose turn is not over.
    fn give_up(&mut self) -> Result<(), Trouble> {
        let what = if self.session.has_turn() { "the turn" } else { "what sub-agents run" };
        let stuck = format!("codex did not end {what} in {}", limit_text(self.ending()));
        let stuck = Trouble::new(Kind::Timeout, stuck);
        if self.session.end_server() {
            self.failed(ExitCode::Cancelled);
            self.tell_what_has_ended()?;
            self.cut_off(&format!("codex does not end {what}: its server is ended, with all that it runs"))?;
            return self.begin_again(&stuck);
        }
        if self.session.has_turn() {
            return Err(stuck);
        }
        self.trouble(&stuck);
        self.session.end_no_more();
        self.go_on()
    }

    /// Ends what runs; whoever has interrupted it already waits no longer for that. Whether it is known what the turn
    /// came to.
    pub(super) fn leave(&mut self) -> TurnEndIs {
        let mut turn_end = TurnEndIs::Known;
        // What still waits to be said is not to begin another one.
        self.untaken = Untaken::WaitsForMessage;
        let mut deadline = Instant::now() + self.session.ending();
        if let State::Turn { ends_by, .. } = self.state {
            deadline = ends_by.unwrap_or(deadline);
            if self.session.interrupt().is_ok() {
                self.wait_for_end(deadline);
            }
            let _ = self.tell_what_has_ended();
            // With a server of ours it ends in any case.
            if self.session.has_turn() && !self.session.is_with_own_server() {
                self.display.loud(Tone::Bad, UNKNOWN);
                turn_end = TurnEndIs::Unknown;
            }
        }
        self.turn_away(|_, _| true);
        for text in std::mem::take(&mut self.put_off).into_iter().chain(std::mem::take(&mut self.to_say)) {
            self.display.loud(Tone::Warn, &format!("never given to the model: {text}"));
        }
        self.session.part(deadline);
        turn_end
    }

    fn wait_for_end(&mut self, deadline: Instant) {
        while let State::Turn { .. } = self.state {
            let Some(heard) = self.session.next(Some(deadline)) else { return };
            if matches!(heard, Heard::Closed(_)) {
                return;
            }
            // Whoever reads no more is no reason to leave something running.
            let _ = self.hear(heard);
        }
    }
}
