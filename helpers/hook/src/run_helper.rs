//! Another helper, beside this one, asked for what it has to say.

use std::io;
use std::time::Duration;

use clodex_core::harmless;
use clodex_os::{ExitKind, Result, ShortCommand, program_beside_this_one};

/// What is shown at most: a terminal's worth, not a context's.
const SAID_MAX_BYTES: usize = 16 * 1024;

/// The helper beside this one, to be killed when it takes longer.
pub fn helper_command(program: &str, patience: Duration) -> Result<ShortCommand> {
    Ok(ShortCommand::new(program_beside_this_one(program)?, patience))
}

/// A helper and the name that it is to act under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HelperCall {
    /// The program's file name.
    pub program: &'static str,
    /// What it is called as.
    pub name: &'static str,
}

impl HelperCall {
    /// What it says to these words, or that it took too long; none where it cannot be had or fails.
    pub fn output(self, words: &[String], patience: Duration, columns: Option<usize>) -> Option<String> {
        let mut command =
            helper_command(self.program, patience).ok()?.args(["--as", self.name, "--inline"]).args(words);
        if let Some(columns) = columns {
            command = command.env("COLUMNS", columns.to_string());
        }
        match command.run() {
            Ok(finished) if finished.status == ExitKind::Exit(0) => {
                Some(bounded(&String::from_utf8_lossy(&finished.stdout)))
            }
            Err(error) if error.io().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut) => {
                Some(format!(
                    "{} did not end within {} s and was stopped\nhint: call it in a terminal",
                    self.name,
                    patience.as_secs()
                ))
            }
            Ok(_) | Err(_) => None,
        }
    }
}

/// Whole lines, harmless to a terminal, not more than anybody wants.
fn bounded(said: &str) -> String {
    let lines: Vec<String> = said.trim_end().lines().map(harmless).collect();
    let mut room = SAID_MAX_BYTES;
    let fits = |line: &&String| {
        let rest = room.checked_sub(line.len() + 1);
        room = rest.unwrap_or(0);
        rest.is_some()
    };
    let shown: Vec<&str> = lines.iter().take_while(fits).map(String::as_str).collect();
    let left_out = lines.len() - shown.len();
    let note = if left_out == 0 { String::new() } else { format!("\n… {left_out} lines left out") };
    shown.join("\n") + &note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_keeps_its_lines_and_loses_what_a_terminal_would_obey() {
        assert_eq!(bounded("NAME  ID\n  a\u{1b}[31m  b\u{202e}\n\n"), "NAME  ID\n  a [31m  b");
        assert_eq!(bounded(""), "");
    }

    #[test]
    fn what_is_too_much_is_cut_at_a_line() {
        let shown = bounded(&"0123456789\n".repeat(10_000));
        assert!(shown.len() < SAID_MAX_BYTES + 100, "{}", shown.len());
        let (kept, note) = shown.rsplit_once('\n').unwrap();
        assert!(kept.lines().all(|line| line == "0123456789"));
        assert_eq!(note, format!("… {} lines left out", 10_000 - kept.lines().count()));
    }

    #[test]
    fn a_helper_that_is_not_there_says_nothing() {
        let missing = HelperCall { program: "no-such-program", name: "clodex-status" };
        assert_eq!(missing.output(&[], Duration::from_secs(10), None), None);
    }
}
