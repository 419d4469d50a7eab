//! Whose a change outside the scope is: this run's, or somebody else's, because this run's worker could not make it or
//! because another live run may.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::{Access, Grants, ScopeRules, path_text};

use crate::finding::{Finding, Place, Shared};
use crate::hard_links::names_by_inode;
use crate::listing::{Kind, Listing};
use crate::survey::Survey;

/// A run that lived at the same time and may change something.
#[derive(Debug, Clone)]
pub struct OtherScope {
    /// The top of its work tree.
    pub root: PathBuf,
    /// Its scope, relative to that, in [`path_text`].
    pub rules: ScopeRules,
}

impl OtherScope {
    fn allows(&self, path: &Path) -> bool {
        path.strip_prefix(&self.root)
            .is_ok_and(|within| self.rules.allows(path_text(within.as_os_str().as_bytes()).as_bytes()))
    }
}

/// What has to be known to tell whose a change is.
pub(crate) struct Attribution<'a> {
    root: &'a Path,
    reach: Option<&'a Grants>,
    others: &'a [OtherScope],
    /// Names in the tree of files that have several, before and after.
    names: HashMap<(u64, u64), Vec<Vec<u8>>>,
}

impl<'a> Attribution<'a> {
    pub(crate) fn new(
        root: &'a Path,
        reach: Option<&'a Grants>,
        others: &'a [OtherScope],
        looks: [&Listing; 2],
    ) -> Self {
        let names = reach.map(|_| names_by_inode(looks)).unwrap_or_default();
        Self { root, reach, others, names }
    }

    /// Whether somebody else made the change.
    pub(crate) fn is_foreign(&self, finding: &Finding) -> bool {
        self.is_out_of_reach(finding) || self.is_of_another_run(finding)
    }

    /// Whether this run's worker could not make the change, whatever it did.
    pub(crate) fn is_out_of_reach(&self, finding: &Finding) -> bool {
        let Some(reach) = self.reach else { return false };
        let at = finding.at.clone().unwrap_or_else(|| self.absolute(&finding.path));
        !may_write_in(reach, &at) && finding.shared.is_none_or(|shared| self.no_name_in_reach(reach, shared))
    }

    /// Whether this run's worker can have changed something at or below a place.
    pub(crate) fn reaches(&self, at: &Path) -> bool {
        self.reach.is_none_or(|reach| may_write_in(reach, at))
    }

    /// A name that is not known may lie anywhere.
    fn no_name_in_reach(&self, reach: &Grants, shared: Shared) -> bool {
        let names = self.names.get(&shared.inode).map(Vec::as_slice).unwrap_or_default();
        names.len() >= shared.names as usize
            && names.iter().all(|name| !reach.may_write(&self.absolute(name)))
    }

    fn is_of_another_run(&self, finding: &Finding) -> bool {
        match finding.place {
            Place::NeverInScope => false,
            Place::Tree | Place::Index => {
                let path = self.absolute(&finding.path);
                self.others.iter().any(|other| other.allows(&path))
            }
        }
    }

    fn absolute(&self, path: &[u8]) -> PathBuf {
        self.root.join(OsStr::from_bytes(path))
    }
}

/// Whether the worker can have changed the path or anything below it.
fn may_write_in(reach: &Grants, path: &Path) -> bool {
    reach.may_write(path)
        || reach.iter().any(|(granted, access)| access == Access::Write && granted.starts_with(path))
}

/// Whether the finding is the coming or going of an empty directory at one of these places.
pub(crate) fn is_mount_point(
    finding: &Finding,
    root: &Path,
    mount_points: &[PathBuf],
    looks: [&Survey; 2],
) -> bool {
    let at = finding.at.clone().unwrap_or_else(|| root.join(OsStr::from_bytes(&finding.path)));
    mount_points.contains(&at) && looks.into_iter().all(|look| is_empty_or_gone(look, root, &at))
}

