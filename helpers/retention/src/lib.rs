//! What ended runs leave on disk, for how long, and letting go of it. One mechanism for `clodex-dispatch`, which does it
//! on the side once a day, and for `clodex-setup prune`.
//!
//! Work that is nowhere else is never let go of: an isolated run whose changes were neither landed nor thrown away stays
//! with all that belongs to it. Knows nothing of runs that live.

mod artifacts;
mod flows;
mod prune;
mod sealed;
mod worktrees;

pub use flows::PrunedFlow;
pub use prune::{Act, Fate, PruneError, Pruned, PrunedRun, Wish, days_long, once_a_day, prune};
pub use sealed::Sealed;
pub use worktrees::{forget_worktree, place_of_worktree, sweep_worktrees, what_waits};
