//! The packet's VERIFICATION: which of its lines are commands, what is known of each in the end, and whether that is
//! good enough. Pure: what is a program, and how a command ended, is told by the caller.

use serde::{Deserialize, Serialize};

/// One line of the packet's VERIFICATION and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerificationEntry {
    /// As the packet says it.
    pub text: String,
    /// What the stream tells of it.
    pub status: VerificationStatus,
    /// Exit code of the command in the stream, where one was seen.
    pub exit_code: Option<i32>,
    /// What the worker says of it; its claim, not checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// What clodex itself found after the worker had ended; absent where it was not asked to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

/// What is known of a line of VERIFICATION. "Seen" rests on the stream: Codex reported that it ran the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationStatus {
    /// No command of the stream matches it: there is only the worker's word.
    NotSeen,
    /// Codex ran it and it exited with 0, the last time.
    SeenPassed,
    /// Codex ran it and it failed, the last time.
    SeenFailed,
}

/// A check that clodex ran itself, or why it did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// How it went.
    pub status: CheckStatus,
    /// Exit code of the command, where it came to one.
    pub exit_code: Option<i32>,
    /// Milliseconds that it took, where it ran.
    pub duration_ms: Option<u64>,
    /// Why it says nothing, where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The end of what it wrote to stdout and stderr.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// Name of the artifact with all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}

/// How a check went. What could not run says nothing about the work: that is not the same as failing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckStatus {
    /// It exited with 0.
    Passed,
    /// It exited with something else.
    Failed,
    /// It was killed at its limit.
    TimedOut,
    /// Nothing that it needs is there: no such program, or no sandbox to run it in.
    CouldNotRun,
    /// Nothing to run (it is for reading), or no reason to.
    NotRun,
}

/// How the result of a task is to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Lines of a packet: commands, and what is for reading.
    OfPacket(Vec<String>),
    /// Commands, whatever they read like.
    Commands(Vec<String>),
}

impl Verification {
    /// All of it, a line each.
    pub fn lines(&self) -> &[String] {
        match self {
            Self::OfPacket(lines) | Self::Commands(lines) => lines,
        }
    }

    /// The command that each line asks for; none = it is for reading.
    pub fn commands(&self, is_program: impl Fn(&str) -> bool) -> Vec<Option<&str>> {
        let command = |line| verification_command(line, &is_program);
        match self {
            Self::OfPacket(lines) => lines.iter().map(|line| command(line)).collect(),
            Self::Commands(lines) => lines.iter().map(|line| Some(command(line).unwrap_or(line))).collect(),
        }
    }
}

/// The longest a claim about one check is quoted, in bytes.
const CLAIM_MAX_BYTES: usize = 300;

impl Check {
    /// A check that was not run, or could not be.
    pub fn without_result(status: CheckStatus, reason: impl Into<String>) -> Self {
        let reason = Some(reason.into());
        Self { status, exit_code: None, duration_ms: None, reason, output: String::new(), artifact: None }
    }
}

impl CheckStatus {
    /// The word used in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::CouldNotRun => "could not run",
            Self::NotRun => "not run",
        }
    }

    /// What an exit code of a shell means: 126 and 127 are its own words for a program that cannot be started.
    pub fn of_exit(code: i32) -> Self {
        match code {
            0 => Self::Passed,
            126 | 127 => Self::CouldNotRun,
            _ => Self::Failed,
        }
    }
}

/// The command that a line of VERIFICATION asks for: all of it in backticks, or bare where its first word is a program
/// by `is_program`. Everything else is for reading.
pub fn verification_command(line: &str, is_program: impl Fn(&str) -> bool) -> Option<&str> {
    let line = line.trim();
    if line.contains('\n') {
        return None;
    }
    let bare = line.trim_start_matches('`');
    let ticks = &line[..line.len() - bare.len()];
    if !ticks.is_empty() {
        let inner = bare.strip_suffix(ticks).filter(|inner| !inner.contains('`'))?;
        return Some(inner.trim()).filter(|inner| !inner.is_empty());
    }
    let first = line.split_whitespace().find(|word| !is_assignment(word))?;
    let shell = ["cd", "!"].contains(&first);
    (!is_sentence(line) && (shell || is_program(first))).then_some(line)
}

/// `RUST_LOG=debug cargo test` is a command, too.
fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
}

/// Many a program is called like a verb: `make sure that …`, `test the new function.`
fn is_sentence(line: &str) -> bool {
    let ends = line.strip_suffix('.').and_then(|rest| rest.chars().next_back());
    ends.is_some_and(|c| c.is_alphanumeric() || c == ')') || line.starts_with("make sure ")
}

/// The line of the worker's account that names the check.
pub fn claim_about<'a>(line: &str, verification_run: &'a [String]) -> Option<&'a str> {
    let wanted = line.trim().trim_matches('`').trim();
    let claim = verification_run.iter().find(|claim| !wanted.is_empty() && claim.contains(wanted))?;
    Some(&claim[..claim.floor_char_boundary(CLAIM_MAX_BYTES)])
}

