//! Whether a Codex build really enforces permission profiles here: tried once for each build, user and boot, with a
//! command that writes where it may and where it may not. What it did is read off the file system, never off what it says.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use clodex_core::{Access, Grants, Network};
use clodex_os::atomic_file::{self, Durability};
use clodex_os::{ShortCommand, run_suffix, sandbox_conditions};
use serde::{Deserialize, Serialize};

use crate::config::CodexConfig;
use crate::exec_argv::SlashTmp;
use crate::profile::{Profile, ProfileRequest};
use crate::stderr_words::reason_on_stderr;
use crate::version::BinaryIdentity;

/// It takes 0.4 s; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Name of the file in the state directory.
const CACHE_FILE: &str = "codex-profile.json";
/// The shell writes both; the second must fail.
const TRIAL: &str = "echo 1 > inside/written; echo 1 > outside/written; echo 1 > inside/spared/written";

/// A build that passed, and under which conditions, as kept in the state directory. That one failed is asked again: the
/// reason may be gone.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Passed {
    version: u32,
    build: BinaryIdentity,
    conditions: String,
}

/// Tries profiles with this binary, unless this very build has passed before under these conditions. The error says what
/// was seen instead. Tries and keeps its memory in `state_dir`.
pub fn check_profiles(binary: &Path, state_dir: &Path) -> Result<(), String> {
    check_under(sandbox_conditions(), binary, state_dir)
}

fn check_under(conditions: String, binary: &Path, state_dir: &Path) -> Result<(), String> {
    let passes = BinaryIdentity::of(binary).map(|build| Passed { version: 2, build, conditions });
    let cache = state_dir.join(CACHE_FILE);
    let known: Option<Passed> = fs::read(&cache).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if known.is_some() && known == passes {
        return Ok(());
    }
    try_and_remember(binary, state_dir, passes)
}

/// The same, whatever is known of this build; what it is seen to do now is what holds from now on.
pub fn try_profiles_again(binary: &Path, state_dir: &Path) -> Result<(), String> {
    let passes = BinaryIdentity::of(binary).map(|build| Passed {
        version: 2,
        build,
        conditions: sandbox_conditions(),
    });
    let tried = try_and_remember(binary, state_dir, passes);
    if tried.is_err() {
        // Nobody is to believe any more that it passed.
        let _ = fs::remove_file(state_dir.join(CACHE_FILE));
    }
    tried
}

fn try_and_remember(binary: &Path, state_dir: &Path, passes: Option<Passed>) -> Result<(), String> {
    let cache = state_dir.join(CACHE_FILE);
    try_profiles(binary, state_dir)?;
    if let Some(text) = passes.and_then(|passes| serde_json::to_vec(&passes).ok()) {
        // Without it the next run tries again.
        let _ = atomic_file::replace(&cache, &text, Durability::Cached);
    }
    Ok(())
}

fn try_profiles(binary: &Path, state_dir: &Path) -> Result<(), String> {
    in_trial_place(state_dir, |place| try_in(binary, place))
}

