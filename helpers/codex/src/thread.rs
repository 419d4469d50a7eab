//! A thread's id: what may be one, and the line by which a person goes on with it.

/// Whether this can be a thread's id: a word that neither a shell nor Codex's command line takes for anything else.
pub fn is_thread_id(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Whether a user can mean a thread by this: Codex's ids are UUIDs. It takes other words for the names of threads, and
/// begins a new one where none is called so.
pub(crate) fn is_thread_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

/// `codex resume <thread>`.
pub fn resume_hint(thread_id: &str) -> String {
    format!("codex resume {thread_id}")
}
