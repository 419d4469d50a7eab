//! How Codex writes token counts, in its stream and in its rollout files alike.

use clodex_core::Usage;

use crate::tolerant_json::{Count, last_key_wins};

last_key_wins! {
    /// `usage` or `total_token_usage`; older versions tell only the first three.
    pub(crate) struct Tokens<'a> {
        "input_tokens" => input: Count<'a>,
        "cached_input_tokens" => cached_input: Count<'a>,
        "output_tokens" => output: Count<'a>,
        "reasoning_output_tokens" => reasoning: Count<'a>,
    }
}

impl Tokens<'_> {
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            input: self.input.or_zero(),
            cached_input: self.cached_input.or_zero(),
            output: self.output.or_zero(),
            reasoning: self.reasoning.or_zero(),
        }
    }
}
