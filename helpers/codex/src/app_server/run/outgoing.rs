//! What a run asks, and what comes of it: an answer, none in time, or a server that is overloaded and asked again.

use std::time::{Duration, Instant};

use clodex_json_rpc::{Message, Params, Request, Response};

use super::pending::{Sent, Waiting};
use super::{AppServerRun, Unheard};
use crate::app_server::backoff::OVERLOADED;
use crate::app_server::call::Call;

/// How long the server may take for what needs no model.
pub(super) const ANSWER: Duration = Duration::from_mins(1);

impl AppServerRun {
    /// Takes in that the time has come which [`Self::deadline`] told.
    pub fn tick(&mut self, now: Instant) {
        for sent in self.calls.expire(now) {
            let (method, within) = (sent.waiting.method(), self.within(&sent.waiting));
            let late = format!("codex did not answer `{method}` in {within:?}");
            self.not_answered(&sent.waiting, Unheard::Unanswered(late), now);
        }
        while let Some(due) = self.again.due(now) {
            self.send(due);
        }
    }

    /// When to call [`Self::tick`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.again.next_at().into_iter().chain(self.calls.next_deadline()).min()
    }

    pub(super) fn ask<C: Call>(&mut self, call: &C, waiting: Waiting, now: Instant) {
        let params = serde_json::value::to_raw_value(call).expect("our own requests can be written as JSON");
        self.put(params, waiting, now);
    }

    pub(super) fn put(&mut self, params: Params, waiting: Waiting, now: Instant) {
        let deadline = now + self.within(&waiting);
        self.send(Sent { waiting, params, deadline, tries: 1 });
    }

    fn within(&self, waiting: &Waiting) -> Duration {
        match waiting {
            Waiting::Greeting => self.request.greet_within.unwrap_or(ANSWER),
            Waiting::Open(_) | Waiting::Mcp | Waiting::Turn | Waiting::Steer(_) | Waiting::End(_) => ANSWER,
        }
    }

    pub(super) fn answered(&mut self, response: Response, now: Instant) {
        // An answer that nobody waits for came too late; that it was late has been told.
        let Some(mut sent) = self.calls.settle(&response.id) else { return };
        match response.outcome {
            Ok(result) => self.succeeded(&sent.waiting, &result, now),
            Err(error) => {
                if error.code == OVERLOADED {
                    let (tries, deadline) = (sent.tries, Some(sent.deadline));
                    sent.tries += 1;
                    match self.again.put(sent, tries, now, deadline) {
                        Ok(()) => return,
                        Err(given_back) => sent = given_back,
                    }
                }
                let why = format!("codex refused `{}`: {error}", sent.waiting.method());
                self.not_answered(&sent.waiting, Unheard::Refused(why), now);
            }
        }
    }

    fn send(&mut self, sent: Sent) {
        let (method, params) = (sent.waiting.method().to_owned(), Some(sent.params.clone()));
        let deadline = sent.deadline;
        let id = self.calls.begin(sent, Some(deadline));
        self.say(&Message::Request(Request { id, method, params }));
    }
}
