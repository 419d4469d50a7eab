//! Codex's home and clodex's own state, where they lie in the work tree, as they do where the user's home directory is a
//! repository: both programs write there themselves, whatever the worker does.

use std::path::{Path, PathBuf};

use clodex_codex::codex_home;
use clodex_os::record_store::StateDir;
use clodex_scope::Tree;

/// Those that lie in this tree, as real paths.
pub fn in_tree(tree: &Tree) -> Vec<PathBuf> {
    let home = codex_home();
    let state = StateDir::from_env().map(|state| state.path().to_owned());
    tree.homes(home.into_iter().chain(state).filter_map(|dir| real(&std::path::absolute(dir).ok()?)))
}

/// What is to be known of them.
pub fn note(homes: &[PathBuf], tree: &Tree) -> Option<String> {
    let shown = |home: &PathBuf| format!("`{}`", home.strip_prefix(tree.root()).unwrap_or(home).display());
    let named = homes.iter().map(shown).collect::<Vec<_>>().join(" and ");
    (!named.is_empty()).then(|| {
        format!(
            "{named} in the work tree: Codex and clodex write there themselves, so what changes there out of scope is not \
             told, and never put back"
        )
    })
}

/// The real path of a directory that may not be there yet.
pub fn real(dir: &Path) -> Option<PathBuf> {
    let (above, real) = dir.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)))?;
    dir.strip_prefix(above)
        .ok()
        .map(|below| if below.as_os_str().is_empty() { real.clone() } else { real.join(below) })
}
