//! Which paths may be by-products of a run: build outputs and caches that no one reviews. Owns the lists; whether
//! a path is ignored by git, tracked, or a real directory is for the caller to say.

use serde::{Deserialize, Serialize};

use crate::scope_rules::{ScopeEntryError, is_at_or_below, normalise};

/// Directories that are by-products wherever they are git-ignored. A slash means: this tail of the path.
pub const BUILT_IN_DIRECTORIES: &[&str] = &[
    "target",
    "build",
    "dist",
    "out",
    "_build",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
    "coverage",
    "htmlcov",
    ".nyc_output",
    ".next",
    ".nuxt",
    ".svelte-kit",
    ".turbo",
    ".parcel-cache",
    ".vite",
    "zig-cache",
    ".zig-cache",
    "zig-out",
    ".dart_tool",
    "cmake-build-debug",
    "cmake-build-release",
    "node_modules/.cache",
    "node_modules/.vite",
    "node_modules/.vite-temp",
    "node_modules/.vitest",
];

/// Files that are by-products wherever they are git-ignored; a leading `*` stands for any beginning of the name.
pub const BUILT_IN_FILES: &[&str] = &[".coverage", "*.tsbuildinfo"];

/// Places that code is run from, or that hold secrets: neither they nor what is below them is a by-product, unless
/// a longer built-in entry says so.
pub const NEVER: &[&str] = &[
    ".git",
    ".codex-dispatch",
    ".env",
    "secret",
    "secrets",
    "node_modules",
    ".venv",
    "venv",
    ".claude",
    ".codex",
    ".agents",
    ".aws",
    ".ssh",
    ".vscode",
    ".idea",
    ".cursor",
    ".husky",
    ".githooks",
    ".github",
    ".clodex",
];

/// The by-product rules of a run: the built-in lists and what packet and configuration add.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ByProducts {
    named: Vec<Vec<u8>>,
}

impl ByProducts {
    /// Adds directories named by packet or configuration, relative to the work directory.
    pub fn new<'a>(
        directories: impl IntoIterator<Item = &'a str>,
        workdir_in_repo: &[u8],
        repo_root: &[u8],
    ) -> Result<Self, ScopeEntryError> {
        let named = directories.into_iter().map(|name| {
            let (path, _) = normalise(name.trim(), workdir_in_repo, repo_root)?;
            let refused = path.is_empty() || holds_never(&path);
            if refused { Err(ScopeEntryError::NeverByProduct(name.to_owned())) } else { Ok(path) }
        });
        Ok(Self { named: named.collect::<Result<_, _>>()? })
    }

    /// The directories that packet or configuration named, relative to the repository root.
    pub fn named(&self) -> &[Vec<u8>] {
        &self.named
    }

    /// The by-product directory that the path is or lies below, if `is_ignored` holds for that directory.
    pub fn directory_of<'p>(&self, path: &'p [u8], is_ignored: impl Fn(&[u8]) -> bool) -> Option<&'p [u8]> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.chain([path.len()])
            .map(|end| &path[..end])
            .find(|directory| self.is_candidate(directory) && is_ignored(directory))
            .filter(|directory| !holds_reserved(&path[directory.len()..]))
    }

    /// Whether a file of this path is a by-product when it is git-ignored.
    pub fn is_file_candidate(path: &[u8]) -> bool {
        let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, name) = path.split_at(at);
        !holds_never(parent)
            && BUILT_IN_FILES.iter().any(|file| match file.strip_prefix('*') {
                Some(end) => name.ends_with(end.as_bytes()),
                None => name == file.as_bytes(),
            })
    }

    fn is_candidate(&self, directory: &[u8]) -> bool {
        let built_in = |entry: &&str| {
            let above = directory.strip_suffix(entry.as_bytes());
            above.is_some_and(|above| (above.is_empty() || above.ends_with(b"/")) && !holds_never(above))
        };
        BUILT_IN_DIRECTORIES.iter().any(built_in)
            || self.named.iter().any(|named| is_at_or_below(directory, named))
    }
}

fn holds_never(path: &[u8]) -> bool {
    parts(path).any(|part| NEVER.iter().any(|name| part.eq_ignore_ascii_case(name.as_bytes())))
}

fn holds_reserved(path: &[u8]) -> bool {
    parts(path).any(|part| part.eq_ignore_ascii_case(b".codex-dispatch"))
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'p>(by_products: &ByProducts, path: &'p str) -> Option<&'p str> {
        by_products.directory_of(path.as_bytes(), |_| true).map(|found| str::from_utf8(found).unwrap())
    }

    #[test]
    fn built_outputs_are_by_products_at_any_depth() {
        let rules = ByProducts::default();
        assert_eq!(found(&rules, "target/debug/x"), Some("target"));
        assert_eq!(found(&rules, "app/build/x"), Some("app/build"));
        assert_eq!(found(&rules, "node_modules/.cache/x"), Some("node_modules/.cache"));
        assert_eq!(found(&rules, "build"), Some("build"));
    }

    #[test]
    fn what_is_not_ignored_is_no_by_product() {
        assert_eq!(ByProducts::default().directory_of(b"target/x", |_| false), None);
    }

    #[test]
    fn places_that_code_runs_from_never_are() {
        let rules = ByProducts::default();
        for path in
            [".env", "secret/build/x", "node_modules/a/dist/x", ".venv/build/x", ".husky/out/x", "target2/x"]
        {
            assert_eq!(found(&rules, path), None, "{path}");
        }
        assert_eq!(found(&rules, "target/.codex-dispatch/x"), None);
        for name in [".env", "node_modules", "a/.claude", ".git/hooks", "..", ".", "/etc"] {
            assert!(ByProducts::new([name], b"", b"/r").is_err(), "{name}");
        }
    }

    #[test]
    fn named_directories_are_relative_to_the_work_directory() {
        let rules = ByProducts::new(["gen/", "/r/tmp"], b"app", b"/r").unwrap();
        assert_eq!(found(&rules, "app/gen/x"), Some("app/gen"));
        assert_eq!(found(&rules, "tmp/x"), Some("tmp"));
        assert_eq!(found(&rules, "gen/x"), None);
    }

    #[test]
    fn a_few_ignored_files_are_by_products() {
        assert!(ByProducts::is_file_candidate(b"a/.coverage"));
        assert!(ByProducts::is_file_candidate(b"tsconfig.tsbuildinfo"));
        assert!(
            !ByProducts::is_file_candidate(b"a.coverage")
                && !ByProducts::is_file_candidate(b".venv/.coverage")
        );
    }
}
