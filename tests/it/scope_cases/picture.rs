//! A picture of everything below two directories: kinds, modes, sizes, times, targets and content. Artifacts are left out.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What lies where.
#[derive(Debug, PartialEq, Eq)]
pub struct Picture(BTreeMap<PathBuf, String>);

impl Picture {
    /// Takes a picture of these directories below a root.
    pub fn of(root: &Path, directories: &[&str]) -> Self {
        let mut seen = BTreeMap::new();
        let mut waiting: Vec<PathBuf> = directories.iter().map(|directory| root.join(directory)).collect();
        while let Some(directory) = waiting.pop() {
            // What vanishes, or is too deep to be opened, is missing from the picture by name.
            for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if entry.file_name() == ".codex-dispatch" || path == root.join("outside/escaped") {
                    continue;
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push(path.clone());
                }
                let name = path.strip_prefix(root).expect("it lies below").to_owned();
                seen.insert(name, look(&path));
            }
        }
        Self(seen)
    }

    /// The names of what is other in a later picture.
    pub fn changed_in(&self, later: &Self) -> Vec<PathBuf> {
        let names = self.0.keys().chain(later.0.keys().filter(|name| !self.0.contains_key(*name)));
        names.filter(|name| self.0.get(*name) != later.0.get(*name)).cloned().collect()
    }

    /// What is other in a later picture, in words.
    pub fn difference_to(&self, later: &Self) -> Option<String> {
        let changed = self.changed_in(later);
        let told = changed
            .iter()
            .take(5)
            .map(|name| format!("{}: {:?} → {:?}", name.display(), self.0.get(name), later.0.get(name)));
        (!changed.is_empty()).then(|| told.collect::<Vec<_>>().join(" · "))
    }
}

/// Directories' times are left out: they tell nothing that their entries do not.
fn look(path: &Path) -> String {
    let Ok(meta) = fs::symlink_metadata(path) else { return "gone".to_owned() };
    if meta.is_dir() {
        return format!("directory {:o}", meta.mode());
    }
    let content = if meta.is_symlink() {
        fs::read_link(path).map(|target| target.display().to_string()).unwrap_or_default()
    } else if meta.is_file() && meta.len() < 1 << 20 {
        let mut hasher = DefaultHasher::new();
        fs::read(path).unwrap_or_default().hash(&mut hasher);
        format!("{:x}", hasher.finish())
    } else {
        String::new()
    };
    format!("{:o} {} {}.{:09} {content}", meta.mode(), meta.size(), meta.mtime(), meta.mtime_nsec())
}
