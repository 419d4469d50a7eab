//! The review itself: asked of clodex-dispatch, its answer told to Claude, or to the user why there is none.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clodex_core::{ExitCode, Finding, NOTHING_TO_REVIEW, Source, cut, harmless};
use clodex_os::{ExitKind, Finished};
use serde::Deserialize;

use super::switch::off_switch;
use crate::answer::Answer;
use crate::run_helper::helper_command;

/// What Codex may take. Its run is judged and written down in what is left of the patience, and that ends before Claude
/// Code's own for this hook does.
const REVIEW_SEC: u64 = 540;
const PATIENCE: Duration = Duration::from_secs(585);
/// What Claude is told at most: so many findings, and so much of each.
const FINDINGS: usize = 10;
const TITLE_COLUMNS: usize = 200;
const BODY_COLUMNS: usize = 500;
const WHY_COLUMNS: usize = 600;

/// What `clodex-dispatch --json` says, of a run or of a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    run_id: Cow<'a, str>,
    #[serde(borrow)]
    summary: Cow<'a, str>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hint: Option<Cow<'a, str>>,
    findings: Option<Vec<Finding>>,
}

/// Lets Codex review what is not committed in this work tree; nothing needs to be said where it finds nothing.
pub fn review(work_tree: &Path, on: &Source) -> Answer {
    let seconds = REVIEW_SEC.to_string();
    let words = ["--review", "--json", "--quiet", "--name", "stop-gate", "--timeout-sec", &seconds];
    let asked = helper_command("clodex-dispatch", PATIENCE)
        .and_then(|dispatch| dispatch.args(words).current_dir(work_tree).run());
    match asked {
        Ok(finished) => answer(&finished, on),
        Err(error) => not_reviewed(&error.to_string(), Some(on)),
    }
}

/// Claude stops, and the user reads why nobody has reviewed.
pub fn not_reviewed(why: &str, on: Option<&Source>) -> Answer {
    let why: Vec<String> = why.lines().map(|line| cut(&harmless(line.trim()), WHY_COLUMNS)).collect();
    Answer::UserNote(format!(
        "clodex: this turn was not reviewed: {}\n{}.",
        why.join("\n"),
        harmless(&off_switch(on))
    ))
}

fn answer(finished: &Finished, on: &Source) -> Answer {
    let told: Told<'_> = serde_json::from_slice(&finished.stdout).unwrap_or_default();
    let ended = |code: ExitCode| finished.status == ExitKind::Exit(code as i32);
    let has_nothing_to_do =
        || told.error.as_deref().is_some_and(|error| error.starts_with(NOTHING_TO_REVIEW));
    match &told.findings {
        Some(_) if ended(ExitCode::Done) => Answer::Nothing,
        Some(findings) if ended(ExitCode::NotDelivered) => Answer::StopBlocked(reason(&told, findings, on)),
        None if ended(ExitCode::Usage) && has_nothing_to_do() => Answer::Nothing,
        Some(_) | None => not_reviewed(&why(&told, finished), Some(on)),
    }
}

/// What was found, worst first and bounded, and what is to be done about it.
fn reason(told: &Told<'_>, findings: &[Finding], on: &Source) -> String {
    let line = |text: &str, columns| cut(&harmless(text), columns);
    let mut text = format!(
        "Codex has reviewed the uncommitted changes here before you stop: {}.\n",
        line(&told.summary, TITLE_COLUMNS)
    );
    for (number, finding) in (1..).zip(findings.iter().take(FINDINGS)) {
        let (title, place) = (line(&finding.title, TITLE_COLUMNS), line(&finding.place(), TITLE_COLUMNS));
        // Into a string: cannot fail.
        let _ = write!(text, "\n{number}. {}: {title} ({place})\n", finding.severity.as_str());
        let body = line(finding.body.trim(), BODY_COLUMNS);
        if !body.is_empty() {
            let _ = writeln!(text, "   {body}");
        }
    }
    if findings.len() > FINDINGS {
        let _ = writeln!(text, "\n… and {} more.", findings.len() - FINDINGS);
    }
    let _ = write!(
        text,
        "\nAll of it: `clodex-result {} --full`. Check each of them yourself: deal with those that hold within what the \
         user asked for, say of the others why not, then stop; you are held back once a turn. For the user: {}.",
        line(&told.run_id, TITLE_COLUMNS),
        harmless(&off_switch(Some(on)))
    );
    text
}

