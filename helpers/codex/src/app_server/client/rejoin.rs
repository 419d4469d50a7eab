//! Coming back after a lost connection: connecting again, joining a thread again, and what has become of its turn.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use clodex_json_rpc::{ConnectError, Connection};

use super::{CallError, Client, Happened};
use crate::app_server::backoff::pause;
use crate::app_server::call::{Call as _, ClientInfo, ListTurns, OpenThread, PastTurn, ResumeThread};
use crate::app_server::turn_history::{is_said_with, turn_completed};
use crate::version::CodexVersion;

/// Turns that other clients may have begun meanwhile, and then some.
const TURNS: u32 = 20;

/// How to come back to a server.
pub struct WayBack<'a> {
    /// Connects by the deadline.
    pub dial: &'a mut dyn FnMut(Instant) -> Result<Connection, ConnectError>,
    /// Waits between two tries; `Break` gives up, e.g. because the user wants to leave. Whoever wakes the connection while
    /// an answer is waited for has it asked, too, for no time at all.
    pub wait: &'a mut dyn FnMut(Duration) -> ControlFlow<()>,
    /// Who comes back.
    pub client: ClientInfo<'a>,
    /// Until when it is tried.
    pub until: Instant,
}

impl std::fmt::Debug for WayBack<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WayBack")
            .field("client", &self.client)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl WayBack<'_> {
    /// The usual way to wait: nobody gives up before the deadline.
    pub fn sleep(pause: Duration) -> ControlFlow<()> {
        thread::sleep(pause);
        ControlFlow::Continue(())
    }
}

/// Why there is no way back.
#[derive(Debug, thiserror::Error)]
pub enum NotBack {
    /// The server could not be reached by the deadline: the last error, after so many tries.
    #[error("the server can no longer be reached, tried {1} times: {0}")]
    Unreachable(ConnectError, u32),
    /// It wants nothing to do with us, or is another one: trying again would not help.
    #[error(transparent)]
    Refused(ConnectError),
    /// It was reached, and hands could not be shaken.
    #[error(transparent)]
    NotGreeted(CallError),
    /// Whoever waited did not want to any more.
    #[error("given up")]
    GivenUp,
}

/// What was waited for in a thread when the connection was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited<'a> {
    /// Nothing: no turn was under way.
    Nothing,
    /// The end of this turn.
    Turn(&'a str),
    /// The answer to a `turn/start` that said something with this `client_user_message_id`.
    Begin(&'a str),
    /// The answer to a request for a turn that says nothing: its turn cannot be told from others.
    BeginUnnamed,
}

/// What has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejoined {
    /// No turn was under way.
    Idle,
    /// The turn with this id goes on. What was missed of it happens next, then the rest; what the server wants to know
    /// is asked again, as a new question.
    Working(String),
    /// The turn with this id has ended. What was missed happens next, its end the last of it.
    Ended(String),
    /// Nobody can know, and why. It may have done anything, and is no success.
    Unknown(String),
}

impl<T> Client<T> {
    /// Connects again after [`Happened::Closed`], with pauses between the tries. Threads have to be joined again; old
    /// questions cannot be answered any more.
    pub fn reconnect(&mut self, way: &mut WayBack<'_>) -> Result<CodexVersion, NotBack> {
        let mut tries = 0;
        loop {
            tries += 1;
            let failed = match (way.dial)(way.until) {
                Ok(connection) => match self.take(connection, way) {
                    Ok(version) => return Ok(version),
                    Err(error @ CallError::TooOld(_)) => return Err(NotBack::NotGreeted(error)),
                    Err(error) => NotBack::NotGreeted(error),
                },
                Err(error @ ConnectError::Unreachable(_)) => NotBack::Unreachable(error, tries),
                Err(error @ (ConnectError::Refused { .. } | ConnectError::NoWebSocket(_))) => {
                    return Err(NotBack::Refused(error));
                }
            };
            let pause = pause(tries);
            if Instant::now() + pause >= way.until {
                return Err(failed);
            }
            if (way.wait)(pause).is_break() {
                return Err(NotBack::GivenUp);
            }
        }
    }

