//! Runs that an earlier process of the flow let go: they live on without it, and are waited for as our own are.

use std::thread;
use std::time::{Duration, Instant};

use clodex_core::{Liveness, RunId};
use clodex_os::process::{ProcessHandle, ProcessId};
use clodex_os::record_store::RecordStore;
use clodex_os::{DirectoryWatch, Failure};

use super::{Event, Gone, Hold, Whose, Work};
use crate::schedule::Stand;

/// The directory tells when a record moves; this is for what it does not tell, as the death of a dispatcher.
const TICK: Duration = Duration::from_millis(250);

impl Work {
    /// Waits for every run that is under way.
    pub(super) fn adopt_all(&mut self) -> Result<(), Failure> {
        let running: Vec<(usize, RunId)> = self
            .engine
            .plan
            .steps
            .iter()
            .enumerate()
            .filter_map(|(step, planned)| {
                let known = self.engine.flow_state.step(&planned.id)?;
                (known.stand == Stand::Running).then(|| Some((step, known.run.clone()?)))?
            })
            .collect();
        for (step, run) in running {
            let seen = self.engine.store.see(&run);
            let dispatcher = seen.and_then(|seen| ProcessId::from_mark(seen.record.dispatcher));
            let handle = dispatcher.map(ProcessHandle::open).transpose().unwrap_or_default().flatten();
            self.holds.insert(step, Hold::Adopted(handle));
            let (store, sender) = (self.engine.store.clone(), self.sender.clone());
            let watch = DirectoryWatch::new(&store.dir().live())?;
            thread::spawn(move || {
                wait_for(&store, &run, watch);
                let gone =
                    Gone { step, run: Some(run), said: String::new(), exit: None, whose: Whose::Adopted };
                // Nobody listens any more: the flow has ended.
                let _ = sender.send(Event::Gone(gone));
            });
        }
        Ok(())
    }
}

/// Until the run has ended, however that came.
fn wait_for(store: &RecordStore, run: &RunId, mut watch: DirectoryWatch) {
    while store.see(run).is_some_and(|seen| seen.liveness == Liveness::Live) {
        if watch.wait(Some(Instant::now() + TICK)).is_err() {
            // Without a watch there is still the lock to be asked.
            thread::sleep(TICK);
        }
    }
}
