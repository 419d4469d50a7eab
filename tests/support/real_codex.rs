//! Fetches the real Codex, pinned, once per target directory.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use std::{env, thread};

use crate::{run_with_timeout, target_dir};

const VERSION: &str = "0.169.0";

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

/// Why a test does not run here. Already told on stderr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The reason.
    pub why: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

static CODEX: LazyLock<Result<RealCodex, Skipped>> = LazyLock::new(find);

/// The real Codex. Without one the test ends quietly: `let Ok(codex) = real_codex() else { return };`
///
/// # Panics
/// In CI, where a skipped test would look like a passed one.
pub fn real_codex() -> Result<RealCodex, Skipped> {
    if let Err(skipped) = &*CODEX {
        let thread = thread::current();
        let name = thread.name().unwrap_or("a test");
        assert!(env::var_os("CI").is_none(), "{name} must not be skipped in CI: {skipped}");
        // The harness hides what is printed, but not what is written.
        let _ = writeln!(io::stderr(), "skipped: {name}: {skipped}");
    }
    CODEX.clone()
}

fn find() -> Result<RealCodex, Skipped> {
    if let Some(native) = env::var_os(OWN_CODEX).map(PathBuf::from) {
        if native.is_file() {
            return Ok(RealCodex { native, wrapper: None });
        }
        return Err(Skipped { why: format!("{OWN_CODEX} names no file: `{}`", native.display()) });
    }
    fetch(&target_dir().join("real-codex")).map_err(|why| Skipped { why })
}

/// Installs by npm into `root`, unless that has been done; test processes wait for each other.
fn fetch(root: &Path) -> Result<RealCodex, String> {
    let failed = |what: &str, e: &io::Error| format!("cannot {what} in `{}`: {e}", root.display());
    fs::create_dir_all(root).map_err(|e| failed("make a directory", &e))?;
    let lock = File::create(root.join("lock")).map_err(|e| failed("make a lock file", &e))?;
    lock.lock().map_err(|e| failed("wait for the lock", &e))?;
    let installed = root.join(VERSION);
    if !installed.exists() {
        let partial = root.join(format!("{VERSION}.partial"));
        install(&partial)?;
        fs::rename(&partial, &installed).map_err(|e| failed("rename the installation", &e))?;
    }
    let modules = installed.join("node_modules");
    let native = native_in(&modules.join("@openai")).ok_or_else(|| {
        format!("npm has installed no native Codex for this machine in `{}`", modules.display())
    })?;
    Ok(RealCodex { native, wrapper: Some(modules.join(".bin/codex")) })
}

fn install(into: &Path) -> Result<(), String> {
    fs::create_dir_all(into).map_err(|e| format!("cannot make `{}`: {e}", into.display()))?;
    if let Err(e) = Command::new("npm").arg("--version").output() {
        return Err(format!("no npm to fetch the real Codex with: {e}"));
    }
    let _ =
        writeln!(io::stderr(), "fetching @openai/codex@{VERSION} by npm into `{}` (once)", into.display());
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    npm.arg(into).arg(format!("@openai/codex@{VERSION}"));
    let output = run_with_timeout(npm, Duration::from_mins(10));
    if output.status.success() {
        return Ok(());
    }
    Err(format!("npm install @openai/codex@{VERSION}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// `codex-<platform>/vendor/<triple>/bin/codex`, whatever the platform.
fn native_in(scope: &Path) -> Option<PathBuf> {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut vendors = entries(scope).flat_map(|package| entries(&package.join("vendor")));
    vendors.find_map(|vendor| Some(vendor.join("bin/codex")).filter(|codex| codex.is_file()))
}
