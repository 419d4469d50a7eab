//! Where the turn of a run stands, as far as it matters for what can be said to it.

use std::time::Instant;

/// Where the run's turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    NotYet,
    /// It was asked for, and Codex has not said that it runs.
    Asked,
    Running,
    Interrupting,
    /// Nothing runs; until then somebody may go on.
    Waiting(Option<Instant>),
    /// Nothing runs, and the next one was asked for.
    Beginning,
    /// It has ended well, and something said in it is still to be confirmed.
    Ending,
    Over,
}
