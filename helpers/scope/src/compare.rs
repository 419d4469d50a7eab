//! Compares the state after a run with its baseline and judges every difference: in scope, by-product, foreign,
//! or violation.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clodex_core::{Grants, Verdict, Violation, ViolationKind, path_text};

use crate::attribution::{Attribution, OtherScope, is_mount_point};
use crate::baseline::{Baseline, Request, take};
use crate::by_product::{by_product, by_product_of};
use crate::commits::NewCommits;
use crate::finding::{Finding, Place, violations};
use crate::git_findings::git_findings;
use crate::listing::{Kind, Listing};
use crate::object_findings::{Depth, object_findings};
use crate::survey::{Survey, list_tree, read_areas};
use crate::tree_findings::tree_findings;
use crate::{ScopeError, closed_dirs, hard_links, homes, left_locks, patch, status_text, top};

/// What went on beside the run.
#[derive(Debug, Clone, Default)]
pub struct Meanwhile {
    /// Artifact directories of other runs that lived at the same time.
    pub artifact_dirs: Vec<PathBuf>,
    /// What other workers that lived at the same time may change.
    pub scopes: Vec<OtherScope>,
    /// Directories that sandboxes make and take away again while they live, this run's too.
    pub mount_points: Vec<PathBuf>,
    /// What git calls the worktrees of other isolated runs: they come and go.
    pub worktrees: Vec<String>,
}

/// What a run changed, and what that means.
#[derive(Debug)]
pub struct Comparison {
    /// Clean only when everything was compared and nothing outside the scope changed.
    pub verdict: Verdict,
    /// Changes outside the scope, sorted by path.
    pub violations: Vec<Violation>,
    /// By-product directories (with a trailing slash) and files that changed.
    pub by_products: Vec<String>,
    /// Changes outside the scope that somebody else made.
    pub foreign: Vec<String>,
    /// Changes inside the scope.
    pub in_scope: Vec<String>,
    /// New commits on the current branch, where the worker may commit: `<short id> <first line>`, oldest first.
    pub commits: Vec<String>,
    /// What should be known about the comparison; why it is not complete, if it is not.
    pub notes: Vec<String>,
    /// How long it took.
    pub took: Duration,
    pub(crate) baseline: Baseline,
    pub(crate) after: Survey,
    /// The findings that the violations were made of.
    pub(crate) outside: Vec<Finding>,
    changed: Vec<Vec<u8>>,
    /// Of the changed paths those in scope.
    pub(crate) landable: Vec<Vec<u8>>,
}

/// Compares the tree as it is now with the baseline. Nothing of the run may be alive any more.
pub fn compare(before: &Baseline, meanwhile: &Meanwhile) -> Result<Comparison, ScopeError> {
    compare_to(Depth::Whole, before, meanwhile)
}

