//! Which run is meant, and whether anything can be done with it now.

use std::path::PathBuf;

use clodex_core::{ExitCode, Isolated, Liveness, RunRecord, Verdict, trees_meet};
use clodex_os::Failure;
use clodex_os::record_store::{RecordStore, StateDir};

use crate::landing_dir::LandingDir;

/// An isolated run that has ended.
#[derive(Debug)]
pub struct Meant {
    /// All records.
    pub store: RecordStore,
    /// Its own.
    pub record: RunRecord,
    /// Where it worked, and for whom.
    pub isolated: Isolated,
    /// What it left.
    pub landing: LandingDir,
}

impl Meant {
    /// Finds the run that a text means.
    pub fn find(text: &str) -> Result<Self, Failure> {
        let dir = StateDir::required()?;
        let store = RecordStore::open(dir).map_err(|error| Failure::usage(error.to_string()))?;
        let id = store.find(text).one(text).map_err(Failure::usage)?;
        // Whose dispatcher was killed is closed first: nothing of it may live.
        store.reap(&id).map_err(|error| Failure::usage(error.to_string()))?;
        let seen = store.see(&id).ok_or_else(|| {
            Failure::usage(format!("cannot read the record of {id}\nhint: see `clodex-status --all`"))
        })?;
        match seen.liveness {
            Liveness::Ended => {}
            Liveness::Live | Liveness::Dead => {
                return Err(Failure::new(
                    ExitCode::Refused,
                    format!("run {id} has not ended\nhint: wait for it with `clodex-wait {id}`"),
                ));
            }
            Liveness::OtherHost => {
                return Err(Failure::usage(format!(
                    "run {id} belongs to another machine\nhint: call clodex-apply there"
                )));
            }
        }
        let landing = LandingDir::at(store.dir().landing(id.as_str()));
        let isolated = seen.record.isolated.clone().ok_or_else(|| {
            Failure::usage(format!(
                "run {id} worked in your own tree: there is nothing to land\nhint: see `clodex-status {id}`"
            ))
        })?;
        Ok(Self { store, record: seen.record, isolated, landing })
    }

    /// Where its worktree is, as long as it is there.
    pub fn place(&self) -> PathBuf {
        self.store.dir().worktrees().join(self.record.id.as_str())
    }

    /// A run over which there is no verdict is nothing to land.
    pub fn check_verdict(&self) -> Result<(), Failure> {
        let id = &self.record.id;
        match self.record.verdict {
            Some(Verdict::Clean | Verdict::Violation) => Ok(()),
            Some(Verdict::Refused) => Err(Failure::usage(format!(
                "run {id} was refused before it began\nhint: there is nothing to land"
            ))),
            Some(Verdict::Unknown) | None => Err(Failure::new(
                ExitCode::Violation,
                format!(
                    "run {id} could not be judged, so nothing of it is landed\n\
                     hint: look at its worktree {}, take what you want, then `clodex-apply --discard {id}`",
                    self.isolated.worktree
                ),
            )),
        }
    }

    /// A worker in the user's tree would be blamed for what lands there.
    pub fn check_tree_is_free(&self) -> Result<(), Failure> {
        let live = self.store.live().into_iter();
        let mut beside = live.filter(|run| {
            run.liveness == Liveness::Live
                && run.record.isolated.is_none()
                && trees_meet(&run.record.tree_root, &self.isolated.source_root)
        });
        match beside.next() {
            None => Ok(()),
            Some(run) => Err(Failure::new(
                ExitCode::Refused,
                format!(
                    "run {} works in your tree and would be blamed for what lands there\n\
                     hint: wait for it with `clodex-wait {}`",
                    run.record.id, run.record.id
                ),
            )),
        }
    }
}
