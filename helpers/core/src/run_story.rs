//! What the stream told of a run, for its report: the final message, the commands, the files, the failure. A claim's
//! neighbour, no verdict. Apart from [`crate::Progress`], which says what happens now and is published ten times a
//! second.

use std::collections::{BTreeSet, HashMap};

use crate::{
    CommandSeen, Event, FailureKind, PatchStatus, ThreadBase, Tokens, ToolAction, ToolActionKind, Usage,
    refused_writes,
};

/// Commands, files and warnings that are kept by name; the counts go on.
const COMMANDS_KEPT: usize = 200;
const FILES_KEPT: usize = 1000;
const WARNINGS_KEPT: usize = 20;
const COMMAND_CHARS: usize = 1000;
const OPEN_LIMIT: usize = 256;

/// Where the model's turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// It has not begun.
    #[default]
    NotStarted,
    /// It goes on, or broke off without a word.
    Running,
    /// It ended well.
    Completed,
    /// It failed.
    Failed,
}

/// An error that the stream told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureSeen {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// In the backend's words.
    pub message: String,
}

/// What the stream told so far.
#[derive(Debug)]
pub struct RunStory {
    /// Conversation with Codex.
    pub thread_id: Option<String>,
    /// Where the turn stands.
    pub turn: Turn,
    /// The last message before the turn's end; partial work when the turn did not end.
    pub last_message: Option<String>,
    /// The last error, or the turn's failure.
    pub failure: Option<FailureSeen>,
    /// Commands in order of their end; of many, the last 200 at least.
    pub commands: Vec<CommandSeen>,
    /// The same commands with when they ran, in milliseconds since the run's start, and what was refused to them.
    pub actions: Vec<ToolAction>,
    /// Files that patches changed, as the backend told them; of many, some.
    pub files: BTreeSet<String>,
    /// The first warnings.
    pub warnings: Vec<String>,
    /// Tokens of this run; absent when not told.
    pub tokens: Option<Tokens>,
    /// Lines that were no events.
    pub garbage_lines: u64,
    base: ThreadBase,
    open: HashMap<String, (String, u64)>,
}

impl RunStory {
    /// An empty story of a run that continues a thread at `base`.
    pub fn new(base: ThreadBase) -> Self {
        Self {
            thread_id: None,
            turn: Turn::default(),
            last_message: None,
            failure: None,
            commands: Vec::new(),
            actions: Vec::new(),
            files: BTreeSet::new(),
            warnings: Vec::new(),
            tokens: None,
            garbage_lines: 0,
            base,
            open: HashMap::new(),
        }
    }

    /// Learns what the thread had used before, when that is known only after the start.
    pub fn set_base(&mut self, base: ThreadBase) {
        self.base = base;
    }

    /// Takes one event in, `elapsed_ms` after the run's start.
    pub fn apply(&mut self, event: &Event<'_>, elapsed_ms: u64) {
        match event {
            Event::ThreadStarted { thread_id } => self.thread_id = Some(thread_id.to_string()),
            Event::TurnStarted => self.turn = Turn::Running,
            Event::Message { text } => {
                let message = self.last_message.get_or_insert_default();
                message.clear();
                message.push_str(text);
            }
            Event::CommandStarted { item, command } => {
                if self.open.len() < OPEN_LIMIT
                    && let Some((unended, _)) =
                        self.open.insert(item.to_string(), (bounded(command), elapsed_ms))
                {
                    self.keep_command(CommandSeen { command: unended, exit_code: None, duration_ms: None });
                }
            }
            Event::CommandEnded { item, command, exit_code, output, .. } => {
                let begun = self.open.remove(item.as_ref());
                let from_ms = begun.as_ref().map_or(elapsed_ms, |(_, began)| *began);
                let duration_ms = begun.as_ref().map(|(_, began)| elapsed_ms.saturating_sub(*began));
                // Nearly always the same text as at its start: it need not be kept twice.
                let command = begun
                    .map(|(begun, _)| begun)
                    .filter(|begun| begun.as_str() == command.as_ref())
                    .unwrap_or_else(|| bounded(command));
                self.keep_deed(&command, (from_ms, elapsed_ms), output);
                self.keep_command(CommandSeen { command, exit_code: *exit_code, duration_ms });
            }
            Event::FilesChanged { changes, status: PatchStatus::Completed, .. } => {
                let room = FILES_KEPT.saturating_sub(self.files.len());
                self.files.extend(changes.iter().take(room).map(|change| change.path.to_string()));
            }
            Event::Warning { message } if self.warnings.len() < WARNINGS_KEPT => {
                self.warnings.push(message.to_string());
            }
            Event::Error { message, kind } => {
                self.failure = Some(FailureSeen { kind: *kind, message: message.to_string() });
            }
            Event::TokensUsed { usage } => self.used(*usage),
            Event::TurnCompleted { usage } => {
                self.turn = Turn::Completed;
                self.failure = None;
                self.used(*usage);
            }
            Event::TurnFailed { message, kind } => {
                self.turn = Turn::Failed;
                self.failure = Some(FailureSeen { kind: *kind, message: message.to_string() });
            }
            Event::Garbage => self.garbage_lines += 1,
            Event::Reasoning { .. }
            | Event::FilesChanging { .. }
            | Event::FilesChanged { status: PatchStatus::Failed, .. }
            | Event::ToolStarted { .. }
            | Event::ToolEnded { .. }
            | Event::Plan { .. }
            | Event::Warning { .. }
            | Event::Reconnecting { .. }
            | Event::Unknown { .. } => {}
        }
    }

