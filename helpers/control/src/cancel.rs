//! clodex-cancel: which runs are meant, all asked at once, each told in a line.

use clodex_core::{Liveness, RunId, RunRef};
use clodex_os::record_store::{RecordStore, SeenRun};

use crate::cli::CancelArguments;
use crate::end_run::Ending;
use clodex_os::{Failure, say_line};

pub fn cancel(store: &RecordStore, arguments: &CancelArguments) -> Result<u8, Failure> {
    let meant = meant(store, arguments)?;
    if meant.is_empty() {
        say_line("nothing to cancel: no run is live");
        return Ok(0);
    }
    // All are asked before the first one is waited for: they end at the same time.
    let endings: Vec<Ending> = meant.into_iter().map(|run| Ending::begin(store, run)).collect();
    let mut code = 0;
    for ending in endings {
        match ending.finish(store) {
            Ok(line) => say_line(&line),
            Err(failure) => {
                say_line(failure.message());
                code = 1;
            }
        }
    }
    Ok(code)
}

fn meant(store: &RecordStore, arguments: &CancelArguments) -> Result<Vec<SeenRun>, Failure> {
    if let Some(text) = &arguments.run {
        let id = match store.find(text) {
            // Which of them is meant makes no difference: there is nothing to end.
            RunRef::Ambiguous(ids) if ids.iter().all(|id| has_ended(store, id)) => ids.into_iter().next(),
            found => Some(found.one(text).map_err(Failure::usage)?),
        };
        let id = id.ok_or_else(|| Failure::usage(format!("cannot find run `{text}`")))?;
        let run = store.see(&id);
        return run
            .map(|run| vec![run])
            .ok_or_else(|| Failure::usage(format!("cannot read the record of {id}")));
    }
    let mut runs = store.live();
    // All means all that can be ended from here.
    runs.retain(|run| matches!(run.liveness, Liveness::Live | Liveness::Dead));
    if arguments.session {
        let session = std::env::var("CLAUDE_CODE_SESSION_ID").ok().filter(|id| !id.is_empty());
        let Some(session) = session else {
            return Err(Failure::usage(
                "cannot tell which session this is: CLAUDE_CODE_SESSION_ID is not set\n\
                 hint: name a run, or end all with --all",
            ));
        };
        runs.retain(|run| run.record.session_id.as_deref() == Some(session.as_str()));
    }
    Ok(runs)
}

fn has_ended(store: &RecordStore, id: &RunId) -> bool {
    store.see(id).is_some_and(|run| run.liveness == Liveness::Ended)
}