    fn take(&mut self, connection: Connection, way: &mut WayBack<'_>) -> Result<CodexVersion, CallError> {
        self.replace(connection);
        let greeted = self.shake_hands(way.client, way.until, way.wait);
        if greeted.is_err() {
            // The end of a connection that never was one.
            self.ahead.clear();
        }
        greeted
    }

    /// Joins a thread again and finds out what has become of its turn; `wait` as in [`WayBack`]. An error is a thread that
    /// cannot be joined: what was awaited of it is unknown, too. A server that was started anew opens it as it is
    /// configured itself, but for what is asked for; whether that holds is for the caller to see.
    pub fn rejoin(
        &mut self,
        thread: &ResumeThread<'_>,
        awaited: Awaited<'_>,
        deadline: Instant,
        wait: &mut dyn FnMut(Duration) -> ControlFlow<()>,
    ) -> Result<(OpenThread, Rejoined), CallError> {
        let open = self.call_while(thread, deadline, wait)?;
        let rejoined = self.look_for(awaited, &open, deadline, wait)?;
        Ok((open, rejoined))
    }

    fn look_for(
        &mut self,
        awaited: Awaited<'_>,
        open: &OpenThread,
        deadline: Instant,
        wait: &mut dyn FnMut(Duration) -> ControlFlow<()>,
    ) -> Result<Rejoined, CallError> {
        if awaited == Awaited::Nothing {
            return Ok(Rejoined::Idle);
        }
        if awaited == Awaited::BeginUnnamed {
            return Ok(Rejoined::Unknown("whether it has begun cannot be seen".to_owned()));
        }
        let (thread_id, is_active) = (open.thread.id.as_str(), open.thread.status.word == "active");
        let list = ListTurns { thread_id, limit: TURNS, items_view: "full" };
        let turns = self.call_while(&list, deadline, wait)?.data;
        let is_it = |turn: &&PastTurn| match awaited {
            Awaited::Nothing | Awaited::BeginUnnamed => false,
            Awaited::Turn(id) => turn.id == id,
            Awaited::Begin(said) => turn.items.iter().any(|item| is_said_with(item, said)),
        };
        let Some(turn) = turns.iter().find(is_it) else {
            return Ok(Rejoined::Unknown(format!(
                "the turn is not among those that `{}` tells",
                ListTurns::METHOD
            )));
        };
        Ok(match (turn.status.as_str(), turn.completed_at) {
            ("inProgress", _) if is_active => {
                self.tell_missed(thread_id, turn);
                Rejoined::Working(turn.id.clone())
            }
            ("completed" | "failed", _) | ("interrupted", Some(_)) => {
                self.tell_missed(thread_id, turn);
                self.tell_end(thread_id, turn);
                Rejoined::Ended(turn.id.clone())
            }
            ("inProgress" | "interrupted", _) => {
                self.tell_missed(thread_id, turn);
                Rejoined::Unknown("the server ended in the middle of the turn".to_owned())
            }
            (word, _) => Rejoined::Unknown(format!("the turn is `{word}`, which is not known here")),
        })
    }

    /// Before what has come since the thread was joined: it is older.
    fn tell_missed(&mut self, thread_id: &str, turn: &PastTurn) {
        for missed in self.history.missed(thread_id, turn).into_iter().rev() {
            self.history.is_new(&missed);
            self.ahead.push_front(Happened::Told(missed));
        }
    }

    fn tell_end(&mut self, thread_id: &str, turn: &PastTurn) {
        let end = turn_completed(thread_id, turn);
        if self.history.is_new(&end) {
            self.ahead.push_back(Happened::Told(end));
        }
    }
}

#[cfg(test)]
mod tests;
