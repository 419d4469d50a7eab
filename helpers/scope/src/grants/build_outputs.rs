//! Which by-product directories a worker's checks will want to write: those that are there, those that the packet
//! names, and those that the tools of the project make. A repository is not littered with what nothing would make.

use std::collections::BTreeSet;
use std::path::Path;

use clodex_core::{ByProducts, Place, ScopeRules};

use super::layout::Layout;
use super::{absolute, ends, looks_like_glob};
use crate::Tree;
use crate::listing::join;

/// What a tool whose project file lies in a directory makes beside that file. Only what git ignores there is granted.
const MADE_BESIDE: [(&str, &[&str]); 8] = [
    ("Cargo.toml", &["target"]),
    ("package.json", &["dist", "build", "coverage"]),
    ("pyproject.toml", &[".pytest_cache", ".mypy_cache", ".ruff_cache"]),
    ("setup.py", &[".pytest_cache", "build"]),
    ("pytest.ini", &[".pytest_cache"]),
    ("tox.ini", &[".tox", ".pytest_cache"]),
    ("build.zig", &[".zig-cache", "zig-out"]),
    ("CMakeLists.txt", &["build"]),
];
/// What tools make in a `node_modules` that is there.
const MADE_IN_NODE_MODULES: [&str; 4] = [".cache", ".vite", ".vite-temp", ".vitest"];

/// By-product directories to grant, relative to the root; missing ones are to be made.
pub(super) fn of(
    tree: &Tree,
    rules: &ScopeRules,
    by_products: &ByProducts,
    layout: &Layout,
) -> BTreeSet<Vec<u8>> {
    let is_output = |path: &[u8]| {
        by_products.directory_of(path, |directory| layout.ignore.ignores(directory, true)) == Some(path)
    };
    let there = layout.ignored.iter().filter(|path| is_output(path)).cloned();
    let named = by_products.named().iter().filter(|path| layout.ignore.ignores(path, true)).cloned();
    let made = places_of_work(tree, rules).into_iter().flat_map(|directory| made_in(tree, &directory));
    let all = there.chain(named).chain(made.filter(|path| is_output(path)));
    all.filter(|path| !looks_like_glob(path)).collect()
}

fn made_in(tree: &Tree, directory: &[u8]) -> Vec<Vec<u8>> {
    let at = absolute(tree.root(), directory);
    let mut made = Vec::new();
    for (marker, names) in MADE_BESIDE {
        if at.join(marker).is_file() && !(marker == "Cargo.toml" && is_member(tree, &at)) {
            made.extend(names.iter().map(|name| join(directory, name.as_bytes())));
        }
    }
    let modules = join(directory, b"node_modules");
    if absolute(tree.root(), &modules).symlink_metadata().is_ok_and(|found| found.is_dir()) {
        made.extend(MADE_IN_NODE_MODULES.iter().map(|name| join(&modules, name.as_bytes())));
    }
    made
}

/// Lock files that cargo will want to write and that are out of the scope: a sandbox cannot grant a file that is not
/// there.
pub(super) fn missing_locks(tree: &Tree, rules: &ScopeRules) -> Vec<Vec<u8>> {
    let lacks = |directory: &Vec<u8>| {
        let at = absolute(tree.root(), directory);
        let lock = join(directory, b"Cargo.lock");
        let is_top = at.join("Cargo.toml").is_file() && !is_member(tree, &at);
        (is_top && !at.join("Cargo.lock").exists() && !rules.allows(&lock)).then_some(lock)
    };
    places_of_work(tree, rules).iter().filter_map(lacks).collect()
}

/// A crate of a workspace builds into the workspace's own directory.
fn is_member(tree: &Tree, directory: &Path) -> bool {
    let above = directory.ancestors().skip(1).take_while(|above| above.starts_with(tree.root()));
    !directory.join("Cargo.lock").is_file()
        && above.into_iter().any(|above| above.join("Cargo.toml").is_file())
}

/// Where checks are run: the work directory, the scope's directories, and all that is above them.
fn places_of_work(tree: &Tree, rules: &ScopeRules) -> BTreeSet<Vec<u8>> {
    let mut places: Vec<Vec<u8>> = vec![tree.workdir_in_root().to_vec()];
    for place in rules.places() {
        places.push(match place {
            Place::Directory(path) | Place::Unborn(path) | Place::File(path) => path.to_vec(),
            Place::Matching { top } => top,
        });
    }
    let above = places.iter().flat_map(|place| ends(place).map(|end| place[..end].to_vec()));
    above.chain([Vec::new()]).collect()
}