/// Whether a look saw an empty directory at this place, of the work tree or of a git directory, or nothing.
fn is_empty_or_gone(look: &Survey, root: &Path, at: &Path) -> bool {
    let is_empty = |listing: &Listing, path: &[u8]| {
        listing.entry(path).is_none_or(|seen| {
            let has_names = listing.directory(path).is_some_and(|directory| !directory.is_empty());
            seen.stat.kind == Kind::Directory && !has_names
        })
    };
    look.areas.iter().all(|area| match at.strip_prefix(&area.path) {
        Ok(inside) if inside.as_os_str().is_empty() => {
            area.listing.directories.iter().all(|directory| directory.is_empty())
        }
        Ok(inside) => is_empty(&area.listing, inside.as_os_str().as_bytes()),
        Err(_) => true,
    }) && at.strip_prefix(root).map_or(true, |inside| is_empty(&look.listing, inside.as_os_str().as_bytes()))
}

#[cfg(test)]
mod tests {
    use clodex_core::ViolationKind;

    use super::*;

    fn finding(path: &str) -> Finding {
        Finding::tree(path.into(), ViolationKind::Modified, String::new())
    }

    fn attribution<'a>(reach: Option<&'a Grants>, others: &'a [OtherScope]) -> Attribution<'a> {
        Attribution { root: Path::new("/r"), reach, others, names: HashMap::new() }
    }

    #[test]
    fn what_the_worker_could_not_write_is_somebody_elses() {
        let mut reach = Grants::default();
        reach.set("/r/src", Access::Write);
        reach.set("/r/src/fixed", Access::Read);
        let attribution = attribution(Some(&reach), &[]);
        let foreign = |path: &str| attribution.is_foreign(&finding(path));
        assert!(foreign("lib/x.txt") && foreign("src/fixed/a"));
        assert!(!foreign("src/a.txt"));
        assert!(!foreign(""), "what holds a writable directory");
        let elsewhere = |at: &str| Finding { at: Some(at.into()), ..finding("refs/heads/main") };
        assert!(attribution.is_foreign(&elsewhere("/r/.git")));
        assert!(!attribution.is_foreign(&elsewhere("/r/src/.git")));
    }

    #[test]
    fn a_file_that_may_have_a_name_in_reach_is_not_out_of_it() {
        let mut reach = Grants::default();
        reach.set("/r/src", Access::Write);
        let mut attribution = attribution(Some(&reach), &[]);
        let shared = |inode, names| Finding { shared: Some(Shared { inode, names }), ..finding("lib/x.txt") };
        attribution.names.insert((1, 1), vec![b"lib/x.txt".to_vec(), b"lib/y.txt".to_vec()]);
        attribution.names.insert((1, 2), vec![b"lib/x.txt".to_vec(), b"src/y.txt".to_vec()]);
        assert!(attribution.is_foreign(&shared((1, 1), 2)));
        assert!(!attribution.is_foreign(&shared((1, 1), 3)), "one name is not known");
        assert!(!attribution.is_foreign(&shared((1, 2), 2)), "one name is in reach");
    }

    #[test]
    fn what_lies_in_another_live_runs_scope_is_its() {
        let rules = |entries: &[&str]| {
            ScopeRules::of_entries(&entries.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>())
        };
        let others = [
            OtherScope { root: "/r".into(), rules: rules(&["lib/"]) },
            OtherScope { root: "/r/side".into(), rules: rules(&["."]) },
        ];
        let attribution = attribution(None, &others);
        assert!(attribution.is_foreign(&finding("lib/x")) && attribution.is_foreign(&finding("side/x")));
        assert!(!attribution.is_foreign(&finding("docs/x")) && !attribution.is_foreign(&finding("lib2")));
        let head = Finding::outside(b"lib/x", ViolationKind::Modified, String::new());
        assert!(!attribution.is_foreign(&head), "what is never in scope is in nobody's");
    }
}
