//! The real Codex, pinned, as npm installs it. Knows nothing of tests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::npm;

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

/// Installs it into `root`, once; see [`npm::fetch`].
pub fn fetch(root: &Path) -> Result<NpmCodex, String> {
    fetch_version(root, VERSION)
}

/// The same for another version, back to 0.101.
pub fn fetch_version(root: &Path, version: &str) -> Result<NpmCodex, String> {
    let modules = npm::fetch(root, version, &[&format!("@openai/codex@{version}")])?;
    let native = native_in(&modules.join("@openai")).ok_or_else(|| {
        format!("npm has installed no native Codex for this machine in `{}`", modules.display())
    })?;
    Ok(NpmCodex { native, wrapper: modules.join(".bin/codex") })
}

/// `codex-<platform>/vendor/<triple>/bin/codex`, whatever the platform; before 0.150 `codex/codex` below the triple.
fn native_in(scope: &Path) -> Option<PathBuf> {
    let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut vendors = entries(scope).flat_map(|package| entries(&package.join("vendor")));
    vendors.find_map(|vendor| {
        ["bin/codex", "codex/codex"].iter().map(|name| vendor.join(name)).find(|codex| codex.is_file())
    })
}