fn compare_to(depth: Depth, before: &Baseline, meanwhile: &Meanwhile) -> Result<Comparison, ScopeError> {
    let started = Instant::now();
    let tree = before.tree();
    let others: Vec<Vec<u8>> =
        meanwhile.artifact_dirs.iter().filter_map(|path| tree.relative(path)).collect();
    let exclude: Vec<Vec<u8>> = before.inner.exclude.iter().chain(&others).cloned().collect();
    let listing = list_tree(tree, &exclude, Some(&before.inner.survey.listing))?;
    let (areas, area_problems) = read_areas(tree, &listing);
    let mut problems = before.inner.problems.clone();
    problems.extend(area_problems);
    problems.extend(areas.iter().flat_map(|area| area.listing.problems.iter().cloned()));
    problems.extend(listing.problems.iter().cloned());
    let mut after =
        Survey::take(tree, listing, areas, &before.inner.survey_rules, Some(&before.inner.survey));
    homes::say_nothing_of(&exclude, &mut after.status);
    let looks = [&before.inner.survey, &after];
    let attribution =
        Attribution::new(tree.root(), before.reach(), &meanwhile.scopes, looks.map(|look| &look.listing));
    let mut findings = findings(before, &after, &attribution);
    let of_objects = object_findings(
        tree.root(),
        (&before.inner.survey, &after),
        &before.inner.survey_rules.distrusted,
        depth,
        |store| attribution.reaches(store),
    );
    findings.extend(of_objects.findings);
    problems.extend(of_objects.problems);
    findings.retain(|finding| {
        !is_of_another_run(&finding.path, &others)
            && !is_mount_point(finding, tree.root(), &meanwhile.mount_points, looks)
            && !is_of_a_home(before, &after.listing, finding)
    });
    let commits = if before.inner.allow_commit { NewCommits::between(before, &after) } else { None };
    let commits = commits.map(|commits| commits.explain(&mut findings)).unwrap_or_default();
    let found = findings.len();
    findings.retain(|finding| {
        finding.place != Place::NeverInScope || !is_of_anothers_worktree(&finding.path, &meanwhile.worktrees)
    });
    let others_worked = findings.len() < found;
    problems.extend(closed_dirs::problems(tree.root(), &after.listing, |path| {
        attribution.reaches(&tree.root().join(OsStr::from_bytes(path)))
            && !before.rules().allows(path)
            && by_product(before, &after.listing, path).is_none()
    }));
    let judged = Judged::new(before, &after.listing, &attribution, findings);
    let verdict = if !judged.violations.is_empty() {
        Verdict::Violation
    } else if problems.is_empty() {
        Verdict::Clean
    } else {
        Verdict::Unknown
    };
    let mut notes = problems;
    notes.extend(before.notes().iter().cloned());
    notes.extend(left_locks::notes(&before.inner.survey.areas, &after.areas));
    if others_worked {
        notes.push("worktrees of other isolated runs came or went in the git directory".to_owned());
    }
    Ok(Comparison {
        verdict,
        violations: violations(judged.violations.clone()),
        by_products: judged.by_products.into_iter().collect(),
        foreign: judged.foreign.into_iter().collect(),
        in_scope: judged.in_scope.iter().map(|path| path_text(path)).collect(),
        commits,
        notes,
        took: started.elapsed(),
        baseline: before.clone(),
        after,
        outside: judged.violations,
        landable: judged.changed.intersection(&judged.in_scope).cloned().collect(),
        changed: judged.changed.into_iter().collect(),
    })
}

/// All differences that may matter.
fn findings(before: &Baseline, after: &Survey, attribution: &Attribution<'_>) -> Vec<Finding> {
    let (was, symlink_targets) = (&before.inner.survey, &before.inner.symlink_targets);
    let mut findings = tree_findings(before, after);
    findings.extend(top::finding(before));
    findings.extend(git_findings(before.root(), was, after, &before.inner.survey_rules.distrusted));
    let beyond_links = symlink_targets.findings(before.tree(), &after.listing, before.rules());
    // What others do outside the tree is nobody's business here.
    findings.extend(beyond_links.into_iter().filter(|finding| !attribution.is_out_of_reach(finding)));
    findings.extend(hard_links::findings(before, &after.listing));
    findings
}

/// The first path outside the scope that is not as it was, while a worker may be writing. `None` where it cannot be told.
pub fn first_violation(before: &Baseline, meanwhile: &Meanwhile) -> Option<String> {
    let found = compare_to(Depth::Glance, before, meanwhile).ok()?;
    // What git holds while it writes is nobody's change yet.
    let is_held = |violation: &&Violation| {
        let path = violation.path.as_bytes();
        path.starts_with(b".git/") && [&b".lock"[..], b".new"].iter().any(|end| path.ends_with(end))
    };
    found.violations.iter().find(|violation| !is_held(violation)).map(|violation| violation.path.clone())
}

impl Comparison {
    /// The state after the run as the baseline of what follows it and may change nothing but by-products, all that
    /// could write being below `reach`. What is ignored is what was ignored before the run. Nothing may be writing.
    pub fn as_baseline(&self, reach: Option<Grants>) -> Result<Baseline, ScopeError> {
        let before = &self.baseline.inner;
        let absolute = |path: &Vec<u8>| before.tree.root().join(OsStr::from_bytes(path));
        let exclude = before.exclude.iter().map(absolute).collect();
        let homes = homes::absolute(before.tree.root(), &before.homes);
        let request = Request { exclude, homes, reach, ..Request::default() };
        take(&before.tree, request, Some((&before.survey_rules, &self.after)))
    }

    /// What the run changed against its own baseline as a git-style patch, untracked files too; by-products and
    /// git directories left out.
    pub fn changes_patch(&self) -> Vec<u8> {
        patch::changes(&self.baseline, &self.after, &self.changed)
    }

