//! What happened in a run, step by step: a fold of its events with their times. Pure.

use std::collections::HashMap;

use clodex_codex::unwrap_shell;
use clodex_core::{CommandStatus, Event, FileChange, Liveness, PatchStatus, StyledLine, Tone, cut};

/// A silence of this length gets a line of its own.
const GAP_MS: u64 = 10_000;
const WHAT_COLUMNS: usize = 100;

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Milliseconds since Codex's start; absent where no time was kept.
    pub at_ms: Option<u64>,
    /// How long it took, once ended.
    pub took_ms: Option<u64>,
    /// What it was.
    pub what: String,
    /// How it ended; empty when there is nothing to say.
    pub how: String,
    /// How much it matters.
    pub tone: Tone,
}

/// Collects steps from events in their order.
#[derive(Debug, Default)]
pub struct Timeline {
    steps: Vec<Step>,
    open: HashMap<String, usize>,
    last_ms: Option<u64>,
}

impl Timeline {
    /// Takes the next event and its time.
    pub fn push(&mut self, event: &Event<'_>, at_ms: Option<u64>) {
        self.push_gap(at_ms);
        match event {
            Event::ThreadStarted { thread_id } => {
                self.add(at_ms, Tone::Dim, &format!("thread {thread_id}"), "");
            }
            Event::TurnStarted => self.add(at_ms, Tone::Dim, "turn begins", ""),
            Event::Reasoning { text } => self.add(at_ms, Tone::Dim, &format!("thinks: {text}"), ""),
            Event::Message { text } => self.add(at_ms, Tone::Plain, &format!("says: {text}"), ""),
            Event::CommandStarted { item, command } => self.begin(at_ms, item, &shell_line(command)),
            Event::CommandEnded { item, command, exit_code, status, output } => {
                let (tone, how) = command_end(*exit_code, *status, output);
                self.end(at_ms, item, &shell_line(command), tone, &how);
            }
            Event::FilesChanging { item, changes } => self.begin(at_ms, item, &patch_line(changes)),
            Event::FilesChanged { item, changes, status } => {
                let (tone, how) = match status {
                    PatchStatus::Completed => (Tone::Plain, ""),
                    PatchStatus::Failed => (Tone::Bad, "failed"),
                };
                self.end(at_ms, item, &patch_line(changes), tone, how);
            }
            Event::ToolStarted { item, name, about } => self.begin(at_ms, item, &format!("{name} {about}")),
            Event::ToolEnded { item, name, about, ok } => {
                let (tone, how) = if *ok { (Tone::Plain, "") } else { (Tone::Bad, "failed") };
                self.end(at_ms, item, &format!("{name} {about}"), tone, how);
            }
            Event::Plan { done, of } => {
                self.add(at_ms, Tone::Dim, &format!("plan: {done} of {of} steps"), "");
            }
            Event::Warning { message } => self.add(at_ms, Tone::Warn, &format!("warning: {message}"), ""),
            Event::Reconnecting { message } => self.add(at_ms, Tone::Warn, message, ""),
            Event::Error { message, kind: _ } => self.add(at_ms, Tone::Bad, &format!("error: {message}"), ""),
            // The turn's end tells all of them.
            Event::TokensUsed { .. } => {}
            Event::TurnCompleted { usage } => {
                let tokens = format!("{} tokens read, {} written", usage.input, usage.output);
                self.add(at_ms, Tone::Dim, "turn ends", &tokens);
            }
            Event::TurnFailed { message, kind: _ } => {
                self.add(at_ms, Tone::Bad, &format!("turn failed: {message}"), "");
            }
            Event::Unknown { kind } => self.add(at_ms, Tone::Dim, &format!("unknown event `{kind}`"), ""),
            Event::Garbage => self.add(at_ms, Tone::Warn, "a line that is not an event", ""),
        }
    }

    /// All steps; what has no end says so.
    pub fn finish(mut self, liveness: Liveness) -> Vec<Step> {
        let how = if liveness == Liveness::Live { "still running" } else { "never ended" };
        for place in self.open.into_values() {
            how.clone_into(&mut self.steps[place].how);
            self.steps[place].tone = Tone::Warn;
        }
        self.steps
    }

    fn add(&mut self, at_ms: Option<u64>, tone: Tone, what: &str, how: &str) {
        let what = cut(&clodex_core::harmless(what), WHAT_COLUMNS);
        self.steps.push(Step { at_ms, took_ms: None, what, how: how.to_owned(), tone });
    }

