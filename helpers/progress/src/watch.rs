//! The loop: events in, record and lines out, at most ten times a second except when the phase changes.

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::{EventStream, Rollout, codex_home, find_rollout};
use clodex_core::{Event, ExitCode, Outcome, Phase, ProgressFold, RunRecord, RunStory, ThreadBase};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::LiveRun;
use clodex_os::signals::StopSignals;

use crate::input::{Input, read_lines};
use crate::show::Printer;
use crate::{Args, record};

/// Between two writes of the record.
const THROTTLE: Duration = Duration::from_millis(100);
/// The same when the phase changed: nobody sees more, and a flood of events must not become a flood of writes.
const PHASE_THROTTLE: Duration = Duration::from_millis(5);
/// Pieces of the stream that may wait; a reader that is faster than this has to wait itself.
const PIECES_AHEAD: usize = 4;

/// Watches until the stream ends or the user stops it.
pub(crate) fn watch(args: &Args, stream: Box<dyn BufRead + Send>) -> ExitCode {
    let (to, from) = sync_channel(PIECES_AHEAD);
    if let Ok(mut signals) = StopSignals::catch() {
        let to = to.clone();
        thread::spawn(move || {
            if signals.wait().is_ok() {
                // Whoever ended meanwhile needs no stop.
                let _ = to.send(Input::Stop);
            }
        });
    }
    let mut watcher = Watcher::begin(args);
    let tee = args.tee.then(|| Box::new(io::stdout()) as Box<dyn Write + Send>);
    let (give_back, used) = channel();
    read_lines(stream, tee, to, used);
    watcher.listen(&from, &give_back);
    watcher.end()
}

struct Watcher {
    record: RunRecord,
    /// None when no record can be kept: the stream is watched all the same, or Codex would die of a closed pipe.
    run: Option<LiveRun>,
    fold: ProgressFold,
    story: RunStory,
    stream: EventStream,
    printer: Printer,
    begun: Instant,
    written: Instant,
    is_stopped: bool,
    resumed: bool,
}

impl Watcher {
    fn begin(args: &Args) -> Self {
        let workdir = workdir(args.workdir.as_deref());
        let mut record = record::record(args, &workdir);
        let run = match record::begin(args, &mut record) {
            Ok(run) => run,
            Err(error) => {
                eprintln!("{error}");
                None
            }
        };
        let base = if args.resumed { ThreadBase::Unknown } else { ThreadBase::Fresh };
        let now = Instant::now();
        Self {
            fold: ProgressFold::new(&record.workdir, None, base),
            story: RunStory::new(base),
            stream: EventStream::default(),
            printer: Printer::new(args),
            record,
            run,
            begun: now,
            written: now,
            is_stopped: false,
            resumed: args.resumed,
        }
    }

    fn listen(&mut self, from: &Receiver<Input>, give_back: &Sender<Vec<u8>>) {
        let mut is_stale = true;
        loop {
            let patience =
                if is_stale { THROTTLE.saturating_sub(self.written.elapsed()) } else { Duration::MAX };
            match receive(from, patience) {
                Ok(Input::Lines(lines)) => {
                    is_stale |= self.hear_all(&lines);
                    // The reader may be at its end.
                    let _ = give_back.send(lines);
                }
                Ok(Input::End(None)) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(Input::End(Some(error))) => {
                    eprintln!("cannot read the stream any further: {error}");
                    return;
                }
                Ok(Input::Stop) => {
                    self.is_stopped = true;
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if is_stale && self.throttle().is_zero() {
                self.publish();
                is_stale = false;
            }
        }
    }

    /// How long the next write has to wait.
    fn throttle(&self) -> Duration {
        let has_new_phase = self.record.progress.phase != self.fold.progress().phase;
        let throttle = if has_new_phase { PHASE_THROTTLE } else { THROTTLE };
        throttle.saturating_sub(self.written.elapsed())
    }

    fn hear_all(&mut self, lines: &[u8]) -> bool {
        let mut rest = lines;
        let mut any = false;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            any |= self.hear(&rest[..end]);
            rest = &rest[end + 1..];
        }
        any | self.hear(rest)
    }

    /// Whether anything worth publishing came in.
    fn hear(&mut self, line: &[u8]) -> bool {
        if line.trim_ascii().is_empty() {
            return false;
        }
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Some(event) = self.stream.event(line) else { return true };
        if let (Event::ThreadStarted { thread_id }, true) = (&event, self.resumed) {
            let base = used_before(thread_id);
            self.fold.set_base(base);
            self.story.set_base(base);
        }
        self.fold.apply(&event, elapsed_ms);
        self.story.apply(&event, elapsed_ms);
        true
    }

    fn publish(&mut self) {
        self.record.progress.clone_from(self.fold.progress());
        self.record.thread_id.clone_from(&self.story.thread_id);
        self.record.updated = Timestamp::now().rfc3339();
        self.written = Instant::now();
        self.printer.show(&self.record);
        if let Some(run) = &self.run
            && let Err(error) = run.write(&self.record)
        {
            eprintln!("{error}");
            self.run = None;
        }
    }

    fn end(mut self) -> ExitCode {
        self.story.stream_ended();
        let (outcome, code, summary) = if self.is_stopped {
            (Outcome::Cancelled, ExitCode::Cancelled, "stopped watching".to_owned())
        } else {
            record::ending(&self.story, self.fold.progress().events)
        };
        if self.fold.progress().events == 0 && !self.is_stopped {
            eprintln!(
                "clodex-progress: there was no event to show\nhint: codex exec --json … | clodex-progress"
            );
        }
        self.fold.set_phase(Phase::Finishing, "");
        let now = Timestamp::now().rfc3339();
        self.record.progress.clone_from(self.fold.progress());
        self.record.thread_id.clone_from(&self.story.thread_id);
        self.record.outcome = Some(outcome);
        self.record.exit_code = Some(code.into());
        self.record.summary = Some(summary);
        self.record.updated.clone_from(&now);
        self.record.ended = Some(now);
        self.printer.show(&self.record);
        if let Some(Err(error)) = self.run.take().map(|run| run.end(&self.record)) {
            eprintln!("{error}");
        }
        code
    }
}

/// `recv_timeout` that can wait for ever.
fn receive(from: &Receiver<Input>, patience: Duration) -> Result<Input, RecvTimeoutError> {
    if patience == Duration::MAX {
        return from.recv().map_err(|_| RecvTimeoutError::Disconnected);
    }
    from.recv_timeout(patience)
}

fn workdir(given: Option<&Path>) -> PathBuf {
    let here = given.map_or_else(std::env::current_dir, |dir| Ok(dir.to_owned()));
    let here = here.and_then(std::path::absolute).unwrap_or_default();
    here.canonicalize().unwrap_or(here)
}

/// What a resumed thread had used until now: its file does not know this run's tokens before the model's first answer.
fn used_before(thread_id: &str) -> ThreadBase {
    let file = codex_home().and_then(|home| find_rollout(&home, thread_id));
    let rollout = file.and_then(|file| Rollout::read(&file).ok());
    rollout.and_then(|rollout| rollout.usage).map_or(ThreadBase::Unknown, ThreadBase::Used)
}
