//! The state before a run: what the comparison is made against, and what has to be told before anything starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clodex_core::{ByProducts, Grants, ScopeRules};
use serde::{Deserialize, Serialize};

use crate::candidates::candidates;
use crate::check_in::CheckIn;
use crate::ctime::{CtimeTrust, Question};
use crate::ignore_rules::IgnoreRules;
use crate::rules::{Rules, check_in};
use crate::secure::{SecureRequest, Secured};
use crate::survey::{Survey, list_tree, read_areas};
use crate::symlink_targets::SymlinkTargets;
use crate::top::Top;
use crate::{ScopeError, Tree, hard_links, homes, status_text};

/// What a run may change, and what is not looked at.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The write scope; empty for modes that write nothing.
    pub rules: ScopeRules,
    /// The by-product rules.
    pub by_products: ByProducts,
    /// Directories that the dispatcher itself writes to: its artifacts, when they lie in the tree.
    pub exclude: Vec<PathBuf>,
    /// Where programs that take part keep their own things, when that lies in the tree ([`Tree::homes`]): they are not
    /// looked at, save what the scope names.
    pub homes: Vec<PathBuf>,
    /// All that the worker can write to, where its sandbox was seen to hold; `None` where it may reach anything.
    pub reach: Option<Grants>,
    /// How it is found out where ctime tells of every change.
    pub ctime: CtimeTrust,
    /// Whether the packet lets the worker commit on the current branch.
    pub allow_commit: bool,
    /// Where to secure what only this baseline can bring back; `None`: nothing is put back after this run.
    pub secure: Option<SecureRequest>,
}

/// The state before a run. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Baseline {
    pub(crate) inner: Arc<Inner>,
    reaches: Reaches,
}

/// What is known of the worker's reach by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaches {
    /// What the request said.
    AsRequested,
    /// It may have been anything.
    Anything,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Inner {
    pub(crate) tree: Tree,
    pub(crate) rules: ScopeRules,
    pub(crate) survey_rules: Arc<Rules>,
    pub(crate) exclude: Vec<Vec<u8>>,
    #[serde(default)]
    pub(crate) homes: Vec<Vec<u8>>,
    pub(crate) reach: Option<Grants>,
    pub(crate) allow_commit: bool,
    pub(crate) top: Option<Top>,
    pub(crate) survey: Survey,
    pub(crate) symlink_targets: SymlinkTargets,
    /// `None` when nothing was to be secured, or could be.
    pub(crate) secured: Option<Secured>,
    /// What was too much to secure.
    pub(crate) not_restorable: Option<String>,
    /// Why the baseline is not whole; not empty means that no comparison with it can be clean.
    pub(crate) problems: Vec<String>,
    notes: Vec<String>,
    warnings: Vec<String>,
    took: Duration,
}

/// Takes the baseline. Blocks for milliseconds on small repositories; may run on any thread.
pub fn baseline(tree: &Tree, request: Request) -> Result<Baseline, ScopeError> {
    take(tree, request, None)
}

