//! What a Claude Code session was about, out of its transcript: the only room that knows the transcript's format.
//! Reads one file; says nothing of what becomes of it, and never hands on what tools returned.

mod entry;
mod export;
mod find;
mod redact;
mod session;

pub use find::{claude_dir, find_transcript};
pub use redact::redact;
pub use session::{LeftOut, MAX_BYTES, Session, Turn, Who};
