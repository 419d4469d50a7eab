//! Which final answer is asked for.

use clodex_codex::AnswerSchema;

/// The schema that Codex is given.
#[derive(Debug)]
pub enum Schema {
    /// clodex's own ([`clodex_core::Claim::SCHEMA`]).
    Claim,
    /// The user's (`--output-schema`).
    Own(Box<AnswerSchema>),
    /// That of Codex's own review, which nobody but us holds it to.
    Review(Box<AnswerSchema>),
}

impl Schema {
    /// The text of the schema, as Codex gets it.
    pub fn text(&self) -> &str {
        match self {
            Self::Claim => clodex_core::Claim::SCHEMA,
            Self::Own(own) | Self::Review(own) => own.json().get(),
        }
    }

    /// Whether Codex's own reviewer is asked.
    pub fn is_review(&self) -> bool {
        matches!(self, Self::Review(_))
    }
}
