//! What the integration tests share: sandboxes, built binaries, the real Codex, bounded waiting.
//! Knows nothing of what is tested.

mod binaries;
mod dispatching;
mod leaks;
mod packet;
mod real_codex;
mod running;
mod sandbox;
mod underway;
mod waiting;

pub use binaries::{binaries, target_dir};
pub use dispatching::{Dispatched, THREAD, begun_turn, clean_turn, dispatched, message, sh, turn_completed};
pub use leaks::{Leftover, assert_nothing_left, leftovers};
pub use packet::Packet;
pub use real_codex::{RealCodex, Skipped, real_codex};
pub use running::{Running, run_with_timeout};
pub use sandbox::{Codex, Sandbox};
pub use underway::{Underway, artifact, first_line};
pub use waiting::eventually;
