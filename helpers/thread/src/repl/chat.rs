//! A talk: what a person or a script says to Codex, line by line, and what Codex does meanwhile. Knows neither the
//! terminal nor the wire.

mod doing;
mod hearing;
mod opening;
mod questions;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use clodex_core::{ExitCode, FileChange, Tone, Usage};
use clodex_os::signals::StopSignal;
use crossbeam_channel::{Receiver, TryRecvError};

use super::deed::{Deed, Situation, TurnIs, is_its_time};
use super::display::Display;
use super::keyboard::Typed;
use super::line::{Command, Line};
use super::manner::Manner;
use super::mood::{Mood, MoodNow};
use super::pieces::Pieces;
use super::show::activity;
use crate::cli::limit;
use crate::session::Session;
use crate::story::Story;
use crate::trouble::{Kind, Trouble};
use questions::Open;

/// How long a turn that is to end may take for it.
const ENDING: Duration = Duration::from_secs(30);
/// How long whoever leaves waits for it.
const LEAVING: Duration = Duration::from_secs(2);

/// A talk.
pub struct Chat<'a> {
    session: Session,
    manner: Manner<'a>,
    display: Display,
    mood: MoodNow,
    typed: Receiver<Typed>,
    /// What was typed and has to wait.
    held: Option<Typed>,
    state: State,
    /// The turn, and what of its message was not shown yet.
    story: Story,
    pieces: Pieces,
    /// Said to the turn that runs, by number; whether it was heard is not known.
    steering: BTreeMap<u64, String>,
    /// To be said as soon as it can be.
    to_say: VecDeque<String>,
    questions: VecDeque<Open>,
    /// The files of patches that have begun, by item: the question names the item only.
    patches: BTreeMap<String, Vec<FileChange<'static>>>,
    /// When Codex last gave a sign of life, or was answered.
    heard_at: Instant,
    was_interrupted: bool,
    /// Why the turn is about to fail.
    last_error: Option<String>,
    /// The model that answers in this thread.
    model: Option<String>,
    /// Tokens of the thread so far.
    tokens: Option<Usage>,
    /// The threads that were listed last.
    listed: Vec<String>,
    /// What a script ends with: the first failure.
    code: ExitCode,
}

/// What the thread does for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is being opened, or there is none.
    Opening,
    /// There is none, and none is being opened.
    None,
    /// It waits for words.
    Idle,
    /// It has a turn since then.
    Turn {
        /// When it was asked for.
        since: Instant,
        /// When it counts as stuck, where it is to end.
        ends_by: Option<Instant>,
    },
}

impl<'a> Chat<'a> {
    /// A talk over this session; [`run`](Self::run) opens its thread.
    pub fn new(
        session: Session,
        manner: Manner<'a>,
        display: Display,
        mood: MoodNow,
        typed: Receiver<Typed>,
    ) -> Self {
        Self {
            session,
            manner,
            display,
            mood,
            typed,
            held: None,
            state: State::Opening,
            story: Story::default(),
            pieces: Pieces::default(),
            steering: BTreeMap::new(),
            to_say: VecDeque::new(),
            questions: VecDeque::new(),
            patches: BTreeMap::new(),
            heard_at: Instant::now(),
            was_interrupted: false,
            last_error: None,
            model: None,
            tokens: None,
            listed: Vec::new(),
            code: ExitCode::Done,
        }
    }

    /// Talks until somebody leaves or it cannot go on. Trouble is what nobody could go on with.
    pub fn run(mut self) -> Result<ExitCode, Trouble> {
        let codex = self.session.version().text().unwrap_or_default();
        let greeting = format!("codex {codex} ({}); /help lists what can be said", self.session.place());
        self.note(Tone::Dim, &greeting);
        self.open_first()?;
        loop {
            if let Some(code) = self.stopped()? {
                return Ok(code);
            }
            if let Some(code) = self.read_lines()? {
                return Ok(code);
            }
            self.mood.set(self.mood_now());
            if let Some(heard) = self.session.next(self.next_deadline()) {
                self.hear(heard)?;
            }
            self.look_at_the_clock()?;
        }
    }

