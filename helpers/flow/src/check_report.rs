//! What clodex found when it ran a step's checks, as other steps are told of it: each command, how it ended, and of what
//! went wrong the end of its output. Bounded, however many there are.

use std::fmt::Write as _;

use clodex_core::{CheckStatus, VerificationEntry};
use serde::{Deserialize, Serialize};

/// So many are told of; what went wrong comes first.
const MAX: usize = 40;
const COMMAND_MAX_BYTES: usize = 300;
/// All outputs together.
const OUTPUTS_MAX_BYTES: usize = 12 << 10;

/// A check, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// As the packet says it.
    pub command: String,
    /// How it went.
    pub status: CheckStatus,
    /// Exit code of the command, where it came to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why there is nothing to tell of it, or the end of what it wrote; empty where it passed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub told: String,
}

/// What clodex found: what went wrong first, else in the order of the packet.
pub fn checked(entries: &[VerificationEntry]) -> Vec<Checked> {
    let mut all: Vec<Checked> = entries.iter().filter_map(of_entry).collect();
    all.sort_by_key(|one| one.status == CheckStatus::Passed);
    all.truncate(MAX);
    let mut room = OUTPUTS_MAX_BYTES;
    for one in &mut all {
        let from = one.told.ceil_char_boundary(one.told.len().saturating_sub(room));
        one.told.drain(..from);
        room -= one.told.len();
    }
    all
}

fn of_entry(entry: &VerificationEntry) -> Option<Checked> {
    let check = entry.check.as_ref()?;
    let told = match check.status {
        CheckStatus::Passed => String::new(),
        CheckStatus::Failed | CheckStatus::TimedOut | CheckStatus::CouldNotRun | CheckStatus::NotRun => {
            let both = [check.reason.as_deref().unwrap_or_default(), &check.output];
            both.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
        }
    };
    let text = &entry.text;
    let command = text[..text.floor_char_boundary(COMMAND_MAX_BYTES)].to_owned();
    Some(Checked { command, status: check.status, exit_code: check.exit_code, told })
}

/// The same for a prompt; it belongs into a fence.
pub fn checked_text(all: &[Checked]) -> String {
    let mut text = String::new();
    for one in all {
        let code = one.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
        let _ = writeln!(text, "- {}: {}{code}", one.command.replace('\n', " "), one.status.as_str());
        for line in one.told.lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use clodex_core::{Check, VerificationStatus};

    use super::*;

    fn entry(text: &str, status: CheckStatus, exit_code: Option<i32>, output: &str) -> VerificationEntry {
        let check =
            Check { exit_code, reason: None, output: output.to_owned(), ..Check::without_result(status, "") };
        let status = VerificationStatus::NotSeen;
        VerificationEntry { text: text.into(), status, exit_code: None, claimed: None, check: Some(check) }
    }

    #[test]
    fn what_failed_comes_first_with_its_code_and_its_last_words() {
        let all = checked(&[
            entry("make", CheckStatus::Passed, Some(0), "built"),
            entry("make test", CheckStatus::Failed, Some(2), "wanted 42\ngot 41"),
        ]);
        let wanted =
            "- make test: failed, exit code 2\n    wanted 42\n    got 41\n- make: passed, exit code 0\n";
        assert_eq!(checked_text(&all), wanted);
    }

    #[test]
    fn however_much_there_is_it_is_bounded() {
        let flood = "ä".repeat(1 << 10);
        let all: Vec<VerificationEntry> =
            (0..100).map(|_| entry(&flood, CheckStatus::Failed, Some(1), &flood)).collect();
        let text = checked_text(&checked(&all));
        assert!(text.len() < 32 << 10 && text.len() > 12 << 10, "{}", text.len());
    }
}
