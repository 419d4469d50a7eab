//! Claude Code as a process of ours: found, started, heard line by line, told line by line, and dead with everything of
//! it when this is over. Knows nothing of what the lines say.

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::thread;
use std::time::{Duration, Instant};

use clodex_claude_code::{NO_ATTACHMENTS, OF_A_SESSION};
use clodex_core::{Containment, escaped};
use clodex_os::process::adopt_orphans;
use clodex_os::{
    Contained, ContainedCommand, Ending, Spawned, find_on_path, is_executable, run_suffix,
    wrapper_beside_this_program,
};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::trouble::{Kind, Trouble};

/// How many lines wait before Claude Code has to.
const QUEUED: usize = 256;
/// How long Claude Code may take to end once it is told to; it takes a tenth of a second.
const LEAVING: Duration = Duration::from_secs(5);

/// What comes from it.
#[derive(Debug)]
pub enum Said {
    /// A line of its stdout, without its end.
    Line(Vec<u8>),
    /// A line of its stderr.
    Complaint(String),
}

/// A Claude Code that runs.
#[derive(Debug)]
pub struct Program {
    contained: Contained,
    to: Option<Sender<String>>,
    from: Receiver<Said>,
    ending: Option<Ending>,
}

impl Program {
    /// Starts it.
    pub fn start(claude: &Path, argv: Vec<OsString>, workdir: &Path) -> Result<Self, Trouble> {
        let unreachable = |error: &dyn std::fmt::Display| Trouble::new(Kind::Unreachable, error.to_string());
        let wrapper = wrapper_beside_this_program().map_err(|error| unreachable(&error))?;
        let command = ContainedCommand::new(&wrapper, claude, format!("claude-{}", run_suffix()));
        let (name, value) = NO_ATTACHMENTS;
        let command = OF_A_SESSION.iter().fold(command, ContainedCommand::env_remove).env(name, value);
        let command = command.args(argv).current_dir(workdir).own_group();
        let spawned = command.spawn().map_err(|error| unreachable(&error))?;
        let Spawned { contained, ending, stdin, stdout, stderr } = spawned;
        if contained.containment() == Containment::BestEffort {
            adopt_orphans();
        }
        let (to, to_tell) = unbounded();
        let (said, from) = bounded(QUEUED);
        thread::spawn(move || tell(stdin, &to_tell));
        let complaints = said.clone();
        thread::spawn(move || read_complaints(stderr, &complaints));
        thread::spawn(move || read_lines(stdout, &said));
        Ok(Self { contained, to: Some(to), from, ending: Some(ending) })
    }

    /// What comes from it. Disconnected: it has ended, and has said everything.
    pub const fn said(&self) -> &Receiver<Said> {
        &self.from
    }

    /// Tells it a line. Where it no longer listens, what comes from it will say so.
    pub fn tell(&self, line: String) {
        if let Some(to) = &self.to {
            let _ = to.send(line);
        }
    }

    /// Nothing more will be told: it ends when it has nothing more to do.
    pub fn close(&mut self) {
        self.to = None;
    }

    /// Waits until nothing of it lives, which is no longer than [`LEAVING`], and says how it ended where `gone`.
    pub fn end(&mut self, gone: bool) -> Option<i32> {
        self.close();
        if !gone {
            self.contained.kill();
        }
        let survivors = self.contained.wait_all_dead(Instant::now() + LEAVING);
        for survivor in &survivors {
            eprintln!("cannot end process {} ({})", survivor.id.pid, escaped(&survivor.command));
        }
        let ending = self.ending.take().filter(|_| gone)?;
        Some(ending.wait().status.shell_code())
    }
}

fn tell(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for line in lines {
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.flush()).is_err() {
            return;
        }
    }
}

fn read_lines(from: impl Read, said: &Sender<Said>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // A stream that cannot be read is one that has ended.
    while matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if said.send(Said::Line(std::mem::take(&mut line))).is_err() {
            return;
        }
    }
}

fn read_complaints(from: impl Read, said: &Sender<Said>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.by_ref().take(64 << 10).read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if !text.is_empty() && said.send(Said::Complaint(text)).is_err() {
            return;
        }
    }
}

/// Where it is: named by the flag or `CLODEX_CLAUDE`, or the first on PATH.
pub fn locate(named: Option<&Path>) -> Result<PathBuf, Trouble> {
    let missing = |what: String, hint: &str| {
        Trouble::new(Kind::Unreachable, format!("cannot start claude: {what}\nhint: {hint}"))
    };
    let by_environment = std::env::var_os("CLODEX_CLAUDE").filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(named) = named.map(Path::to_owned).or(by_environment) {
        // The program is started in another directory.
        let absolute = std::path::absolute(&named).unwrap_or_else(|_: io::Error| named.clone());
        let what = format!("`{}` is not an executable file", named.display());
        let found = Some(absolute).filter(|path| is_executable(path));
        return found.ok_or_else(|| missing(what, "check --claude or CLODEX_CLAUDE"));
    }
    find_on_path("claude").ok_or_else(|| {
        let hint = "`npm install -g @anthropic-ai/claude-code`, or name it with CLODEX_CLAUDE";
        missing("there is none on PATH".to_owned(), hint)
    })
}
