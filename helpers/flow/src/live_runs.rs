//! The runs of a flow that live, and ending them. Knows their records only.

use std::time::Duration;

use clodex_core::ExitCode;
use clodex_os::record_store::{RecordStore, SeenRun};
use clodex_os::{ExitKind, Failure, ShortCommand, program_beside_this_one};

/// A dispatcher answers within ten seconds, and may judge a large tree for longer.
pub const PATIENCE: Duration = Duration::from_secs(75);

/// What lives of a flow, or died and was closed by nobody yet.
pub fn of_flow(store: &RecordStore, flow: &str) -> Vec<SeenRun> {
    let mut runs = store.live();
    runs.retain(|run| run.record.flow.as_ref().is_some_and(|place| place.id == flow));
    runs
}

/// Ends runs; all are asked at once.
pub fn end(runs: &[SeenRun]) -> Result<(), Failure> {
    if runs.is_empty() {
        return Ok(());
    }
    let control = program_beside_this_one("clodex-control")?;
    let told: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let asked: Vec<_> = runs
            .iter()
            .map(|run| {
                let command = ShortCommand::new(&control, PATIENCE);
                let command = command.args(["--as", "clodex-cancel", run.record.id.as_str()]);
                scope.spawn(move || match command.run() {
                    Ok(ended) if ended.status == ExitKind::Exit(0) => Ok(()),
                    Ok(ended) => Err(String::from_utf8_lossy(&ended.stdout).trim_end().to_owned()),
                    Err(error) => Err(error.to_string()),
                })
            })
            .collect();
        asked
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err("its cancel failed".to_owned())))
            .collect()
    });
    match told.into_iter().find_map(Result::err) {
        None => Ok(()),
        Some(why) => Err(Failure::new(ExitCode::TurnFailed, why)),
    }
}
