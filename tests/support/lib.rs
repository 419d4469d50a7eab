//! What the integration tests share: sandboxes, built binaries, the real Codex, bounded waiting.
//! Knows nothing of what is tested.

mod backdate;
mod binaries;
mod claude_terminal;
mod dispatched;
mod dispatching;
mod file_writer;
mod leaks;
mod newcomer_tools;
mod packet;
mod real_claude;
mod real_codex;
mod release;
mod running;
mod sandbox;
mod terminal;
#[cfg(target_os = "linux")]
mod tracing;
mod underway;
mod unix_user;
mod waiting;

pub use binaries::{binaries, target_dir};
pub use claude_terminal::ClaudeTerminal;
pub use dispatched::{Dispatched, first_line, json_file, text};
pub use dispatching::{THREAD, begun_turn, clean_turn, dispatched, ended_turn, message, sh, turn_completed};
pub use file_writer::FileWriter;
pub use leaks::{Leftover, assert_nothing_left, left_in_temp, leftovers};
pub use newcomer_tools::{pytest, vitest};
pub use packet::Packet;
pub use real_claude::{ClaudeStage, ClaudeVersion};
pub use real_codex::{RealCodex, Skipped, older_codex, real_codex};
pub use running::{Running, run_with_timeout};
pub use sandbox::{Codex, Sandbox};
pub use terminal::{Key, Terminal};
#[cfg(target_os = "linux")]
pub use tracing::{Stop, killed_at};
pub use underway::Underway;
pub use unix_user::User;
pub use waiting::{LIMIT, eventually};
