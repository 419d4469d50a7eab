//! Test tools of other languages, as their users install them: once, by npm and pip, into the target directory.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use clodex_sim::npm;

use crate::{Skipped, target_dir};

const VITEST: &str = "3.2.4";
const PYTEST: [&str; 2] = ["pytest==8.3.3", "pytest-cov==5.0.0"];

static VITEST_MODULES: LazyLock<Result<PathBuf, Skipped>> = LazyLock::new(|| {
    npm::fetch(&target_dir().join("real-vitest"), VITEST, &[&format!("vitest@{VITEST}")])
        .map_err(|why| Skipped { why })
});

static PYTEST_VENV: LazyLock<Result<PathBuf, Skipped>> =
    LazyLock::new(|| install_pytest(&target_dir().join("real-pytest")).map_err(|why| Skipped { why }));

/// A `node_modules` with vitest. Without one it is told, and there is none.
///
/// # Panics
/// In CI, where a skipped test would look like a passed one.
pub fn vitest() -> Option<PathBuf> {
    had(&VITEST_MODULES)
}

/// A virtual environment with pytest. Without one it is told, and there is none.
///
/// # Panics
/// In CI, where a skipped test would look like a passed one.
pub fn pytest() -> Option<PathBuf> {
    had(&PYTEST_VENV)
}

fn had(tools: &Result<PathBuf, Skipped>) -> Option<PathBuf> {
    if let Err(skipped) = tools {
        assert!(env::var_os("CI").is_none(), "must not be skipped in CI: {skipped}");
        skipped.tell();
    }
    tools.clone().ok()
}

fn install_pytest(root: &Path) -> Result<PathBuf, String> {
    let failed = |e: std::io::Error| format!("cannot install pytest in `{}`: {e}", root.display());
    fs::create_dir_all(root).map_err(failed)?;
    let lock = File::create(root.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let (venv, done) = (root.join("venv"), root.join("done"));
    // An environment knows its own path, so it cannot be renamed when it is whole.
    if !done.exists() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip")).args(["install", "--quiet"]).args(PYTEST))?;
        File::create(&done).map_err(failed)?;
    }
    Ok(venv)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|e| format!("cannot start {command:?}: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
