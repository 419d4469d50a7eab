//! One line that says what a run is doing, or how it ended. Shared by statusline, status, the dispatcher's
//! terminal and clodex-progress, so that a run looks the same wherever it is seen. Pure: time comes in as a number.

use crate::styled_line::{StyledLine, Tone, cut};
use crate::{Enforcement, FilesTouched, Liveness, Outcome, Phase, RateWindow, RunRecord, Verdict, utc_ms};

/// After this silence a live run is said to be quiet (if its heartbeat does not ask for more patience).
const QUIET_AFTER_MS: u64 = 60_000;
/// A name, a summary: what is longer is cut even where there is room.
const NAME_COLUMNS: usize = 40;
const DETAIL_COLUMNS: usize = 80;

/// What a live line shows of a run. Borrows, so that a reader with its own record type can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveLine<'a> {
    /// Name for people.
    pub name: &'a str,
    /// Whether it runs.
    pub liveness: Liveness,
    /// What it is doing.
    pub phase: Phase,
    /// The file, command or tool it is busy with.
    pub activity: &'a str,
    /// Files touched so far.
    pub files: FilesTouched,
    /// Tokens of this run, once known.
    pub tokens: Option<u64>,
    /// How long it runs or ran.
    pub elapsed_ms: u64,
    /// How long ago its last sign of life was.
    pub quiet_ms: u64,
    /// Seconds without a sign of life after which it counts as stalled; 0 = never.
    pub heartbeat_sec: u64,
    /// What holds writes back.
    pub enforcement: Enforcement,
    /// The windows of the account that are known, the shorter one first.
    pub windows: [Option<RateWindow>; 2],
    /// What became of it, once ended.
    pub outcome: Option<Outcome>,
    /// What was found about scope, once ended.
    pub verdict: Option<Verdict>,
    /// Why it failed, what it delivered.
    pub summary: &'a str,
    /// How long its first open question still waits for an answer; absent where none is open.
    pub answer_left_ms: Option<u64>,
}

/// What of a run wants to be seen before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Attention {
    /// Its dispatcher died.
    Dead,
    /// No sign of life for longer than its heartbeat.
    Stalled,
    /// A question waits for an answer.
    Waiting,
    /// The connection to the model is lost.
    Reconnecting,
    /// No sign of life for a while.
    Quiet,
}

impl Attention {
    /// The word in a live line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Stalled => "stalled",
            Self::Waiting => "waiting",
            Self::Reconnecting => "reconnecting",
            Self::Quiet => "quiet",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Dead | Self::Stalled => Tone::Bad,
            Self::Waiting | Self::Reconnecting | Self::Quiet => Tone::Warn,
        }
    }
}

impl<'a> LiveLine<'a> {
    /// What the record of a run shows at `now_ms` (since 1970, UTC).
    pub fn of(record: &'a RunRecord, liveness: Liveness, now_ms: i64) -> Self {
        let elapsed_ms = elapsed_ms(&record.started, record.ended.as_deref(), now_ms);
        Self {
            name: match &record.flow {
                Some(flow) if !flow.label.is_empty() => &flow.label,
                Some(_) | None => &record.name,
            },
            liveness,
            phase: record.progress.phase,
            activity: &record.progress.activity,
            files: record.progress.files,
            tokens: record.progress.tokens,
            elapsed_ms,
            quiet_ms: elapsed_ms.saturating_sub(record.progress.last_life_ms),
            heartbeat_sec: record.heartbeat_sec,
            enforcement: record.enforcement,
            windows: record
                .quota
                .as_ref()
                .map(|quota| quota.limits.current(now_ms / 1000))
                .unwrap_or_default(),
            outcome: record.outcome,
            verdict: record.verdict,
            summary: record.summary.as_deref().unwrap_or_default(),
            answer_left_ms: record.open_requests.first().and_then(|open| left_ms(&open.deadline, now_ms)),
        }
    }

    /// What of it wants to be seen first.
    pub fn attention(&self) -> Option<Attention> {
        match self.liveness {
            Liveness::Dead => return Some(Attention::Dead),
            Liveness::Ended => return None,
            Liveness::Live | Liveness::OtherHost => {}
        }
        let heartbeat_ms = self.heartbeat_sec.saturating_mul(1000);
        // Checks have a limit of their own.
        let may_be_quiet = matches!(self.phase, Phase::Waiting | Phase::Verifying);
        if !may_be_quiet && heartbeat_ms > 0 && self.quiet_ms > heartbeat_ms {
            return Some(Attention::Stalled);
        }
        match self.phase {
            Phase::Waiting => Some(Attention::Waiting),
            Phase::Reconnecting => Some(Attention::Reconnecting),
            // Neither the baseline nor the verdict gives signs of life, and nobody waits for any.
            Phase::Starting | Phase::Verifying | Phase::Finishing => None,
            Phase::Thinking
            | Phase::Reviewing
            | Phase::Reading
            | Phase::Editing
            | Phase::Running
            | Phase::Testing => {
                (self.quiet_ms >= QUIET_AFTER_MS.max(heartbeat_ms / 4)).then_some(Attention::Quiet)
            }
        }
    }

