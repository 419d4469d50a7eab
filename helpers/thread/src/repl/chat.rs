//! A talk: what a person or a script says to Codex, line by line, and what Codex does meanwhile. Knows neither the
//! terminal nor the wire.

mod ending;
mod hearing;
mod lists;
mod perform;
mod questions;
mod threads;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use clodex_codex::app_server::TurnEnd;
use clodex_core::{ExitCode, Tone, Usage};
use crossbeam_channel::{Receiver, TryRecvError};

use super::activity_lines::activity;
use super::chat_options::ChatOptions;
use super::display::Display;
use super::keyboard::Typed;
use super::line::{Command, Line};
use super::line_action::{LineAction, Situation, TurnIs, is_its_time};
use super::pieces::Pieces;
use super::prompt_state::{PromptState, SharedPromptState};
use crate::opening::Wish;
use crate::report::not_printed;
use crate::session::Session;
use crate::trouble::Trouble;
use crate::turn_summary::TurnSummary;
use ending::TurnEndIs;
use questions::Open;

/// A talk.
pub struct Chat<'a> {
    session: Session,
    options: ChatOptions<'a>,
    display: Display,
    prompt_state: SharedPromptState,
    typed: Receiver<Typed>,
    /// What was typed and has to wait.
    held: Option<Typed>,
    state: State,
    /// The thread that was asked for last.
    wish: Wish,
    /// The turn, as soon as it has an id.
    turn_id: Option<String>,
    /// What it came to so far, and what of its message was not shown yet.
    turn_summary: TurnSummary,
    pieces: Pieces,
    /// Said to the turn that runs, by number; whether it was heard is not known.
    steering: BTreeMap<u64, String>,
    /// The same, and Codex has taken it; whether the model was given it is not known.
    taken: BTreeMap<u64, String>,
    /// To be said as soon as it can be.
    to_say: VecDeque<String>,
    /// To be said with the next message.
    put_off: Vec<String>,
    untaken: Untaken,
    questions: VecDeque<Open>,
    /// Whether one of them needs no answer any more, and no line has come since.
    just_settled: bool,
    /// When Codex last gave a sign of life, or was answered.
    heard_at: Instant,
    was_interrupted: bool,
    /// How the turn has ended, which is told when nothing of it runs any more.
    ended: Option<TurnEnd<'static>>,
    /// Whether its answer is to follow the schema: those of a review and of a summary are not.
    has_schema: bool,
    /// Why the turn is about to fail.
    last_error: Option<String>,
    /// The model that answers in this thread.
    model: Option<String>,
    /// Tokens of the thread so far.
    tokens: Option<Usage>,
    /// The threads that were listed last.
    listed: Vec<String>,
    /// What a script ends with: the first failure; a line that was no command is the least.
    code: ExitCode,
}