    /// Codex is started once more: what the first attempt failed of is no news of the second.
    pub fn begin_again(&mut self) {
        self.stream_ended();
        self.turn = Turn::NotStarted;
        self.failure = None;
        self.last_message = None;
    }

    /// Tells the story that the stream is over: commands that never ended are listed without an exit code. The end of a
    /// turn is too early for that: of some Codex tells the end afterwards.
    pub fn stream_ended(&mut self) {
        let mut open: Vec<(String, u64)> = self.open.drain().map(|(_, command)| command).collect();
        open.sort_by_key(|&(_, began)| began);
        for (command, _) in open {
            self.keep_command(CommandSeen { command, exit_code: None, duration_ms: None });
        }
    }

    fn used(&mut self, thread: Usage) {
        self.tokens = self.base.tokens_of_run(thread).or(self.tokens);
    }

    fn keep_deed(&mut self, command: &str, (from_ms, to_ms): (u64, u64), output: &str) {
        if self.actions.len() == 2 * COMMANDS_KEPT {
            self.actions.drain(..COMMANDS_KEPT);
        }
        let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        self.actions.push(ToolAction {
            what: ToolActionKind::Command(command.to_owned()),
            from_ms: ms(from_ms),
            to_ms: ms(to_ms),
            refused: refused_writes(output),
        });
    }

    fn keep_command(&mut self, command: CommandSeen) {
        if self.commands.len() == 2 * COMMANDS_KEPT {
            self.commands.drain(..COMMANDS_KEPT);
        }
        self.commands.push(command);
    }
}

fn bounded(command: &str) -> String {
    let end = command.floor_char_boundary(COMMAND_CHARS);
    let mut kept = command[..end].to_owned();
    if end < command.len() {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandStatus;

    fn story(events: &[Event<'_>]) -> RunStory {
        let mut story = RunStory::new(ThreadBase::Fresh);
        for (event, at) in events.iter().zip(1..) {
            story.apply(event, at * 100);
        }
        story
    }

    #[test]
    fn a_second_attempt_does_not_inherit_the_failure_of_the_first() {
        let mut story = story(&[
            Event::TurnStarted,
            Event::TurnFailed { message: "no such model".into(), kind: FailureKind::ModelUnavailable },
        ]);
        story.begin_again();
        assert_eq!((story.turn, story.failure), (Turn::NotStarted, None));
    }

    fn started<'a>(item: &'a str, command: &'a str) -> Event<'a> {
        Event::CommandStarted { item: item.into(), command: command.into() }
    }

    fn ended<'a>(item: &'a str, command: &'a str, code: i32) -> Event<'a> {
        let status = CommandStatus::Failed;
        Event::CommandEnded {
            item: item.into(),
            command: command.into(),
            exit_code: Some(code),
            status,
            output: "".into(),
        }
    }

    fn seen(command: &str, exit_code: Option<i32>, duration_ms: Option<u64>) -> CommandSeen {
        CommandSeen { command: command.to_owned(), exit_code, duration_ms }
    }

    #[test]
    fn commands_stand_in_order_of_their_end_with_their_durations() {
        let mut story =
            story(&[started("a", "one"), started("b", "two"), started("c", "three"), ended("b", "two", 3)]);
        story.stream_ended();
        assert_eq!(
            story.commands,
            [seen("two", Some(3), Some(200)), seen("one", None, None), seen("three", None, None)]
        );
    }

    #[test]
    fn a_command_whose_end_is_told_after_its_turns_is_one_command() {
        let turn = Event::TurnCompleted { usage: Usage::default() };
        let mut story = story(&[started("a", "one"), started("b", "two"), turn, ended("a", "one", 137)]);
        story.stream_ended();
        assert_eq!(story.commands, [seen("one", Some(137), Some(300)), seen("two", None, None)]);
    }

    #[test]
    fn the_last_message_before_the_end_is_the_final_one() {
        let message = |text: &'static str| Event::Message { text: text.into() };
        let end = Event::TurnCompleted { usage: Usage::default() };
        let story = story(&[Event::TurnStarted, message("longer first"), message("last"), end]);
        assert_eq!((story.last_message.as_deref(), story.turn), (Some("last"), Turn::Completed));
    }

    #[test]
    fn a_run_that_is_cut_off_knows_the_tokens_that_were_told() {
        let used = |input| Event::TokensUsed { usage: Usage { input, ..Usage::default() } };
        let story = story(&[Event::TurnStarted, used(1000), used(2500)]);
        assert_eq!(story.tokens, Some(Tokens { input: 2500, ..Tokens::default() }));
    }

    #[test]
    fn an_error_that_the_turn_survived_is_no_failure() {
        let error = Event::Error { message: "hm".into(), kind: FailureKind::Other };
        let broken = story(std::slice::from_ref(&error));
        assert_eq!(broken.failure, Some(FailureSeen { kind: FailureKind::Other, message: "hm".into() }));
        assert_eq!(story(&[error, Event::TurnCompleted { usage: Usage::default() }]).failure, None);
    }

    #[test]
    fn of_many_commands_the_last_are_kept_and_long_ones_are_cut() {
        let long = "日".repeat(1000);
        let events: Vec<Event<'_>> = (0..500).map(|code| ended("a", &long, code)).collect();
        let story = story(&events);
        assert_eq!(story.commands.len(), COMMANDS_KEPT + 100);
        assert_eq!(story.commands.last(), Some(&seen(&format!("{}…", "日".repeat(333)), Some(499), None)));
    }
}
