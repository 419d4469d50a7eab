//! clodex-progress: codex exec --json on stdin, live state out.
