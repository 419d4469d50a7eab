//! Live lines as people see them, whole.

use super::*;
use crate::Colour;

fn run(name: &str) -> LiveLine<'_> {
    LiveLine {
        name,
        liveness: Liveness::Live,
        phase: Phase::Running,
        activity: "pytest -q",
        files: FilesTouched { touched: 3, of: None },
        tokens: Some(42_300),
        elapsed_ms: 132_000,
        quiet_ms: 900,
        heartbeat_sec: 300,
        enforcement: Enforcement::Profile,
        windows: [None; 2],
        outcome: None,
        verdict: None,
        answer_left_ms: None,
        summary: "",
    }
}

fn shown(run: LiveLine<'_>) -> String {
    run.line().render(200, Colour::Off)
}

#[test]
fn a_live_run_shows_name_time_activity_files_and_tokens() {
    assert_eq!(
        shown(run("add-slug-tests")),
        "◐ codex add-slug-tests 2:12 · running pytest -q · 3 files · 42k tok"
    );
}

#[test]
fn what_is_not_known_is_not_shown() {
    let fresh = LiveLine {
        activity: "",
        phase: Phase::Starting,
        files: FilesTouched::default(),
        tokens: None,
        elapsed_ms: 1_000,
        ..run("a")
    };
    assert_eq!(shown(fresh), "◓ codex a 0:01 · starting");
}

#[test]
fn silence_is_quiet_first_and_stalled_after_the_heartbeat() {
    assert_eq!(
        shown(LiveLine { quiet_ms: 80_000, ..run("a") }),
        "! codex a 2:12 · quiet 1:20 · running pytest -q · 3 files · 42k tok"
    );
    let stalled = LiveLine { quiet_ms: 31_000, heartbeat_sec: 30, ..run("a") };
    assert_eq!(shown(stalled), "! codex a 2:12 · stalled 0:31 · running pytest -q · 3 files · 42k tok");
    assert_eq!(LiveLine { heartbeat_sec: 0, ..stalled }.attention(), None);
}

#[test]
fn waiting_reconnecting_dead_and_unsandboxed_are_visible() {
    let waiting = LiveLine { phase: Phase::Waiting, activity: "may I push?", ..run("a") };
    assert_eq!(shown(waiting), "? codex a 2:12 · waiting may I push? · 3 files · 42k tok");
    let timed = LiveLine { answer_left_ms: Some(252_000), ..waiting };
    assert_eq!(shown(timed), "? codex a 2:12 · waiting, 4:12 left may I push? · 3 files · 42k tok");
    let cut_off = LiveLine { phase: Phase::Reconnecting, activity: "2/5", ..run("a") };
    assert_eq!(shown(cut_off), "! codex a 2:12 · reconnecting 2/5 · 3 files · 42k tok");
    let dead = LiveLine { liveness: Liveness::Dead, ..run("a") };
    assert_eq!(shown(dead), "✗ codex a 2:12 · dead (its dispatcher died) · 3 files · 42k tok");
    let open = LiveLine { enforcement: Enforcement::None, ..run("a") };
    assert_eq!(shown(open), "◐ codex a 2:12 · running pytest -q · UNSANDBOXED · 3 files · 42k tok");
    let away = LiveLine { liveness: Liveness::OtherHost, ..run("a") };
    assert_eq!(shown(away), "◐ codex a 2:12 · running pytest -q · on another host · 3 files · 42k tok");
}

