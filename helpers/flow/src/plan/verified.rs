//! Whether a gate that asks for checks has one that can be run: it is never passed else, however good the work is.

use std::path::Path;

use clodex_core::Verification;
use clodex_os::Programs;

use super::Planner;
use crate::flow::{RunWish, Step, Verify};
use crate::gate::Gate;

/// Words with which a command may begin that are no programs: the shell's own.
const SHELL: [&str; 22] = [
    ".", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if", "read", "return", "set",
    "shift", "trap", "type", "ulimit", "umask", "unset", "until", "wait", "while",
];

impl Planner<'_> {
    /// A gate that asks for checks where there is no command to run is never passed, however good the work is.
    pub(super) fn see_whether_it_can_be_verified(
        &mut self,
        step: &Step,
        wish: &RunWish,
        workdir: &Path,
        (packet, checks): (&Option<(String, usize)>, &[String]),
    ) {
        let own = match (&wish.verify, packet) {
            (Verify::AsSet, _) => return,
            (Verify::OfPacket, Some((input, number))) => self
                .inputs
                .packets(input)
                .get(*number)
                .map(|packet| packet.verification.iter().map(|item| item.text.clone()).collect())
                .unwrap_or_default(),
            (Verify::OfPacket, None) | (Verify::Commands(_), _) => checks.to_vec(),
        };
        if wish.gates.contains(&Gate::Verified)
            && let Some((what, hint)) = unverifiable(&wish.verify, &own, workdir)
        {
            self.refuse(step, &what, hint);
        }
    }
}

/// Why a gate that asks for these checks is never passed, and what to do about it; none where one of them can be run.
pub fn unverifiable(verify: &Verify, lines: &[String], workdir: &Path) -> Option<(String, &'static str)> {
    let programs = Programs::seen_from(workdir);
    // What a path leads to may be made by the flow itself.
    let is_program = |word: &str| word.contains('/') || programs.has(word);
    let never = |what: &str| format!("its gate is `verified`, and clodex {what}");
    if !matches!(verify, Verify::Commands(_)) {
        let commands = Verification::OfPacket(lines.to_vec());
        let hint = "write a command that shows it into VERIFICATION, in backticks";
        return commands
            .commands(is_program)
            .iter()
            .all(Option::is_none)
            .then(|| (never("finds no command in VERIFICATION that it could run"), hint));
    }
    let missing: Option<Vec<String>> = lines.iter().map(|line| missing_program(line, is_program)).collect();
    let hint = "install what is missing, or write another command behind `verify:`";
    missing.map(|missing| (never(&format!("can run none of its checks: {}", missing.join(", "))), hint))
}

/// A command whose program is not there, and which that is.
fn missing_program(line: &str, is_program: impl Fn(&str) -> bool) -> Option<String> {
    let word = line.split_whitespace().next()?;
    // What is more than a name is for the shell to understand.
    let is_name = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte));
    let is_missing = is_name && !SHELL.contains(&word) && !is_program(word);
    is_missing.then(|| format!("`{line}` (there is no program `{word}` on PATH)"))
}