/// Tries something in a directory of its own below `state_dir`, which is gone afterwards.
pub(crate) fn in_trial_place<T>(
    state_dir: &Path,
    try_in: impl FnOnce(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let failed = |error: io::Error| format!("it could not be tried in {}: {error}", state_dir.display());
    let place =
        state_dir.canonicalize().map_err(failed)?.join(format!("trial-{}{}", run_suffix(), run_suffix()));
    fs::create_dir(&place).map_err(failed)?;
    let tried = try_in(&place);
    // An empty rest would be harmless.
    let _ = fs::remove_dir_all(&place);
    tried
}

fn try_in(binary: &Path, place: &Path) -> Result<(), String> {
    let (inside, outside) = (place.join("inside"), place.join("outside"));
    let (spared, scratch) = (inside.join("spared"), place.join("tmp"));
    for dir in [&inside, &outside, &spared, &scratch] {
        fs::create_dir(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    }
    let mut grants = Grants::default();
    grants.set(&inside, Access::Write);
    grants.set(&spared, Access::Read);
    let id = format!("trial-{}{}", run_suffix(), run_suffix());
    let request = ProfileRequest {
        id: &id,
        grants: &grants,
        deny: &[],
        network: &Network::Off,
        slash_tmp: SlashTmp::Shared,
        workdir: place,
    };
    let profile = Profile::new(&request, &CodexConfig::default()).map_err(|error| error.to_string())?;
    let command: [OsString; 3] = ["/bin/sh".into(), "-c".into(), TRIAL.into()];
    let argv = profile.sandbox_argv(place, None, &command);
    let finished = ShortCommand::new(binary, PATIENCE)
        .args(argv)
        .current_dir(place)
        .env("TMPDIR", &scratch)
        .run()
        .map_err(|error| error.to_string())?;
    if outside.join("written").exists() || spared.join("written").exists() {
        return Err("its sandbox let a command write outside of what was granted".to_owned());
    }
    if !inside.join("written").exists() {
        let said = String::from_utf8_lossy(&finished.stderr);
        let word = reason_on_stderr(&said).unwrap_or_else(|| "it said nothing".to_owned());
        return Err(format!("its sandbox did not let a command write what was granted ({word:.200})"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A program that runs this script for what `codex sandbox` would do.
    fn pretender(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("codex");
        let text = format!("#!/bin/sh\necho asked >> '{}/asked'\n{script}\n", dir.display());
        clodex_sim::write_program(&path, &text).unwrap();
        path
    }

    fn asked(dir: &Path) -> usize {
        fs::read_to_string(dir.join("asked")).unwrap_or_default().lines().count()
    }

    #[test]
    fn one_that_does_nothing_or_everything_fails_each_time() {
        let unsandboxed = "while [ \"$1\" != -- ]; do shift; done; shift; exec \"$@\"";
        for (script, why) in [
            ("exit 0", "did not let a command write what was granted (it said nothing)"),
            ("echo no such thing >&2; exit 2", "(no such thing)"),
            (unsandboxed, "let a command write outside"),
            ("echo 1 > inside/written; echo 1 > inside/spared/written", "let a command write outside"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let binary = pretender(dir.path(), script);
            for times in 1..=2 {
                let refused = check_profiles(&binary, dir.path()).unwrap_err();
                assert!(refused.contains(why), "{refused}");
                assert_eq!(asked(dir.path()), times);
            }
            let left = fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(left, 2, "nothing is left but the program and what it was asked");
        }
    }

    #[test]
    fn a_build_that_passed_is_not_asked_again_and_another_build_is() {
        let dir = tempfile::tempdir().unwrap();
        let binary = pretender(dir.path(), "echo 1 > inside/written");
        for _ in 0..2 {
            check_profiles(&binary, dir.path()).unwrap();
        }
        assert_eq!(asked(dir.path()), 1);
        pretender(dir.path(), "echo 1 > inside/written; true");
        check_profiles(&binary, dir.path()).unwrap();
        assert_eq!(asked(dir.path()), 2);
    }

    #[test]
    fn what_is_tried_again_is_what_holds() {
        let dir = tempfile::tempdir().unwrap();
        let binary = pretender(dir.path(), "[ -e broken ] || [ -e ../broken ] || echo 1 > inside/written");
        check_profiles(&binary, dir.path()).unwrap();
        fs::write(dir.path().join("broken"), "").unwrap();
        check_profiles(&binary, dir.path()).unwrap();
        assert_eq!(asked(dir.path()), 1, "it is remembered");
        try_profiles_again(&binary, dir.path()).unwrap_err();
        check_profiles(&binary, dir.path()).unwrap_err();
    }

    #[test]
    fn a_build_that_passed_is_asked_again_when_the_sandbox_may_not_stand_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let binary = pretender(dir.path(), "echo 1 > inside/written");
        check_under("user 1000".to_owned(), &binary, dir.path()).unwrap();
        for (conditions, times) in [("user 1000", 1), ("user 1001", 2), ("user 1001", 2)] {
            check_under(conditions.to_owned(), &binary, dir.path()).unwrap();
            assert_eq!(asked(dir.path()), times, "{conditions}");
        }
    }
}
