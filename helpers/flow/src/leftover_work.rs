//! Work that runs of a flow left in worktrees, and that is nowhere else: of runs that died, failed, were cancelled, or
//! that another one took the place of. Looked for on the disk whenever it is told of, so that nothing is named that is
//! gone. What the flow lands itself is not among it.

use std::collections::BTreeSet;

use clodex_core::{Liveness, RunId, RunRecord, Verdict, harmless};
use clodex_os::record_store::RecordStore;
use clodex_retention::what_waits;
use clodex_scope::read_landing;
use serde::Serialize;

use crate::flow_state::{FlowState, StepState};
use crate::schedule::Stand;

/// So many are told of for people.
const TOLD: usize = 4;

/// What one run left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftoverWork {
    /// The run.
    pub run: RunId,
    /// Where its work lies.
    pub worktree: String,
    /// Whether clodex-apply lands it: what nobody judged is for somebody to look at.
    pub can_land: bool,
}

/// What the runs of a flow left, as it is now.
pub fn left(store: &RecordStore, flow_state: &FlowState) -> Vec<LeftoverWork> {
    let there: BTreeSet<String> = store.dir().worktree_ids().into_iter().collect();
    let runs: BTreeSet<&RunId> = runs(flow_state).filter(|run| there.contains(run.as_str())).collect();
    runs.into_iter().filter_map(|run| of_run(store, flow_state, run)).collect()
}

/// All runs of a flow that began to work.
fn runs(flow_state: &FlowState) -> impl Iterator<Item = &RunId> {
    let known = flow_state.steps.values().flat_map(|known| known.interrupted.iter().chain(&known.run));
    flow_state.runs.iter().map(|(_, run)| run).chain(known)
}

fn of_run(store: &RecordStore, flow_state: &FlowState, run: &RunId) -> Option<LeftoverWork> {
    let seen = store.see(run)?;
    let is_over = matches!(seen.liveness, Liveness::Ended | Liveness::Dead);
    if !is_over || flow_state.steps.values().any(|known| is_seen_to(known, &seen.record)) {
        return None;
    }
    what_waits(store, &seen.record)?;
    let worktree = seen.record.isolated?.worktree;
    let is_judged = matches!(seen.record.verdict, Some(Verdict::Clean | Verdict::Violation));
    let landing = read_landing(&store.dir().landing(run.as_str()));
    let can_land = is_judged && matches!(landing, Ok(Some(landing)) if !landing.changes.is_empty());
    Some(LeftoverWork { run: run.clone(), worktree, can_land })
}

/// Whether the flow itself has yet to judge a run or to land what it changed.
fn is_seen_to(known: &StepState, record: &RunRecord) -> bool {
    if known.run.as_ref() != Some(&record.id) {
        return false;
    }
    match known.stand {
        Stand::ToLand | Stand::Landing => true,
        Stand::Running => record.verdict.is_some(),
        Stand::Failed => known.not_landed.is_some(),
        Stand::Waiting | Stand::Asking | Stand::Passed | Stand::Skipped | Stand::Cancelled => false,
    }
}

/// What to do about it, a line each.
pub fn told(left: &[LeftoverWork]) -> Vec<String> {
    let mut lines: Vec<String> = left.iter().take(TOLD).map(LeftoverWork::text).collect();
    let more = left.len().saturating_sub(TOLD);
    if more > 0 {
        lines.push(format!("and {more} more runs left work in worktrees: `clodex-status` names them"));
    }
    lines
}

impl LeftoverWork {
    fn text(&self) -> String {
        let Self { run, can_land, .. } = self;
        let worktree = harmless(&self.worktree);
        if *can_land {
            format!(
                "run {run} left its work in {worktree}: `clodex-apply {run}` lands it, `clodex-apply --discard {run}` \
                 throws it away"
            )
        } else {
            format!(
                "run {run} left its work, which nobody judged, in {worktree}: take from there what you want, then \
                 `clodex-apply --discard {run}`"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::well;

    #[test]
    fn what_was_judged_can_be_landed_and_the_rest_is_looked_at() {
        let run = well().run.unwrap();
        let one = |can_land| LeftoverWork { run: run.clone(), worktree: "/w/x\u{1b}[2J".into(), can_land };
        assert_eq!(
            told(&[one(true), one(false)]),
            [
                format!(
                    "run {run} left its work in /w/x [2J: `clodex-apply {run}` lands it, `clodex-apply --discard {run}` \
                     throws it away"
                ),
                format!(
                    "run {run} left its work, which nobody judged, in /w/x [2J: take from there what you want, then \
                     `clodex-apply --discard {run}`"
                ),
            ]
        );
        let many = told(&vec![one(true); 7]);
        assert_eq!(
            many.last().unwrap(),
            "and 3 more runs left work in worktrees: `clodex-status` names them"
        );
    }
}
