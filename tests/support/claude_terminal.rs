//! The real Claude Code in a terminal: prompts typed and sent, its screen read. Knows how it looks; nothing of a test.

use std::ops::Deref;
use std::process::Command;

use clodex_sim::messages::named;
use serde_json::Value;

use crate::{ClaudeStage, Key, Terminal};

/// A session of Claude Code in a terminal of its own.
#[derive(Debug)]
pub struct ClaudeTerminal<'a> {
    stage: &'a ClaudeStage,
    terminal: Terminal<'a>,
}

impl ClaudeStage {
    /// `claude` with our plugin's directory in a terminal, when it is ready for a prompt; `arguments` are more.
    #[track_caller]
    pub fn terminal(&self, arguments: &[&str]) -> ClaudeTerminal<'_> {
        let mut claude = self.command();
        claude.arg("--plugin-dir").arg(self.plugin()).args(arguments);
        self.terminal_of(&claude)
    }

    /// A command of this stage's `claude` in a terminal, when it is ready for a prompt.
    #[track_caller]
    pub fn terminal_of(&self, claude: &Command) -> ClaudeTerminal<'_> {
        let terminal = Terminal::start(&self.sandbox, claude);
        terminal.until("a prompt", |screen| input_line(screen).is_some());
        ClaudeTerminal { stage: self, terminal }
    }
}

impl ClaudeTerminal<'_> {
    /// Sends a prompt of one line, or a slash command.
    #[track_caller]
    pub fn send(&self, prompt: &str) {
        self.type_text(prompt);
        // What is pressed before the text is there belongs to the text.
        self.until(&format!("`{prompt}` being typed"), |screen| input_line(screen) == Some(prompt));
        self.press(Key::Enter);
        // What is typed before it has been taken is added to it; some prompts end the session.
        let is_taken = |screen: &str| input_line(screen) != Some(prompt) || self.has_ended();
        self.until(&format!("`{prompt}` being sent"), is_taken);
    }

    /// Sends a prompt to which the model plays this script.
    #[track_caller]
    pub fn play(&self, name: &str, script: Value) {
        self.stage.model.learn(name, script);
        self.send(&format!("do {}", named(name)));
    }
}

impl<'a> Deref for ClaudeTerminal<'a> {
    type Target = Terminal<'a>;

    fn deref(&self) -> &Terminal<'a> {
        &self.terminal
    }
}

/// What is being typed, on a screen that has a prompt.
fn input_line(screen: &str) -> Option<&str> {
    screen.lines().rev().find_map(|line| line.strip_prefix('❯')).map(str::trim)
}
