//! A thread's id: what may be one, and the line by which a person goes on with it.

/// Whether this can be a thread's id: a word that neither a shell nor Codex's command line takes for anything else.
pub fn is_thread_id(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// `codex resume <thread>`.
pub fn resume_hint(thread_id: &str) -> String {
    format!("codex resume {thread_id}")
}
