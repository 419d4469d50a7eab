//! How progress follows from events. Bounded in memory whatever the stream holds.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Phase, Progress, command_phase};
use crate::{CommandStatus, Event, FileChange, PatchStatus, Tokens, Usage};

/// What is longer is cut in the record.
const ACTIVITY_CHARS: usize = 160;
const ERROR_CHARS: usize = 400;
/// Commands and tools that began and did not end: more than any model starts at once.
const OPEN_LIMIT: usize = 64;
/// Distinct files that are counted.
const FILES_LIMIT: usize = 1 << 16;

/// What the thread had used before this run. Backends count tokens over the thread, people want those of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadBase {
    /// A new thread.
    Fresh,
    /// A resumed thread whose use so far is known.
    Used(Usage),
    /// A resumed thread whose use so far is not known: then neither is that of the run.
    Unknown,
}

impl ThreadBase {
    /// Tokens of this run. A usage that is nothing but zeros was not told.
    pub fn tokens_of_run(self, thread: Usage) -> Option<Tokens> {
        let before = match self {
            Self::Fresh => Usage::default(),
            Self::Used(usage) => usage,
            Self::Unknown => return None,
        };
        (thread != Usage::default()).then(|| Tokens {
            input: thread.input.saturating_sub(before.input),
            cached_input: thread.cached_input.saturating_sub(before.cached_input),
            output: thread.output.saturating_sub(before.output),
            reasoning: thread.reasoning.saturating_sub(before.reasoning),
        })
    }
}

/// The fold: events in, progress out.
#[derive(Debug)]
pub struct ProgressFold {
    progress: Progress,
    base: ThreadBase,
    /// Stripped from the paths that are shown; ends with `/`.
    workdir: String,
    /// What began and did not end yet, latest last.
    open: Vec<Open>,
    /// The room of what ended last, for what begins next.
    spare: Open,
    /// What is shown when nothing is open.
    idle: Phase,
    /// What the model does between two tools.
    between: Phase,
    touched: HashSet<u64>,
}

#[derive(Debug, Default)]
struct Open {
    item: String,
    phase: Phase,
    activity: String,
}

impl ProgressFold {
    /// Starts a fold. `scope_files` is the number of files in a scope that names only files.
    pub fn new(workdir: &str, scope_files: Option<u32>, base: ThreadBase) -> Self {
        let mut progress = Progress::default();
        progress.files.of = scope_files;
        let workdir = format!("{}/", workdir.trim_end_matches('/'));
        Self {
            progress,
            base,
            workdir,
            open: Vec::new(),
            spare: Open::default(),
            idle: Phase::Starting,
            between: Phase::Thinking,
            touched: HashSet::new(),
        }
    }

    /// The same for a review: that is what the model does between two tools.
    #[must_use]
    pub fn reviewing(mut self) -> Self {
        self.between = Phase::Reviewing;
        self
    }

    /// Learns what the thread had used before, when that is known only after the start.
    pub fn set_base(&mut self, base: ThreadBase) {
        self.base = base;
    }

    /// Progress so far.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Sets what no event tells: waiting for an answer, verifying, finishing. The next event that shows work takes it
    /// back.
    pub fn set_phase(&mut self, phase: Phase, activity: &str) {
        self.progress.phase = phase;
        self.progress.activity = one_line(activity, ACTIVITY_CHARS);
    }

    /// The turn was interrupted, and nothing of it runs.
    pub fn turn_interrupted(&mut self) {
        self.open.clear();
        self.rest_in(Phase::Waiting);
    }

    /// Notes a sign of life that is no event (the commands compute or write).
    pub fn note_life(&mut self, elapsed_ms: u64) {
        self.progress.last_life_ms = self.progress.last_life_ms.max(elapsed_ms);
    }

    /// Takes one event in, `elapsed_ms` after the run's start.
    pub fn apply(&mut self, event: &Event<'_>, elapsed_ms: u64) {
        self.progress.events += 1;
        if event.is_life() {
            self.note_life(elapsed_ms);
        }
        match event {
            Event::CommandStarted { item, command } => self.begin(item, command_phase(command), command),
            Event::CommandEnded { item, status, .. } => self.command_ended(item, *status),
            Event::FilesChanging { item, changes } => {
                let shown = self.shown_files(changes);
                self.begin(item, Phase::Editing, &shown);
            }
            Event::FilesChanged { item, changes, status } => self.files_changed(item, changes, *status),
            Event::ToolStarted { item, name, about } => {
                let shown = if about.is_empty() { name.to_string() } else { format!("{name}: {about}") };
                self.begin(item, Phase::Running, &shown);
            }
            Event::ToolEnded { item, .. } => self.end(item),
            Event::TurnStarted | Event::Reasoning { .. } | Event::Message { .. } => {
                self.rest_in(self.between);
            }
            Event::Plan { done, of } => {
                self.progress.plan = Some((*done, *of));
                self.rest_in(self.idle);
            }
            Event::Reconnecting { message } => {
                self.progress.phase = Phase::Reconnecting;
                self.progress.activity = one_line(message, ACTIVITY_CHARS);
            }
            Event::Error { message, .. } => self.progress.last_error = Some(one_line(message, ERROR_CHARS)),
            Event::TokensUsed { usage } => self.used(*usage),
            Event::TurnCompleted { usage } => {
                self.used(*usage);
                self.turn_ended();
            }
            Event::TurnFailed { message, .. } => {
                self.progress.last_error = Some(one_line(message, ERROR_CHARS));
                self.turn_ended();
            }
            Event::ThreadStarted { .. } | Event::Warning { .. } | Event::Unknown { .. } | Event::Garbage => {}
        }
    }

