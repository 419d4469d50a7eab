//! Runs Codex once and watches it to its end: one loop over one bounded channel. The [`Conductor`] decides, this
//! performs; threads only carry bytes. Must be called on the main thread, whose end is the end of the containment.

mod live;

use std::thread;
use std::time::{Duration, Instant};

use clodex_codex::app_server::{Effect, Stage};
use clodex_os::process::CommandMeter;
use clodex_os::{Contained, ContainedCommand, Ended, Spawned};

use crate::channel::{Channel, Message};
use crate::conductor::{Action, Conductor, Input, Stop};
use crate::conversation::{Conversation, Parting};
use crate::listener::{BrokeOff, Folds, Listener};
use crate::live_control::LiveControl;
use crate::output_log::OutputLog;
use crate::quota::told_now;
use crate::run_publisher::RunPublisher;
use crate::violation_watch::ViolationWatch;

/// How long streams may stay open after the last process of the run has gone.
const DRAIN: Duration = Duration::from_secs(1);
/// How long the containment may take to end everything, once told to.
const LAST_DEADLINE: Duration = Duration::from_secs(5);

/// One start of Codex.
#[derive(Debug)]
pub struct Attempt {
    /// How to start it.
    pub command: ContainedCommand,
    /// How to talk to it.
    pub conversation: Conversation,
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
    /// Why the conversation could not go on.
    pub broke_off: Option<BrokeOff>,
    /// Whether any line was understood.
    pub understood: bool,
    /// Whether the model may have been asked for something.
    pub turn_was_asked: bool,
    /// Whether the baseline had been taken, and Codex was let go.
    pub let_go: bool,
    /// Time from Codex's start to its end.
    pub ran_for: Duration,
    /// Who looked for violations, for another attempt.
    pub violation_watch: Option<ViolationWatch>,
}

/// The state of the loop.
struct Watch<'a> {
    command: Option<ContainedCommand>,
    begun: Instant,
    channel: &'a Channel,
    log: &'a mut OutputLog,
    listener: Listener<'a>,
    live: &'a mut LiveControl,
    waits: bool,
    running: Option<Running>,
    started_at: Option<Instant>,
    open_streams: u8,
    let_go: bool,
    ended: Option<Ended>,
    start_error: Option<String>,
    broke_off: Option<BrokeOff>,
}

struct Running {
    contained: Contained,
    meter: CommandMeter,
    ended_at: Option<Instant>,
}

