//! What the toggle says to Claude: why a write was refused, and the packet that hands it to Codex.

use std::fmt::Write as _;
use std::path::Path;

use clodex_core::Toggle;

use super::Refused;

/// More paths than that are told by their number.
const PATHS: usize = 8;

/// Why this is not done, and what to do instead.
pub(super) fn refusal(refused: &Refused, project: &Path) -> String {
    let project = project.display();
    let what = refused.what();
    format!(
        "clodex-toggle is `deny` in {project}: Claude plans, Codex writes source files. Not done: {what}. Do not look for \
         another way to write it; hand it to Codex. Fill in this packet and run it with the Bash tool, \
         run_in_background: true, timeout: 7200000.\n\n\
         clodex-dispatch --task /dev/stdin <<'PACKET'\n{}PACKET\n\n\
         Documents, configuration, dotfiles and everything outside the project stay yours to write. Only the user \
         switches this off (/clodex-toggle off).",
        packet(refused, &project)
    )
}

/// That Codex could do this.
pub(super) fn note(refused: &Refused, project: &Path) -> String {
    format!(
        "clodex-toggle is `warn` in {}: it prefers that Codex writes source files ({}). This was let through; for more \
         than a small edit, hand a packet to `clodex-dispatch` instead. Told once a turn.",
        project.display(),
        refused.what()
    )
}

fn packet(refused: &Refused, project: &impl std::fmt::Display) -> String {
    let mut scope = String::new();
    if refused.paths.is_empty() {
        scope.push_str("- <paths that may change>\n");
    }
    for path in refused.paths.iter().take(PATHS) {
        // A pattern without slash is fine there; the project itself is not.
        let path = if path.is_empty() { "<paths that may change>" } else { path };
        // Into a string: cannot fail.
        let _ = writeln!(scope, "- {path}");
    }
    format!(
        "MODE: worker\nWORKDIR: {project}\nOBJECTIVE: <what shall be true at the end>\nWRITE SCOPE:\n{scope}NON-GOALS:\n\
         - <what must stay as it is>\nVERIFICATION:\n- `<command>`\nDELIVERABLE:\n- <what to hand back>\n"
    )
}

/// What a state means, for the user.
pub(super) fn meaning(toggle: Toggle) -> &'static str {
    match toggle {
        Toggle::Off => "Claude may write every file",
        Toggle::Warn => "Claude may write source files, and is told once a turn that Codex could",
        Toggle::Deny => "Claude plans and Codex writes: Claude's writes to source files are refused",
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::Packet;

    use super::*;

    #[test]
    fn the_packet_of_a_refusal_is_one_that_is_understood() {
        let refused = Refused { by: "Edit".into(), paths: vec!["src/a.rs".into()] };
        let text = refusal(&refused, Path::new("/p"));
        let packet = text.split("PACKET'\n").nth(1).unwrap().split("PACKET\n").next().unwrap();
        let packet = packet.replace("<command>", "true");
        assert!(Packet::parse(packet.as_bytes()).is_ok(), "{packet}");
        assert!(text.contains("`src/a.rs`") && text.len() < 1200, "{text}");
    }
}
