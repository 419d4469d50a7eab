//! One run in detail: what its record says, a line for each thing that is known. Pure.

use clodex_core::{
    Containment, Enforcement, ExitCode, FilesTouched, Liveness, OpenRequest, RunRecord, StyledLine, Tone,
};
use clodex_core::{files_text, tokens_text};
use clodex_os::record_store::SeenRun;

use crate::context::live_line;

/// The live line, then the facts.
pub fn detail(run: &SeenRun, now_ms: i64) -> Vec<StyledLine> {
    let mut lines = vec![live_line(run, now_ms).line()];
    lines.extend(facts(&run.record, run.liveness, now_ms).into_iter().map(|(label, text)| {
        let mut line = StyledLine::new();
        line.push(Tone::Dim, &format!("  {label:<12}")).push(Tone::Plain, &text);
        line
    }));
    // One that has died asks nobody any more.
    if matches!(run.liveness, Liveness::Live | Liveness::OtherHost) {
        lines.extend(run.record.open_requests.iter().flat_map(|request| question(&run.record, request)));
    }
    lines
}

/// A question to its end: nobody should agree to what cannot be read.
fn question(record: &RunRecord, request: &OpenRequest) -> Vec<StyledLine> {
    let head = format!("  question {} waits until {}", request.id, request.deadline);
    let how = format!("  `clodex-answer {} {} {}`", record.id, request.id, request.answers());
    let whole = request.whole().into_iter().map(|line| (Tone::Plain, format!("    {line}")));
    let lines = std::iter::once((Tone::Warn, head)).chain(whole).chain([(Tone::Dim, how)]);
    let styled = |(tone, text): (Tone, String)| {
        let mut line = StyledLine::new();
        line.push(tone, &text);
        line.uncut()
    };
    lines.map(styled).collect()
}

fn facts(record: &RunRecord, liveness: Liveness, now_ms: i64) -> Vec<(&'static str, String)> {
    let progress = &record.progress;
    let mut facts = vec![("id", record.id.to_string()), ("mode", record.mode.to_string())];
    let mut known = |label, text: Option<String>| facts.extend(text.map(|text| (label, text)));
    known("objective", Some(record.objective.clone()).filter(|text| !text.is_empty()));
    known("workdir", Some(record.workdir.clone()));
    known("started", Some(record.started.clone()));
    known("ended", record.ended.clone());
    known("deadline", record.deadline.clone().filter(|_| record.ended.is_none()));
    known("sandbox", Some(sandbox(record)));
    known("codex", record.codex_version.as_ref().map(|version| format!("{version}, {}", record.backend)));
    known("model", record.model.clone());
    known("thread", record.thread_id.clone());
    known("files", Some(files_text(progress.files)).filter(|_| progress.files != FilesTouched::default()));
    known("commands", (progress.commands_run > 0).then(|| commands(record)));
    known("plan", progress.plan.map(|(done, of)| format!("{done} of {of} steps")));
    known("tokens", progress.tokens.map(tokens_text));
    known("quota", record.quota.as_ref().and_then(|quota| quota.text(now_ms / 1000)));
    known("last error", progress.last_error.clone());
    known("summary", record.summary.clone());
    known("exit code", record.exit_code.map(|code| code.to_string()));
    known("flow", record.flow.as_ref().map(|flow| format!("{} step {}", flow.id, flow.step)));
    known("artifacts", Some(record.artifact_dir.clone()).filter(|dir| !dir.is_empty()));
    known("seal", record.seal.as_ref().map(|seal| format!("sha256:{seal}")));
    known("next", next_step(record, liveness));
    facts
}

fn sandbox(record: &RunRecord) -> String {
    let enforcement = match record.enforcement {
        Enforcement::Profile => "profile of the write scope",
        Enforcement::Sandbox => "Codex's own sandbox",
        Enforcement::None => "none: UNSANDBOXED",
    };
    let containment = match record.containment {
        Some(Containment::Kernel) => ", contained by the kernel",
        Some(Containment::BestEffort) => ", contained by best effort",
        None => "",
    };
    format!("{enforcement}{containment}")
}

fn commands(record: &RunRecord) -> String {
    let (run, failed) = (record.progress.commands_run, record.progress.commands_failed);
    if failed == 0 { format!("{run} run") } else { format!("{run} run, {failed} failed") }
}

fn next_step(record: &RunRecord, liveness: Liveness) -> Option<String> {
    let id = &record.id;
    match liveness {
        Liveness::Dead => Some(format!("`clodex-cancel {id}` ends what is left of it and closes it")),
        Liveness::Ended if record.exit_code.is_some_and(|code| code != i32::from(ExitCode::Done)) => {
            Some(format!("`clodex-debug {id}` shows what happened"))
        }
        Liveness::Ended | Liveness::Live | Liveness::OtherHost => None,
    }
}

#[cfg(test)]
mod tests {
    use clodex_core::{Colour, utc_ms};

    use super::*;

    #[test]
    fn what_is_known_is_shown_and_nothing_else() {
        let fixture = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(fixture).unwrap();
        record.objective = "fix\x1b[2Jit".to_owned();
        let run = SeenRun { record, liveness: Liveness::Live };
        let lines = detail(&run, utc_ms("2026-01-21T01:04:16Z").unwrap());
        let text: Vec<String> = lines.iter().map(|line| line.render(100, Colour::Off)).collect();
        assert_eq!(
            text.join("\n"),
            "\
◓ codex add-slug-tests 2:13 · running pytest -q · 3/7 files · 42k tok
  id          20260121T010203Z-worker-add-slug-tests-k3f9
  mode        worker
  objective   fix [2Jit
  workdir     /home/u/proj
  started     2026-01-21T01:02:03.000Z
  deadline    2026-01-21T01:32:03.000Z
  sandbox     profile of the write scope, contained by the kernel
  codex       0.169.0, exec
  thread      019a0000-0000-7000-8000-000000000001
  files       3/7 files
  commands    4 run, 1 failed
  plan        2 of 5 steps
  tokens      42k
  flow        f1 step tests
  artifacts   /home/u/proj/.codex-dispatch/runs/20260121T010203Z-worker-add-slug-tests-k3f9
  question 1 waits until 2026-01-21T01:05:00.000Z
    may I push?
  `clodex-answer 20260121T010203Z-worker-add-slug-tests-k3f9 1 accept|decline|cancel`"
        );
    }

    #[test]
    fn a_question_is_shown_to_its_end_however_long_it_is() {
        let fixture = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(fixture).unwrap();
        let long = format!("  {} && the end", "x".repeat(5000));
        record.open_requests[0].lines = vec!["May it run this?".to_owned(), long.clone()];
        let lines = detail(&SeenRun { record, liveness: Liveness::Live }, 0);
        let text: Vec<String> = lines.iter().map(|line| line.render(100, Colour::Off)).collect();
        assert!(
            text.contains(&format!("    {long}")) && !text.iter().any(|line| line.contains("may I push"))
        );
    }
}
