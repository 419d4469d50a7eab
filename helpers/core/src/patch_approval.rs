//! Whether a patch that Codex asks about may be applied: exactly when all of it lies in the scope. Pure: where its
//! files really lie is asked of the file system by the caller.

use crate::{ScopeRules, path_text};

/// Where a file of a patch really lies, symlinks seen through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchedPath {
    /// In the work tree, relative to its top.
    InTree(Vec<u8>),
    /// Not in the work tree, or not to be told: as Codex calls it.
    Elsewhere(String),
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchApproval {
    /// All of it is in scope.
    Accept,
    /// Some of it is not; one bad file spoils the patch.
    Decline {
        /// The files out of scope; empty when nobody knows which files it has.
        out_of_scope: Vec<String>,
    },
}

/// Judges a patch by its files.
pub fn patch_approval(rules: &ScopeRules, files: &[PatchedPath]) -> PatchApproval {
    let out_of_scope: Vec<String> = files
        .iter()
        .filter_map(|file| match file {
            PatchedPath::InTree(path) if rules.allows(path) => None,
            PatchedPath::InTree(path) => Some(path_text(path)),
            PatchedPath::Elsewhere(path) => Some(path.clone()),
        })
        .collect();
    if out_of_scope.is_empty() && !files.is_empty() {
        PatchApproval::Accept
    } else {
        PatchApproval::Decline { out_of_scope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(files: &[PatchedPath]) -> PatchApproval {
        patch_approval(&ScopeRules::of_entries(&["src/".to_owned()]), files)
    }

    fn inside(path: &str) -> PatchedPath {
        PatchedPath::InTree(path.as_bytes().to_vec())
    }

    #[test]
    fn a_patch_is_accepted_when_all_of_it_is_in_scope_and_something_is_known_of_it() {
        assert_eq!(judged(&[inside("src/a"), inside("src/b/c")]), PatchApproval::Accept);
        assert_eq!(judged(&[]), PatchApproval::Decline { out_of_scope: vec![] });
        let out_of_scope = vec!["lib/x".to_owned(), "src/.git/hooks/x".to_owned(), "/etc/x".to_owned()];
        let files = [
            inside("src/a"),
            inside("lib/x"),
            inside("src/.git/hooks/x"),
            PatchedPath::Elsewhere("/etc/x".into()),
        ];
        assert_eq!(judged(&files), PatchApproval::Decline { out_of_scope });
        let nothing = patch_approval(&ScopeRules::default(), &[inside("src/a")]);
        assert_eq!(nothing, PatchApproval::Decline { out_of_scope: vec!["src/a".to_owned()] });
    }
}
