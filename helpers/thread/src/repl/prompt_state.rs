//! What the prompt shows of the talk, and whether what is typed may be seen: told by the talk, read by the line editor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What goes on, for whoever looks at the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PromptState {
    /// A line begins a turn.
    Idle,
    /// Codex works.
    Busy,
    /// Codex waits for an answer.
    Asked,
    /// It waits for a password or the like.
    AskedSecret,
}

impl PromptState {
    /// All of them in the order of their numbers.
    const ALL: [Self; 4] = [Self::Idle, Self::Busy, Self::Asked, Self::AskedSecret];

    /// The prompt: always of one width, so that it can change under the line that is being typed.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Idle => "> ",
            Self::Busy => "… ",
            Self::Asked | Self::AskedSecret => "? ",
        }
    }
}

/// What it shows now.
#[derive(Debug, Clone, Default)]
pub struct SharedPromptState(Arc<AtomicU8>);

impl SharedPromptState {
    /// It changes.
    pub fn set(&self, prompt_state: PromptState) {
        self.0.store(prompt_state as u8, Ordering::Relaxed);
    }

    /// It.
    pub fn get(&self) -> PromptState {
        PromptState::ALL[usize::from(self.0.load(Ordering::Relaxed))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_kept_and_no_prompt_is_wider_than_another() {
        let now = SharedPromptState::default();
        assert_eq!(now.get(), PromptState::Idle);
        for prompt_state in PromptState::ALL {
            now.set(prompt_state);
            assert_eq!(now.get(), prompt_state);
            assert_eq!(clodex_core::text_width(prompt_state.prompt()), 2);
        }
    }
}
