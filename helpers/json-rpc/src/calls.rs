//! The requests that wait for an answer, and until when. Pure: the time is told.

use std::collections::HashMap;
use std::time::Instant;

use crate::message::Id;

/// What is waited for; `T` is whatever the caller wants to be reminded of.
#[derive(Debug)]
pub struct Calls<T> {
    waiting: HashMap<i64, Waiting<T>>,
    next: i64,
}

#[derive(Debug)]
struct Waiting<T> {
    call: T,
    deadline: Option<Instant>,
}

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), next: 1 }
    }
}

impl<T> Calls<T> {
    /// Waits for an answer until the deadline, or for ever; returns the id to ask with, which was never given before.
    pub fn begin(&mut self, call: T, deadline: Option<Instant>) -> Id {
        let id = self.next;
        self.next += 1;
        self.waiting.insert(id, Waiting { call, deadline });
        Id::Number(id)
    }

    /// The call that is answered under this id; none where nothing waits: never asked, answered before, or given up.
    pub fn settle(&mut self, id: &Id) -> Option<T> {
        match id {
            Id::Number(id) => self.waiting.remove(id).map(|waiting| waiting.call),
            Id::Text(_) => None,
        }
    }

    /// Gives up what has waited long enough, the oldest first.
    pub fn expire(&mut self, now: Instant) -> Vec<T> {
        let is_late = |waiting: &Waiting<T>| waiting.deadline.is_some_and(|deadline| deadline <= now);
        self.give_up(is_late)
    }

    /// Gives up everything, the oldest first.
    pub fn abandon(&mut self) -> Vec<T> {
        self.give_up(|_| true)
    }

    /// When the next one will have waited long enough.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().filter_map(|waiting| waiting.deadline).min()
    }

    fn give_up(&mut self, given_up: impl Fn(&Waiting<T>) -> bool) -> Vec<T> {
        let mut ids: Vec<i64> =
            self.waiting.iter().filter(|(_, waiting)| given_up(waiting)).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.iter().filter_map(|id| self.waiting.remove(id)).map(|waiting| waiting.call).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_answer_settles_its_call_once() {
        let mut calls = Calls::default();
        let (first, second) = (calls.begin("first", None), calls.begin("second", None));
        assert_eq!(calls.settle(&second), Some("second"));
        assert_eq!(calls.settle(&second), None);
        assert_eq!(calls.settle(&Id::Number(99)), None);
        assert_eq!(calls.settle(&Id::Text("1".to_owned())), None);
        assert_eq!(calls.settle(&first), Some("first"));
    }

    #[test]
    fn each_call_has_its_own_deadline_and_a_late_answer_finds_nobody() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut calls = Calls::default();
        calls.begin("for ever", None);
        let slow = calls.begin("slow", Some(at(9)));
        calls.begin("quick", Some(at(3)));
        assert_eq!(calls.next_deadline(), Some(at(3)));
        assert_eq!(calls.expire(at(2)), Vec::<&str>::new());
        assert_eq!(calls.expire(at(9)), ["slow", "quick"]);
        assert_eq!(calls.settle(&slow), None);
        assert_eq!(calls.next_deadline(), None);
        assert_eq!(calls.abandon(), ["for ever"]);
    }
}
