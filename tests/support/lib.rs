//! What the integration tests share: sandboxes, built binaries, the real Codex, bounded waiting.
//! Knows nothing of what is tested.

mod ageing;
mod binaries;
mod claude_terminal;
mod dispatched;
mod dispatching;
mod leaks;
mod newcomer_tools;
mod packet;
mod real_claude;
mod real_codex;
mod release;
mod running;
mod sandbox;
mod terminal;
mod underway;
mod user;
mod waiting;

pub use binaries::{binaries, target_dir};
pub use claude_terminal::ClaudeTerminal;
pub use dispatched::{Dispatched, first_line, json_file, text};
pub use dispatching::{THREAD, begun_turn, clean_turn, dispatched, ended_turn, message, sh, turn_completed};
pub use leaks::{Leftover, assert_nothing_left, left_in_temp, leftovers};
pub use newcomer_tools::{pytest, vitest};
pub use packet::Packet;
pub use real_claude::{ClaudeStage, ClaudeVersion};
pub use real_codex::{RealCodex, Skipped, older_codex, real_codex};
pub use running::{Running, run_with_timeout};
pub use sandbox::{Codex, Sandbox};
pub use terminal::{Key, Terminal};
pub use underway::Underway;
pub use user::User;
pub use waiting::{LIMIT, eventually};
