//! clodex-wait: until runs end. Wakes up when a record moves; asks the locks once a second, so that a killed
//! dispatcher ends the wait as well.

use std::time::{Duration, Instant};

use clodex_core::{ExitCode, Liveness, RunId, Tone};
use clodex_os::DirectoryWatch;
use clodex_os::record_store::SeenRun;

use crate::cli::WaitArguments;
use crate::context::print;
use crate::context::{Context, live_line, now_ms};
use crate::status::text;
use clodex_os::Failure;

const TICK: Duration = Duration::from_secs(1);

pub fn wait(context: &Context, arguments: &WaitArguments) -> Result<u8, Failure> {
    let deadline = arguments.timeout.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let mut waiting: Vec<RunId> = Vec::new();
    for run in &arguments.runs {
        let id = context.find(run)?.record.id;
        if !waiting.contains(&id) {
            waiting.push(id);
        }
    }
    let mut changes = DirectoryWatch::new(&context.store.dir().live())?;
    let mut code = 0;
    loop {
        let mut completed = Vec::new();
        for id in &waiting {
            let run = context.see(id)?;
            if matches!(run.liveness, Liveness::Ended | Liveness::Dead) {
                completed.push(run);
            }
        }
        // What ended between two looks is told in the order in which it did.
        completed.sort_by(|one, other| one.record.ended.cmp(&other.record.ended));
        if arguments.any {
            completed.truncate(1);
        }
        for run in &completed {
            waiting.retain(|id| *id != run.record.id);
            let mut line = live_line(run, now_ms()).line();
            // Names need not be unique, and whoever waits for several has to know which it was.
            line.push(Tone::Dim, &format!(" · {}", run.record.id));
            print(&text(context, &[line]));
            code = if code == 0 { exit_code_of(run) } else { code };
        }
        if waiting.is_empty() || (arguments.any && !completed.is_empty()) {
            return Ok(code);
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| now >= deadline) {
            return Err(timed_out(&waiting));
        }
        let tick = now + TICK;
        changes.wait(Some(deadline.map_or(tick, |deadline| deadline.min(tick))))?;
    }
}

fn exit_code_of(run: &SeenRun) -> u8 {
    match (run.liveness, run.record.exit_code) {
        (Liveness::Ended, Some(code)) => u8::try_from(code).unwrap_or(ExitCode::TurnFailed as u8),
        // Whoever closes it will write the same down.
        (Liveness::Dead, _) => ExitCode::Violation as u8,
        (Liveness::Ended | Liveness::Live | Liveness::OtherHost, _) => ExitCode::TurnFailed as u8,
    }
}

fn timed_out(waiting: &[RunId]) -> Failure {
    let ids: Vec<&str> = waiting.iter().map(RunId::as_str).collect();
    Failure::new(
        ExitCode::Watchdog,
        format!(
            "cannot wait any longer, still live: {}\nhint: `clodex-status` shows what they do",
            ids.join(", ")
        ),
    )
}
