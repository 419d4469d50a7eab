//! Looks for violations while Codex works, so that the run can be ended at the first one: after what Codex did, and now
//! and then. Says what it sees; ending is for the loop.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clodex_core::Quota;
use clodex_scope::{Baseline, Meanwhile};

use crate::channel::Message;

/// Pause between two looks when nothing is told.
const EVERY: Duration = Duration::from_secs(2);
/// A look is followed by a pause of so many times its length: five percent of a core.
const PAUSE: u32 = 19;

/// What the loop has to know of the baseline.
#[derive(Debug)]
pub struct BaselineTaken {
    /// Whether the run may go on.
    pub may_go_on: bool,
    /// How much of the account's limits is used, where that is known.
    pub quota: Option<Box<Quota>>,
    /// What has to be told before it does.
    pub remarks: Vec<String>,
    /// Who looks for violations while Codex works, where that is wanted.
    pub violation_watch: Option<ViolationWatch>,
}

impl BaselineTaken {
    /// For another attempt: all has been told, and the run may go on.
    pub fn stands(violation_watch: Option<ViolationWatch>) -> Self {
        Self { may_go_on: true, quota: None, remarks: vec![], violation_watch }
    }
}

/// Where to tell that something was done.
#[derive(Debug, Clone)]
pub struct ViolationWatch {
    poke: SyncSender<()>,
}

impl ViolationWatch {
    /// Begins to look; ends with the last of its handles. `meanwhile` says what others do at the same time.
    pub fn over(
        baseline: Baseline,
        meanwhile: impl Fn() -> Meanwhile + Send + 'static,
        tell: SyncSender<Message>,
    ) -> Self {
        let (poke, poked) = sync_channel(1);
        thread::spawn(move || watch(&baseline, meanwhile, &tell, &poked));
        Self { poke }
    }

    /// Something was done: look soon.
    pub fn look(&self) {
        // Full means that a look is due already.
        let _ = self.poke.try_send(());
    }
}

fn watch(
    baseline: &Baseline,
    meanwhile: impl Fn() -> Meanwhile,
    tell: &SyncSender<Message>,
    poked: &Receiver<()>,
) {
    let (mut not_before, mut due) = (Instant::now(), Instant::now() + EVERY);
    loop {
        match poked.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(()) if Instant::now() < not_before => {
                due = due.min(not_before);
                continue;
            }
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let begun = Instant::now();
        // What is seen twice is no file of git's that was there for an instant. What cannot be looked at now is
        // looked at in the end.
        let first = clodex_scope::first_violation(baseline, &meanwhile());
        let path =
            first.filter(|path| clodex_scope::first_violation(baseline, &meanwhile()).as_ref() == Some(path));
        if let Some(path) = path {
            // Nobody listens any more when the run is over.
            let _ = tell.send(Message::OutOfScope(path));
            return;
        }
        not_before = Instant::now() + begun.elapsed() * PAUSE;
        due = not_before.max(Instant::now() + EVERY);
    }
}
