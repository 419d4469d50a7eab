//! Containment without namespaces: a parent that adopts every orphan, and kills what it finds until there is
//! nothing left to find.

use std::io;
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::start::{Tie, not_started, release_streams, start};
use super::supervise::{Finish, Watch};
use super::{Failure, Held, OWN_FAILURE, Task, Ties};
use crate::process::{self, ProcessId, kill_found, strays_and_marked};
use clodex_core::Containment;

use crate::report::{Ended, ExitKind, Report};

/// How long the killing may take before what is left is named as surviving.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Runs the task as its guardian. `reason` says why it is not done in a namespace.
pub(super) fn hold(task: &Task, ties: &mut Ties, reason: String) -> Held {
    process::adopt_orphans();
    #[cfg(target_os = "linux")]
    {
        use nix::sys::prctl::{set_dumpable, set_pdeathsig};
        // The command must not look into our descriptors; and a guardian has work to do when its owner dies.
        // The kernel refuses neither to anybody.
        let _ = set_dumpable(false).and_then(|()| set_pdeathsig(None));
    }
    ties.report.tell(&Report::Contained {
        containment: Containment::BestEffort,
        reason: Some(reason),
        holder: ProcessId::own(),
        private_tmp: false,
    });
    let mut watch =
        Watch::begin(ties.owner.as_ref().map(|fd| fd.as_fd())).map_err(|error| own_failure(&error))?;
    let command = start(task, Tie::ByParentDeath).map_err(|error| not_started(task, &error))?;
    let pid = command.as_raw().unsigned_abs();
    let id = ProcessId::of(pid).unwrap_or(ProcessId { pid, start_ticks: 0 });
    ties.report.tell(&Report::Started(id));
    let finish = release_streams().and_then(|()| watch.until_end(command, task.kill_after));

    let alive = || strays_and_marked(task.run_id.as_deref());
    let (status, stragglers) = match &finish {
        Ok(Finish::CommandEnded(status)) => (*status, Some(watch.count_stragglers(|| alive().len()))),
        Ok(Finish::KillAll) | Err(_) => (ExitKind::Signal(libc::SIGKILL), None),
    };
    let survivors = kill_found(alive, Instant::now() + KILL_LIMIT);
    let ended = Ended { status, stragglers, survivors };
    ties.report.tell(&Report::Ended(ended.clone()));
    finish.map(|_| ended).map_err(|error| own_failure(&error))
}

fn own_failure(error: &io::Error) -> Failure {
    let message = format!("cannot watch over the command: {error}\nhint: it was killed; try again");
    Failure { code: OWN_FAILURE, message }
}