    fn used(&mut self, thread: Usage) {
        let tokens = self.base.tokens_of_run(thread);
        self.progress.tokens = tokens.map(|tokens| tokens.input + tokens.output).or(self.progress.tokens);
    }

    fn begin(&mut self, item: &str, phase: Phase, activity: &str) {
        self.close(item);
        if self.open.len() == OPEN_LIMIT {
            self.open.remove(0);
        }
        let mut open = std::mem::take(&mut self.spare);
        item.clone_into(&mut open.item);
        open.phase = phase;
        put_line(&mut open.activity, activity, ACTIVITY_CHARS);
        self.open.push(open);
        self.idle = self.between;
        self.show();
    }

    /// Items begin once: there is at most one.
    fn close(&mut self, item: &str) {
        if let Some(at) = self.open.iter().rposition(|open| open.item == item) {
            self.spare = self.open.remove(at);
        }
    }

    fn end(&mut self, item: &str) {
        self.close(item);
        self.idle = self.between;
        self.show();
    }

    fn command_ended(&mut self, item: &str, status: CommandStatus) {
        self.progress.commands_run += 1;
        match status {
            CommandStatus::Completed => {}
            CommandStatus::Failed | CommandStatus::Declined => self.progress.commands_failed += 1,
        }
        self.end(item);
    }

    fn files_changed(&mut self, item: &str, changes: &[FileChange<'_>], status: PatchStatus) {
        match status {
            PatchStatus::Completed => {
                for change in changes {
                    self.touch(&change.path);
                }
            }
            PatchStatus::Failed => {}
        }
        self.end(item);
    }

    fn touch(&mut self, path: &str) {
        if self.touched.len() < FILES_LIMIT {
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            self.touched.insert(hasher.finish());
            self.progress.files.touched = u32::try_from(self.touched.len()).unwrap_or(u32::MAX);
        }
    }

    fn rest_in(&mut self, phase: Phase) {
        self.idle = phase;
        self.show();
    }

    fn turn_ended(&mut self) {
        self.open.clear();
        self.rest_in(Phase::Finishing);
    }

    /// The latest that began and did not end; nothing of it when nothing is open.
    fn show(&mut self) {
        if let Some(open) = self.open.last() {
            self.progress.phase = open.phase;
            self.progress.activity.clone_from(&open.activity);
        } else {
            self.progress.phase = self.idle;
            self.progress.activity.clear();
        }
    }

    /// The first file of a patch, and how many more.
    fn shown_files(&self, changes: &[FileChange<'_>]) -> String {
        let Some(first) = changes.first() else { return String::new() };
        let path = first.path.strip_prefix(&self.workdir).unwrap_or(&first.path);
        match changes.len() {
            1 => path.to_owned(),
            n => format!("{path} +{}", n - 1),
        }
    }
}

/// One line of at most `max` characters: white space becomes one blank.
fn one_line(text: &str, max: usize) -> String {
    let mut line = String::new();
    put_line(&mut line, text, max);
    line
}

/// The same, into the room of an older line.
fn put_line(line: &mut String, text: &str, max: usize) {
    line.clear();
    if text.len() <= max && is_one_line(text) {
        line.push_str(text.trim());
        return;
    }
    for (count, c) in text.split_whitespace().flat_map(|word| word.chars().chain([' '])).enumerate() {
        if count == max {
            line.push('…');
            return;
        }
        line.push(c);
    }
    line.truncate(line.trim_end().len());
}

/// Whether there is nothing to change but blanks at the ends; other alphabets are looked at more closely.
fn is_one_line(text: &str) -> bool {
    let is_plain = |b: &u8| (b' '..=b'~').contains(b);
    text.as_bytes().iter().all(is_plain) && !text.as_bytes().windows(2).any(|pair| pair == b"  ")
}

#[cfg(test)]
#[path = "fold_tests.rs"]
mod tests;
