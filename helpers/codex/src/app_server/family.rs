//! Whose is what is told: a thread's, a sub-agent's of it, nobody's, or somebody else's; and which sub-agents are at
//! work. Pure; asks for nothing.
//!
//! Codex tells of a sub-agent only once the call that has begun it is complete. Its turn may be told of before.

use std::collections::{BTreeMap, BTreeSet};

use super::notice::{Notice, Told};

/// The sub-agents of a thread, and theirs.
#[derive(Debug, Clone, Default)]
pub struct Family {
    sub_agents: BTreeSet<String>,
    /// Of every other thread that is heard of: one may turn out to be a sub-agent's.
    lives: BTreeMap<String, Life>,
    /// Whom other threads have named, by the thread: they may turn out to be sub-agents.
    named: BTreeMap<String, BTreeSet<String>>,
}

/// What is known of another thread.
#[derive(Debug, Clone, Default)]
struct Life {
    turn: Option<String>,
    /// Whether its turn, or what that has left running, was asked to end.
    is_ending: bool,
}

/// Whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The thread's.
    Ours,
    /// That of one who works for it.
    SubAgents,
    /// The server's, or the account's.
    Nobodys,
    /// Another thread's, which has nothing to do with it.
    Others,
}

/// A sub-agent that is to end what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToEnd {
    /// Its thread.
    pub thread_id: String,
    /// Its turn; none = that is over, and only what it has left running is to end.
    pub turn_id: Option<String>,
}

impl Family {
    /// Looks at what was told; no thread = none is open.
    pub fn whose(&mut self, thread: Option<&str>, notice: &Notice<'_>) -> Whose {
        let of = &*notice.thread_id;
        if of.is_empty() {
            return Whose::Nobodys;
        }
        let is_ours = thread == Some(of);
        if !is_ours {
            self.follow(of, notice);
        }
        let is_known = is_ours || self.sub_agents.contains(of);
        for named in notice.sub_agents.iter().filter(|named| thread != Some(&***named)) {
            if is_known {
                self.take_in(named);
            } else {
                self.named.entry(of.to_owned()).or_default().insert(named.to_string());
            }
        }
        match (is_ours, is_known) {
            (true, _) => Whose::Ours,
            (false, true) => Whose::SubAgents,
            (false, false) => Whose::Others,
        }
    }

    /// This thread works for it, and so do those that it has named.
    pub fn take_in(&mut self, thread: &str) {
        if thread.is_empty() || !self.sub_agents.insert(thread.to_owned()) {
            return;
        }
        for named in self.named.remove(thread).unwrap_or_default() {
            self.take_in(&named);
        }
    }

    /// Who is to end what it does, or has left running, and was not asked to yet.
    pub fn to_end(&mut self) -> Vec<ToEnd> {
        let mut to_end = Vec::new();
        for thread in &self.sub_agents {
            let life = self.lives.entry(thread.clone()).or_default();
            if !std::mem::replace(&mut life.is_ending, true) {
                to_end.push(ToEnd { thread_id: thread.clone(), turn_id: life.turn.clone() });
            }
        }
        to_end
    }

    /// The thread goes on: what was asked to end before is asked again the next time.
    pub fn go_on(&mut self) {
        self.lives.values_mut().for_each(|life| life.is_ending = false);
    }

    /// Codex knows of no turn of this thread any more.
    pub fn has_no_turn(&mut self, thread: &str) {
        if let Some(life) = self.lives.get_mut(thread) {
            life.turn = None;
        }
    }

    /// Whether a sub-agent has a turn.
    pub fn is_working(&self) -> bool {
        let works = |thread: &String| self.lives.get(thread).is_some_and(|life| life.turn.is_some());
        self.sub_agents.iter().any(works)
    }

    /// Whether this is one of them.
    pub fn contains(&self, thread: &str) -> bool {
        self.sub_agents.contains(thread)
    }

