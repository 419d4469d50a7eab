//! Runs Codex once and watches it to its end: one loop over one bounded channel. The [`Conductor`] decides, this
//! performs; threads only carry bytes. Must be called on the main thread, whose end is the end of the containment.

use std::io::{Read, Write as _};
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clodex_core::{Event, ProgressFold, RunStory};
use clodex_os::process::CommandMeter;
use clodex_os::signals::StopSignals;
use clodex_os::{Contained, ContainedCommand, Ended, Spawned};

use crate::board::Board;
use crate::conductor::{Action, Conductor, Input, Stop};
use crate::lookout::{BaselineTaken, Lookout};
use crate::tape::Tape;

/// Messages that may wait in the channel: with 64 KiB each, what a flood can cost in memory.
const QUEUE: usize = 8;
const CHUNK_BYTES: usize = 64 * 1024;
/// How long streams may stay open after the last process of the run has gone.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the containment may take to end everything, once told to.
const LAST_DEADLINE: Duration = Duration::from_secs(5);

/// What the threads tell the loop.
#[derive(Debug)]
pub enum Message {
    /// Bytes of Codex's stdout.
    Stdout(Vec<u8>),
    /// Bytes of Codex's stderr.
    Stderr(Vec<u8>),
    /// Stdout has ended.
    StdoutEnd,
    /// Stderr has ended.
    StderrEnd,
    /// The baseline was taken.
    Baseline(BaselineTaken),
    /// Something outside the scope changed: what.
    OutOfScope(String),
    /// The contained program has ended, and all it started.
    Ended(Ended),
    /// Somebody wants the run to end.
    Stop,
}

/// The loop's ends of its channel; lives as long as the run.
#[derive(Debug)]
pub struct Channel {
    /// For threads.
    pub sender: SyncSender<Message>,
    receiver: Receiver<Message>,
}

impl Channel {
    /// A channel that signals are already passed into.
    pub fn with_signals(mut signals: StopSignals) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let stop = sender.clone();
        thread::spawn(move || while signals.wait().is_ok() && stop.send(Message::Stop).is_ok() {});
        Self { sender, receiver }
    }

    /// The next message; none when the time has come first.
    pub fn receive(&self, until: Option<Instant>) -> Option<Message> {
        match until {
            Some(at) => self.receiver.recv_timeout(at.saturating_duration_since(Instant::now())).ok(),
            None => self.receiver.recv().ok(),
        }
    }
}

/// One start of Codex.
#[derive(Debug)]
pub struct Attempt {
    /// How to start it.
    pub command: ContainedCommand,
    /// Goes to its stdin, byte for byte.
    pub prompt: Vec<u8>,
    /// Wall clock limit since the run's acceptance; 0 = none.
    pub timeout_sec: u64,
    /// Limit of silence; 0 = none.
    pub heartbeat_sec: u64,
    /// Whether it may be started while the baseline is taken.
    pub starts_before_baseline: bool,
}

/// What is known when nothing of an attempt lives any more.
#[derive(Debug)]
pub struct Watched {
    /// Why it was ended from outside.
    pub stop: Option<Stop>,
    /// How Codex ended; absent when it was never started.
    pub ended: Option<Ended>,
    /// Why it could not be started.
    pub start_error: Option<String>,
    /// Whether any line was an event.
    pub understood: bool,
    /// Time from Codex's start to its end.
    pub ran_for: Duration,
    /// Who looked for violations, for another attempt.
    pub lookout: Option<Lookout>,
}

/// The state of the loop.
struct Watch<'a> {
    attempt: Option<Attempt>,
    prompt: Vec<u8>,
    conductor: Conductor,
    begun: Instant,
    channel: &'a Channel,
    tape: &'a mut Tape,
    folds: &'a mut Folds,
    board: &'a mut Board,
    running: Option<Running>,
    started_at: Option<Instant>,
    open_streams: u8,
    lookout: Option<Lookout>,
    watched: Watched,
}

/// What the events come to: what is shown now, and what is told at the end.
#[derive(Debug)]
pub struct Folds {
    /// Published while the run lives.
    pub progress: ProgressFold,
    /// For the report.
    pub story: RunStory,
}

