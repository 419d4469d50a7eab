//! Waiting for a condition, with an end to it.

use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes that a test waits for, on a busy machine too.
pub const LIMIT: Duration = Duration::from_mins(2);

/// Asks until there is an answer, and panics when there is none within `limit`.
#[track_caller]
pub fn eventually<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        // Asked once more after the deadline has passed: a busy machine may have let us sleep over it.
        let late = Instant::now() > deadline;
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(!late, "not true within {limit:?}");
        thread::sleep(Duration::from_millis(3));
    }
}
