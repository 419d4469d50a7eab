//! What happens with violations when the run has ended: the plan to put them back is written, and carried out where that
//! is wanted. The verdict is made by then and stays.

use std::path::Path;

use clodex_core::{OnViolation, RunId, Verdict};
use clodex_os::read_regular;
use clodex_scope::{PutBackState, Restorer, Tree, discard};

use crate::artifacts::Artifacts;
use crate::scope_verdict::ScopeVerdict;

/// Lists and patches of what was removed are artifacts up to this size.
const LIST_MAX_BYTES: u64 = 64 << 20;
/// Paths that could not be put back and are named in the notes.
const NAMED: usize = 20;

/// Where a run's things to put back are, and whether they are put back now.
#[derive(Debug)]
pub struct PuttingBack<'a> {
    /// The run.
    pub run_id: &'a RunId,
    /// What was secured for it.
    pub secured: &'a Path,
    /// What is wanted.
    pub on_violation: OnViolation,
    /// Whose things they are.
    pub whose: Whose<'a>,
    /// Whether another live run works in the same tree: it would take this for its own worker's doing.
    pub shared: bool,
}

/// What may be put back without anybody looking at it.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// The run's alone: all that lies in this tree, and what git keeps of it. The rest is the user's repository.
    OfWorktree(&'a Tree),
    /// The user works in this tree, too. What lies in its git directories is rather theirs: a sandbox held the worker.
    Shared(&'a Tree),
    /// Nothing held the worker: it may have done anything.
    Unheld,
}

impl Whose<'_> {
    /// Whether what lies there is put back by itself.
    fn is_unasked(self, place: &Path, run_id: &RunId) -> bool {
        match self {
            Self::OfWorktree(tree) => place.starts_with(tree.root()) || is_in_entry(place, run_id.as_str()),
            Self::Shared(tree) => {
                ![tree.common_dir(), tree.git_dir()].iter().any(|git| place.starts_with(git))
            }
            Self::Unheld => true,
        }
    }
}

/// Whether a place lies in what git keeps of the worktree of this name, of the repository or of a submodule.
fn is_in_entry(place: &Path, name: &str) -> bool {
    let mut above = place.ancestors();
    above.any(|above| {
        above.file_name().is_some_and(|last| last == name)
            && above.parent().is_some_and(|parent| parent.ends_with("worktrees"))
    })
}

impl PuttingBack<'_> {
    /// Writes the plan, or lets go of what was secured where there is nothing to put back; with
    /// [`OnViolation::Restore`] carries it out, marks what was restored and keeps what was removed in the artifacts.
    ///
    /// Everything else that is to be read from the tree as the worker left it has to be read before.
    pub fn settle(&self, found: &mut ScopeVerdict, artifacts: &mut Artifacts) {
        let Some(comparison) = &found.comparison else { return discard(self.secured) };
        match comparison.write_restore_plan(self.run_id.as_str(), artifacts.dir()) {
            Ok(true) if self.on_violation == OnViolation::Restore => self.carry_out(found, artifacts),
            Ok(true) => {}
            Ok(false) if found.verdict == Verdict::Violation => {}
            Ok(false) => discard(self.secured),
            Err(error) => found.notes.push(format!("violations cannot be put back: {error}")),
        }
    }

    fn carry_out(&self, found: &mut ScopeVerdict, artifacts: &mut Artifacts) {
        let later =
            |why: &str| format!("not put back: {why}; `clodex-scope restore {}` does it later", self.run_id);
        if self.shared {
            found.notes.push(later("another run works in the same tree"));
            return;
        }
        let told = Restorer::open(self.secured).and_then(|restorer| {
            let Some(restorer) = restorer else { return Ok(Vec::new()) };
            let unasked = restorer.paths_within(|place| self.whose.is_unasked(place, self.run_id));
            restorer.put_back(|path| unasked.contains(path))
        });
        let told = match told {
            Ok(told) => told,
            Err(error) => return found.notes.push(later(&error.to_string())),
        };
        let (open, told): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|one| one.state == PutBackState::Open);
        if let Some(first) = open.first() {
            let others = if open.len() > 1 { format!(" and {} more", open.len() - 1) } else { String::new() };
            let what = format!("{}{others} may be the doing of somebody else", first.path);
            found.notes.push(later(&what));
        }
        let left: Vec<_> = told.iter().filter(|one| one.state != PutBackState::Restored).collect();
        for one in left.iter().take(NAMED) {
            let why = one.state.why().unwrap_or(one.state.as_str());
            found.notes.push(format!("not put back: {}: {why}", one.path));
        }
        if left.len() > NAMED {
            found.notes.push(format!("not put back: {} more", left.len() - NAMED));
        }
        for violation in found.comparison.iter_mut().flat_map(|comparison| &mut comparison.violations) {
            let one = told.iter().find(|one| one.path == violation.path);
            violation.restored = one.is_some_and(|one| one.state == PutBackState::Restored);
        }
        for name in ["quarantine.json", "quarantine.patch"] {
            let kept = read_regular(&artifacts.dir().join(name), LIST_MAX_BYTES);
            if let Err(error) = kept.and_then(|content| artifacts.write(name, content)) {
                found.notes.push(format!("{name} is not sealed: {error}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_keeps_of_a_worktree_is_known_by_its_name() {
        for (place, is_its) in [
            ("/r/.git/worktrees/run-1/HEAD", true),
            ("/r/.git/modules/sub/worktrees/run-1/index", true),
            ("/r/.git/worktrees/run-12/HEAD", false),
            ("/r/.git/refs/heads/worktrees", false),
            ("/r/.git/run-1", false),
            ("/r/.git/config", false),
        ] {
            assert_eq!(is_in_entry(Path::new(place), "run-1"), is_its, "{place}");
        }
    }
}
