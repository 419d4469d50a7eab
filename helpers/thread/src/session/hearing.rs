//! What was heard on the connection, as what it means for the one thread that is talked with.

use clodex_codex::app_server::call::{
    Call, CompactThread, Config, Configured, Done, ListModels, ListThreads, OneTurn, ReadConfig, StartThread,
    StartTurn, SteerTurn,
};
use clodex_codex::app_server::{CallError, Notice, Retry, Told, TurnEnd, TurnOf, Whose, answer};
use clodex_core::Event;
use clodex_json_rpc::{Notification, Params, RpcError};

use super::turn::{Started, Turn};
use super::{Heard, Sent, Session};
use crate::trouble::Trouble;

/// What a request is refused with that is not known.
const UNKNOWN: [i64; 2] = [RpcError::METHOD_NOT_FOUND, RpcError::INVALID_REQUEST];

impl Session {
    pub(super) fn answered(&mut self, sent: Sent, answered: Result<Params, CallError>) -> Heard {
        match sent {
            Sent::Config(until) => configured(answered).map_or_else(
                |error| Heard::NotOpen(error.into()),
                |configured| Heard::Configured(configured, until),
            ),
            Sent::Open => match read::<StartThread<'_>>(answered) {
                Ok(open) => {
                    self.turn = Turn::None;
                    if self.thread.as_ref() != Some(&open.thread.id) {
                        self.leave_thread();
                        self.thread = Some(open.thread.id.clone());
                    }
                    Heard::Open(Box::new(open))
                }
                Err(trouble) => Heard::NotOpen(trouble),
            },
            // Whether it was begun is learnt on the next connection, if at all.
            Sent::Turn | Sent::Compact if matches!(answered, Err(CallError::Closed { .. })) => Heard::Other,
            Sent::Turn => match read::<StartTurn<'_>>(answered) {
                Ok(OneTurn { turn }) => {
                    self.turn.named(turn.id);
                    Heard::Other
                }
                Err(trouble) => {
                    self.turn = Turn::None;
                    Heard::NoTurn(trouble)
                }
            },
            Sent::Steer(number) => match read::<SteerTurn<'_>>(answered) {
                Ok(_) => {
                    self.said_in_turn.is_taken(number);
                    if !self.has_turn() {
                        self.tell_not_read();
                    }
                    Heard::Steered(number)
                }
                Err(trouble) => {
                    self.said_in_turn.is_not_taken(number);
                    Heard::NotSteered(number, trouble)
                }
            },
            Sent::End(to_end) => {
                self.has_ended(to_end, answered);
                Heard::Other
            }
            // Its turn tells the rest.
            Sent::Compact => match read::<CompactThread<'_>>(answered) {
                Ok(Done {}) => Heard::Other,
                Err(trouble) => {
                    self.turn = Turn::None;
                    Heard::NoTurn(trouble)
                }
            },
            Sent::Threads(why) => {
                self.lists -= 1;
                Heard::Threads(why, read::<ListThreads<'_>>(answered).map(|threads| threads.data))
            }
            Sent::Models => {
                self.lists -= 1;
                Heard::Models(read::<ListModels>(answered).map(|models| models.data))
            }
            Sent::Left => Heard::Elsewhere,
        }
    }

    fn started(&mut self, id: String) -> Heard {
        // It has begun by itself, woken by a sub-agent that has ended.
        let is_woken = self.is_ending() && !self.has_turn();
        if is_woken {
            self.turn = Turn::Asked { interrupt: true };
        }
        match self.turn.started(&id) {
            Started::NotOurs => Heard::Other,
            Started::Works => Heard::TurnBegun(id),
            Started::IsToEnd => {
                self.end_begun();
                Heard::TurnBegun(id)
            }
        }
    }

    pub(super) fn told(&mut self, told: &Notification) -> Heard {
        *self.notifications.entry(told.method.clone()).or_default() += 1;
        let params = told.params.as_deref().map(serde_json::value::RawValue::get);
        let notice = Notice::read(&told.method, params);
        let whose = self.family.whose(self.thread.as_deref(), &notice);
        self.end_more_sub_agents();
        self.follow_patches(&notice);
        self.said_in_turn.hear(told);
        let is_ours = match whose {
            Whose::Others => return Heard::Elsewhere,
            Whose::SubAgents => return of_sub_agent(&notice),
            Whose::Ours => true,
            Whose::Nobodys => false,
        };
        // What a turn of before had still to say is no part of this one.
        let of_another = matches!(&self.turn, Turn::Begun(ours) if *ours != notice.turn_id);
        if of_another && !notice.turn_id.is_empty() && !matches!(notice.told, Told::Tokens { .. }) {
            return Heard::Other;
        }
        let turn = notice.turn();
        match notice.told {
            Told::TurnStarted => self.started(notice.turn_id.into_owned()),
            Told::TurnEnded(end) => self.ended(turn, end),
            Told::Event(event) => Heard::Event(event.into_owned()),
            Told::PatchProposed { .. } => Heard::Other,
            Told::MessagePart { text, .. } => Heard::Part(text.into_owned()),
            Told::Tokens { total, last } if self.turn() == Some(&*notice.turn_id) => {
                Heard::Tokens { total, last }
            }
            Told::Tokens { total, .. } => Heard::TokensBefore(total),
            Told::ModelIs(model) => Heard::ModelIs(model.into_owned()),
            Told::Error { message, kind, retry: Retry::No } => {
                Heard::Event(Event::Error { message, kind }.into_owned())
            }
            Told::Error { message, retry: Retry::Yes, .. } => {
                Heard::Event(Event::Reconnecting { message }.into_owned())
            }
            Told::RequestResolved(id) => id.map_or(Heard::Other, Heard::Resolved),
            Told::ThreadStarted | Told::ThreadIs(_) | Told::RateLimits(_) | Told::Other(_) if is_ours => {
                Heard::Other
            }
            Told::ThreadStarted | Told::ThreadIs(_) | Told::RateLimits(_) | Told::Other(_) => {
                Heard::Elsewhere
            }
        }
    }

    fn follow_patches(&mut self, notice: &Notice<'_>) {
        match &notice.told {
            // Whoever it is of may turn out to be a sub-agent.
            Told::PatchProposed { item, changes } => self.patches.begin(&notice.thread_id, item, changes),
            Told::TurnEnded(_) => self.patches.forget(&notice.thread_id),
            Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::TurnStarted
            | Told::Event(_)
            | Told::MessagePart { .. }
            | Told::Tokens { .. }
            | Told::ModelIs(_)
            | Told::RateLimits(_)
            | Told::Error { .. }
            | Told::RequestResolved(_)
            | Told::Other(_) => {}
        }
    }

    fn ended(&mut self, turn: TurnOf, end: TurnEnd<'_>) -> Heard {
        if !self.turn.ended(&turn.id) {
            return Heard::Other;
        }
        self.tell_not_read();
        self.ahead.push_back(Heard::TurnEnded(match end {
            TurnEnd::Completed => TurnEnd::Completed,
            TurnEnd::Interrupted => TurnEnd::Interrupted,
            TurnEnd::Failed { message, kind } => {
                TurnEnd::Failed { message: message.into_owned().into(), kind }
            }
            TurnEnd::Unknown(word) => TurnEnd::Unknown(word.into_owned().into()),
        }));
        Heard::AsksNoMore(turn)
    }

    /// No turn runs: what its model was not given by now it will not be.
    fn tell_not_read(&mut self) {
        self.ahead.extend(self.said_in_turn.not_read().map(Heard::NotRead));
    }
}