struct Running {
    contained: Contained,
    stdin: Option<ChildStdin>,
    meter: CommandMeter,
    ended_at: Option<Instant>,
}

/// Runs one attempt. `begun` is when the run was accepted: limits count from there.
pub fn watch(
    attempt: Attempt,
    begun: Instant,
    channel: &Channel,
    tape: &mut Tape,
    folds: &mut Folds,
    board: &mut Board,
) -> Watched {
    let conductor =
        Conductor::new(attempt.timeout_sec, attempt.heartbeat_sec, attempt.starts_before_baseline);
    let watched = Watched {
        stop: None,
        ended: None,
        start_error: None,
        understood: false,
        ran_for: Duration::ZERO,
        lookout: None,
    };
    let prompt = attempt.prompt.clone();
    let mut watch = Watch {
        attempt: Some(attempt),
        prompt,
        conductor,
        begun,
        channel,
        tape,
        folds,
        board,
        running: None,
        started_at: None,
        open_streams: 0,
        lookout: None,
        watched,
    };
    let actions = watch.conductor.begin();
    watch.perform(&actions);
    watch.run();
    watch.finish()
}

impl Watch<'_> {
    fn run(&mut self) {
        while !self.is_over() {
            if let Some(message) = self.channel.receive(self.next_deadline()) {
                self.take(message);
            }
            self.step(Input::Tick);
            self.board.show(self.folds.progress.progress());
        }
    }

    fn is_over(&self) -> bool {
        let drained = |running: &Running| {
            self.open_streams == 0 || running.ended_at.is_some_and(|at| at.elapsed() >= DRAIN)
        };
        match &self.running {
            Some(running) => running.ended_at.is_some() && drained(running),
            None => self.conductor.stop().is_some() || self.watched.start_error.is_some(),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let elapsed = self.begun.elapsed();
        let decided = self.conductor.deadline(elapsed).map(|at| self.begun + at);
        let drain = self.running.as_ref().and_then(|running| running.ended_at).map(|at| at + DRAIN);
        [decided, drain, self.board.next_show()].into_iter().flatten().min()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Stdout(bytes) => self.take_stdout(&bytes),
            Message::Stderr(bytes) => self.tape.stderr(&bytes),
            Message::StdoutEnd => {
                self.open_streams -= 1;
                self.stdout_ended();
            }
            Message::StderrEnd => self.open_streams -= 1,
            Message::Baseline(taken) => {
                taken.remarks.iter().for_each(|remark| self.board.remark(remark));
                self.lookout = taken.lookout;
                let input = if taken.may_go_on { Input::BaselineDone } else { Input::BaselineRefused };
                self.step(input);
            }
            Message::OutOfScope(path) => {
                self.board.remark(&format!("stopping: {path} changed outside the scope"));
                self.step(Input::OutOfScope);
            }
            Message::Stop => self.step(Input::CancelAsked),
            Message::Ended(ended) => {
                self.watched.ended = Some(ended);
                if let Some(running) = &mut self.running {
                    running.ended_at = Some(Instant::now());
                }
                self.step(Input::Gone);
            }
        }
    }

    fn take_stdout(&mut self, bytes: &[u8]) {
        let elapsed = self.begun.elapsed();
        let mut reader = Reader {
            elapsed,
            folds: &mut *self.folds,
            watched: &mut self.watched,
            conductor: &mut self.conductor,
            board: &mut *self.board,
            lookout: self.lookout.as_ref(),
        };
        self.tape.stdout(bytes, elapsed, |line| reader.read(line));
    }

    /// A stream that breaks off in the middle of a line has said that much.
    fn stdout_ended(&mut self) {
        let mut reader = Reader {
            elapsed: self.begun.elapsed(),
            folds: &mut *self.folds,
            watched: &mut self.watched,
            conductor: &mut self.conductor,
            board: &mut *self.board,
            lookout: self.lookout.as_ref(),
        };
        self.tape.stdout_ended(|line| reader.read(line));
    }

    fn step(&mut self, input: Input) {
        let actions = self.conductor.step(input, self.begun.elapsed());
        self.perform(&actions);
    }

    fn perform(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Start => self.start(),
                Action::SendPrompt => self.send_prompt(),
                Action::Terminate => {
                    if let Some(running) = &self.running {
                        running.contained.terminate();
                    }
                }
                Action::Kill => {
                    if let Some(running) = &mut self.running {
                        running.contained.kill();
                    }
                }
                Action::LookAtCommands => self.look_at_commands(),
            }
        }
    }

    fn start(&mut self) {
        let Some(attempt) = self.attempt.take() else { return };
        self.started_at = Some(Instant::now());
        match attempt.command.spawn() {
            Ok(spawned) => self.hold(spawned),
            Err(error) => self.watched.start_error = Some(error.to_string()),
        }
    }

    fn hold(&mut self, spawned: Spawned) {
        let Spawned { contained, ending, stdin, stdout, stderr } = spawned;
        self.board.started(&contained);
        let meter = CommandMeter::new(contained.holder(), contained.program());
        self.open_streams = 2;
        carry(stdout, self.channel.sender.clone(), Message::Stdout, Message::StdoutEnd);
        carry(stderr, self.channel.sender.clone(), Message::Stderr, Message::StderrEnd);
        let ended = self.channel.sender.clone();
        // The loop may be gone when the end is told; then nobody needs it.
        thread::spawn(move || ended.send(Message::Ended(ending.wait())));
        self.running = Some(Running { contained, stdin: Some(stdin), meter, ended_at: None });
    }

    fn send_prompt(&mut self) {
        let stdin = self.running.as_mut().and_then(|running| running.stdin.take());
        let prompt = std::mem::take(&mut self.prompt);
        if let Some(mut stdin) = stdin {
            // A Codex that has ended already does not read it: its end says why.
            thread::spawn(move || stdin.write_all(&prompt));
        }
    }

    fn look_at_commands(&mut self) {
        if let Some(running) = &mut self.running {
            let used = running.meter.sample();
            self.step(Input::CommandsUsed { cpu: used.cpu, io_bytes: used.io_bytes });
        }
    }

    fn finish(mut self) -> Watched {
        if let Some(running) = &mut self.running {
            let survivors = running.contained.wait_all_dead(Instant::now() + LAST_DEADLINE);
            if let Some(ended) = &mut self.watched.ended {
                ended.survivors = survivors;
            }
        }
        self.watched.lookout = self.lookout.take();
        self.watched.stop = self.conductor.stop();
        self.watched.ran_for = self.started_at.map(|at| at.elapsed()).unwrap_or_default();
        self.watched
    }
}