    fn follow(&mut self, thread: &str, notice: &Notice<'_>) {
        match &notice.told {
            Told::TurnStarted => {
                let life = Life { turn: Some(notice.turn_id.to_string()), is_ending: false };
                self.lives.insert(thread.to_owned(), life);
            }
            Told::TurnEnded(_) => {
                if let Some(life) = self.lives.get_mut(thread)
                    && life.turn.as_deref() == Some(&*notice.turn_id)
                {
                    life.turn = None;
                }
            }
            Told::ThreadStarted
            | Told::ThreadIs(_)
            | Told::Event(_)
            | Told::PatchProposed { .. }
            | Told::MessagePart { .. }
            | Told::Tokens { .. }
            | Told::ModelIs(_)
            | Told::RateLimits(_)
            | Told::Error { .. }
            | Told::RequestResolved(_)
            | Told::Other(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whose(family: &mut Family, thread: &str, receivers: &str) -> Whose {
        let item = format!(
            r#"{{"type":"collabAgentToolCall","tool":"spawnAgent","receiverThreadIds":{receivers}}}"#
        );
        let params = format!(r#"{{"threadId":"{thread}","item":{item}}}"#);
        family.whose(Some("main"), &Notice::read("item/completed", Some(&params)))
    }

    fn turn(family: &mut Family, method: &str, thread: &str, turn: &str) {
        let params = format!(r#"{{"threadId":"{thread}","turn":{{"id":"{turn}"}}}}"#);
        family.whose(Some("main"), &Notice::read(method, Some(&params)));
    }

    fn to_end(thread: &str, turn: Option<&str>) -> ToEnd {
        ToEnd { thread_id: thread.to_owned(), turn_id: turn.map(str::to_owned) }
    }

    #[test]
    fn who_works_for_the_thread_is_told_from_who_does_not() {
        let mut family = Family::default();
        assert_eq!(whose(&mut family, "sub", "[]"), Whose::Others);
        assert_eq!(whose(&mut family, "other", r#"["others-own"]"#), Whose::Others);
        assert_eq!(whose(&mut family, "main", r#"["sub"]"#), Whose::Ours);
        assert_eq!(whose(&mut family, "sub", r#"["sub-of-sub", "main"]"#), Whose::SubAgents);
        assert_eq!(whose(&mut family, "sub-of-sub", "[]"), Whose::SubAgents);
        assert_eq!(whose(&mut family, "others-own", "[]"), Whose::Others);
        assert_eq!(whose(&mut family, "", "[]"), Whose::Nobodys);
        assert_eq!(whose(&mut family, "main", "[]"), Whose::Ours);
    }

    #[test]
    fn who_works_before_it_is_named_is_known_with_its_turn_and_its_own_sub_agents() {
        let mut family = Family::default();
        turn(&mut family, "turn/started", "sub", "s");
        turn(&mut family, "turn/started", "sub-of-sub", "ss");
        whose(&mut family, "sub", r#"["sub-of-sub"]"#);
        assert_eq!((family.is_working(), family.to_end()), (false, vec![]));
        whose(&mut family, "main", r#"["sub"]"#);
        assert!(family.is_working());
        assert_eq!(family.to_end(), [to_end("sub", Some("s")), to_end("sub-of-sub", Some("ss"))]);
    }

    #[test]
    fn each_is_asked_to_end_once_and_again_when_it_begins_anew() {
        let mut family = Family::default();
        family.take_in("sub");
        turn(&mut family, "turn/started", "sub", "1");
        assert_eq!(family.to_end(), [to_end("sub", Some("1"))]);
        turn(&mut family, "turn/completed", "sub", "another");
        assert!(family.to_end().is_empty() && family.is_working());
        turn(&mut family, "turn/completed", "sub", "1");
        assert!(family.to_end().is_empty() && !family.is_working());
        turn(&mut family, "turn/started", "sub", "2");
        assert_eq!(family.to_end(), [to_end("sub", Some("2"))]);
        family.has_no_turn("sub");
        family.go_on();
        assert_eq!(family.to_end(), [to_end("sub", None)]);
    }
}
