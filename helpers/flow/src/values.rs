//! The values of a flow on its way: what templates are filled with and conditions look at. What Codex answered is data:
//! it goes into prompts in a fence that nothing in it can close, and bounded.

use clodex_core::fenced;

use crate::facts::Facts;
use clodex_os::sha256_hex;

use crate::flow_dir::FlowDir;
use crate::flow_state::FlowState;
use crate::inputs::Inputs;
use crate::reference::{Fact, Reference};
use crate::schedule::Stand;

/// What one answer may take of another step's prompt.
const ANSWER_MAX_BYTES: usize = 48 << 10;

/// Where values come from.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// What the flow was given.
    pub inputs: &'a Inputs,
    /// What happened so far.
    pub flow_state: &'a FlowState,
    /// Where answers lie.
    pub dir: &'a FlowDir,
}

impl Values<'_> {
    /// The value for a template; none where there is none.
    pub fn of(&self, reference: &Reference) -> Option<String> {
        match reference {
            Reference::Input { name, part } => self.inputs.text(name, *part),
            Reference::Step { id, fact: Fact::Result } => match self.flow_state.step(id)?.stand {
                Stand::Skipped => Some(String::new()),
                Stand::Waiting
                | Stand::Running
                | Stand::ToLand
                | Stand::Landing
                | Stand::Asking
                | Stand::Passed
                | Stand::Failed
                | Stand::Cancelled => self.answer(id).map(|answer| fenced(&self.bounded(id, &answer))),
            },
            Reference::Step { id, fact } if fact.is_prose() => {
                self.word(id, *fact).map(|told| if told.is_empty() { told } else { fenced(&told) })
            }
            Reference::Step { id, fact } => self.word(id, *fact),
        }
    }

    /// What a step answered, if it is still what it was.
    pub fn answer(&self, id: &str) -> Option<String> {
        let known = self.flow_state.step(id)?;
        let text = self.dir.read(&self.dir.answer(id)).ok()?;
        (sha256_hex(text.as_bytes()) == known.answer).then_some(text)
    }

    fn word(&self, id: &str, fact: Fact) -> Option<String> {
        let known = self.flow_state.step(id)?;
        if known.stand == Stand::Skipped {
            return Some(Facts::word_of_skipped(fact));
        }
        known.facts.as_ref()?.word(fact)
    }

    fn bounded(&self, id: &str, answer: &str) -> String {
        if answer.len() <= ANSWER_MAX_BYTES {
            return answer.to_owned();
        }
        let kept = &answer[..answer.floor_char_boundary(ANSWER_MAX_BYTES)];
        let left_out = answer.len() - kept.len();
        format!("{kept}\n\n[{left_out} bytes left out; all of it is in {}]", self.dir.answer(id).display())
    }
}

#[cfg(test)]
mod tests {
    use clodex_os::record_store::StateDir;

    use super::*;
    use crate::flow_state::tests::{begun, ended};
    use crate::journal::Then;

    #[test]
    fn what_somebody_wrote_stands_in_a_fence_and_a_word_does_not() {
        let flow_state = FlowState::of(&[begun(&["a"]), ended("a", Then::Passed)]).unwrap();
        let dir = FlowDir::at(&StateDir::at("/nowhere"), "x");
        let inputs = Inputs::default();
        let values = Values { inputs: &inputs, flow_state: &flow_state, dir: &dir };
        let value = |text: &str| values.of(&Reference::parse(text).unwrap()).unwrap();
        assert_eq!(value("steps.a.summary"), "```text\ndid it\n```\n");
        assert_eq!(value("steps.a.changed"), "```text\nsrc/a.rs\nsrc/deep/b.rs\n```\n");
        assert_eq!((value("steps.a.claim"), value("steps.a.outcome")), ("CLEAN".into(), "done".into()));
    }
}
