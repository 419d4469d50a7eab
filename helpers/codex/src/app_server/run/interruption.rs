//! An interrupt: ends the turn, those of its sub-agents, and what they have left running, and says so when all of that is
//! over. What begins by itself afterwards ends, too, until the run goes on.
//!
//! Each is ended on its own: Codex ends no sub-agent with the turn that has begun it, and no command with its turn.

use std::time::Instant;

use super::pending::{Ending, Waiting};
use super::{AppServerRun, Effect, Turn, Unheard};
use crate::app_server::call::{CleanTerminals, InterruptTurn};
use crate::app_server::family::ToEnd;

/// How far an interrupt has come.
#[derive(Debug, Default)]
pub(super) struct Interruption {
    phase: Phase,
    /// How many requests to end something are under way.
    asked: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    None,
    /// The turn is to end as soon as it has begun: before, Codex knows of none.
    Wanted,
    /// The turn and what it runs are being ended.
    Ending,
    /// Nothing of it runs, and that is said.
    Still,
}

impl AppServerRun {
    /// Ends the turn and what it runs, sub-agents, too, as soon as it has begun; the thread stays.
    pub fn interrupt(&mut self, now: Instant) {
        if !self.is_working() {
            return self.effects.push_back(Effect::NotInterrupted("no turn is running".to_owned()));
        }
        if self.interruption.phase == Phase::None {
            self.interruption.phase = Phase::Wanted;
            self.interrupt_begun(now);
        }
    }

    /// Its turn has begun. Whether it may go on.
    pub(super) fn may_begin(&mut self, now: Instant) -> bool {
        let is_woken = matches!(self.interruption.phase, Phase::Ending | Phase::Still);
        if is_woken {
            // By a sub-agent that has ended.
            self.interruption.phase = Phase::Wanted;
        }
        self.interrupt_begun(now);
        !is_woken
    }

    fn interrupt_begun(&mut self, now: Instant) {
        let (Phase::Wanted, Some(thread), Turn::Begun(turn)) =
            (self.interruption.phase, self.thread.clone(), &self.turn)
        else {
            return;
        };
        let turn = turn.clone();
        self.interruption.phase = Phase::Ending;
        self.end_sub_agents(now);
        self.end_turn(&thread, &turn, Ending::Turn, now);
    }

    /// Sub-agents that were found to be at work after an interrupt end as well.
    pub(super) fn end_sub_agents(&mut self, now: Instant) {
        if !matches!(self.interruption.phase, Phase::Ending | Phase::Still) {
            return;
        }
        for ToEnd { thread_id, turn_id } in self.family.to_end() {
            match turn_id {
                Some(turn) => self.end_turn(&thread_id, &turn, Ending::SubAgent(thread_id.clone()), now),
                None => self.end_commands(&thread_id, Ending::SubAgentsCommands, now),
            }
        }
    }

    /// The turn has ended before it could be asked to.
    pub(super) fn miss_interrupt(&mut self) {
        if self.interruption.phase == Phase::Wanted {
            self.interruption.phase = Phase::None;
            self.effects.push_back(Effect::NotInterrupted("its turn ended by itself".to_owned()));
        }
    }

    /// The turn was interrupted, by us or by an answer: in that case nothing was asked to end yet.
    pub(super) fn turn_interrupted(&mut self, now: Instant) {
        if matches!(self.interruption.phase, Phase::None | Phase::Wanted)
            && let Some(thread) = self.thread.clone()
        {
            self.interruption.phase = Phase::Ending;
            self.end_commands(&thread, Ending::Commands, now);
            self.end_sub_agents(now);
        }
        self.tell_interrupted();
    }

    /// The next turn is wanted, and so is what its sub-agents do.
    pub(super) fn end_no_more(&mut self) {
        if matches!(self.interruption.phase, Phase::Ending | Phase::Still) {
            self.interruption.phase = Phase::None;
        }
        self.family.go_on();
    }

    pub(super) fn has_ended(&mut self, ending: &Ending, now: Instant) {
        self.interruption.asked -= 1;
        match ending {
            Ending::Turn => {
                if let Some(thread) = self.thread.clone() {
                    self.end_commands(&thread, Ending::Commands, now);
                }
            }
            Ending::SubAgent(thread) => self.end_commands(thread, Ending::SubAgentsCommands, now),
            Ending::Commands | Ending::SubAgentsCommands => self.tell_interrupted(),
        }
    }

    pub(super) fn has_not_ended(&mut self, ending: &Ending, why: Unheard, now: Instant) {
        self.interruption.asked -= 1;
        match (ending, why) {
            (Ending::Turn, why) => {
                self.interruption.phase = Phase::None;
                self.effects.push_back(Effect::NotInterrupted(why.into_text()));
            }
            // It had ended by itself; what it has left running is to end in any case.
            (Ending::SubAgent(thread), Unheard::Refused(_)) => {
                self.family.has_no_turn(thread);
                self.end_commands(thread, Ending::SubAgentsCommands, now);
            }
            // Codex has put it away, with all that it ran.
            (Ending::SubAgentsCommands, Unheard::Refused(_)) => self.tell_interrupted(),
            // What is interrupted has to be over: then by the end of the run.
            (Ending::Commands | Ending::SubAgent(_) | Ending::SubAgentsCommands, why) => {
                let why = format!("what the interrupted turn ran could not be ended: {}", why.into_text());
                self.effects.push_back(Effect::Failed(self.stage, why));
            }
        }
    }

    /// A turn that Codex has not ended yet would take the next one for more of its own.
    pub(super) fn tell_interrupted(&mut self) {
        let is_over = self.interruption.asked == 0 && !self.is_working() && !self.family.is_working();
        if self.interruption.phase == Phase::Ending && is_over {
            self.interruption.phase = Phase::Still;
            self.effects.push_back(Effect::Interrupted);
        }
    }

    fn end_turn(&mut self, thread_id: &str, turn_id: &str, ending: Ending, now: Instant) {
        self.interruption.asked += 1;
        self.ask(&InterruptTurn { thread_id, turn_id }, Waiting::End(ending), now);
    }

    fn end_commands(&mut self, thread_id: &str, ending: Ending, now: Instant) {
        self.interruption.asked += 1;
        self.ask(&CleanTerminals { thread_id }, Waiting::End(ending), now);
    }
}