/// Why somebody should look although the worker delivered; none when nothing speaks against its work.
///
/// What clodex ran itself counts for more than what was seen in the stream. What could not run is no failure, but a run
/// of which no check passed anywhere has not been verified.
pub fn verification_attention(entries: &[VerificationEntry]) -> Option<String> {
    entries.iter().find_map(failure_of).or_else(|| {
        let passed = entries.iter().any(has_passed);
        let (entry, check) = entries
            .iter()
            .filter_map(|entry| Some((entry, entry.check.as_ref()?)))
            .find(|(_, check)| check.status == CheckStatus::CouldNotRun)
            .filter(|_| !passed)?;
        let why = check.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        Some(format!("not verified: {} could not run{why}", entry.text))
    })
}

fn failure_of(entry: &VerificationEntry) -> Option<String> {
    let text = &entry.text;
    match entry.check.as_ref().map(|check| check.status) {
        Some(CheckStatus::Passed) => None,
        Some(CheckStatus::Failed) => Some(format!("verification failed: {text}")),
        // A change that makes a test hang shows just so.
        Some(CheckStatus::TimedOut) => Some(format!("verification timed out: {text}")),
        Some(CheckStatus::CouldNotRun | CheckStatus::NotRun) | None => {
            (entry.status == VerificationStatus::SeenFailed).then(|| format!("verification failed: {text}"))
        }
    }
}

fn has_passed(entry: &VerificationEntry) -> bool {
    entry.check.as_ref().is_some_and(|check| check.status == CheckStatus::Passed)
        || entry.status == VerificationStatus::SeenPassed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Option<&str> {
        verification_command(line, |word| {
            ["cargo", "make", "test", "./check.sh", ".venv/bin/pytest"].contains(&word)
        })
    }

    #[test]
    fn a_line_wholly_in_backticks_is_a_command_whatever_it_says() {
        assert_eq!(command("`no-such-tool --x`"), Some("no-such-tool --x"));
        assert_eq!(command(" `` cargo test `` "), Some("cargo test"));
        for line in ["`cargo test` passes", "`cargo test`, then `make`", "``", "`", "`a``"] {
            assert_eq!(command(line), None, "{line}");
        }
    }

    #[test]
    fn a_bare_line_is_a_command_if_it_begins_with_a_program() {
        for line in [
            "cargo test -p x",
            "RUST_LOG=debug A=1 cargo test",
            "./check.sh && cargo test",
            ".venv/bin/pytest -q",
            "cd app && npm test",
            "! cargo test",
        ] {
            assert_eq!(command(line), Some(line));
        }
        for line in [
            "the tests pass",
            "make sure that nothing else changed",
            "test the new function by hand.",
            "A=1",
            "cargo test\nand look at it",
            "",
        ] {
            assert_eq!(command(line), None, "{line}");
        }
    }

    #[test]
    fn only_the_shells_own_codes_mean_that_it_could_not_run() {
        for (code, status) in [
            (0, CheckStatus::Passed),
            (1, CheckStatus::Failed),
            (126, CheckStatus::CouldNotRun),
            (127, CheckStatus::CouldNotRun),
            (128, CheckStatus::Failed),
        ] {
            assert_eq!(CheckStatus::of_exit(code), status);
        }
    }

    fn entry(seen: VerificationStatus, check: Option<CheckStatus>) -> VerificationEntry {
        let check = check.map(|status| Check {
            status,
            exit_code: None,
            duration_ms: None,
            reason: (status == CheckStatus::CouldNotRun).then(|| "no tool".to_owned()),
            output: String::new(),
            artifact: None,
        });
        VerificationEntry { text: "x".to_owned(), status: seen, exit_code: None, claimed: None, check }
    }

    #[test]
    fn what_clodex_ran_counts_for_more_than_what_was_seen() {
        use CheckStatus::{CouldNotRun, Failed, NotRun, Passed, TimedOut};
        use VerificationStatus::{NotSeen, SeenFailed, SeenPassed};
        let failed = Some("verification failed: x");
        for (seen, check, attention) in [
            (SeenFailed, None, failed),
            (SeenFailed, Some(Passed), None),
            (SeenPassed, Some(Failed), failed),
            (SeenPassed, Some(TimedOut), Some("verification timed out: x")),
            (SeenFailed, Some(CouldNotRun), failed),
            (SeenFailed, Some(NotRun), failed),
            (SeenPassed, Some(CouldNotRun), None),
            (NotSeen, Some(NotRun), None),
            (NotSeen, None, None),
        ] {
            assert_eq!(
                verification_attention(&[entry(seen, check)]).as_deref(),
                attention,
                "{seen:?} {check:?}"
            );
        }
    }

    #[test]
    fn what_could_not_run_needs_attention_only_where_nothing_passed() {
        use VerificationStatus::NotSeen;
        let could_not = entry(NotSeen, Some(CheckStatus::CouldNotRun));
        let alone = verification_attention(std::slice::from_ref(&could_not));
        assert_eq!(alone.as_deref(), Some("not verified: x could not run: no tool"));
        let passed = entry(NotSeen, Some(CheckStatus::Passed));
        assert_eq!(verification_attention(&[could_not, passed]), None);
    }

    #[test]
    fn the_workers_word_on_a_check_is_found_by_the_command() {
        let said = ["ran `cargo test -q`: 3 passed".to_owned(), "other".to_owned()];
        assert_eq!(claim_about("`cargo test -q`", &said), Some(said[0].as_str()));
        assert_eq!(claim_about("`cargo clippy`", &said), None);
    }
}
