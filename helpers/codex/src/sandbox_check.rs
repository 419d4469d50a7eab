//! What Codex's own `workspace-write` sandbox really holds here: tried like profiles, once for each build, user and boot.
//! What the trial did is read off the file system, never off what it says.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use clodex_os::atomic_file::{self, Durability};
use clodex_os::{ShortCommand, sandbox_conditions};
use serde::{Deserialize, Serialize};

use crate::profile_check::in_trial_place;
use crate::version::{BinaryIdentity, CodexVersion};

/// It takes 0.2 s; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Name of the file in the state directory.
const CACHE_FILE: &str = "codex-sandbox.json";
/// The shell writes beside the work directory, in its git directory, and in it; the first must fail, the last must not.
const TRIAL: &str = "echo 1 > ../written; echo 1 > .git/written; echo 1 > written";
/// What a run says of the sandbox, too: the user's configuration may have widened it.
const NARROW: [&str; 4] = [
    "-c",
    "sandbox_workspace_write.writable_roots=[]",
    "-c",
    "sandbox_workspace_write.exclude_slash_tmp=true",
];

/// What the sandbox was seen to hold besides everything outside of the work directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxHolds {
    /// Whether the `.git` directly in the work directory is held, too (0.101 does not hold it).
    pub git_dir: bool,
}

/// What a build was seen to do, and under which conditions. That it failed is not kept: the reason may be gone.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    version: u32,
    build: BinaryIdentity,
    conditions: String,
    holds: SandboxHolds,
}

/// Tries the sandbox with this binary, unless this very build was tried before under these conditions. `None` where it was
/// not seen to hold anything. Tries and keeps its memory in `state_dir`.
pub fn check_sandbox(binary: &Path, version: &CodexVersion, state_dir: &Path) -> Option<SandboxHolds> {
    let build = BinaryIdentity::of(binary);
    let conditions = sandbox_conditions();
    let cache = state_dir.join(CACHE_FILE);
    let known: Option<Seen> = fs::read(&cache).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(known) = known
        && known.version == 1
        && Some(&known.build) == build.as_ref()
        && known.conditions == conditions
    {
        return Some(known.holds);
    }
    let holds = subcommands(version).iter().find_map(|words| try_once(binary, words, state_dir))?;
    if let Some(build) = build
        && let Ok(text) = serde_json::to_vec(&Seen { version: 1, build, conditions, holds })
    {
        // Without it the next run tries again.
        let _ = atomic_file::replace(&cache, &text, Durability::Cached);
    }
    Some(holds)
}

/// How a version is asked to run a command in `workspace-write`: 0.101 and 0.124 the one way, 0.150 and 0.169 the other.
fn subcommands(version: &CodexVersion) -> &'static [&'static [&'static str]] {
    const NOW: &[&str] = &["sandbox", "-c", "sandbox_mode=\"workspace-write\""];
    const BEFORE: &[&str] = &["sandbox", std::env::consts::OS, "--full-auto"];
    if version.permission_profiles() || matches!(version, CodexVersion::Unreadable(_)) {
        &[NOW]
    } else {
        &[BEFORE, NOW]
    }
}

fn try_once(binary: &Path, words: &[&str], state_dir: &Path) -> Option<SandboxHolds> {
    in_trial_place(state_dir, |place| Ok(try_in(binary, words, place))).ok().flatten()
}

fn try_in(binary: &Path, words: &[&str], place: &Path) -> Option<SandboxHolds> {
    let (work, tmp) = (place.join("work"), place.join("tmp"));
    fs::create_dir_all(work.join(".git")).and_then(|()| fs::create_dir(&tmp)).ok()?;
    let command = ["--", "/bin/sh", "-c", TRIAL];
    let argv = words.iter().chain(&NARROW).chain(&command).map(OsString::from);
    ShortCommand::new(binary, PATIENCE).args(argv).current_dir(&work).env("TMPDIR", &tmp).run().ok()?;
    let is_written = |at: &Path| at.join("written").exists();
    (is_written(&work) && !is_written(place))
        .then(|| SandboxHolds { git_dir: !is_written(&work.join(".git")) })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn pretender(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("codex");
        let text = format!("#!/bin/sh\necho \"$*\" >> '{}/asked'\n{script}\n", dir.display());
        clodex_sim::write_program(&path, &text).unwrap();
        path
    }

    fn asked(dir: &Path) -> Vec<String> {
        let text = fs::read_to_string(dir.join("asked")).unwrap_or_default();
        text.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")).collect()
    }

    fn check(dir: &Path, version: &str) -> Option<SandboxHolds> {
        check_sandbox(&dir.join("codex"), &CodexVersion::from_output(version), dir)
    }

    #[test]
    fn one_that_does_nothing_or_everything_holds_nothing_and_is_asked_each_time() {
        for script in ["exit 0", "exit 2", "echo 1 > ../written; echo 1 > written"] {
            let dir = tempfile::tempdir().unwrap();
            pretender(dir.path(), script);
            for times in 1..=2 {
                assert_eq!(check(dir.path(), "codex-cli 0.169.0"), None, "{script}");
                assert_eq!(asked(dir.path()).len(), times);
            }
            let left = fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(left, 2, "nothing is left but the program and what it was asked");
        }
    }

    #[test]
    fn what_a_build_holds_is_seen_once() {
        for (script, git_dir) in
            [("echo 1 > written", true), ("echo 1 > .git/written; echo 1 > written", false)]
        {
            let dir = tempfile::tempdir().unwrap();
            pretender(dir.path(), script);
            for _ in 0..2 {
                assert_eq!(check(dir.path(), "codex-cli 0.169.0"), Some(SandboxHolds { git_dir }));
            }
            assert_eq!(asked(dir.path()), ["sandbox -c"]);
            pretender(dir.path(), "exit 1");
            assert_eq!(check(dir.path(), "codex-cli 0.169.0"), None, "another build");
        }
    }

    #[test]
    fn an_older_version_is_asked_in_its_own_words_first() {
        let dir = tempfile::tempdir().unwrap();
        pretender(dir.path(), "exit 2");
        assert_eq!(check(dir.path(), "codex-cli 0.124.0"), None);
        assert_eq!(asked(dir.path()), [format!("sandbox {}", std::env::consts::OS), "sandbox -c".to_owned()]);
    }
}
