//! Decides what happens in a run: `(state, input, now) → actions`. Does nothing itself and knows no process, file or
//! clock; times are measured from the run's acceptance.

use std::time::Duration;

use clodex_core::{Health, Watchdog};

/// How long Codex gets to end by itself after TERM. Claude Code kills a task 1.5 s after it has asked it to end, and the
/// verdict has to be out by then.
pub const GRACE: Duration = Duration::from_millis(500);
/// How long Codex may take to exit after its turn has ended.
const LINGER: Duration = Duration::from_secs(10);
/// Pause between two looks at the CPU and I/O of commands.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The baseline is complete and nothing speaks against the start.
    BaselineDone,
    /// The baseline is complete and a gate refuses, or it could not be completed.
    BaselineRefused,
    /// Codex showed life.
    Life,
    /// Commands that Codex started have used this much so far.
    CommandsUsed {
        /// CPU time of all of them.
        cpu: Duration,
        /// Bytes read and written.
        io_bytes: u64,
    },
    /// A turn has begun, perhaps not the first.
    TurnBegan,
    /// The turn has ended, one way or the other.
    TurnEnded,
    /// The user is waited for.
    Waits,
    /// The user is not waited for any more.
    GoesOn,
    /// The user was waited for long enough.
    LeftAlone,
    /// The conversation with Codex cannot go on.
    TalkFailed,
    /// Somebody wants the run to end.
    CancelAsked,
    /// Something outside the scope changed, and that is reason enough to end the run.
    OutOfScope,
    /// No process of the run lives any more.
    Gone,
    /// Nothing happened until the deadline.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start Codex; it waits for its prompt.
    Start,
    /// Give Codex its prompt and close its stdin.
    SendPrompt,
    /// Ask Codex to end.
    Terminate,
    /// End every process of the run.
    Kill,
    /// Measure what commands used since the last look.
    LookAtCommands,
}

/// Why a run was ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The baseline or a gate said no; the prompt was never sent.
    NotStarted,
    /// Asked for.
    Cancelled,
    /// Something outside the scope changed.
    OutOfScope,
    /// Wall clock.
    TimedOut,
    /// No sign of life.
    Stalled,
    /// It was interrupted, and nobody went on.
    LeftAlone,
    /// The turn had ended and Codex did not exit.
    Lingered,
    /// Codex could not be talked to.
    BrokeOff,
}

/// Who has to do something next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    Codex,
    User,
}

/// The state of a run as far as decisions need it.
#[derive(Debug)]
pub struct Conductor {
    watchdog: Watchdog,
    look_every: Option<Duration>,
    starts_before_baseline: bool,
    prompted: bool,
    waits_for: WaitsFor,
    turn_ended: Option<Duration>,
    stop: Option<Stop>,
    kill_at: Option<Duration>,
    look_at: Option<Duration>,
    gone: bool,
}

impl Conductor {
    /// Ends a run after `timeout_sec` in all or `heartbeat_sec` without life; 0 = never. `starts_before_baseline`: this
    /// Codex is known to do nothing before its prompt is complete.
    pub fn new(timeout_sec: u64, heartbeat_sec: u64, starts_before_baseline: bool) -> Self {
        let pause = LOOK_EVERY.min(Duration::from_secs(heartbeat_sec) / 4);
        Self {
            watchdog: Watchdog::new(timeout_sec, heartbeat_sec),
            look_every: (heartbeat_sec > 0).then_some(pause),
            starts_before_baseline,
            prompted: false,
            waits_for: WaitsFor::Codex,
            turn_ended: None,
            stop: None,
            kill_at: None,
            look_at: None,
            gone: false,
        }
    }

    /// What to do before anything has happened.
    pub fn begin(&self) -> Vec<Action> {
        if self.starts_before_baseline { vec![Action::Start] } else { vec![] }
    }