#[test]
fn an_ended_run_shows_outcome_and_verdict() {
    let ended = LiveLine { liveness: Liveness::Ended, outcome: Some(Outcome::Done), ..run("a") };
    let clean = LiveLine { verdict: Some(Verdict::Clean), summary: "3 tests added", ..ended };
    assert_eq!(shown(clean), "✓ codex a done · clean · 2:12 · 3 files · 42k tok");
    let violation = LiveLine { verdict: Some(Verdict::Violation), summary: "lib/x.txt changed", ..ended };
    assert_eq!(shown(violation), "✗ codex a done · violation · lib/x.txt changed · 2:12 · 3 files · 42k tok");
    let unjudged = LiveLine { verdict: Some(Verdict::Unknown), ..ended };
    assert_eq!(shown(unjudged), "✗ codex a done · unknown · 2:12 · 3 files · 42k tok");
    let died = LiveLine { outcome: Some(Outcome::Failed), summary: "the dispatcher died", ..ended };
    assert_eq!(shown(died), "✗ codex a failed · the dispatcher died · 2:12 · 3 files · 42k tok");
    let cancelled = LiveLine { outcome: Some(Outcome::Cancelled), summary: "cancelled", ..ended };
    assert_eq!(shown(cancelled), "■ codex a cancelled · 2:12 · 3 files · 42k tok");
}

#[test]
fn several_runs_are_summed_and_the_first_is_shown() {
    let runs = [
        run("new"),
        LiveLine { tokens: None, files: FilesTouched { touched: 2, of: Some(4) }, ..run("b") },
        LiveLine { phase: Phase::Waiting, enforcement: Enforcement::None, tokens: Some(1_000), ..run("c") },
    ];
    assert_eq!(
        live_lines_summed(&runs).render(200, Colour::Off),
        "◐ 3 codex · new 2:12 · running pytest -q · 8 files · 43k tok · 1 waiting · UNSANDBOXED"
    );
    assert_eq!(live_lines_summed(&runs[..1]), runs[0].line());
    assert!(live_lines_summed(&[]).is_empty());
}

#[test]
fn a_long_command_gives_way_to_the_counts() {
    let long = LiveLine {
        activity: "cargo test --workspace --all-features -- --nocapture",
        ..run("add-slug-tests")
    };
    assert_eq!(
        long.line().render(70, Colour::Off),
        "◐ codex add-slug-tests 2:12 · running cargo test… · 3 files · 42k tok"
    );
}

#[test]
fn a_hostile_name_cannot_move_the_cursor() {
    let evil = shown(LiveLine { activity: "x\n\x1b[2J\u{202e}y", ..run("a\x07b") });
    assert_eq!(evil, "◐ codex a b 2:12 · running x [2Jy · 3 files · 42k tok");
}

#[test]
fn numbers_are_short() {
    let texts = [0, 999, 1_250, 9_999, 10_000, 999_999, 1_340_000].map(tokens_text);
    assert_eq!(texts, ["0", "999", "1.2k", "9.9k", "10k", "999k", "1.3M"]);
    assert_eq!([7_000, 133_000, 3_723_000].map(elapsed_text), ["0:07", "2:13", "1:02:03"]);
    assert_eq!(elapsed_ms("2026-01-21T01:02:03Z", Some("2026-01-21T01:04:16.000Z"), 0), 133_000);
    assert_eq!(elapsed_ms("2026-01-21T01:02:03Z", None, 0), 0);
}

#[test]
fn windows_are_shown_when_they_are_known_and_of_several_runs_the_fullest() {
    let window =
        |used_percent, minutes| Some(RateWindow { used_percent, minutes: Some(minutes), resets_at: None });
    let one = LiveLine { windows: [window(82, 300), window(7, 10_080)], ..run("a") };
    let other = LiveLine { windows: [window(21, 300), window(91, 10_080)], ..run("b") };
    assert_eq!(shown(one), "◐ codex a 2:12 · running pytest -q · 3 files · 42k tok · 5h 82% · week 7%");
    let both = live_lines_summed(&[one, other, run("c")]).render(200, Colour::Off);
    assert!(both.ends_with(" · 126k tok · 5h 82% · week 91%"), "{both}");
    let ended = LiveLine { liveness: Liveness::Ended, outcome: Some(Outcome::Done), ..one };
    assert!(shown(ended).ends_with(" · 42k tok · 5h 82% · week 7%"));
    let spans = one.line().fit(200);
    let tone = |text: &str| spans.iter().find(|(_, span)| span == text).map(|(tone, _)| *tone);
    assert_eq!((tone("5h 82%"), tone("week 7%")), (Some(Tone::Warn), Some(Tone::Dim)), "{spans:?}");
}