/// Runs one attempt. `begun` is when the run was accepted: limits count from there.
pub fn watch(
    attempt: Attempt,
    begun: Instant,
    channel: &Channel,
    log: &mut OutputLog,
    folds: &mut Folds,
    publisher: &mut RunPublisher,
    live: &mut LiveControl,
) -> Watched {
    let conductor =
        Conductor::new(attempt.timeout_sec, attempt.heartbeat_sec, attempt.starts_before_baseline);
    let listener = Listener {
        conversation: attempt.conversation,
        conductor,
        folds,
        publisher,
        violation_watch: None,
        understood: false,
        effects: vec![],
    };
    let mut watch = Watch {
        command: Some(attempt.command),
        begun,
        channel,
        log,
        listener,
        live,
        waits: false,
        running: None,
        started_at: None,
        open_streams: 0,
        let_go: false,
        ended: None,
        start_error: None,
        broke_off: None,
    };
    let actions = watch.listener.conductor.begin();
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
            let effects = self.listener.conversation.tick(Instant::now());
            self.follow(effects);
            self.live_tick();
            self.step(Input::Tick);
            self.show_waiting();
            self.listener.publisher.show(self.listener.folds.progress.progress());
        }
    }

    fn is_over(&self) -> bool {
        let drained = |running: &Running| {
            self.open_streams == 0 || running.ended_at.is_some_and(|at| at.elapsed() >= DRAIN)
        };
        match &self.running {
            Some(running) => running.ended_at.is_some() && drained(running),
            None => self.listener.conductor.stop().is_some() || self.start_error.is_some(),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let elapsed = self.begun.elapsed();
        let decided = self.listener.conductor.deadline(elapsed).map(|at| self.begun + at);
        let drain = self.running.as_ref().and_then(|running| running.ended_at).map(|at| at + DRAIN);
        let answer = self.listener.conversation.deadline();
        let asked = self.live.session.deadline();
        [decided, drain, answer, asked, self.listener.publisher.next_show()].into_iter().flatten().min()
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Stdout(bytes) => self.take_stdout(&bytes),
            Message::Stderr(bytes) => self.log.stderr(&bytes),
            Message::StdoutEnd => {
                self.open_streams -= 1;
                self.stdout_ended();
            }
            Message::StderrEnd => self.open_streams -= 1,
            Message::Baseline(taken) => {
                taken.remarks.iter().for_each(|remark| self.listener.publisher.remark(remark));
                self.listener.violation_watch = taken.violation_watch;
                taken.quota.into_iter().for_each(|quota| self.listener.publisher.quota_told(*quota));
                let input = if taken.may_go_on { Input::BaselineDone } else { Input::BaselineRefused };
                self.step(input);
            }
            Message::OutOfScope(path) => {
                self.listener.publisher.remark(&format!("stopping: {path} changed outside the scope"));
                self.step(Input::OutOfScope);
            }
            Message::Inbox => self.inbox_changed(),
            Message::Stop => {
                self.live_end("the run is being ended");
                self.step(Input::CancelAsked);
            }
            Message::Ended(ended) => {
                self.ended = Some(ended);
                if let Some(running) = &mut self.running {
                    running.ended_at = Some(Instant::now());
                }
                self.step(Input::Gone);
            }
        }
    }

    fn take_stdout(&mut self, bytes: &[u8]) {
        let elapsed = self.begun.elapsed();
        self.log.stdout(bytes, elapsed, |line| self.listener.read(line, elapsed));
        let effects = std::mem::take(&mut self.listener.effects);
        self.follow(effects);
    }

    /// A stream that breaks off in the middle of a line has said that much.
    fn stdout_ended(&mut self) {
        let elapsed = self.begun.elapsed();
        self.log.stdout_ended(|line| self.listener.read(line, elapsed));
    }

    /// Does what follows from the conversation.
    fn follow(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Event(event) => self.listener.told(&event, self.begun.elapsed()),
                Effect::RateLimits(limits) => self.listener.publisher.quota_told(told_now(limits)),
                Effect::Failed(stage, why) => {
                    // Before the turn another way to Codex may be found, and what waits for it is said there.
                    if stage == Stage::Turn {
                        self.live_end(&why);
                    }
                    self.broke_off.get_or_insert(BrokeOff { stage, why });
                    self.step(Input::TalkFailed);
                }
                other => self.heard(other),
            }
        }
    }

    fn step(&mut self, input: Input) {
        let actions = self.listener.conductor.step(input, self.begun.elapsed());
        self.perform(&actions);
    }

    fn perform(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Start => self.start(),
                Action::SendPrompt => {
                    self.let_go = true;
                    let effects = self.listener.conversation.let_go(Instant::now());
                    self.follow(effects);
                }
                Action::Terminate => self.terminate(),
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
        let Some(command) = self.command.take() else { return };
        self.started_at = Some(Instant::now());
        match command.spawn() {
            Ok(spawned) => self.hold(spawned),
            Err(error) => self.start_error = Some(error.to_string()),
        }
    }

    fn hold(&mut self, spawned: Spawned) {
        let Spawned { contained, ending, stdin, stdout, stderr } = spawned;
        self.listener.publisher.started(&contained);
        let meter = CommandMeter::new(contained.holder(), contained.program());
        self.open_streams = 2;
        self.channel.carry(stdout, Message::Stdout, Message::StdoutEnd);
        self.channel.carry(stderr, Message::Stderr, Message::StderrEnd);
        let ended = self.channel.sender.clone();
        // The loop may be gone when the end is told; then nobody needs it.
        thread::spawn(move || ended.send(Message::Ended(ending.wait())));
        self.running = Some(Running { contained, meter, ended_at: None });
        let effects = self.listener.conversation.begin(stdin, Instant::now());
        self.follow(effects);
    }

    fn terminate(&mut self) {
        match self.listener.conversation.part(Instant::now()) {
            Parting::Asked(effects) => self.follow(effects),
            Parting::BySignal => {
                if let Some(running) = &self.running {
                    running.contained.terminate();
                }
            }
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
            if let Some(ended) = &mut self.ended {
                ended.survivors = survivors;
            }
        }
        Watched {
            stop: self.listener.conductor.stop(),
            ended: self.ended,
            start_error: self.start_error,
            broke_off: self.broke_off,
            understood: self.listener.understood,
            turn_was_asked: self.listener.conversation.turn_was_asked(),
            let_go: self.let_go,
            ran_for: self.started_at.map(|at| at.elapsed()).unwrap_or_default(),
            violation_watch: self.listener.violation_watch.take(),
        }
    }
}
