//! What Claude Code's hook events mean for clodex.

pub mod toggle;
