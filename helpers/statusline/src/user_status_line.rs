//! A status line that the user had before: run as Claude Code would run it, shown above ours. It can neither delay ours
//! beyond a limit nor keep it away, and without anything of ours to show it is as if we were not there. One that takes
//! longer is shown as it was the last time.

mod background;

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use clodex_os::{Filtered, filter};

pub use background::Background;

/// Claude Code starts us each second and ends whoever still runs by then; a busy machine needs some of it, too.
pub const PATIENCE: Duration = Duration::from_millis(700);

/// Runs it, or has it run where it is known to be slow.
pub fn run(command: &OsStr, input: &[u8], background: Option<&Background>) -> Filtered {
    if let Some(background) = background.filter(|background| background.is_known()) {
        return background.show(command, input);
    }
    let begun = Instant::now();
    let filtered = filter(command, input, begun + PATIENCE).unwrap_or(Filtered::Late);
    let is_slow = match filtered {
        Filtered::Ended { .. } => false,
        Filtered::Late => true,
        // Claude Code wants the next one already.
        Filtered::Stopped => begun.elapsed() > PATIENCE / 2,
    };
    if let Some(background) = background.filter(|_| is_slow) {
        background.remember();
    }
    filtered
}

/// What is printed, and the exit code. Claude Code shows nothing at all of a status line that fails, so the foreign one's
/// failure is kept for itself where there is something of ours to show.
pub fn joined(foreign: Option<Filtered>, own: String) -> (Vec<u8>, u8) {
    let own = own.into_bytes();
    match foreign {
        Some(Filtered::Ended { code: Some(0), mut stdout }) => {
            if !stdout.is_empty() && !stdout.ends_with(b"\n") && !own.is_empty() {
                stdout.push(b'\n');
            }
            stdout.extend(own);
            (stdout, 0)
        }
        Some(Filtered::Ended { code, stdout }) if own.is_empty() => {
            (stdout, code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
        }
        None | Some(Filtered::Ended { .. } | Filtered::Late | Filtered::Stopped) => (own, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: Option<i32>, stdout: &str) -> Filtered {
        Filtered::Ended { code, stdout: stdout.into() }
    }

    #[test]
    fn the_foreign_lines_come_first_and_nothing_of_either_is_lost() {
        for (foreign, own, text, code) in [
            (None, "own\n", "own\n", 0),
            (Some(ended(Some(0), "a\n\u{1b}[31mb")), "own\n", "a\n\u{1b}[31mb\nown\n", 0),
            (Some(ended(Some(0), "a")), "", "a", 0),
            (Some(ended(Some(0), "")), "own\n", "own\n", 0),
            (Some(ended(Some(3), "a\n")), "own\n", "own\n", 0),
            (Some(ended(Some(3), "a\n")), "", "a\n", 3),
            (Some(ended(None, "a\n")), "", "a\n", 1),
            (Some(Filtered::Late), "own\n", "own\n", 0),
        ] {
            assert_eq!(joined(foreign, own.into()), (text.as_bytes().to_vec(), code));
        }
    }
}
