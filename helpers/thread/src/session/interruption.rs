//! An interrupt: ends the turn of the thread, those of its sub-agents, and what they have left running, and tells when all
//! of that is over. What begins by itself until then ends, too. Knows nothing of how long that may take.
//!
//! Each is ended on its own: Codex ends no sub-agent with the turn that has begun it, and no command with its turn.

use clodex_codex::app_server::call::{CleanTerminals, InterruptTurn};
use clodex_codex::app_server::{CallError, ToEnd};
use clodex_json_rpc::Params;

use super::turn::Turn;
use super::{Heard, Sent, Session, soon};
use crate::trouble::{Kind, Trouble};

/// How far an interrupt has come.
#[derive(Debug, Default)]
pub(super) struct Interruption {
    is_under_way: bool,
    /// How many requests to end something were not answered yet, of interrupts that nobody waits for any more, too.
    asked: usize,
    /// Why something could not be ended.
    trouble: Option<Trouble>,
}

impl Session {
    /// Ends the turn, those of sub-agents, and what they have left running: [`Heard::TurnEnded`] where there is a turn,
    /// and when nothing of it runs, [`Heard::Cleaned`].
    pub fn interrupt(&mut self) -> Result<(), Trouble> {
        if self.is_lost {
            return Err(Trouble::new(Kind::ConnectionLost, "nobody is there to interrupt it"));
        }
        let thread_id = self.open_thread()?;
        self.interruption.is_under_way = true;
        self.end_sub_agents()?;
        match &mut self.turn {
            Turn::None => self.end(&ToEnd { thread_id, turn_id: None }),
            Turn::Asked { interrupt } | Turn::Named { interrupt, .. } => {
                *interrupt = true;
                Ok(())
            }
            Turn::Begun(turn) => {
                let turn_id = Some(turn.clone());
                self.end(&ToEnd { thread_id, turn_id })
            }
        }
    }

    /// Whether an interrupt is under way that was not told to be over.
    pub const fn is_ending(&self) -> bool {
        self.interruption.is_under_way
    }

    /// Whether sub-agents are at work.
    pub fn has_sub_agents_at_work(&self) -> bool {
        self.family.is_working()
    }

    /// Nobody waits any more until what was to end is over: what begins now is wanted.
    pub fn end_no_more(&mut self) {
        (self.interruption.is_under_way, self.interruption.trouble) = (false, None);
        self.family.go_on();
    }

    /// Sub-agents that were found to be at work after the interrupt end as well.
    pub(super) fn end_more_sub_agents(&mut self) {
        if self.interruption.is_under_way {
            let ended = self.end_sub_agents();
            self.note(ended);
        }
    }

    /// A turn has begun that was to end before, or that a sub-agent has woken by its end.
    pub(super) fn end_begun(&mut self) {
        let ended = self.interrupt();
        self.note(ended);
    }

    fn note(&mut self, ended: Result<(), Trouble>) {
        if let Err(trouble) = ended {
            self.interruption.trouble.get_or_insert(trouble);
        }
    }

    fn end_sub_agents(&mut self) -> Result<(), Trouble> {
        self.family.to_end().iter().try_for_each(|to_end| self.end(to_end))
    }

    fn end(&mut self, to_end: &ToEnd) -> Result<(), Trouble> {
        let sent = Sent::End(to_end.clone());
        let ToEnd { thread_id, turn_id } = to_end;
        match turn_id {
            Some(turn_id) => self.client.ask(&InterruptTurn { thread_id, turn_id }, Some(soon()), sent)?,
            None => self.client.ask(&CleanTerminals { thread_id }, Some(soon()), sent)?,
        }
        self.interruption.asked += 1;
        Ok(())
    }

    /// What was asked to end has ended, or why it has not.
    pub(super) fn has_ended(&mut self, ended: ToEnd, answered: Result<Params, CallError>) {
        self.interruption.asked -= 1;
        let is_refused = matches!(answered, Err(CallError::Refused { .. }));
        let ToEnd { thread_id, turn_id } = ended;
        let is_own = self.thread.as_ref() == Some(&thread_id);
        let outcome = match turn_id {
            Some(_) => {
                if is_refused {
                    // It has ended by itself.
                    self.family.has_no_turn(&thread_id);
                }
                // What it has left running is to end in any case, as long as nothing else was wanted since.
                let is_wanted = self.interruption.is_under_way;
                if is_wanted { self.end(&ToEnd { thread_id, turn_id: None }) } else { Ok(()) }
            }
            // Codex has put a sub-agent away, with all that it ran.
            None if is_refused && !is_own => Ok(()),
            None => answered.map(drop).map_err(Trouble::from),
        };
        self.note(outcome);
    }

    /// That the interrupt is over, once it is: said once.
    pub(super) fn cleaned(&mut self) -> Option<Heard> {
        let Interruption { is_under_way, asked, trouble } = &self.interruption;
        // Of a sub-agent that could not be ended no more is to be expected.
        let runs = self.has_turn() || (trouble.is_none() && self.family.is_working());
        if !is_under_way || *asked > 0 || runs {
            return None;
        }
        let trouble = self.interruption.trouble.take();
        self.end_no_more();
        Some(Heard::Cleaned(trouble))
    }
}