    /// Takes an input in and says what to do.
    pub fn step(&mut self, input: Input, now: Duration) -> Vec<Action> {
        match input {
            Input::BaselineDone => self.prompt(now),
            Input::BaselineRefused => self.end(Stop::NotStarted, now),
            Input::Life => {
                self.watchdog.life(now);
                vec![]
            }
            Input::CommandsUsed { cpu, io_bytes } => {
                self.watchdog.activity(cpu, io_bytes, now);
                vec![]
            }
            Input::TurnEnded => {
                self.turn_ended.get_or_insert(now);
                vec![]
            }
            Input::TurnBegan => {
                self.turn_ended = None;
                self.watchdog.life(now);
                vec![]
            }
            Input::Waits => {
                self.waits_for = WaitsFor::User;
                vec![]
            }
            Input::GoesOn => {
                self.waits_for = WaitsFor::Codex;
                self.watchdog.life(now);
                vec![]
            }
            Input::LeftAlone | Input::OutOfScope | Input::TalkFailed if self.stop.is_some() => vec![],
            Input::CancelAsked => self.cancel(now),
            Input::LeftAlone => self.end(Stop::LeftAlone, now),
            Input::TalkFailed => self.end(Stop::BrokeOff, now),
            Input::OutOfScope => self.end(Stop::OutOfScope, now),
            Input::Gone => {
                self.gone = true;
                vec![]
            }
            Input::Tick => self.tick(now),
        }
    }

    /// When to call with [`Input::Tick`] at the latest.
    pub fn deadline(&self, now: Duration) -> Option<Duration> {
        let watched = match (self.stop, self.turn_ended) {
            (Some(_), _) => None,
            (None, Some(ended)) => Some(ended + LINGER),
            (None, None) => match self.health(now) {
                Health::Healthy { next_deadline } => next_deadline,
                Health::Stalled { .. } | Health::TimedOut => Some(now),
            },
        };
        [self.kill_at, self.look_at, watched].into_iter().flatten().min()
    }

    /// Why the run was ended from outside, if it was.
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    fn prompt(&mut self, now: Duration) -> Vec<Action> {
        if self.stop.is_some() {
            return vec![];
        }
        self.prompted = true;
        self.watchdog.life(now);
        self.look_at = self.look_every.map(|pause| now + pause);
        if self.starts_before_baseline {
            vec![Action::SendPrompt]
        } else {
            vec![Action::Start, Action::SendPrompt]
        }
    }

    fn cancel(&mut self, now: Duration) -> Vec<Action> {
        if self.stop == Some(Stop::Cancelled) {
            self.kill_at = None;
            return vec![Action::Kill];
        }
        self.end(Stop::Cancelled, now)
    }

    fn end(&mut self, why: Stop, now: Duration) -> Vec<Action> {
        self.stop = Some(why);
        self.look_at = None;
        if self.prompted {
            self.kill_at = Some(now + GRACE);
            vec![Action::Terminate]
        } else {
            vec![Action::Kill]
        }
    }

