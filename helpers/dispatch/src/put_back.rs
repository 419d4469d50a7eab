//! What happens with violations when the run has ended: the plan to put them back is written, and carried out where that
//! is wanted. The verdict is made by then and stays.

use std::path::Path;

use clodex_core::{OnViolation, RunId, Verdict};
use clodex_os::read_regular;
use clodex_scope::{PutBackState, Restorer, discard};

use crate::artifacts::Artifacts;
use crate::found::Found;

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
    /// Whether another live run works in the same tree: it would take this for its own worker's doing.
    pub shared: bool,
}

impl PuttingBack<'_> {
    /// Writes the plan, or lets go of what was secured where there is nothing to put back; with
    /// [`OnViolation::Restore`] carries it out, marks what was restored and keeps what was removed in the artifacts.
    ///
    /// Everything else that is to be read from the tree as the worker left it has to be read before.
    pub fn settle(&self, found: &mut Found, artifacts: &mut Artifacts) {
        let Some(comparison) = &found.comparison else { return discard(self.secured) };
        match comparison.write_restore_plan(self.run_id.as_str(), artifacts.dir()) {
            Ok(true) if self.on_violation == OnViolation::Restore => self.carry_out(found, artifacts),
            Ok(true) => {}
            Ok(false) if found.verdict == Verdict::Violation => {}
            Ok(false) => discard(self.secured),
            Err(error) => found.notes.push(format!("violations cannot be put back: {error}")),
        }
    }

    fn carry_out(&self, found: &mut Found, artifacts: &mut Artifacts) {
        let later =
            |why: &str| format!("not put back: {why}; `clodex-scope restore {}` does it later", self.run_id);
        if self.shared {
            found.notes.push(later("another run works in the same tree"));
            return;
        }
        let told = Restorer::open(self.secured).and_then(|restorer| {
            restorer.map_or_else(|| Ok(Vec::new()), |restorer| restorer.put_back(|_| true))
        });
        let told = match told {
            Ok(told) => told,
            Err(error) => return found.notes.push(later(&error.to_string())),
        };
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
