//! The caller's side of `clodex-contain`: start a program under it, be told how it ended, end it, and know
//! when nothing of it is alive any more.
#![expect(unsafe_code, reason = "descriptors are handed over between fork and exec")]

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, PipeReader, PipeWriter, Read};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Tried as _};
use crate::process::{ProcessHandle, ProcessId, Survivor, kill_found, strays_and_marked};
use clodex_core::{Containment, ContainmentWish};

use crate::report::{Ended, Report};

/// How long the wrapper may take until the program runs; it takes milliseconds.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long the last means may take, after a deadline has passed.
const LAST_MEANS_LIMIT: Duration = Duration::from_secs(3);

/// The wrapper where it is installed: beside the running program.
pub fn wrapper_beside_this_program() -> Result<PathBuf> {
    program_beside_this_one("clodex-contain")
}

/// Where another program of ours lies: beside the running one.
pub fn program_beside_this_one(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().tried("find the running program's own path")?;
    Ok(own.with_file_name(name))
}

/// A program to be run so that nothing it starts can outlive it or the caller.
#[derive(Debug)]
pub struct ContainedCommand {
    command: Command,
    program: OsString,
    arguments: Vec<OsString>,
    wish: ContainmentWish,
    private_tmp: Option<PathBuf>,
    run_id: String,
}