    fn tick(&mut self, now: Duration) -> Vec<Action> {
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            return vec![Action::Kill];
        }
        if self.stop.is_some() || self.gone {
            return vec![];
        }
        if let Some(ended) = self.turn_ended {
            return if ended + LINGER <= now { self.end(Stop::Lingered, now) } else { vec![] };
        }
        match self.health(now) {
            Health::TimedOut => self.end(Stop::TimedOut, now),
            Health::Stalled { .. } => self.end(Stop::Stalled, now),
            Health::Healthy { .. } => self.look(now),
        }
    }

    /// Whoever waits for the user does not stall.
    fn health(&self, now: Duration) -> Health {
        if self.waits_for == WaitsFor::User {
            let mut patient = self.watchdog.clone();
            patient.life(now);
            return patient.check(now);
        }
        self.watchdog.check(now)
    }

    fn look(&mut self, now: Duration) -> Vec<Action> {
        if self.look_at.is_none_or(|at| at > now) {
            return vec![];
        }
        self.look_at = self.look_every.map(|pause| now + pause);
        vec![Action::LookAtCommands]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn running(timeout: u64, heartbeat: u64) -> Conductor {
        let mut conductor = Conductor::new(timeout, heartbeat, true);
        assert_eq!(conductor.begin(), [Action::Start]);
        assert_eq!(conductor.step(Input::BaselineDone, Duration::ZERO), [Action::SendPrompt]);
        conductor
    }

    #[test]
    fn a_codex_that_may_not_wait_is_started_after_the_baseline() {
        let mut conductor = Conductor::new(1, 1, false);
        assert_eq!(conductor.begin(), []);
        assert_eq!(conductor.step(Input::BaselineDone, SECOND / 2), [Action::Start, Action::SendPrompt]);
    }

    #[test]
    fn a_refused_baseline_ends_codex_before_its_prompt() {
        let mut conductor = Conductor::new(1, 1, true);
        assert_eq!(conductor.step(Input::BaselineRefused, SECOND), [Action::Kill]);
        assert_eq!(conductor.stop(), Some(Stop::NotStarted));
        assert_eq!(conductor.step(Input::BaselineDone, SECOND), []);
    }

    #[test]
    fn cancel_terminates_then_kills_after_the_grace() {
        let mut conductor = running(0, 0);
        assert_eq!(conductor.step(Input::CancelAsked, SECOND), [Action::Terminate]);
        assert_eq!(conductor.deadline(SECOND), Some(SECOND + GRACE));
        assert_eq!(conductor.step(Input::Tick, SECOND + GRACE), [Action::Kill]);
        assert_eq!(conductor.stop(), Some(Stop::Cancelled));
    }

    #[test]
    fn cancel_twice_kills_at_once() {
        let mut conductor = running(0, 0);
        conductor.step(Input::CancelAsked, SECOND);
        assert_eq!(conductor.step(Input::CancelAsked, SECOND), [Action::Kill]);
    }

    #[test]
    fn stall_and_timeout_are_told_apart() {
        let mut conductor = running(10, 3);
        conductor.step(Input::Life, 2 * SECOND);
        assert_eq!(conductor.step(Input::Tick, 4 * SECOND), [Action::LookAtCommands]);
        assert_eq!(conductor.step(Input::Tick, 5 * SECOND), [Action::Terminate]);
        assert_eq!(conductor.stop(), Some(Stop::Stalled));

        let mut conductor = running(10, 0);
        assert_eq!(conductor.step(Input::Tick, 10 * SECOND), [Action::Terminate]);
        assert_eq!(conductor.stop(), Some(Stop::TimedOut));
    }

    #[test]
    fn waiting_for_the_user_is_no_stall_but_time_runs_on() {
        let mut conductor = running(10, 3);
        conductor.step(Input::Waits, SECOND);
        assert_eq!(conductor.step(Input::Tick, 8 * SECOND), [Action::LookAtCommands]);
        conductor.step(Input::GoesOn, 8 * SECOND);
        conductor.step(Input::Tick, 9 * SECOND);
        assert_eq!(conductor.stop(), None);
        conductor.step(Input::Waits, 9 * SECOND);
        assert_eq!(conductor.step(Input::Tick, 10 * SECOND), [Action::Terminate]);
        assert_eq!(conductor.stop(), Some(Stop::TimedOut));
    }

    #[test]
    fn a_turn_that_follows_another_does_not_linger() {
        let mut conductor = running(0, 0);
        conductor.step(Input::TurnEnded, SECOND);
        conductor.step(Input::TurnBegan, 2 * SECOND);
        assert_eq!(conductor.step(Input::Tick, 30 * SECOND), []);
        assert_eq!(conductor.step(Input::LeftAlone, 31 * SECOND), [Action::Terminate]);
        assert_eq!(conductor.stop(), Some(Stop::LeftAlone));
    }

    #[test]
    fn work_that_has_ended_is_not_timed_out() {
        let mut conductor = running(10, 3);
        conductor.step(Input::TurnEnded, 9 * SECOND);
        assert_eq!(conductor.step(Input::Tick, 11 * SECOND), []);
        assert_eq!(conductor.step(Input::Tick, 19 * SECOND), [Action::Terminate]);
        assert_eq!(conductor.stop(), Some(Stop::Lingered));
    }
}
