//! Fetches pinned packages by npm, once per directory. Knows nothing of what is in them.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Installs `packages` (`name@version`) into `root/<version>` unless that has been done, and returns its
/// `node_modules`; processes that want it at once wait for each other. The error says what was tried and why it did
/// not work.
pub fn fetch(root: &Path, version: &str, packages: &[&str]) -> Result<PathBuf, String> {
    let failed = |what: &str, e: &io::Error| format!("cannot {what} in `{}`: {e}", root.display());
    fs::create_dir_all(root).map_err(|e| failed("make a directory", &e))?;
    let lock = File::create(root.join("lock")).map_err(|e| failed("make a lock file", &e))?;
    lock.lock().map_err(|e| failed("wait for the lock", &e))?;
    let installed = root.join(version);
    if !installed.exists() {
        let partial = root.join(format!("{version}.partial"));
        install(&partial, packages)?;
        fs::rename(&partial, &installed).map_err(|e| failed("rename the installation", &e))?;
    }
    Ok(installed.join("node_modules"))
}

fn install(into: &Path, packages: &[&str]) -> Result<(), String> {
    fs::create_dir_all(into).map_err(|e| format!("cannot make `{}`: {e}", into.display()))?;
    if let Err(e) = Command::new("npm").arg("--version").output() {
        return Err(format!("no npm to fetch {} with: {e}", packages.join(" ")));
    }
    let _ = writeln!(io::stderr(), "fetching {} by npm into `{}` (once)", packages.join(" "), into.display());
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    npm.arg(into).args(packages);
    let output = npm.stdin(Stdio::null()).output().map_err(|e| format!("cannot start npm: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("npm install {}: {}", packages.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
