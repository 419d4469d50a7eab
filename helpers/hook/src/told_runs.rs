//! Runs as Claude is told of them: a line each for those that live and those that ended, bounded however many there
//! are. Names are somebody else's text: what they hold is shown, never obeyed by a terminal.

use clodex_core::{LiveLine, Liveness, Phase, RunRecord, cut, elapsed_text, harmless, utc_ms};

/// So many are named in a line; the others are counted.
const NAMED: usize = 4;
const NAME_COLUMNS: usize = 40;

/// A run that is told of.
#[derive(Debug, Clone, Copy)]
pub struct ToldRun<'a> {
    /// Its record.
    pub record: &'a RunRecord,
    /// Whether it runs.
    pub liveness: Liveness,
    /// Whether the session that is told has started it.
    pub is_own: bool,
}

/// What lives; none where nothing does.
pub fn live_line(runs: &[ToldRun<'_>], now_ms: i64) -> Option<String> {
    let named = listed(runs, |run| {
        let live = LiveLine::of(run.record, run.liveness, now_ms);
        let doing = live.attention().map_or_else(|| phase(&live).to_owned(), |it| it.as_str().to_owned());
        format!("{doing}, {}", elapsed_text(live.elapsed_ms))
    })?;
    Some(format!(
        "clodex: live Codex runs of this project: {named}. `clodex-status` shows them, `clodex-cancel ID` ends one."
    ))
}

/// What ended; none where nothing did.
pub fn ended_line(runs: &[ToldRun<'_>], now_ms: i64) -> Option<String> {
    let named = listed(runs, |run| {
        let record = run.record;
        let outcome = record.outcome.map_or("ended".to_owned(), |outcome| outcome.to_string());
        let verdict = record.verdict.map_or(String::new(), |verdict| format!(", scope {verdict}"));
        format!("{outcome}{verdict}, {}", ago_text(record.ended.as_deref(), now_ms))
    })?;
    Some(format!(
        "clodex: Codex runs that ended lately: {named}. `clodex-result ID` prints the report of one."
    ))
}

fn listed(runs: &[ToldRun<'_>], what: impl Fn(&ToldRun<'_>) -> String) -> Option<String> {
    if runs.is_empty() {
        return None;
    }
    let mut named: Vec<String> =
        runs.iter().take(NAMED).map(|run| format!("{} {}", named(run), what(run))).collect();
    if runs.len() > NAMED {
        named.push(format!("and {} more", runs.len() - NAMED));
    }
    Some(named.join("; "))
}

fn named(run: &ToldRun<'_>) -> String {
    let whose = if run.is_own { "" } else { " of another session" };
    format!("{} ({}){whose}", cut(&harmless(&run.record.name), NAME_COLUMNS), run.record.id)
}

fn phase(live: &LiveLine<'_>) -> &'static str {
    match live.liveness {
        Liveness::OtherHost => "on another host",
        Liveness::Live | Liveness::Dead | Liveness::Ended => Phase::as_str(live.phase),
    }
}

/// `just now`, `5 min ago`, `3 h ago`, `2 days ago`.
fn ago_text(ended: Option<&str>, now_ms: i64) -> String {
    let Some(ended_ms) = ended.and_then(utc_ms) else { return "at an unknown time".to_owned() };
    match now_ms.saturating_sub(ended_ms) / 60_000 {
        ..1 => "just now".to_owned(),
        minutes @ 1..120 => format!("{minutes} min ago"),
        minutes @ 120..2880 => format!("{} h ago", minutes / 60),
        minutes => format!("{} days ago", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;
    use clodex_core::{Outcome, Verdict};

    const NOW: &str = "2026-01-21T01:14:16.000Z";

    fn told(record: &RunRecord, liveness: Liveness, is_own: bool) -> ToldRun<'_> {
        ToldRun { record, liveness, is_own }
    }

    #[test]
    fn what_lives_is_told_with_what_it_does_and_whose_it_is() {
        let record = record("aaaa");
        let runs = [told(&record, Liveness::Live, true), told(&record, Liveness::Dead, false)];
        assert_eq!(
            live_line(&runs, utc_ms("2026-01-21T01:04:16.000Z").unwrap()).unwrap(),
            "clodex: live Codex runs of this project: add-slug-tests (20260121T010203Z-worker-slug-aaaa) running, 2:13; \
             add-slug-tests (20260121T010203Z-worker-slug-aaaa) of another session dead, 2:13. \
             `clodex-status` shows them, `clodex-cancel ID` ends one."
        );
        assert_eq!(live_line(&[], 0), None);
    }

    #[test]
    fn what_ended_is_told_with_its_outcome_and_when() {
        let mut record = record("aaaa");
        (record.outcome, record.verdict) = (Some(Outcome::Done), Some(Verdict::Clean));
        let now = utc_ms(NOW).unwrap();
        for (ended, when) in [
            ("2026-01-21T01:14:16.000Z", "just now"),
            ("2026-01-21T01:15:16.000Z", "just now"),
            ("2026-01-21T01:09:15.000Z", "5 min ago"),
            ("2026-01-20T20:14:16.000Z", "5 h ago"),
            ("2026-01-18T01:14:16.000Z", "3 days ago"),
            ("yesterday", "at an unknown time"),
        ] {
            record.ended = Some(ended.to_owned());
            let line = ended_line(&[told(&record, Liveness::Ended, true)], now).unwrap();
            assert!(line.contains(&format!("-aaaa) done, scope clean, {when}. `clodex-result")), "{line}");
        }
    }

    #[test]
    fn however_many_there_are_a_line_is_bounded_and_harmless() {
        let mut record = record("aaaa");
        record.name = format!("evil\n\u{1b}[31m{}", "x".repeat(3000));
        let runs = vec![told(&record, Liveness::Live, false); 500];
        let line = live_line(&runs, 0).unwrap();
        assert!(line.len() < 1000 && line.contains("; and 496 more."), "{line}");
        assert!(!line.contains('\n') && !line.contains('\u{1b}'), "{line}");
    }
}
