//! Which thread `--resume` and `--fork` mean: that of a run, by its id or name, or one that is named itself.

use clodex_core::{Liveness, RunRef};
use clodex_os::record_store::{RecordStore, StateDir};

use crate::refusal::Refusal;

/// The thread; `verb` is what is wanted of it. Whether Codex has it is for Codex to say.
pub fn resolve_thread(text: &str, verb: &str) -> Result<String, Refusal> {
    let Some(store) = StateDir::from_env().map(RecordStore::look_at) else { return Ok(text.to_owned()) };
    let id = match store.find(text) {
        RunRef::Unknown => return Ok(text.to_owned()),
        found => found.one(text).map_err(|why| Refusal::told(clodex_core::ExitCode::Usage, &why))?,
    };
    let Some(run) = store.see(&id) else {
        return Err(Refusal::usage(
            format!("cannot read the record of {id}"),
            "`clodex-status --all` lists the runs",
        ));
    };
    if run.liveness == Liveness::Live {
        return Err(Refusal::gate(
            format!("cannot {verb} {id}: it is still working in its thread"),
            format!("wait for it with `clodex-wait {id}`, or end it with `clodex-cancel {id}`"),
        ));
    }
    run.record.thread_id.ok_or_else(|| {
        Refusal::usage(
            format!("cannot {verb} {id}: Codex never began a thread in it"),
            format!("`clodex-debug {id}` shows why; dispatch the task again"),
        )
    })
}
