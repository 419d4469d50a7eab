//! Which changes are by-products: those in a build output that git ignored before the run, and that is a real directory.
//! A repository that lies whole in one (what a build fetched) is one, too, like one that the run makes there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use clodex_core::{ByProducts, path_text};

use crate::baseline::Baseline;
use crate::finding::{Finding, Place};
use crate::git_area::GitArea;
use crate::listing::{Kind, Listing, split};
use crate::survey::Survey;

/// The by-product that a finding belongs to, be it what git keeps of a repository that lies in one.
pub(crate) fn by_product_of(before: &Baseline, after: &Listing, finding: &Finding) -> Option<String> {
    match (finding.place, &finding.at) {
        (Place::Tree, _) => by_product(before, after, &finding.path),
        (Place::Index | Place::NeverInScope, None) => None,
        (Place::Index | Place::NeverInScope, Some(at)) => {
            let within = at.strip_prefix(before.root()).ok()?.as_os_str().as_bytes();
            let directory = directory_of(before, after, within)?;
            let survey = &before.inner.survey;
            let is_its = |area: &&GitArea| at.starts_with(&area.path);
            let area = survey.areas.iter().find(is_its)?;
            let worktree = split(&area.prefix).0;
            let is_output = is_below(worktree, directory) && !is_tracked(before, worktree, directory);
            is_output.then(|| shown(directory))
        }
    }
}

/// The by-product directory (or file) that the path belongs to: ignored before the run, real, and not tracked.
pub(crate) fn by_product(before: &Baseline, after: &Listing, path: &[u8]) -> Option<String> {
    if let Some(directory) = directory_of(before, after, path) {
        return (!is_tracked(before, path, directory)).then(|| shown(directory));
    }
    let inner = &before.inner;
    let is_file = after.entry(path).is_none_or(|seen| seen.stat.kind == Kind::File);
    let is_ignored = || inner.survey_rules.ignore.ignores(path, false) && !inner.survey.is_tracked(path);
    (is_file && ByProducts::is_file_candidate(path) && is_ignored()).then(|| path_text(path))
}

fn directory_of<'p>(before: &Baseline, after: &Listing, path: &'p [u8]) -> Option<&'p [u8]> {
    let (survey, rules) = (&before.inner.survey, &before.inner.survey_rules);
    let real = |listing: &Listing, directory: &[u8]| {
        listing.entry(directory).is_none_or(|seen| seen.stat.kind == Kind::Directory)
    };
    let is_ignored = |directory: &[u8]| {
        rules.ignore.ignores(directory, true) && real(&survey.listing, directory) && real(after, directory)
    };
    rules.by_products.directory_of(path, is_ignored)
}

fn shown(directory: &[u8]) -> String {
    path_text(directory) + "/"
}

/// Whether a repository tracks the path that does not lie whole below the by-product directory, `.git` and all. What
/// such a one tracks as a submodule is tracked with all that lies in it.
fn is_tracked(before: &Baseline, path: &[u8], directory: &[u8]) -> bool {
    let survey: &Survey = &before.inner.survey;
    if !survey.is_tracked(path) {
        return false;
    }
    let place = before.root().join(OsStr::from_bytes(directory));
    let (inside, around): (Vec<_>, Vec<_>) =
        survey.indexes().partition(|of| is_below(of.worktree, directory) && of.area.path.starts_with(&place));
    let tracks = |path: &[u8]| around.iter().any(|of| of.find(path).is_some() || of.has_directory_over(path));
    tracks(path) || inside.iter().any(|of| is_below(path, of.worktree) && tracks(of.worktree))
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}