    /// The line, e.g. `◐ codex add-slug-tests 2:13 · running pytest -q · 3 files · 42k tok`.
    pub fn line(&self) -> StyledLine {
        match self.liveness {
            Liveness::Ended => self.ended_line(),
            Liveness::Live | Liveness::Dead | Liveness::OtherHost => {
                let mut line = StyledLine::new();
                line.push(self.glyph_tone(), self.glyph()).push(Tone::Dim, " codex ");
                line.append(self.body(self.files, self.tokens));
                push_windows(&mut line, self.windows);
                line
            }
        }
    }

    /// Name, time, activity and the given sums: what follows the glyph and the word `codex`.
    fn body(&self, files: FilesTouched, tokens: Option<u64>) -> StyledLine {
        let mut line = StyledLine::new();
        line.push(Tone::Strong, &cut(self.name, NAME_COLUMNS));
        line.push(Tone::Plain, &format!(" {}", elapsed_text(self.elapsed_ms)));
        self.push_doing(&mut line);
        if self.enforcement == Enforcement::None {
            line.push(Tone::Dim, " · ").push(Tone::Bad, "UNSANDBOXED");
        }
        push_counts(&mut line, files, tokens);
        line
    }

    fn push_doing(&self, line: &mut StyledLine) {
        line.push(Tone::Dim, " · ");
        let attention = self.attention();
        match attention {
            Some(Attention::Dead) => {
                line.push(Tone::Bad, "dead").push_elastic(Tone::Dim, " (its dispatcher died)");
                return;
            }
            Some(attention @ (Attention::Stalled | Attention::Quiet)) => {
                line.push(
                    attention.tone(),
                    &format!("{} {}", attention.as_str(), elapsed_text(self.quiet_ms)),
                );
                line.push(Tone::Dim, " · ").push(Tone::Plain, self.phase.as_str());
            }
            Some(attention @ (Attention::Waiting | Attention::Reconnecting)) => {
                line.push(attention.tone(), attention.as_str());
                if let Some(left) = self.answer_left_ms.filter(|_| attention == Attention::Waiting) {
                    line.push(attention.tone(), &format!(", {} left", elapsed_text(left)));
                }
            }
            None => {
                line.push(Tone::Plain, self.phase.as_str());
            }
        }
        if !self.activity.is_empty() {
            line.push_elastic(Tone::Plain, &format!(" {}", cut(self.activity, DETAIL_COLUMNS)));
        }
        if self.liveness == Liveness::OtherHost {
            line.push(Tone::Dim, " · on another host");
        }
    }

    fn ended_line(&self) -> StyledLine {
        let mut line = StyledLine::new();
        let (glyph, tone) = self.ending();
        line.push(tone, glyph).push(Tone::Dim, " codex ").push(Tone::Strong, &cut(self.name, NAME_COLUMNS));
        let outcome = self.outcome.map_or("ended", Outcome::as_str);
        line.push(Tone::Plain, " ").push(tone, outcome);
        if let Some(verdict) = self.verdict.filter(|verdict| *verdict != Verdict::Refused) {
            line.push(Tone::Dim, " · ").push(verdict_tone(verdict), verdict.as_str());
        }
        let is_good = tone == Tone::Good;
        // A cancelled run's summary says no more than its outcome.
        if !is_good && !self.summary.is_empty() && self.summary != outcome {
            line.push(Tone::Dim, " · ").push_elastic(Tone::Plain, &cut(self.summary, DETAIL_COLUMNS));
        }
        line.push(Tone::Dim, " · ").push(Tone::Plain, &elapsed_text(self.elapsed_ms));
        push_counts(&mut line, self.files, self.tokens);
        push_windows(&mut line, self.windows);
        line
    }

    /// Glyph and tone of how it ended: only what delivered with a clean scope is good.
    pub fn ending(&self) -> (&'static str, Tone) {
        match (self.verdict, self.outcome) {
            (Some(Verdict::Violation | Verdict::Unknown), _) => ("✗", Tone::Bad),
            (Some(Verdict::Clean), Some(Outcome::Done | Outcome::FindingsOnly)) => ("✓", Tone::Good),
            (_, Some(Outcome::Failed | Outcome::TimedOut | Outcome::Stalled | Outcome::Refused)) => {
                ("✗", Tone::Bad)
            }
            (_, Some(Outcome::Cancelled)) => ("■", Tone::Dim),
            (_, Some(Outcome::Partial | Outcome::Blocked | Outcome::Done | Outcome::FindingsOnly) | None) => {
                ("!", Tone::Warn)
            }
        }
    }

