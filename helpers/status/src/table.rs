//! Runs as a table: name, mode, state, what each is doing, time, files, tokens, id. Pure.

use clodex_core::{
    Attention, LiveLine, Liveness, Outcome, StyledLine, Tone, Verdict, cut, files_text, harmless,
};
use clodex_core::{elapsed_text, text_width, tokens_text};
use clodex_os::record_store::SeenRun;

use crate::context::live_line;

const HEAD: [&str; 8] = ["NAME", "MODE", "STATE", "DOING", "TIME", "FILES", "TOKENS", "ID"];
const NAME: usize = 0;
const DOING: usize = 3;
/// Columns that `DOING` has at most and, before the rest is cut, at least.
const DOING_COLUMNS: (usize, usize) = (48, 12);
/// Columns that `NAME` has at most and, where there is no room, at least.
const NAME_COLUMNS: (usize, usize) = (28, 8);
const ID: usize = 7;
/// An id begins with the time; what comes after it can be left out as long as no two runs are meant.
const ID_TIME_COLUMNS: usize = 16;
/// What is left out, in this order, where the ids' beginnings make too little room: they are what every other helper
/// wants.
const GIVE_WAY: [usize; 4] = [5, 6, 1, DOING];

type Cell = (Tone, String);

/// The table, header first.
pub fn table(runs: &[SeenRun], now_ms: i64, columns: usize) -> Vec<StyledLine> {
    let mut rows: Vec<[Cell; 8]> = vec![HEAD.map(|head| (Tone::Dim, head.to_owned()))];
    rows.extend(runs.iter().map(|run| row(run, now_ms)));
    let mut widths = [0; 8];
    for row in &rows {
        for (width, (_, text)) in widths.iter_mut().zip(row) {
            *width = text_width(text).max(*width);
        }
    }
    let mut others: usize = widths.iter().sum::<usize>() - widths[DOING] + 2 * (HEAD.len() - 1);
    if others + widths[DOING] > columns {
        let beginning = beginning_columns(runs).min(widths[ID]);
        others -= widths[ID] - beginning;
        widths[ID] = beginning;
    }
    for place in GIVE_WAY {
        if others + widths[DOING].min(DOING_COLUMNS.1) > columns {
            others -= if place == DOING { 2 } else { widths[place] + 2 };
            widths[place] = 0;
        }
    }
    widths[DOING] = widths[DOING].min(columns.saturating_sub(others));
    let too_much = (others + widths[DOING]).saturating_sub(columns);
    widths[NAME] = widths[NAME].saturating_sub(too_much).max(NAME_COLUMNS.1.min(widths[NAME]));
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// How much of an id it takes to mean one of these runs.
fn beginning_columns(runs: &[SeenRun]) -> usize {
    let mut ids: Vec<&str> = runs.iter().map(|run| run.record.id.as_str()).collect();
    ids.sort_unstable();
    let in_common = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    ids.windows(2).map(|pair| in_common(pair) + 1).fold(ID_TIME_COLUMNS, usize::max)
}

fn row(run: &SeenRun, now_ms: i64) -> [Cell; 8] {
    let live = live_line(run, now_ms);
    let record = &run.record;
    let files = if live.files.touched == 0 && live.files.of.is_none() {
        String::new()
    } else {
        files_text(live.files)
    };
    [
        (Tone::Strong, cut(&harmless(live.name), NAME_COLUMNS.0)),
        (Tone::Plain, record.mode.to_string()),
        state(&live),
        (Tone::Plain, cut(&harmless(&doing(&live)), DOING_COLUMNS.0)),
        (Tone::Plain, elapsed_text(live.elapsed_ms)),
        (Tone::Plain, files),
        (Tone::Plain, live.tokens.map(tokens_text).unwrap_or_default()),
        (Tone::Dim, record.id.to_string()),
    ]
}

/// `live`, what wants attention, or outcome and verdict.
pub fn state(live: &LiveLine<'_>) -> Cell {
    match (live.liveness, live.attention()) {
        (Liveness::Ended, _) => {
            let outcome = live.outcome.map_or("ended", Outcome::as_str);
            let verdict = live.verdict.filter(|verdict| *verdict != Verdict::Refused);
            let text = verdict.map_or(outcome.to_owned(), |verdict| format!("{outcome}, {verdict}"));
            (live.ending().1, text)
        }
        (Liveness::Live | Liveness::Dead, Some(attention @ (Attention::Dead | Attention::Stalled))) => {
            (Tone::Bad, attention.as_str().to_owned())
        }
        (Liveness::Live | Liveness::Dead, Some(attention)) => (Tone::Warn, attention.as_str().to_owned()),
        (Liveness::Live | Liveness::Dead, None) => (Tone::Busy, "live".to_owned()),
        (Liveness::OtherHost, _) => (Tone::Dim, "other host".to_owned()),
    }
}

fn doing(live: &LiveLine<'_>) -> String {
    match live.liveness {
        Liveness::Ended => live.summary.to_owned(),
        Liveness::Dead => "its dispatcher died".to_owned(),
        Liveness::Live | Liveness::OtherHost => {
            let unsandboxed =
                if live.enforcement == clodex_core::Enforcement::None { "UNSANDBOXED " } else { "" };
            format!("{unsandboxed}{} {}", live.phase.as_str(), live.activity).trim_end().to_owned()
        }
    }
}

fn line(row: &[Cell; 8], widths: &[usize; 8]) -> StyledLine {
    let mut line = StyledLine::new();
    for (place, ((tone, text), width)) in
        row.iter().zip(widths).enumerate().filter(|(_, (_, width))| **width > 0)
    {
        // A beginning of an id can be typed; with the mark of a cut it could not.
        let text = if place == ID { text.chars().take(*width).collect() } else { cut(text, *width) };
        let padding = if place + 1 == row.len() { 0 } else { width - text_width(&text) + 2 };
        line.push(*tone, &text).push(Tone::Plain, &" ".repeat(padding));
    }
    line
}

#[cfg(test)]
mod tests {
    use clodex_core::{Colour, RunId, RunRecord, utc_ms};

    use super::*;

    fn run(name: &str, liveness: Liveness, change: impl FnOnce(&mut RunRecord)) -> SeenRun {
        let fixture = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(fixture).unwrap();
        record.name = name.to_owned();
        change(&mut record);
        SeenRun { record, liveness }
    }

    fn shown(runs: &[SeenRun], columns: usize) -> String {
        let now = utc_ms("2026-01-21T01:04:16Z").unwrap();
        let lines: Vec<String> =
            table(runs, now, columns).iter().map(|line| line.render(columns, Colour::Off)).collect();
        lines.join("\n")
    }

    fn runs() -> [SeenRun; 3] {
        [
            run("add-slug-tests", Liveness::Live, |_| {}),
            run("gone", Liveness::Dead, |record| record.progress.tokens = None),
            run("old", Liveness::Ended, |record| {
                record.outcome = Some(Outcome::Done);
                record.verdict = Some(Verdict::Violation);
                record.summary = Some("changed\nlib/x.txt".to_owned());
                record.ended = Some("2026-01-21T01:02:33Z".to_owned());
            }),
        ]
    }

    #[test]
    fn columns_line_up_and_every_kind_of_run_is_told() {
        assert_eq!(
            shown(&runs(), 160),
            "\
NAME            MODE    STATE            DOING                TIME  FILES      TOKENS  ID
add-slug-tests  worker  live             running pytest -q    2:13  3/7 files  42k     20260121T010203Z-worker-add-slug-tests-k3f9
gone            worker  dead             its dispatcher died  2:13  3/7 files          20260121T010203Z-worker-add-slug-tests-k3f9
old             worker  done, violation  changed lib/x.txt    0:30  3/7 files  42k     20260121T010203Z-worker-add-slug-tests-k3f9"
        );
    }

    #[test]
    fn a_narrow_terminal_keeps_what_it_takes_to_name_a_run_and_shortens_the_rest() {
        let mut runs = runs();
        let ids = ["010203", "010304", "010405"].map(|time| format!("20260121T{time}Z-worker-x-k3f9"));
        for (run, id) in runs.iter_mut().zip(ids) {
            run.record.id = RunId::try_from(id).unwrap();
        }
        let first = shown(&runs, 104).lines().nth(2).unwrap().to_owned();
        assert_eq!(
            first,
            "gone            worker  dead             its dispatcher died  2:13  3/7 files          20260121T010304Z"
        );
        assert_eq!(
            shown(&runs, 80),
            "\
NAME            MODE    STATE            DOING            TIME  ID
add-slug-tests  worker  live             running pytest…  2:13  20260121T010203Z
gone            worker  dead             its dispatcher…  2:13  20260121T010304Z
old             worker  done, violation  changed lib/x.…  0:30  20260121T010405Z"
        );
        assert!(shown(&runs, 50).lines().all(|line| text_width(line) <= 50));
        let same_second = [run("a", Liveness::Live, |_| {}), run("b", Liveness::Live, |_| {})];
        assert!(shown(&same_second, 80).ends_with("20260121T010203Z-worker-add-slug-tests-k3f9"));
    }
}