    fn begin(&mut self, at_ms: Option<u64>, item: &str, what: &str) {
        self.open.insert(item.to_owned(), self.steps.len());
        self.add(at_ms, Tone::Plain, what, "");
    }

    /// The end of something whose start may not have been told.
    fn end(&mut self, at_ms: Option<u64>, item: &str, what: &str, tone: Tone, how: &str) {
        let Some(place) = self.open.remove(item) else { return self.add(at_ms, tone, what, how) };
        let step = &mut self.steps[place];
        step.took_ms = at_ms.zip(step.at_ms).map(|(end, start)| end.saturating_sub(start));
        step.tone = tone;
        how.clone_into(&mut step.how);
    }

    fn push_gap(&mut self, at_ms: Option<u64>) {
        let silence = at_ms.zip(self.last_ms).map_or(0, |(now, last)| now.saturating_sub(last));
        if silence >= GAP_MS {
            let last = self.last_ms;
            self.add(last, Tone::Warn, &format!("… {} without an event", seconds(silence)), "");
        }
        self.last_ms = at_ms.or(self.last_ms);
    }
}

impl Step {
    /// `   2.4 s  $ pytest -q  → exit 1 in 1.2 s`
    pub fn line(&self) -> StyledLine {
        let mut line = StyledLine::new();
        let at = self.at_ms.map_or_else(String::new, seconds);
        line.push(Tone::Dim, &format!("{at:>9}  ")).push_elastic(self.tone, &self.what);
        let took = self.took_ms.map(|took| format!("in {}", seconds(took))).unwrap_or_default();
        let how = [self.how.as_str(), &took]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        if !how.is_empty() {
            line.push(Tone::Dim, &format!("  → {how}"));
        }
        line
    }
}

fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1000, ms % 1000 / 100)
}

fn shell_line(command: &str) -> String {
    format!("$ {}", unwrap_shell(command.into()))
}

fn patch_line(changes: &[FileChange<'_>]) -> String {
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_ref()).collect();
    format!("edit {}", paths.join(", "))
}

fn command_end(exit_code: Option<i32>, status: CommandStatus, output: &str) -> (Tone, String) {
    let last_line = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match (status, exit_code) {
        (CommandStatus::Declined, _) => (Tone::Warn, "declined".to_owned()),
        (CommandStatus::Completed, _) => (Tone::Plain, "exit 0".to_owned()),
        (CommandStatus::Failed, code) => {
            let code = code.map_or("failed".to_owned(), |code| format!("exit {code}"));
            let said = cut(&clodex_core::harmless(last_line), 60);
            (Tone::Bad, if said.is_empty() { code } else { format!("{code} ({said})") })
        }
    }
}

#[cfg(test)]
mod tests {
    use clodex_codex::event_from_line;
    use clodex_core::Colour;

    use super::*;

    fn shown(events: &[(u64, &str)]) -> String {
        let mut timeline = Timeline::default();
        for (at_ms, line) in events {
            timeline.push(&event_from_line(line.as_bytes()), Some(*at_ms));
        }
        let lines: Vec<String> = timeline
            .finish(Liveness::Ended)
            .iter()
            .map(|step| step.line().render(100, Colour::Off))
            .collect();
        lines.join("\n")
    }

    #[test]
    fn steps_gaps_and_what_never_ended_are_told() {
        let events = [
            (40, r#"{"type":"thread.started","thread_id":"t1"}"#),
            (
                900,
                r#"{"type":"item.started","item":{"id":"1","type":"command_execution","command":"/bin/bash -lc 'pytest -q'","status":"in_progress"}}"#,
            ),
            (
                2_400,
                r#"{"type":"item.completed","item":{"id":"1","type":"command_execution","command":"/bin/bash -lc 'pytest -q'","aggregated_output":"boom\n1 failed\n","exit_code":1,"status":"failed"}}"#,
            ),
            (
                3_000,
                r#"{"type":"item.completed","item":{"id":"2","type":"file_change","changes":[{"path":"/w/a.py","kind":"update"}],"status":"completed"}}"#,
            ),
            (
                20_000,
                r#"{"type":"item.started","item":{"id":"3","type":"command_execution","command":"sleep 100","status":"in_progress"}}"#,
            ),
            (20_001, "not json"),
        ];
        assert_eq!(
            shown(&events),
            "    \
    0.0 s  thread t1
    0.9 s  $ pytest -q  → exit 1 (1 failed) in 1.5 s
    3.0 s  edit /w/a.py
    3.0 s  … 17.0 s without an event
   20.0 s  $ sleep 100  → never ended
   20.0 s  a line that is not an event"
        );
    }
}