impl ContainedCommand {
    /// Prepares `program` to be run through `wrapper`, marked with `run_id`.
    pub fn new(wrapper: &Path, program: impl Into<OsString>, run_id: impl Into<String>) -> Self {
        Self {
            command: Command::new(wrapper),
            program: program.into(),
            arguments: Vec::new(),
            wish: ContainmentWish::Auto,
            private_tmp: None,
            run_id: run_id.into(),
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets one variable of its environment, which is the caller's otherwise.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes one variable of its environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Gives it an empty environment; what [`env`](Self::env) sets afterwards stays.
    #[must_use]
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Its working directory.
    #[must_use]
    pub fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Keeps it out of the caller's process group: what is typed on a terminal (Ctrl-C, Ctrl-Z) reaches the caller alone.
    #[must_use]
    pub fn own_group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Which containment to use.
    #[must_use]
    pub const fn containment(mut self, wish: ContainmentWish) -> Self {
        self.wish = wish;
        self
    }

    /// Shows `directory` as `/tmp` (kernel containment only). Not for a work tree that lies in `/tmp`.
    #[must_use]
    pub fn private_tmp(mut self, directory: &Path) -> Self {
        self.private_tmp = Some(directory.to_owned());
        self
    }

    /// Starts it, and returns when it runs: a few milliseconds.
    ///
    /// Call it from a thread that lives as long as the run, which is to say from the main thread: the kernel
    /// ties the wrapper to the *thread* that started it, and kills all when that thread ends.
    pub fn spawn(self) -> Result<Spawned> {
        let shown = format!("start `{}` contained", self.program.display());
        let (owner_end, owner) = io::pipe().tried(&shown)?;
        let (reports, report_end) = io::pipe().tried(&shown)?;
        let run_id = self.run_id.clone();
        let mut child = self
            .command_for(&owner_end, &report_end)
            .spawn()
            .map_err(|source| Error::System { tried: format!("{shown} through clodex-contain"), source })?;
        drop((owner_end, report_end));
        let mut reports = Reports(BufReader::new(reports));
        match await_start(&mut reports) {
            Ok(start) => Ok(spawned(child, owner, reports, start, run_id)),
            Err(error) => {
                drop(owner);
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    fn command_for(self, owner_end: &PipeReader, report_end: &PipeWriter) -> Command {
        let mut command = self.command;
        let passed = [owner_end.as_raw_fd(), report_end.as_raw_fd()];
        command.args(["--containment", self.wish.as_str(), "--run-id", &self.run_id]);
        command.args(["--owner-fd", &passed[0].to_string(), "--report-fd", &passed[1].to_string()]);
        if let Some(directory) = &self.private_tmp {
            command.arg("--private-tmp").arg(directory);
        }
        command.arg("--").arg(self.program).args(self.arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: only system calls that may be made between fork and exec; nothing allocates.
        unsafe { command.pre_exec(move || hand_over(passed)) };
        command
    }
}

/// Lets exactly these descriptors through `exec`, also where the caller itself was started with others open.
fn hand_over(passed: [RawFd; 2]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: takes numbers only. Where the kernel is older than 5.11 the caller's own are closed anyway.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC);
    }
    for fd in passed {
        // SAFETY: takes numbers only; the descriptors are open in the parent, so they are here.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// A program that runs, and the ends of its streams.
#[derive(Debug)]
pub struct Spawned {
    /// The hold on it.
    pub contained: Contained,
    /// Its end, to be waited for in a thread.
    pub ending: Ending,
    /// What it reads. Drop it for end of file.
    pub stdin: ChildStdin,
    /// What it writes.
    pub stdout: ChildStdout,
    /// What it complains about, and `clodex-contain` as well.
    pub stderr: ChildStderr,
}

/// The hold on a contained program. Dropping it kills everything of it that still lives.
#[derive(Debug)]
pub struct Contained {
    wrapper: Child,
    wrapper_handle: Option<ProcessHandle>,
    holder_handle: Option<ProcessHandle>,
    /// Its end of file means our death, or our wish, to the wrapper.
    owner: Option<PipeWriter>,
    start: Start,
    run_id: String,
}

/// How a program's start went.
#[derive(Debug, Clone)]
struct Start {
    containment: Containment,
    reason: Option<String>,
    private_tmp: bool,
    holder: ProcessId,
    program: ProcessId,
}

impl Contained {
    /// How it is held.
    pub const fn containment(&self) -> Containment {
        self.start.containment
    }

    /// Why it is held by best effort only.
    pub fn reason(&self) -> Option<&str> {
        self.start.reason.as_deref()
    }

    /// Whether its `/tmp` is its own.
    pub const fn has_private_tmp(&self) -> bool {
        self.start.private_tmp
    }

    /// The process below which all of the run is found: pid 1 of the namespace, or the guardian.
    pub const fn holder(&self) -> ProcessId {
        self.start.holder
    }

    /// The program itself.
    pub const fn program(&self) -> ProcessId {
        self.start.program
    }

    /// The wrapper, our child.
    pub fn wrapper(&self) -> ProcessId {
        let unknown = ProcessId { pid: self.wrapper.id(), start_ticks: 0 };
        self.wrapper_handle.as_ref().map_or(unknown, ProcessHandle::id)
    }

    /// Asks the program to end: SIGTERM, passed on by the wrapper.
    pub fn terminate(&self) {
        if let Some(wrapper) = &self.wrapper_handle {
            // It can only be gone already, which is what was asked for.
            let _ = wrapper.terminate();
        }
    }

    /// Kills everything of it. [`wait_all_dead`](Self::wait_all_dead) tells when that is done.
    pub fn kill(&mut self) {
        self.owner = None;
        if let (Containment::Kernel, Some(init)) = (self.start.containment, &self.holder_handle) {
            let _ = init.kill();
        }
    }

    /// Waits until nothing of it lives: also when the wrapper was killed and could not see to that. What runs
    /// still at the deadline is killed. Returns what could not be killed.
    ///
    /// Under best effort the caller must have called [`adopt_orphans`](crate::process::adopt_orphans).
    pub fn wait_all_dead(&mut self, deadline: Instant) -> Vec<Survivor> {
        let mut alive = !ended_by(self.wrapper_handle.as_ref(), deadline);
        if alive {
            self.kill();
            alive = !ended_by(self.wrapper_handle.as_ref(), Instant::now() + LAST_MEANS_LIMIT);
        }
        if alive {
            // A wrapper that was stopped, say: its children come to us, or die with it.
            let _ = self.wrapper.kill();
        }
        let last = Instant::now() + LAST_MEANS_LIMIT;
        let _ = ended_by(self.wrapper_handle.as_ref(), last);
        let _ = self.wrapper.try_wait();
        match self.start.containment {
            Containment::Kernel if ended_by(self.holder_handle.as_ref(), last) => Vec::new(),
            Containment::Kernel => vec![Survivor::named(self.start.holder)],
            Containment::BestEffort => kill_found(|| strays_and_marked(Some(&self.run_id)), last),
        }
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        self.kill();
        // Leaves no zombie where the wrapper has ended already.
        let _ = self.wrapper.try_wait();
    }
}

/// No handle means that it had ended before one could be taken.
fn ended_by(handle: Option<&ProcessHandle>, deadline: Instant) -> bool {
    handle.is_none_or(|handle| handle.wait(deadline).unwrap_or(false))
}

/// The end of a contained program.
#[derive(Debug)]
pub struct Ending(Reports);

impl Ending {
    /// Waits for the end, for as long as it takes; made for a thread that passes it on.
    ///
    /// A wrapper that is killed can say nothing: this shows as SIGKILL with unknown stragglers, and comes when
    /// the wrapper is dead. Only after [`Contained::wait_all_dead`] nothing of the program lives for sure.
    pub fn wait(mut self) -> Ended {
        loop {
            match self.0.next() {
                Ok(Some(Report::Ended(ended))) => return ended,
                Ok(Some(Report::Contained { .. } | Report::Started(_) | Report::Refused(_))) => {}
                Ok(None) | Err(_) => return Ended::killed(),
            }
        }
    }
}

#[derive(Debug)]
struct Reports(BufReader<PipeReader>);

impl Reports {
    /// The next one; none = the wrapper has ended.
    fn next(&mut self) -> io::Result<Option<Report>> {
        let mut line = Vec::new();
        // No report is long; a runaway writer must not fill our memory.
        let length = self.0.by_ref().take(1 << 20).read_until(b'\n', &mut line)?;
        if length == 0 { Ok(None) } else { Ok(Some(serde_json::from_slice(&line)?)) }
    }
}

fn await_start(reports: &mut Reports) -> Result<Start> {
    let deadline = Instant::now() + START_LIMIT;
    let mut start = None;
    loop {
        let has_news = !reports.0.buffer().is_empty()
            || crate::poll::is_readable(reports.0.get_ref(), Some(deadline)).tried(WAIT)?;
        if !has_news {
            return Err(silent("it did not answer in 10 s"));
        }
        match reports.next().tried(WAIT)? {
            Some(Report::Contained { containment, reason, holder, private_tmp }) => {
                start = Some(Start { containment, reason, private_tmp, holder, program: holder });
            }
            Some(Report::Started(program)) => {
                return start
                    .map(|start| Start { program, ..start })
                    .ok_or_else(|| silent("it is out of step"));
            }
            Some(Report::Refused(message)) => return Err(Error::NotContained(message)),
            Some(Report::Ended(_)) | None => return Err(silent("it was killed")),
        }
    }
}

const WAIT: &str = "hear from clodex-contain";

fn silent(why: &str) -> Error {
    Error::NotContained(format!(
        "cannot hear from clodex-contain: {why}\nhint: run it by hand: clodex-contain -- true"
    ))
}

fn spawned(mut child: Child, owner: PipeWriter, reports: Reports, start: Start, run_id: String) -> Spawned {
    let piped = "asked for as a pipe";
    let (stdin, stdout) = (child.stdin.take().expect(piped), child.stdout.take().expect(piped));
    let stderr = child.stderr.take().expect(piped);
    let hold = |id: ProcessId| ProcessHandle::open(id).ok().flatten();
    let contained = Contained {
        // Our child cannot be collected by others, so its number is its own.
        wrapper_handle: ProcessId::of(child.id()).and_then(hold),
        holder_handle: hold(start.holder),
        wrapper: child,
        owner: Some(owner),
        start,
        run_id,
    };
    Spawned { contained, ending: Ending(reports), stdin, stdout, stderr }
}
