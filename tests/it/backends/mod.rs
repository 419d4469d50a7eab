//! The same run over `codex exec` and over Codex's app-server: what is the same, and what only one of them can do.

mod parity;
mod specific;