/// `earlier`: by whose rules it is looked at, and what is known already of files that nobody touched since.
pub(crate) fn take(
    tree: &Tree,
    request: Request,
    earlier: Option<(&Arc<Rules>, &Survey)>,
) -> Result<Baseline, ScopeError> {
    let started = Instant::now();
    let homes = homes::relative(tree, &request.homes);
    let mut exclude: Vec<Vec<u8>> = request.exclude.iter().filter_map(|path| tree.relative(path)).collect();
    exclude.extend(homes::unnamed(&homes, &request.rules).cloned());
    let question = Question::ask(&request.ctime);
    let listing = list_tree(tree, &exclude, earlier.map(|(_, survey)| &survey.listing))?;
    let (mut areas, mut problems) = read_areas(tree, &listing);
    for area in &mut areas {
        area.mark();
        problems.extend(area.listing.problems.iter().map(|problem| format!("before the run: {problem}")));
    }
    problems.extend(listing.problems.iter().map(|problem| format!("before the run: {problem}")));
    let survey_rules = match earlier {
        Some((rules, _)) => Arc::clone(rules),
        None => Arc::new(Rules {
            ignore: IgnoreRules::read(tree.root(), tree.common_dir(), &listing),
            check_in: check_in(tree, &areas, &listing),
            by_default: CheckIn::default(),
            by_products: request.by_products,
            distrusted: question.answer(
                areas.iter().map(|area| (&*area.path, &area.listing)).chain([(tree.root(), &listing)]),
            ),
        }),
    };
    let mut survey = Survey::take(tree, listing, areas, &survey_rules, earlier.map(|(_, survey)| survey));
    homes::say_nothing_of(&exclude, &mut survey.status);
    let symlink_targets = SymlinkTargets::look(tree, &survey.listing, &request.rules);
    let mut notes = survey.notes.clone();
    notes.extend(survey_rules.distrusted.notes(&survey));
    notes.extend(symlink_targets.notes.iter().cloned());
    let warnings = hard_links::notes(&survey.listing, &request.rules);
    notes.extend(warnings.iter().cloned());
    let rules = request.rules;
    let secured = request.secure.as_ref().and_then(|wanted| {
        let found = candidates(tree.root(), &survey, &rules, &survey_rules, request.reach.as_ref());
        Secured::take(wanted, found)
            .inspect_err(|error| notes.push(format!("nothing was secured: {error}")))
            .ok()
    });
    let mut not_restorable = None;
    if let Some(secured) = &secured {
        not_restorable = secured.note(tree.root());
        notes.extend(not_restorable.clone());
        survey.forget_kept(|path| secured.find(tree.root(), path).is_some());
    }
    let inner = Inner {
        tree: tree.clone(),
        rules,
        survey_rules,
        exclude,
        homes,
        reach: request.reach,
        allow_commit: request.allow_commit,
        top: Top::look(tree.root()),
        survey,
        symlink_targets,
        secured,
        not_restorable,
        problems,
        notes,
        warnings,
        took: started.elapsed(),
    };
    Ok(Baseline::new(inner))
}

impl Baseline {
    /// Paths in scope that hold uncommitted work: modified, staged, or untracked and not ignored.
    pub fn dirty_overlap(&self) -> Vec<Vec<u8>> {
        let dirty = self.inner.survey.status.keys();
        dirty.filter(|path| self.inner.rules.allows(path)).cloned().collect()
    }

    /// Paths that differ from HEAD, in the index or in the work tree; untracked files too, ignored ones not.
    pub fn uncommitted(&self) -> impl Iterator<Item = &[u8]> {
        self.inner.survey.status.keys().map(Vec::as_slice)
    }

    /// The commit that HEAD leads to, in hex.
    pub fn head_commit(&self) -> Option<Vec<u8>> {
        self.inner.survey.head_commit()
    }

    /// Whether git has the path as it lies there: tracked, and nothing about it uncommitted.
    pub fn is_committed(&self, path: &[u8]) -> bool {
        self.inner.survey.tracked(path).is_some() && !self.inner.survey.status.contains_key(path)
    }

    /// Whether something lay at the path, relative to the root, before the run.
    pub fn has(&self, path: &[u8]) -> bool {
        path.is_empty() || self.inner.survey.listing.entry(path).is_some()
    }

    /// The work tree.
    pub fn tree(&self) -> &Tree {
        &self.inner.tree
    }

    /// The write scope.
    pub fn rules(&self) -> &ScopeRules {
        &self.inner.rules
    }

    /// What should be known before the run: hard links that lead out of the scope, work that is too big to keep.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// What could not be put back after the run because it was too much to secure, in a line.
    pub fn not_restorable(&self) -> Option<&str> {
        self.inner.not_restorable.as_deref()
    }

    /// Of the notes those that may keep somebody from starting: what is in scope may change what is not.
    pub fn warnings(&self) -> &[String] {
        &self.inner.warnings
    }

    /// All that the worker can write to; `None` where it may reach anything.
    pub fn reach(&self) -> Option<&Grants> {
        match self.reaches {
            Reaches::AsRequested => self.inner.reach.as_ref(),
            Reaches::Anything => None,
        }
    }

    /// The same for a worker that was let out of its sandbox meanwhile: it may have written anything.
    #[must_use]
    pub fn of_anything(self) -> Self {
        Self { reaches: Reaches::Anything, ..self }
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner), reaches: Reaches::AsRequested }
    }

    /// How long taking it took.
    pub fn took(&self) -> Duration {
        self.inner.took
    }

    /// Like `git status --porcelain -uall`.
    pub fn status_text(&self) -> String {
        status_text::porcelain(&self.inner.survey.status)
    }

    /// Like `git diff --stat HEAD`, untracked files left out.
    pub fn diff_stat_text(&self) -> String {
        status_text::diff_stat(&self.inner.tree, &self.inner.survey)
    }

    pub(crate) fn root(&self) -> &Path {
        self.inner.tree.root()
    }
}
