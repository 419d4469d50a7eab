//! What was said in a turn, until Codex shows that the model is given it: a turn that is over takes the rest with it.
//!
//! Codex answers `turn/steer` when it has taken the words. The model is given them with its next request, and then an item
//! with their name begins.

use std::collections::BTreeMap;

use clodex_json_rpc::Notification;

use super::turn_history::name_of_said;

/// What the model has not been given.
#[derive(Debug)]
pub struct SaidInTurn {
    prefix: String,
    /// Codex before 0.150 shows no names.
    shows_names: bool,
    /// By number, and whether Codex has taken it.
    unread: BTreeMap<u64, bool>,
}

impl SaidInTurn {
    /// Nothing was said yet. Names begin with this: nobody else's in the thread may.
    pub fn named(prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), shows_names: false, unread: BTreeMap::new() }
    }

    /// Something is to be said; its `client_user_message_id`.
    pub fn steer(&mut self, number: u64) -> String {
        self.unread.insert(number, false);
        format!("{}{number}", self.prefix)
    }

    /// Codex has taken it.
    pub fn is_taken(&mut self, number: u64) {
        if let Some(taken) = self.unread.get_mut(&number) {
            *taken = true;
        }
    }

    /// Codex has not, or nobody knows.
    pub fn is_not_taken(&mut self, number: u64) {
        self.unread.remove(&number);
    }

    /// Takes in what the server tells.
    pub fn hear(&mut self, told: &Notification) {
        let Some(name) = name_of_said(told) else { return };
        self.shows_names = true;
        if let Some(number) = name.strip_prefix(&self.prefix).and_then(|number| number.parse().ok()) {
            self.unread.remove(&number);
        }
    }

    /// What was taken and will not be given to the model, now that no turn runs; nothing where Codex does not show it.
    pub fn not_read(&mut self) -> impl Iterator<Item = u64> {
        let over = self.unread.extract_if(.., |_, taken| *taken);
        let over: Vec<u64> = over.map(|(number, _)| number).collect();
        over.into_iter().filter(|_| self.shows_names)
    }
}
