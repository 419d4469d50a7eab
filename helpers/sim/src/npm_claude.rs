//! The real Claude Code, pinned, as npm installs it. Knows nothing of tests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::npm;

/// The version that everything here was measured with.
pub const VERSION: &str = "2.1.329";
/// An older one that has no mods yet, and in which everything else has to work.
pub const WITHOUT_MODS: &str = "2.1.250";

/// Installs a version into `root`, once, and returns the native binary; see [`npm::fetch`].
pub fn fetch(root: &Path, version: &str) -> Result<PathBuf, String> {
    let modules = npm::fetch(root, version, &[&format!("@anthropic-ai/claude-code@{version}")])?;
    // `claude-code-<platform>/claude`, whatever the platform.
    let packages = fs::read_dir(modules.join("@anthropic-ai")).into_iter().flatten().flatten();
    let mut natives = packages.map(|package| package.path().join("claude"));
    natives.find(|native| native.is_file()).ok_or_else(|| {
        format!("npm has installed no native Claude Code for this machine in `{}`", modules.display())
    })
}
