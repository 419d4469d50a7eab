//! Performs a script: the only place of the stand-in that writes to stdout and ends the process.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Read, StdoutLock, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, raise};
use nix::unistd::dup2_stdout;
use serde_json::Value;

use super::record::Recorder;
use super::script::{Act, Flood, Script};
use super::spawn::{shell, spawn};

/// A performance of the acts for one start.
pub(super) struct Performance {
    acts: Vec<Act>,
    work_dir: PathBuf,
    last_message: Option<PathBuf>,
    recorder: Recorder,
    stdout: StdoutLock<'static>,
}

impl Performance {
    /// Reads the arguments that concern us, and records the start.
    pub(super) fn new(args: &[OsString], script: &Script) -> io::Result<Self> {
        Ok(Self {
            acts: script.acts(args),
            work_dir: value_of(args, &["-C", "--cd"]).unwrap_or_else(|| ".".into()),
            last_message: value_of(args, &["-o", "--output-last-message"]),
            recorder: Recorder::start(args, script.record.as_deref(), script.stamps.as_deref())?,
            stdout: io::stdout().lock(),
        })
    }

    /// Does everything, and says how the process ends.
    pub(super) fn run(&mut self) -> io::Result<ExitCode> {
        for act in std::mem::take(&mut self.acts) {
            if let Some(status) = self.act(&act)? {
                return Ok(status);
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn act(&mut self, act: &Act) -> io::Result<Option<ExitCode>> {
        match act {
            Act::ReadStdin => self.read_stdin()?,
            Act::Line(line) => self.line(&text_of(line))?,
            Act::File(path) => {
                io::copy(&mut File::open(path)?, &mut self.stdout)?;
                self.stdout.flush()?;
            }
            Act::Text(text) => self.write(text.as_bytes())?,
            Act::Bytes(bytes) => self.write(bytes)?,
            Act::Stderr(text) => io::stderr().write_all(text.as_bytes())?,
            Act::Flood(flood) => self.flood(flood)?,
            Act::SleepMs(ms) => thread::sleep(Duration::from_millis(*ms)),
            Act::Until(path) => {
                while !path.exists() {
                    thread::sleep(Duration::from_millis(2));
                }
            }
            Act::Sh(sh) => self.sh(sh)?,
            Act::Spawn(what) => spawn(what)?,
            Act::Ignore(names) => ignore(names)?,
            Act::LastMessage(text) => {
                if let Some(path) = &self.last_message {
                    std::fs::write(path, text)?;
                }
            }
            Act::CloseStdout => dup2_stdout(File::options().write(true).open("/dev/null")?)?,
            Act::Exit(status) => return Ok(Some(ExitCode::from(*status))),
            Act::Die(name) => die(signal(name)?)?,
            Act::Hang => hang(),
        }
        Ok(None)
    }

    fn read_stdin(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        self.recorder.stdin(&bytes)
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.recorder.line()?;
        self.write(format!("{text}\n").as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stdout.write_all(bytes)?;
        self.stdout.flush()
    }

    fn flood(&mut self, flood: &Flood) -> io::Result<()> {
        let template = text_of(&flood.line);
        let lines = (0..flood.count).map(|n| template.replace("$N", &n.to_string()));
        let Some(per_second) = flood.per_second else {
            let mut stdout = BufWriter::with_capacity(64 << 10, &mut self.stdout);
            for line in lines {
                writeln!(stdout, "{line}")?;
            }
            return stdout.flush();
        };
        let mut due = Instant::now();
        for line in lines {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.line(&line)?;
            due += Duration::from_nanos(1_000_000_000 / per_second);
        }
        Ok(())
    }

    /// A command that fails is told on stderr, so that a script with a typo is not taken for one that
    /// did its work; Codex itself goes on after a failed command, and so do we.
    fn sh(&self, sh: &str) -> io::Result<()> {
        let mut command = shell(sh);
        command.current_dir(&self.work_dir).stdin(Stdio::null()).stdout(Stdio::null());
        let status = command.status()?;
        if !status.success() {
            eprintln!("stand-in codex: `{sh}` ended with {status}");
        }
        Ok(())
    }
}

/// The value of the first of these options.
fn value_of(args: &[OsString], names: &[&str]) -> Option<PathBuf> {
    let at = args.iter().position(|arg| names.iter().any(|name| arg == name))?;
    args.get(at + 1).map(PathBuf::from)
}

fn text_of(line: &Value) -> String {
    match line {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Blocking is what safe Rust offers for ignoring, and to the sender it is the same.
fn ignore(names: &[String]) -> io::Result<()> {
    let mut set = SigSet::empty();
    for name in names {
        set.add(signal(name)?);
    }
    set.thread_block()?;
    Ok(())
}

/// Again and again, because Rust's own handler takes the first SIGSEGV for a stack overflow, and, when
/// it is none, only steps aside for the next.
fn die(signal: Signal) -> io::Result<()> {
    SigSet::from(signal).thread_unblock()?;
    loop {
        raise(signal)?;
    }
}

fn signal(name: &str) -> io::Result<Signal> {
    Ok(Signal::from_str(&format!("SIG{name}"))?)
}

fn hang() -> ! {
    loop {
        thread::park();
    }
}