fn why(told: &Told<'_>, finished: &Finished) -> String {
    let said = String::from_utf8_lossy(&finished.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    let what = [Some(&*told.summary), told.error.as_deref(), last].into_iter().flatten();
    let what = what.map(str::trim).find(|what| !what.is_empty());
    let what = what.unwrap_or("clodex-dispatch ended without a word");
    match told.hint.as_deref() {
        Some(hint) => format!("{what}\nhint: {hint}"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Source = Source::Environment("CLODEX_STOP_GATE");

    fn said(code: i32, stdout: &str) -> Answer {
        let stderr = b"clodex-dispatch: last words\n\n".to_vec();
        answer(&Finished { status: ExitKind::Exit(code), stdout: stdout.into(), stderr }, &ON)
    }

    fn result(findings: &str) -> String {
        format!(
            r#"{{"version":1,"run_id":"r1","summary":"1 finding: 1 high","error":null,"hint":null,"findings":[{findings}],"mode":"reviewer"}}"#
        )
    }

    fn finding(body: &str) -> String {
        format!(
            r#"{{"severity":"high","title":"Take the\nlock","body":"{body}","path":"src/a.rs","lines":{{"start":3,"end":5}},"confidence":0.9}}"#
        )
    }

    #[test]
    fn only_findings_that_need_attention_hold_claude_back() {
        let Answer::StopBlocked(reason) = said(8, &result(&finding("Two at once."))) else { panic!() };
        for part in [
            "before you stop: 1 finding: 1 high.\n\n1. high: Take the lock (src/a.rs:3-5)\n   Two at once.\n\n",
            "`clodex-result r1 --full`",
            "once a turn",
            "CLODEX_STOP_GATE=0 in the environment of Claude Code switches the stop gate off.",
        ] {
            assert!(reason.contains(part), "{part}: {reason}");
        }
        assert_eq!(said(0, &result(&finding("A trifle."))), Answer::Nothing);
        assert_eq!(said(0, &result("")), Answer::Nothing);
        let nothing = r#"{"version":1,"outcome":"refused","error":"nothing to review: everything is committed","hint":"h"}"#;
        assert_eq!(said(2, nothing), Answer::Nothing);
        let Answer::StopBlocked(_) = said(8, &result("")) else { panic!("the change is not correct") };
    }

    #[test]
    fn everything_else_lets_claude_stop_and_says_why() {
        for (code, stdout, why) in [
            (
                2,
                r#"{"error":"unknown tier `x`","hint":"the tiers are a"}"#,
                "unknown tier `x`\nhint: the tiers are a\n",
            ),
            (
                3,
                r#"{"error":"cannot find codex","hint":"install it"}"#,
                "cannot find codex\nhint: install it\n",
            ),
            (1, r#"{"summary":"quota","error":"429","hint":null}"#, "quota\n"),
            (6, result("").as_str(), "1 finding: 1 high\n"),
            (5, "", "clodex-dispatch: last words\n"),
            (0, "{", "clodex-dispatch: last words\n"),
            (8, "{}", "clodex-dispatch: last words\n"),
        ] {
            let Answer::UserNote(note) = said(code, stdout) else { panic!("{code} {stdout}") };
            assert!(note.starts_with(&format!("clodex: this turn was not reviewed: {why}")), "{note}");
            assert!(note.ends_with("switches the stop gate off."), "{note}");
        }
    }

    #[test]
    fn however_much_is_found_the_reason_is_bounded_and_harmless() {
        let body = format!("\\u001b[31m{}", "long ".repeat(2000));
        let many = vec![finding(&body); 100].join(",");
        let Answer::StopBlocked(reason) = said(8, &result(&many)) else { panic!() };
        assert!(reason.len() < 8 * 1024 && reason.contains("… and 90 more."), "{}: {reason}", reason.len());
        assert!(!reason.contains('\u{1b}'), "{reason}");
    }
}
