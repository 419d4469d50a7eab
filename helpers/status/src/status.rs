//! clodex-status: a table, one run, JSON, or a watch.

use clodex_codex::codex_home;
use clodex_core::{ExitCode, Liveness, RunId, RunRecord, StyledLine, elapsed_ms, harmless, span_text};
use clodex_os::record_store::SeenRun;
use serde::Serialize;

use crate::cli::StatusArguments;
use crate::context::{Context, now_ms, print};
use crate::detail::detail;
use crate::table::table;
use crate::watch;
use clodex_os::Failure;

/// A record with what a reader would have to find out by itself.
#[derive(Debug, Serialize)]
struct Told<'a> {
    state: &'static str,
    elapsed_ms: u64,
    tokens: Option<u64>,
    #[serde(flatten)]
    record: &'a RunRecord,
}

pub fn status(context: &Context, arguments: &StatusArguments) -> Result<u8, Failure> {
    let meant = arguments.run.as_deref().map(|text| context.find(text)).transpose()?;
    if arguments.watch {
        return watch::watch(context, meant.as_ref().map(|run| &run.record.id));
    }
    let one = meant.is_some();
    let runs = match meant {
        Some(run) => vec![run],
        None => runs(context, arguments.all),
    };
    let now = now_ms();
    if arguments.json {
        return json(&runs, now);
    }
    print(&match runs.as_slice() {
        [] => empty(arguments.all).to_owned() + &waiting(context) + &quota(context, now),
        [run] if one => text(context, &detail(run, now)),
        several => {
            text(context, &table(several, now, context.columns)) + &waiting(context) + &quota(context, now)
        }
    });
    Ok(0)
}

/// Live runs, newest first; then, if wanted, those that ended.
fn runs(context: &Context, all: bool) -> Vec<SeenRun> {
    let mut runs = context.store.live();
    if all {
        let known: Vec<_> = runs.iter().map(|run| run.record.id.clone()).collect();
        let ended = context.store.ended(usize::MAX).into_iter().filter(|record| !known.contains(&record.id));
        runs.extend(ended.map(|record| SeenRun { record, liveness: Liveness::Ended }));
    } else {
        runs.retain(|run| run.liveness != Liveness::Ended);
    }
    runs
}

/// Isolated runs that are over and whose worktrees are still there: their changes wait for somebody's word.
fn waiting(context: &Context) -> String {
    let mut ids = context.store.dir().worktree_ids();
    ids.sort_unstable();
    let runs = ids.into_iter().filter_map(|id| context.store.see(&RunId::try_from(id).ok()?));
    let over = runs.filter(|run| matches!(run.liveness, Liveness::Ended | Liveness::Dead));
    over.fold(String::new(), |text, run| {
        let (name, id) = (harmless(&run.record.name), &run.record.id);
        text + &format!(
            "not landed: {name} · `clodex-apply {id}` lands it, `clodex-apply --discard {id}` throws it away\n"
        )
    })
}

/// How much of the account's limits is used, as far as runs were told.
fn quota(context: &Context, now_ms: i64) -> String {
    let home = codex_home();
    let known = home.and_then(|home| context.store.dir().known_quota(&home));
    let line = known.and_then(|quota| {
        let (windows, age) = (quota.text(now_ms / 1000)?, now_ms / 1000 - quota.told_at);
        Some(format!("quota: {windows} · as of {} ago\n", span_text(age)))
    });
    line.unwrap_or_default()
}

/// What is said when there is nothing to show.
pub fn empty(all: bool) -> &'static str {
    if all {
        "no runs yet; `clodex-dispatch --task PACKET.md` starts one\n"
    } else {
        "no run is live; `clodex-status --all` shows those that ended\n"
    }
}

fn json(runs: &[SeenRun], now_ms: i64) -> Result<u8, Failure> {
    let told: Vec<Told<'_>> = runs
        .iter()
        .map(|SeenRun { record, liveness }| Told {
            state: liveness.as_str(),
            elapsed_ms: elapsed_ms(&record.started, record.ended.as_deref(), now_ms),
            tokens: record.progress.tokens,
            record,
        })
        .collect();
    let text = serde_json::to_string(&told).map_err(|error| {
        Failure::new(ExitCode::Protocol, format!("cannot encode the records as JSON: {error}"))
    })?;
    print(&(text + "\n"));
    Ok(0)
}

/// Lines as they go to stdout. Ends of lines stay free of padding.
pub fn text(context: &Context, lines: &[StyledLine]) -> String {
    lines.iter().fold(String::new(), |text, line| text + context.render(line).trim_end() + "\n")
}