/// What becomes of what the last turn did not take, or its model was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untaken {
    /// It begins the next one.
    BeginsTurn,
    /// It goes with the next message: whoever has interrupted a turn does not want another one to begin by itself.
    WaitsForMessage,
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
        options: ChatOptions<'a>,
        display: Display,
        prompt_state: SharedPromptState,
        typed: Receiver<Typed>,
    ) -> Self {
        let pieces = display.pieces();
        Self {
            session,
            options,
            display,
            prompt_state,
            typed,
            held: None,
            state: State::Opening,
            wish: Wish::New,
            turn_id: None,
            turn_summary: TurnSummary::default(),
            pieces,
            steering: BTreeMap::new(),
            taken: BTreeMap::new(),
            to_say: VecDeque::new(),
            put_off: Vec::new(),
            untaken: Untaken::BeginsTurn,
            questions: VecDeque::new(),
            just_settled: false,
            heard_at: Instant::now(),
            was_interrupted: false,
            ended: None,
            has_schema: false,
            last_error: None,
            model: None,
            tokens: None,
            listed: Vec::new(),
            code: ExitCode::Done,
        }
    }

    /// Talks until somebody leaves or it cannot go on; what runs then is ended. Trouble is what nobody could go on with.
    pub fn run(mut self) -> Result<ExitCode, Trouble> {
        let ended = self.talk();
        let turn_end = self.leave();
        self.display.leave();
        match (ended, turn_end) {
            (Ok(ExitCode::Done | ExitCode::Usage), TurnEndIs::Unknown) => Ok(ExitCode::TurnFailed),
            (ended, TurnEndIs::Known | TurnEndIs::Unknown) => ended,
        }
    }

    fn talk(&mut self) -> Result<ExitCode, Trouble> {
        let codex = self.session.version().text().unwrap_or_default();
        let greeting = format!("codex {codex} ({}); /help lists what can be said", self.session.place());
        self.note(Tone::Dim, &greeting);
        self.open(Wish::of(self.options.cli))?;
        loop {
            if let Some(code) = self.stopped()? {
                return Ok(code);
            }
            if let Some(code) = self.read_lines()? {
                return Ok(code);
            }
            self.show_prompt_state();
            let heard = self.session.next(self.next_deadline());
            let is_quiet = heard.is_none();
            heard.map_or(Ok(()), |heard| self.hear(heard))?;
            self.look_at_the_clock(is_quiet)?;
        }
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
                if !self.options.is_script || self.questions.is_empty() {
                    return Ok(None);
                }
                // What comes next is no answer, and will not become one.
                self.answer_for_nobody()?;
                continue;
            }
            match typed {
                Typed::Line(line) => {
                    self.was_interrupted = false;
                    let action = LineAction::of(line, self.situation());
                    self.just_settled = false;
                    if action == LineAction::Leave {
                        return Ok(Some(self.code));
                    }
                    self.perform(action)?;
                }
                Typed::Interrupt => {
                    self.options.stops.seen_to();
                    self.interrupt_by_key()?;
                }
                Typed::InterruptAgain => return Ok(Some(ExitCode::Cancelled)),
                Typed::End => return Ok(Some(self.code)),
            }
        }
    }

    fn is_time_for(&self, typed: &Typed) -> bool {
        let line = match typed {
            Typed::Line(line) => line,
            Typed::Interrupt | Typed::InterruptAgain => return true,
            Typed::End => {
                let is_over = self.state == State::Idle && !self.session.awaits_list();
                return is_over || !self.options.is_script;
            }
        };
        // The next line may be about what is listed.
        let awaits_list = self.session.awaits_list() && self.questions.is_empty();
        let is_leaving = *line == Line::Command(Command::Leave);
        match (self.state, self.options.is_script) {
            (State::Opening, is_script) => is_leaving && !is_script,
            (State::None | State::Idle | State::Turn { .. }, true) => {
                !awaits_list && is_its_time(line, self.situation())
            }
            (State::None | State::Idle | State::Turn { .. }, false) => true,
        }
    }

    fn situation(&self) -> Situation {
        let turn = match self.state {
            State::Turn { .. } => TurnIs::Under,
            State::Opening | State::None | State::Idle if self.is_outlived() => TurnIs::Outlived,
            State::Opening | State::None | State::Idle => TurnIs::Over,
        };
        let wants = self.questions.front().map(Open::wants);
        Situation { turn, wants, just_settled: self.just_settled }
    }

    fn prompt_state_now(&self) -> PromptState {
        match (self.questions.front(), self.state) {
            (Some(open), _) => open.prompt_state(),
            (None, State::Turn { .. } | State::Opening) => PromptState::Busy,
            (None, State::Idle | State::None) => PromptState::Idle,
        }
    }

    /// What is shown from now on is shown with the prompt that belongs to it.
    fn enter(&mut self, state: State) {
        self.state = state;
        self.show_prompt_state();
    }

    /// Before anything is printed: with that the prompt is drawn anew, and else not.
    fn show_prompt_state(&self) {
        self.prompt_state.set(self.prompt_state_now());
    }

    fn failed(&mut self, code: ExitCode) {
        if matches!(self.code, ExitCode::Done | ExitCode::Usage) {
            self.code = code;
        }
    }

    fn note(&mut self, tone: Tone, text: &str) {
        self.show_prompt_state();
        self.display.note(&activity(tone, "", text));
    }

    /// Trouble that the talk goes on after.
    fn trouble(&mut self, trouble: &Trouble) {
        self.failed(trouble.kind.exit_code());
        trouble.message.lines().for_each(|line| self.display.loud(Tone::Bad, line));
    }

    fn say(&mut self, lines: &[String]) -> Result<(), Trouble> {
        self.show_prompt_state();
        self.display.say(lines).map_err(|error| not_printed(&error))
    }
}
