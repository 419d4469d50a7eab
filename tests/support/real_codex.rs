//! The real Codex for tests: one of the caller's own, or the pinned one from npm.

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, thread};

use clodex_sim::npm_codex;

use crate::target_dir;

/// Names a Codex to be used instead of the pinned one.
const OWN_CODEX: &str = "CLODEX_TEST_CODEX";

/// A Codex that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RealCodex {
    /// The native binary.
    pub native: PathBuf,
    /// npm's wrapper around it, a node script; a Codex of one's own has none.
    pub wrapper: Option<PathBuf>,
}

/// Why a test does not run here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The reason.
    pub why: String,
}

impl Skipped {
    /// Says on stderr which test is skipped, and why.
    pub fn tell(&self) {
        let thread = thread::current();
        let name = thread.name().unwrap_or("a test");
        // The harness hides what is printed, but not what is written.
        let _ = writeln!(io::stderr(), "skipped: {name}: {self}");
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

static CODEX: LazyLock<Result<RealCodex, Skipped>> = LazyLock::new(find);

/// The real Codex. Without one it is told, and the test ends quietly: `let Ok(codex) = real_codex() else { return };`
///
/// # Panics
/// In CI, where a skipped test would look like a passed one.
pub fn real_codex() -> Result<RealCodex, Skipped> {
    if let Err(skipped) = &*CODEX {
        assert!(env::var_os("CI").is_none(), "must not be skipped in CI: {skipped}");
        skipped.tell();
    }
    CODEX.clone()
}

/// The real Codex of an older version, as npm installs it. Skipped like [`real_codex`] where there is no npm.
pub fn older_codex(version: &str) -> Result<RealCodex, Skipped> {
    match npm_codex::fetch_version(&target_dir().join("real-codex"), version) {
        Ok(fetched) => Ok(RealCodex { native: fetched.native, wrapper: Some(fetched.wrapper) }),
        Err(why) => {
            assert!(env::var_os("CI").is_none(), "must not be skipped in CI: {why}");
            let skipped = Skipped { why };
            skipped.tell();
            Err(skipped)
        }
    }
}

fn find() -> Result<RealCodex, Skipped> {
    if let Some(native) = env::var_os(OWN_CODEX).map(PathBuf::from) {
        if native.is_file() {
            return Ok(RealCodex { native, wrapper: None });
        }
        return Err(Skipped { why: format!("{OWN_CODEX} names no file: `{}`", native.display()) });
    }
    let fetched = npm_codex::fetch(&target_dir().join("real-codex")).map_err(|why| Skipped { why })?;
    Ok(RealCodex { native: fetched.native, wrapper: Some(fetched.wrapper) })
}