/// What a sub-agent does shows that it lives, and what it asks is asked.
fn of_sub_agent(notice: &Notice<'_>) -> Heard {
    match &notice.told {
        Told::TurnEnded(_) => Heard::AsksNoMore(notice.turn()),
        Told::RequestResolved(Some(id)) => Heard::Resolved(id.clone()),
        Told::RequestResolved(None)
        | Told::ThreadStarted
        | Told::ThreadIs(_)
        | Told::TurnStarted
        | Told::Event(_)
        | Told::PatchProposed { .. }
        | Told::MessagePart { .. }
        | Told::Tokens { .. }
        | Told::ModelIs(_)
        | Told::RateLimits(_)
        | Told::Error { .. }
        | Told::Other(_) => Heard::Other,
    }
}

/// A server that cannot tell (Codex before 0.150 does not know the request) is talked with all the same. One that does not
/// tell this time is none that cannot.
fn configured(answered: Result<Params, CallError>) -> Result<Configured, CallError> {
    match answer::<ReadConfig<'_>>(answered) {
        Ok(Config { config }) => Ok(config),
        Err(CallError::Refused { error, .. }) if UNKNOWN.contains(&error.code) => Ok(Configured::default()),
        Err(CallError::Shape { .. }) => Ok(Configured::default()),
        Err(
            error @ (CallError::Refused { .. }
            | CallError::Late(_)
            | CallError::Closed { .. }
            | CallError::NotSent { .. }
            | CallError::TooOld(_)),
        ) => Err(error),
    }
}

fn read<C: Call>(answered: Result<Params, CallError>) -> Result<C::Answer, Trouble> {
    Ok(answer::<C>(answered)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_does_not_know_the_request_cannot_tell_how_it_is_configured() {
        let refused = |code| {
            configured(Err(CallError::Refused { method: "config/read", error: RpcError::new(code, "no") }))
        };
        assert!(UNKNOWN.into_iter().all(|code| refused(code).is_ok_and(|how| !how.may_write())));
        let (overloaded, failed) = (-32001, -32603);
        assert!([overloaded, failed].into_iter().all(|code| refused(code).is_err()));
        assert!(configured(Err(CallError::Late("config/read"))).is_err());
    }
}
