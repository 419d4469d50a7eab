//! What a run asks, and what comes of it: an answer, none in time, or a server that is overloaded and asked again.

use std::time::{Duration, Instant};

use clodex_json_rpc::{Message, Params, Request, Response};

use super::waiting::{Sent, Waiting};
use super::{AppServerRun, Unheard};
use crate::app_server::backoff::{OVERLOADED, pause};
use crate::app_server::call::Call;

/// How long the server may take for what needs no model.
pub(super) const ANSWER: Duration = Duration::from_mins(1);

impl AppServerRun {
    /// Takes in that the time has come which [`Self::deadline`] told.
    pub fn tick(&mut self, now: Instant) {
        for sent in self.calls.expire(now) {
            let late = format!("codex did not answer `{}` in {ANSWER:?}", sent.waiting.method());
            self.not_answered(&sent.waiting, Unheard::Unanswered(late));
        }
        let (due, later) = std::mem::take(&mut self.again).into_iter().partition(|(at, _)| *at <= now);
        self.again = later;
        let due: Vec<(Instant, Sent)> = due;
        for (_, sent) in due {
            self.send(sent);
        }
    }

    /// When to call [`Self::tick`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.again.iter().map(|(at, _)| *at).chain(self.calls.next_deadline()).min()
    }

    pub(super) fn ask<C: Call>(&mut self, call: &C, waiting: Waiting, now: Instant) {
        let params = serde_json::value::to_raw_value(call).expect("our own requests can be written as JSON");
        self.put(params, waiting, now);
    }

    pub(super) fn put(&mut self, params: Params, waiting: Waiting, now: Instant) {
        self.send(Sent { waiting, params, deadline: now + ANSWER, tries: 1 });
    }

    pub(super) fn answered(&mut self, response: Response, now: Instant) {
        // An answer that nobody waits for came too late; that it was late has been told.
        let Some(mut sent) = self.calls.settle(&response.id) else { return };
        match response.outcome {
            Ok(result) => self.succeeded(&sent.waiting, &result, now),
            Err(error) => {
                let at = now + pause(sent.tries);
                if error.code == OVERLOADED && at < sent.deadline {
                    sent.tries += 1;
                    return self.again.push((at, sent));
                }
                let why = format!("codex refused `{}`: {error}", sent.waiting.method());
                self.not_answered(&sent.waiting, Unheard::Refused(why));
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
