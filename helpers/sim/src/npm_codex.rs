//! Fetches the real Codex, pinned, by npm, once per directory. Knows nothing of tests.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The version that everything here was measured with.
pub const VERSION: &str = "0.169.0";

/// A Codex that npm has installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmCodex {
    /// The native binary.
    pub native: PathBuf,
    /// npm's wrapper around it, a node script.
    pub wrapper: PathBuf,
}

/// Installs by npm into `root`, unless that has been done; processes that want it at once wait for each other.
/// The error says what was tried and why it did not work.
pub fn fetch(root: &Path) -> Result<NpmCodex, String> {
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
    Ok(NpmCodex { native, wrapper: modules.join(".bin/codex") })
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
    let output = npm.stdin(Stdio::null()).output().map_err(|e| format!("cannot start npm: {e}"))?;
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
