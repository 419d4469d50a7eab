//! What a worker that may commit added to the history: new commits on the current branch, one after the other, each
//! changing nothing but what is in scope. Everything else about history is for nobody to change.

use clodex_core::{ScopeRules, ViolationKind, path_text};

use crate::Baseline;
use crate::content::ObjectId;
use crate::finding::{Finding, Place};
use crate::objects::{Commit, Objects};
use crate::survey::Survey;

/// More than this in one run is not followed.
const COMMITS: usize = 1000;

/// The commits that a run added to the current branch.
#[derive(Debug, Default)]
pub(crate) struct NewCommits {
    /// `<short id> <first line>`, oldest first.
    shown: Vec<String>,
    /// Files out of scope that they changed.
    symlink_targets: Vec<Finding>,
    /// The branch that grew, when there is one.
    branch: Option<Vec<u8>>,
}

impl NewCommits {
    /// The commits between two looks; none where HEAD points elsewhere, or where the new commits do not follow one by
    /// one from the old one.
    pub(crate) fn between(baseline: &Baseline, after: &Survey) -> Option<Self> {
        let (tree, before) = (baseline.tree(), &baseline.inner.survey);
        let (was, is) = (before.own()?.head.as_ref()?, after.own()?.head.as_ref()?);
        let branch = was.strip_prefix(b"ref:").map(|name| name.trim_ascii().to_vec());
        if branch.is_some() && was != is {
            return None;
        }
        let id = |survey: &Survey| survey.head_commit().and_then(|hex| ObjectId::from_hex(&hex));
        let (old, new) = (id(before), id(after)?);
        if branch.is_none() && is.starts_with(b"ref:") || old == Some(new) {
            return None;
        }
        let objects = Objects::open(tree.root(), tree.common_dir());
        let mut commits = Self { branch, ..Self::default() };
        let mut at = Some(new);
        while at != old {
            let commit =
                commits.take(&objects, at.filter(|_| commits.shown.len() < COMMITS)?, baseline.rules())?;
            at = commit.parents.first().copied();
        }
        commits.shown.reverse();
        commits.symlink_targets.reverse();
        Some(commits)
    }

    /// Takes one commit in, unless it joins several lines.
    fn take(&mut self, objects: &Objects, id: ObjectId, rules: &ScopeRules) -> Option<Commit> {
        let commit = objects.commit(&id)?;
        let base = match commit.parents.as_slice() {
            [] => None,
            [only] => Some(objects.commit(only)?.tree),
            [_, _, ..] => return None,
        };
        let shown = format!("{} {}", id.short(), path_text(&commit.subject));
        for path in objects.changed_between(base.as_ref(), Some(&commit.tree))? {
            if !rules.allows(&path) {
                self.symlink_targets.push(Finding::outside(
                    &path,
                    ViolationKind::Modified,
                    format!("committed in {shown}"),
                ));
            }
        }
        self.shown.push(shown);
        Some(commit)
    }

    /// Takes out of the findings what the commits explain, if all of them are in scope; else adds the files that are
    /// not. Gives the commits as they are shown.
    pub(crate) fn explain(self, findings: &mut Vec<Finding>) -> Vec<String> {
        if self.symlink_targets.is_empty() {
            let moved = |path: &Vec<u8>| path == b"HEAD" || Some(path) == self.branch.as_ref();
            findings.retain(|finding| {
                finding.place != Place::NeverInScope || finding.at.is_none() || !moved(&finding.path)
            });
        } else {
            findings.extend(self.symlink_targets);
        }
        self.shown
    }
}