    /// Like `git status --porcelain -uall`, by the ignore rules from before the run.
    pub fn status_text(&self) -> String {
        status_text::porcelain(&self.after.status)
    }

    /// Like `git diff --stat HEAD`, untracked files left out.
    pub fn diff_stat_text(&self) -> String {
        status_text::diff_stat(self.baseline.tree(), &self.after)
    }
}

/// Directories above another run's artifacts, and the `.gitignore` that the dispatcher lays beside them.
fn is_of_another_run(path: &[u8], others: &[Vec<u8>]) -> bool {
    others.iter().any(|other| {
        let above = |path: &[u8]| other.strip_prefix(path).is_some_and(|rest| rest.starts_with(b"/"));
        let below = |path: &[u8]| {
            path.strip_prefix(&other[..]).is_some_and(|rest| rest.first().is_none_or(|b| *b == b'/'))
        };
        above(path)
            || below(path)
            || path
                .strip_suffix(b"/.gitignore")
                .is_some_and(|parent| parent.ends_with(b".codex-dispatch") && above(parent))
    })
}

/// Whether it lies where other programs keep their own things, and nobody let the worker change it.
fn is_of_a_home(before: &Baseline, after: &Listing, finding: &Finding) -> bool {
    let within = match (&finding.at, finding.place) {
        (Some(at), _) => at.strip_prefix(before.root()).ok().map(|within| within.as_os_str().as_bytes()),
        (None, Place::Tree) => Some(finding.path.as_slice()),
        (None, Place::Index | Place::NeverInScope) => None,
    };
    within.is_some_and(|within| homes::is_in(&before.inner.homes, within))
        && !is_allowed(before, after, finding)
}

/// What git keeps of another run's worktree: `…/worktrees/<its name>` in a git directory, and the directory of all
/// of them, which the first makes and the last removes.
fn is_of_anothers_worktree(path: &[u8], worktrees: &[String]) -> bool {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let Some(git) = parts.iter().position(|part| *part == b".git") else { return false };
    let names = |name: &[u8]| worktrees.iter().any(|worktree| worktree.as_bytes() == name);
    parts[git..].windows(2).any(|pair| pair[0] == b"worktrees" && names(pair[1]))
        || !worktrees.is_empty() && parts.last().is_some_and(|last| *last == b"worktrees")
}

#[derive(Default)]
struct Judged {
    violations: Vec<Finding>,
    by_products: BTreeSet<String>,
    foreign: BTreeSet<String>,
    in_scope: BTreeSet<Vec<u8>>,
    /// Paths of the work tree that this run changed and that are no by-products.
    changed: BTreeSet<Vec<u8>>,
}

impl Judged {
    fn new(
        before: &Baseline,
        after: &Listing,
        attribution: &Attribution<'_>,
        findings: Vec<Finding>,
    ) -> Self {
        let mut judged = Self::default();
        for finding in findings {
            if let Some(by_product) = by_product_of(before, after, &finding) {
                judged.by_products.insert(by_product);
                continue;
            }
            let allowed = is_allowed(before, after, &finding);
            if !allowed && attribution.is_foreign(&finding) {
                judged.foreign.insert(path_text(&finding.path));
                continue;
            }
            if finding.place == Place::Tree {
                judged.changed.insert(finding.path.clone());
            }
            if allowed {
                judged.in_scope.insert(finding.path);
            } else {
                judged.violations.push(finding);
            }
        }
        judged
    }
}

fn is_allowed(before: &Baseline, after: &Listing, finding: &Finding) -> bool {
    let rules = before.rules();
    let path = finding.path.as_slice();
    let is_new = finding.kind == ViolationKind::Added;
    match finding.place {
        Place::NeverInScope => false,
        Place::Index => rules.allows(path),
        Place::Tree => {
            // What leads to the scope may be made, but not as a link to elsewhere.
            let leads = || {
                let is_directory = after.entry(path).is_some_and(|seen| seen.stat.kind == Kind::Directory);
                is_new && is_directory && rules.leads_to_entry(path)
            };
            // So may a repository of its own, whatever its `.git` is, where it hides nothing from the one around it.
            let begins = || {
                let top = path.strip_suffix(b"/.git").filter(|_| is_new);
                top.is_some_and(|top| rules.allows(top) && !before.inner.survey.tracks_below(top))
            };
            rules.allows(path) || leads() || begins()
        }
    }
}
