//! The only crate that knows Codex's formats.
