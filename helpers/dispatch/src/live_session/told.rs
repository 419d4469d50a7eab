//! What the model was told, and what it has to be told once more: it is gone, or was never given what Codex had taken.

use std::collections::BTreeMap;

use super::action::fits;

#[derive(Debug, Default)]
pub(super) struct Told {
    /// One that takes the model's place has to be told all of it.
    all: Vec<String>,
    /// What was said in the turn, by its numbers.
    in_turn: BTreeMap<u64, String>,
    /// What the next turn begins with, and everybody knows already that it was said.
    again: Vec<String>,
    /// What nobody ever will be told.
    unsaid: Vec<String>,
}

impl Told {
    /// A turn has begun, with these.
    pub(super) fn turn_began<'a>(&mut self, with: impl Iterator<Item = &'a str>) {
        self.in_turn.clear();
        self.all.extend(with.map(str::to_owned));
    }

    /// Codex has taken this.
    pub(super) fn steered(&mut self, number: u64, text: String) {
        self.all.push(text.clone());
        self.in_turn.insert(number, text);
    }

    /// And has not given it to the model before its turn was over.
    pub(super) fn not_read(&mut self, number: u64) {
        self.again.extend(self.in_turn.remove(&number));
    }

    /// The model is gone, and everything that it was told.
    pub(super) fn begin_again(&mut self) {
        self.in_turn.clear();
        self.again.clone_from(&self.all);
    }

    /// Whether there is something to be told once more.
    pub(super) fn has_more(&self) -> bool {
        !self.again.is_empty()
    }

    /// What the next turn begins with; where there is no room for all of it, the newest.
    pub(super) fn again(&mut self, room: &mut usize) -> Vec<String> {
        let mut again = std::mem::take(&mut self.again);
        let newest = again.iter().rev().take_while(|text| fits(text, room)).count();
        let older = again.len() - newest;
        self.unsaid.extend(again.drain(..older));
        again
    }

    /// The turn that should have begun with these does not.
    pub(super) fn keep(&mut self, again: Vec<String>) {
        self.again = again;
    }

    /// Nobody will be told this.
    pub(super) fn unsaid(&mut self, text: String) {
        self.unsaid.push(text);
    }

    /// No turn begins any more: what nobody was told, given away.
    pub(super) fn take_unsaid(&mut self) -> Vec<String> {
        self.unsaid.append(&mut self.again);
        std::mem::take(&mut self.unsaid)
    }
}
