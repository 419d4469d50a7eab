//! Reading what a caller gives on stdin, for programs that must answer soon even if it gives nothing.

use std::io::{Read as _, Write as _};
use std::time::Instant;

/// What stdin holds until its end, until `limit` bytes, or until the deadline: whatever comes first.
/// Errors end it, too; what was read before is returned.
pub fn read_stdin(limit: usize, deadline: Instant) -> Vec<u8> {
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    let mut chunk = [0; 8 * 1024];
    while bytes.len() < limit && crate::poll::is_readable(&stdin, Some(deadline)).unwrap_or(false) {
        match stdin.lock().read(&mut chunk) {
            Ok(0) | Err(_) => break,
            // Into a vector: cannot fail.
            Ok(count) => drop(bytes.write_all(&chunk[..count.min(limit - bytes.len())])),
        }
    }
    bytes
}
