//! A terminal of its own for one program: what a person types and sees. Knows tmux; nothing of the program.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{LIMIT, Sandbox, eventually, run_with_timeout};

const COLUMNS: u16 = 120;
const ROWS: u16 = 40;
/// The screen stays readable after the program's end, and there is nothing on it but the program.
const CONFIGURATION: &str = "set -g remain-on-exit on\nset -g status off\nset -g history-limit 5000\n\
    set -g default-terminal tmux-256color\nset -g escape-time 0\n";

/// A key that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Ends a line.
    Enter,
    /// Interrupts.
    Escape,
    /// One choice up.
    Up,
    /// One choice down.
    Down,
    /// Completes.
    Tab,
    /// A letter with Ctrl.
    Ctrl(char),
}

impl Key {
    fn to_tmux(self) -> String {
        match self {
            Self::Enter => "Enter".to_owned(),
            Self::Escape => "Escape".to_owned(),
            Self::Up => "Up".to_owned(),
            Self::Down => "Down".to_owned(),
            Self::Tab => "Tab".to_owned(),
            Self::Ctrl(letter) => format!("C-{letter}"),
        }
    }
}

/// A program in a tmux server of its own, whose socket lies in the sandbox. Dropping it closes the terminal, waits for
/// the program's end, and ends the server.
#[derive(Debug)]
pub struct Terminal<'a> {
    sandbox: &'a Sandbox,
    socket: PathBuf,
    program: Pid,
}

impl<'a> Terminal<'a> {
    /// Starts a command of the sandbox with its environment and arguments.
    #[track_caller]
    pub fn start(sandbox: &'a Sandbox, command: &Command) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let configuration = sandbox.file("tmux.conf", CONFIGURATION);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = sandbox.root().join(format!("tmux-{number}"));
        let mut terminal = Self { sandbox, socket, program: Pid::from_raw(0) };
        let mut tmux = terminal.tmux(&["-f"]);
        tmux.arg(configuration).args(["new-session", "-d"]);
        tmux.args(["-x", &COLUMNS.to_string(), "-y", &ROWS.to_string()]);
        for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            tmux.env(name, value);
        }
        // A program may behave otherwise where it knows of tmux.
        tmux.args(["--", "env", "-u", "TMUX", "-u", "TMUX_PANE", "-u", "TERM_PROGRAM"]);
        tmux.arg(command.get_program()).args(command.get_args());
        run(tmux);
        let pid = terminal.asked("#{pane_pid}");
        terminal.program = Pid::from_raw(pid.parse().expect("a pane has a process"));
        terminal
    }

    /// The program's process.
    pub fn program(&self) -> Pid {
        self.program
    }

    /// Types text as it is.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        run(self.tmux(&["send-keys", "-l", "--", text]));
    }

    /// Presses a key.
    #[track_caller]
    pub fn press(&self, key: Key) {
        run(self.tmux(&["send-keys", "--", &key.to_tmux()]));
    }

    /// What is to be seen now.
    #[track_caller]
    pub fn screen(&self) -> String {
        run(self.tmux(&["capture-pane", "-p"]))
    }

    /// What is to be seen now, and all that has scrolled away.
    #[track_caller]
    pub fn scrollback(&self) -> String {
        run(self.tmux(&["capture-pane", "-p", "-S", "-"]))
    }

    /// Waits until the screen is as wanted, and returns it. The last one is shown when that takes too long.
    #[track_caller]
    pub fn until(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            // Asked first: what is seen then is the last that will be.
            let is_last = Instant::now() > deadline || self.has_ended();
            let screen = self.screen();
            if is_wanted(&screen) {
                return screen;
            }
            assert!(!is_last, "never seen: {what}; the terminal:\n{}", self.scrollback());
            // Each look starts a program: not as often as elsewhere.
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until the screen holds each of these.
    #[track_caller]
    pub fn shows(&self, words: &[&str]) -> String {
        self.until(&format!("{words:?}"), |screen| words.iter().all(|words| screen.contains(words)))
    }

    /// Sends a signal to the program alone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.program, signal).unwrap_or_else(|e| panic!("cannot send {signal}: {e}"));
    }

    /// Waits for the program's end, and returns all that was to be seen.
    #[track_caller]
    pub fn ended(&self) -> String {
        eventually(LIMIT, || self.has_ended().then(|| self.scrollback()))
    }

    /// Whether the program's end has come.
    #[track_caller]
    pub fn has_ended(&self) -> bool {
        self.asked("#{pane_dead}") == "1"
    }

    #[track_caller]
    fn asked(&self, format: &str) -> String {
        run(self.tmux(&["display-message", "-p", format])).trim_end().to_owned()
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut tmux = self.sandbox.command("tmux");
        tmux.arg("-S").arg(&self.socket).args(arguments);
        tmux
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Whatever it started carries the sandbox's marker, and goes with it.
            let _ = kill(self.program, Signal::SIGKILL);
        } else if !self.has_ended() {
            let _ = kill(self.program, Signal::SIGHUP);
            self.ended();
        }
        // Gone already is as good.
        let _ = self.tmux(&["kill-server"]).output();
        let _ = fs::remove_file(&self.socket);
    }
}

#[track_caller]
fn run(tmux: Command) -> String {
    let output = run_with_timeout(tmux, LIMIT);
    assert!(output.status.success(), "tmux: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
