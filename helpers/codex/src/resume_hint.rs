//! The line by which a person goes on with a thread.

/// `codex resume <thread>`.
pub fn resume_hint(thread_id: &str) -> String {
    format!("codex resume {thread_id}")
}
