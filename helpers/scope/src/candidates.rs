//! Which contents are worth securing: those outside the scope that the worker could reach and that nothing else could
//! bring back. Pure; copying is for `secure`.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use clodex_core::{ByProducts, Grants, ScopeRules};

use crate::git_area::GitArea;
use crate::listing::{Directory, Kind, Seen, join, split};
use crate::rules::Rules;
use crate::secure::{Candidate, Rank};
use crate::survey::Survey;

/// Directories whose content somebody else can make again.
const PACKAGES: [&[u8]; 4] = [b"node_modules", b".venv", b"venv", b".codex-dispatch"];

/// All files to secure.
pub(crate) fn candidates(
    root: &Path,
    survey: &Survey,
    rules: &ScopeRules,
    survey_rules: &Rules,
    reach: Option<&Grants>,
) -> Vec<Candidate> {
    let choice = Choice { root, survey, rules, survey_rules, reach };
    let mut found = Vec::new();
    choice.of_dirty(&mut found);
    for directory in &survey.listing.directories {
        choice.of_directory(directory, &mut found);
    }
    for area in &survey.areas {
        choice.of_area(area, &mut found);
    }
    found
}

struct Choice<'a> {
    root: &'a Path,
    survey: &'a Survey,
    rules: &'a ScopeRules,
    survey_rules: &'a Rules,
    reach: Option<&'a Grants>,
}

impl Choice<'_> {
    /// Tracked files whose blob is not what lies there.
    fn of_dirty(&self, found: &mut Vec<Candidate>) {
        let dirty = self.survey.status.iter().filter(|(_, letters)| !b" ?".contains(&letters[1]));
        let dirty = dirty.map(|(path, _)| path);
        let converted = self.survey.known.keys().filter(|path| self.survey.is_tracked(path));
        let paths: BTreeSet<&Vec<u8>> = dirty.chain(converted).collect();
        for path in paths {
            if let Some(seen) = self.survey.listing.entry(path).filter(|seen| seen.stat.kind == Kind::File) {
                self.add(Rank::Dirty, path.clone(), seen, found);
            }
        }
    }

    fn of_directory(&self, directory: &Directory, found: &mut Vec<Candidate>) {
        if directory.is_empty() || self.is_by_product(&directory.path) {
            return;
        }
        let packages = directory.path.split(|byte| *byte == b'/').any(|part| PACKAGES.contains(&part));
        let ignored = self.survey_rules.ignore.ignores(&directory.path, true);
        for seen in directory.entries().filter(|seen| seen.stat.kind == Kind::File) {
            let path = directory.path_of(seen.name);
            if !self.is_worth(&path, seen) || self.survey.is_tracked(&path) {
                continue;
            }
            let is_ignored = self.is_ignored(&path, ignored);
            let rank = match (packages, is_ignored) {
                (_, true) if ByProducts::is_file_candidate(&path) => continue,
                (true, _) => Rank::Packages,
                (false, true) => Rank::Ignored,
                (false, false) => Rank::Untracked,
            };
            self.add(rank, path, seen, found);
        }
    }

    fn is_worth(&self, path: &[u8], seen: Seen<'_>) -> bool {
        !self.rules.allows(path) && self.may_reach(self.root, path, seen)
    }

    fn add(&self, rank: Rank, path: Vec<u8>, seen: Seen<'_>, found: &mut Vec<Candidate>) {
        if self.is_worth(&path, seen) {
            found.push(Candidate { rank, top: self.root.to_owned(), path, size: seen.stat.size });
        }
    }

    /// What changes git's behaviour, the list of stashes, and the index as a whole.
    fn of_area(&self, area: &GitArea, found: &mut Vec<Candidate>) {
        let mut add = |path: Vec<u8>, size: u64, seen: Option<Seen<'_>>| {
            let reached = seen.is_none_or(|seen| self.may_reach(&area.path, &path, seen));
            if reached {
                found.push(Candidate { rank: Rank::Dirty, top: area.path.clone(), path, size });
            }
        };
        for path in area.marks.keys() {
            let seen = area.listing.entry(path);
            add(path.clone(), seen.map_or(0, |seen| seen.stat.size), seen);
        }
        for repository in &area.repositories {
            for name in [&b"index"[..], b"HEAD"] {
                let path = join(&repository.base, name);
                if let Some(seen) = area.listing.entry(&path).filter(|seen| seen.stat.kind == Kind::File)
                    && !area.marks.contains_key(&path)
                {
                    add(path, seen.stat.size, Some(seen));
                }
            }
            if repository.stash_log.is_some() {
                let path = join(&repository.base, b"logs/refs/stash");
                let size = area.path.join(OsStr::from_bytes(&path)).metadata().map_or(0, |found| found.len());
                add(path, size, None);
            }
        }
    }

    fn is_ignored(&self, path: &[u8], directory_is: bool) -> bool {
        directory_is || split(path).1 == b".git" || self.survey_rules.ignore.matches(path, false)
    }

    fn is_by_product(&self, directory: &[u8]) -> bool {
        let ignore = &self.survey_rules.ignore;
        let is_ignored = |path: &[u8]| ignore.ignores(path, true);
        self.survey_rules.by_products.directory_of(&join(directory, b"x"), is_ignored).is_some()
    }

    /// A file with several names may be written to through another one.
    fn may_reach(&self, top: &Path, path: &[u8], seen: Seen<'_>) -> bool {
        let Some(reach) = self.reach else { return true };
        seen.stat.nlink > 1 || reach.may_write(&top.join(OsStr::from_bytes(path)))
    }
}