/// What a line of stdout changes.
struct Reader<'a> {
    elapsed: Duration,
    folds: &'a mut Folds,
    watched: &'a mut Watched,
    conductor: &'a mut Conductor,
    board: &'a mut Board,
    lookout: Option<&'a Lookout>,
}

impl Reader<'_> {
    fn read(&mut self, line: &[u8]) {
        let event = clodex_codex::event_from_line(line);
        self.watched.understood |= !matches!(event, Event::Garbage);
        if event.is_life() {
            self.conductor.step(Input::Life, self.elapsed);
        }
        if let Event::ThreadStarted { thread_id } = &event {
            self.board.thread_started(thread_id);
        }
        if matches!(event, Event::TurnCompleted { .. } | Event::TurnFailed { .. }) {
            self.conductor.step(Input::TurnEnded, self.elapsed);
        }
        if let (Some(lookout), Event::CommandEnded { .. } | Event::FilesChanged { .. }) =
            (self.lookout, &event)
        {
            lookout.look();
        }
        let elapsed_ms = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.folds.progress.apply(&event, elapsed_ms);
        self.folds.story.apply(&event, elapsed_ms);
    }
}

/// Carries a stream's bytes into the channel, and its end.
fn carry(
    mut stream: impl Read + Send + 'static,
    sender: SyncSender<Message>,
    wrap: fn(Vec<u8>) -> Message,
    end: Message,
) {
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(n) = stream.read(&mut buffer) {
            if n == 0 || sender.send(wrap(buffer[..n].to_vec())).is_err() {
                break;
            }
        }
        let _ = sender.send(end);
    });
}