    fn glyph(&self) -> &'static str {
        const TURNING: [&str; 4] = ["◐", "◓", "◑", "◒"];
        match self.attention() {
            Some(Attention::Dead) => "✗",
            Some(Attention::Waiting) => "?",
            Some(Attention::Stalled | Attention::Reconnecting | Attention::Quiet) => "!",
            None => TURNING[usize::try_from(self.elapsed_ms / 1000 % 4).unwrap_or_default()],
        }
    }

    fn glyph_tone(&self) -> Tone {
        self.attention().map_or(Tone::Busy, Attention::tone)
    }
}

/// One line for several runs: the first one is shown, files and tokens are summed, what wants attention
/// among the others is counted. Nothing for no runs.
pub fn live_lines_summed(runs: &[LiveLine<'_>]) -> StyledLine {
    let Some((shown, others)) = runs.split_first() else { return StyledLine::new() };
    if others.is_empty() {
        return shown.line();
    }
    let mut line = StyledLine::new();
    line.push(shown.glyph_tone(), shown.glyph());
    line.push(Tone::Dim, " ").push(Tone::Plain, &runs.len().to_string()).push(Tone::Dim, " codex · ");
    let touched = runs.iter().fold(0_u32, |sum, run| sum.saturating_add(run.files.touched));
    let tokens = runs.iter().filter_map(|run| run.tokens).reduce(u64::saturating_add);
    line.append(shown.body(FilesTouched { touched, of: None }, tokens));
    let mut attentions: Vec<Attention> = others.iter().filter_map(LiveLine::attention).collect();
    attentions.sort_unstable();
    for group in attentions.chunk_by(|one, next| one == next) {
        line.push(Tone::Dim, " · ").push(group[0].tone(), &format!("{} {}", group.len(), group[0].as_str()));
    }
    if shown.enforcement != Enforcement::None && others.iter().any(|run| run.enforcement == Enforcement::None)
    {
        line.push(Tone::Dim, " · ").push(Tone::Bad, "UNSANDBOXED");
    }
    let fullest = |which: usize| {
        runs.iter().filter_map(|run| run.windows[which]).max_by_key(|window| window.used_percent)
    };
    push_windows(&mut line, [fullest(0), fullest(1)]);
    line
}

/// Milliseconds from `started` to `ended`, or to now while there is no end.
pub fn elapsed_ms(started: &str, ended: Option<&str>, now_ms: i64) -> u64 {
    let end = ended.and_then(utc_ms).unwrap_or(now_ms);
    utc_ms(started).and_then(|start| u64::try_from(end - start).ok()).unwrap_or_default()
}

/// Milliseconds from now to a deadline; none when it is no time, zero when it is past.
pub fn left_ms(deadline: &str, now_ms: i64) -> Option<u64> {
    utc_ms(deadline).map(|deadline| u64::try_from(deadline.saturating_sub(now_ms)).unwrap_or(0))
}

/// `0:07`, `2:13`, `1:02:03`.
pub fn elapsed_text(ms: u64) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// `950`, `1.2k`, `42k`, `1.3M`.
pub fn tokens_text(tokens: u64) -> String {
    let tenths = |unit: u64| (tokens / unit, tokens % unit * 10 / unit);
    match tokens {
        0..1000 => tokens.to_string(),
        1000..10_000 => format!("{}.{}k", tenths(1000).0, tenths(1000).1),
        10_000..1_000_000 => format!("{}k", tokens / 1000),
        _ => format!("{}.{}M", tenths(1_000_000).0, tenths(1_000_000).1),
    }
}

/// `3 files`, `1 file`, `3/7 files`.
pub fn files_text(files: FilesTouched) -> String {
    match (files.touched, files.of) {
        (touched, Some(of)) => format!("{touched}/{of} files"),
        (1, None) => "1 file".to_owned(),
        (touched, None) => format!("{touched} files"),
    }
}

fn push_counts(line: &mut StyledLine, files: FilesTouched, tokens: Option<u64>) {
    if files.touched > 0 || files.of.is_some() {
        line.push(Tone::Dim, &format!(" · {}", files_text(files)));
    }
    if let Some(tokens) = tokens {
        line.push(Tone::Dim, &format!(" · {} tok", tokens_text(tokens)));
    }
}

/// What is left of the account concerns whoever thinks of the next run.
fn push_windows(line: &mut StyledLine, windows: [Option<RateWindow>; 2]) {
    for window in windows.into_iter().flatten() {
        let tone = if window.is_pressing() { Tone::Warn } else { Tone::Dim };
        line.push(Tone::Dim, " · ").push(tone, &window.short_text());
    }
}

fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Clean => Tone::Good,
        Verdict::Violation | Verdict::Unknown => Tone::Bad,
        Verdict::Refused => Tone::Warn,
    }
}

#[cfg(test)]
#[path = "live_line_tests.rs"]
mod tests;
