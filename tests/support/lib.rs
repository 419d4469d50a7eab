//! What the integration tests share: sandboxes, built binaries, the real Codex.
