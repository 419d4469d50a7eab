//! Whether a gate that asks for checks has one that can be run: it is never passed else, however good the work is.

use std::path::Path;

use clodex_core::verification_command;
use clodex_os::Programs;

use super::Planner;
use crate::flow::{RunWish, Step, Verify};
use crate::gate::Gate;

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
    if lines.iter().any(|line| verification_command(line, is_program).is_some()) {
        return None;
    }
    let (what, hint) = nothing_to_run(verify, lines, is_program);
    Some((format!("its gate is `verified`, and clodex {what}"), hint))
}

/// Why there is no check to be run, and what to do about it.
fn nothing_to_run(
    verify: &Verify,
    lines: &[String],
    is_program: impl Fn(&str) -> bool,
) -> (String, &'static str) {
    if !matches!(verify, Verify::Commands(_)) {
        let hint = "write a command that shows it into VERIFICATION, in backticks";
        return ("finds no command in VERIFICATION that it could run".to_owned(), hint);
    }
    let missing = |line: &String| {
        let program = line.split_whitespace().next().filter(|word| !is_program(word));
        program.map_or_else(
            || format!("`{line}` reads as a sentence"),
            |program| format!("`{line}` (there is no program `{program}` on PATH)"),
        )
    };
    let told = lines.iter().map(missing).collect::<Vec<_>>().join(", ");
    (
        format!("can run none of its checks: {told}"),
        "install what is missing, or write another command behind `verify:`",
    )
}
