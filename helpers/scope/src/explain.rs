//! Why a path would be in scope, a by-product or a violation, before anything changes it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use clodex_core::{Verdict, path_text};
use serde::Serialize;

use crate::baseline::Baseline;
use crate::by_product::by_product;
use crate::listing::Kind;

/// What a change of the path would count as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountsAs {
    /// The scope allows it.
    InScope,
    /// It would be noted, and allowed.
    ByProduct,
    /// It would be outside the scope.
    Violation,
}

impl CountsAs {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InScope => "in scope",
            Self::ByProduct => "by-product",
            Self::Violation => "violation",
        }
    }

    /// The verdict over a run that changes this path alone.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::InScope | Self::ByProduct => Verdict::Clean,
            Self::Violation => Verdict::Violation,
        }
    }
}

/// What is known of one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The real path, relative to the repository; absolute when it lies outside.
    pub path: String,
    /// What a change would count as.
    pub counts_as: CountsAs,
    /// Why, and what else is known, the deciding reason first.
    pub because: Vec<String>,
}

impl Baseline {
    /// Explains a path, which is relative to the work directory or absolute. Nothing needs to be there.
    pub fn explain(&self, path: &Path) -> Explanation {
        let tree = self.tree();
        let named = tree.root().join(OsStr::from_bytes(tree.workdir_in_root())).join(path);
        let real = real_path(&named);
        let Ok(within) = real.strip_prefix(tree.root()) else {
            let because = vec!["it is outside the repository".to_owned()];
            return Explanation {
                path: path_text(real.as_os_str().as_bytes()),
                counts_as: CountsAs::Violation,
                because,
            };
        };
        let within = within.as_os_str().as_bytes();
        let (counts_as, reason) = self.judge(within);
        let mut because = vec![reason];
        if named.components().ne(real.components()) && !has_parent(path) {
            because.push(format!("`{}` leads there through a symlink", path.display()));
        }
        because.extend(self.facts(within));
        let path = if within.is_empty() { ".".to_owned() } else { path_text(within) };
        Explanation { path, counts_as, because }
    }

    fn judge(&self, path: &[u8]) -> (CountsAs, String) {
        let survey = &self.inner.survey;
        if path.split(|byte| *byte == b'/').any(|name| name == b".git") {
            return (CountsAs::Violation, "it is git's own".to_owned());
        }
        if let Some(by_product) = by_product(self, &survey.listing, path) {
            return (CountsAs::ByProduct, format!("`{by_product}` is a build output that git ignores"));
        }
        if let Some(entry) = self.rules().entry_for(path) {
            return (CountsAs::InScope, format!("the scope entry `{entry}` allows it"));
        }
        let entries = self.rules().entries();
        let why = if entries.is_empty() {
            "the scope is empty".to_owned()
        } else {
            format!("no scope entry allows it (`{}`)", entries.join("`, `"))
        };
        (CountsAs::Violation, why)
    }

    fn facts(&self, path: &[u8]) -> Vec<String> {
        let survey = &self.inner.survey;
        let seen = survey.listing.entry(path);
        let mut facts = Vec::new();
        if let Some(seen) = seen {
            facts.push(match seen.stat.kind {
                Kind::Symlink => format!("it is a symlink to {}", path_text(seen.target)),
                kind => format!("it is a {}", kind.as_str()),
            });
            if seen.stat.nlink > 1 && seen.stat.kind == Kind::File {
                facts.push(format!("the file has {} names: writing changes all of them", seen.stat.nlink));
            }
        } else if !path.is_empty() {
            facts.push("nothing is there".to_owned());
        }
        let is_directory = seen.is_some_and(|seen| seen.stat.kind == Kind::Directory);
        if survey.is_tracked(path) {
            facts.push("git tracks it".to_owned());
        } else if is_directory && survey.tracks_below(path) {
            facts.push("git tracks files in it".to_owned());
        } else if let Some(reason) = self.inner.survey_rules.ignore.reason(path, is_directory) {
            facts.push(format!("git ignores it by {reason}"));
        } else if seen.is_some() && !path.is_empty() {
            facts.push("git does not track it".to_owned());
        }
        facts
    }
}

fn has_parent(path: &Path) -> bool {
    path.components().any(|part| part == Component::ParentDir)
}

/// Resolves all but the last name, as far as it exists: what lies there may itself be a symlink.
fn real_path(path: &Path) -> PathBuf {
    let Some(parent) = path.parent() else { return path.to_owned() };
    match path.components().next_back() {
        Some(Component::Normal(name)) => {
            let real = parent.canonicalize().unwrap_or_else(|_| real_path(parent));
            real.join(name)
        }
        Some(Component::ParentDir) => path.canonicalize().unwrap_or_else(|_| {
            let above = real_path(parent);
            above.parent().unwrap_or(Path::new("/")).to_owned()
        }),
        _ => path.to_owned(),
    }
}