    /// Signals: the terminal gives Ctrl-C as something typed, everybody else sends one.
    fn stopped(&mut self) -> Result<Option<ExitCode>, Trouble> {
        while let Ok(signal) = self.manner.stops.arrived.try_recv() {
            let again = std::mem::replace(&mut self.was_interrupted, true);
            match signal {
                StopSignal::Interrupt if !again => self.interrupt_by_key()?,
                StopSignal::Interrupt | StopSignal::Terminate | StopSignal::HangUp => {
                    return self.leave(ExitCode::Cancelled).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Does what was typed, as far as it is time for it.
    fn read_lines(&mut self) -> Result<Option<ExitCode>, Trouble> {
        loop {
            let typed = match self.held.take().map_or_else(|| self.typed.try_recv(), Ok) {
                Ok(typed) => typed,
                Err(TryRecvError::Empty) => return Ok(None),
                // Its thread has ended after the last thing it had to say.
                Err(TryRecvError::Disconnected) => Typed::End,
            };
            if !self.is_time_for(&typed) {
                self.held = Some(typed);
                return Ok(None);
            }
            match typed {
                Typed::Line(line) => {
                    self.was_interrupted = false;
                    let deed = Deed::of(line, self.situation());
                    if deed == Deed::Leave {
                        return self.leave(self.code).map(Some);
                    }
                    self.perform(deed)?;
                }
                Typed::Interrupt => self.interrupt_by_key()?,
                Typed::InterruptAgain => return self.leave(ExitCode::Cancelled).map(Some),
                Typed::End => return self.leave(self.code).map(Some),
            }
        }
    }

    fn is_time_for(&self, typed: &Typed) -> bool {
        let line = match typed {
            Typed::Line(line) => line,
            Typed::Interrupt | Typed::InterruptAgain => return true,
            Typed::End => return !self.manner.is_script || self.state == State::Idle,
        };
        let is_leaving = *line == Line::Command(Command::Leave);
        match (self.state, self.manner.is_script) {
            (State::Opening, is_script) => is_leaving && !is_script,
            (State::None | State::Idle | State::Turn { .. }, true) => is_its_time(line, self.situation()),
            (State::None | State::Idle | State::Turn { .. }, false) => true,
        }
    }

    fn situation(&self) -> Situation {
        let turn = if matches!(self.state, State::Turn { .. }) { TurnIs::Under } else { TurnIs::Over };
        Situation { turn, wants: self.questions.front().map(Open::wants) }
    }

    fn mood_now(&self) -> Mood {
        match (self.questions.front(), self.state) {
            (Some(open), _) => open.mood(),
            (None, State::Turn { .. } | State::Opening) => Mood::Busy,
            (None, State::Idle | State::None) => Mood::Idle,
        }
    }

    fn interrupt_by_key(&mut self) -> Result<(), Trouble> {
        match self.state {
            State::Turn { .. } => self.interrupt(),
            State::Opening | State::None | State::Idle if self.manner.is_script => {
                Err(Trouble::new(Kind::Interrupted, "interrupted by Ctrl-C"))
            }
            State::Opening | State::None | State::Idle => {
                self.note(Tone::Dim, "Ctrl-C again, or Ctrl-D, leaves");
                Ok(())
            }
        }
    }

    fn interrupt(&mut self) -> Result<(), Trouble> {
        if let State::Turn { ends_by, .. } = &mut self.state {
            ends_by.get_or_insert(Instant::now() + ENDING);
            self.session.interrupt()?;
        }
        Ok(())
    }

    /// When something has to be done even though nothing happens.
    fn next_deadline(&self) -> Option<Instant> {
        let asked = self.questions.front().and_then(|open| open.deadline);
        let State::Turn { since, ends_by } = self.state else { return asked };
        if ends_by.is_some() {
            return ends_by;
        }
        let silent = limit(self.manner.cli.timeout).filter(|_| self.questions.is_empty());
        let silent = silent.map(|limit| self.heard_at + limit);
        let whole = limit(self.manner.cli.deadline).map(|limit| since + limit);
        [asked, silent, whole].into_iter().flatten().min()
    }

    fn look_at_the_clock(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let State::Turn { since, ends_by } = self.state else { return self.answer_late() };
        if ends_by.is_some() {
            let stuck = format!("codex did not end the turn in {ENDING:?}");
            return Err(Trouble::new(Kind::Timeout, stuck));
        }
        let is_over = limit(self.manner.cli.deadline).is_some_and(|limit| since + limit <= now);
        if !is_over && !self.questions.is_empty() {
            return self.answer_late();
        }
        let why = if is_over {
            format!("the turn took {} s and is interrupted", self.manner.cli.deadline)
        } else {
            format!("Codex was silent for {} s, and the turn is interrupted", self.manner.cli.timeout)
        };
        self.note(Tone::Bad, &why);
        self.failed(ExitCode::Watchdog);
        self.interrupt()
    }

    /// Ends what runs, and tells what to leave with. Nothing is waited for longer than a person would.
    fn leave(&mut self, code: ExitCode) -> Result<ExitCode, Trouble> {
        if let State::Turn { .. } = self.state {
            self.interrupt()?;
            let deadline = Instant::now() + LEAVING;
            let mut is_clean = false;
            while !is_clean && Instant::now() < deadline {
                match self.session.next(Some(deadline)) {
                    Some(crate::session::Heard::Cleaned(_) | crate::session::Heard::Closed(_)) => {
                        is_clean = true;
                    }
                    Some(heard) => self.hear(heard)?,
                    None => {}
                }
            }
        }
        Ok(code)
    }

    /// What is shown from now on is shown with the prompt that belongs to it.
    fn enter(&mut self, state: State) {
        self.state = state;
        self.mood.set(self.mood_now());
    }

    fn failed(&mut self, code: ExitCode) {
        if self.code == ExitCode::Done {
            self.code = code;
        }
    }

    fn note(&mut self, tone: Tone, text: &str) {
        self.display.note(&activity(tone, "", text));
    }

    /// Trouble that the talk goes on after.
    fn trouble(&mut self, trouble: &Trouble) {
        self.failed(trouble.kind.exit_code());
        trouble.message.lines().for_each(|line| self.display.loud(Tone::Bad, line));
    }

    fn say(&mut self, lines: &[String]) -> Result<(), Trouble> {
        let said = self.display.say(lines);
        said.map_err(|error| Trouble::new(Kind::Output, format!("cannot write to stdout: {error}")))
    }
}
