//! Carrying a flow out: what the schedule decides is done here, and what happens is handed to it. Whatever happened is in
//! the journal before anything comes of it; a run is let go only when its id is. What its runs do is shown meanwhile.

mod adopt;
mod begin_step;
mod judge;
mod landing;

pub use judge::{keep_answer, of_ended};

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use clodex_core::{LiveLine, Liveness, RunId, cut, elapsed_text, harmless, live_lines_summed};
use clodex_os::clock::Timestamp;
use clodex_os::process::ProcessHandle;
use clodex_os::record_store::RecordStore;
use clodex_os::signals::StopSignals;
use clodex_os::{Companion, ExitKind, Failure, TerminalLine};

use crate::end_reason::EndReason;
use crate::exit_code::exit_code;
use crate::flow::Limits;
use crate::flow_dir::FlowDir;
use crate::flow_state::FlowState;
use crate::journal::{Entry, Journal};
use crate::live_runs;
use crate::plan::Plan;
use crate::report::stand_word;
use crate::schedule::{Action, Input, Schedule, Stand};
use crate::values::Values;

/// How often it is looked at what live runs have taken.
const TICK: Duration = Duration::from_secs(1);
/// How often somebody who sits at a terminal is shown what live runs do.
const REDRAW: Duration = Duration::from_secs(1);

/// What is said while it happens is a line; all of it is in the journal.
const WHY_COLUMNS: usize = 240;

/// Everything that a flow is carried out with.
#[derive(Debug)]
pub struct Engine {
    /// Where it lies.
    pub dir: FlowDir,
    /// What is to be done.
    pub plan: Plan,
    /// How much of everything it may take.
    pub limits: Limits,
    /// What happened, on the disk.
    pub journal: Journal,
    /// What that comes to.
    pub flow_state: FlowState,
    /// What happens next.
    pub schedule: Schedule,
    /// The records of all runs.
    pub store: RecordStore,
    /// Programs beside this one.
    pub programs: Programs,
    /// Whether somebody reads what happens while it happens.
    pub speaks: bool,
}

/// The programs that do the work.
#[derive(Debug, Clone)]
pub struct Programs {
    /// clodex-dispatch.
    pub dispatch: PathBuf,
    /// clodex-apply.
    pub apply: PathBuf,
    /// `codex`, where the user named one.
    pub codex: Option<PathBuf>,
}

/// What happens beside the engine.
#[derive(Debug)]
enum Event {
    /// A run has its id and waits to be let go.
    Announced(usize, RunId),
    /// A run's dispatcher has ended.
    Gone(Gone),
    /// What a step changed has landed, or has not.
    Landed(usize, Result<clodex_os::Finished, String>),
    /// Somebody wants the flow to end.
    Stop,
    /// Signals cannot be heard any more.
    Deaf(String),
}

/// A run whose dispatcher has ended.
#[derive(Debug)]
struct Gone {
    step: usize,
    run: Option<RunId>,
    /// What it said at its end, where we heard it.
    said: String,
    exit: Option<ExitKind>,
    whose: Whose,
}

/// Who started a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// This process.
    Ours,
    /// An earlier process of the flow.
    Adopted,
}

/// A hold on a run's dispatcher.
#[derive(Debug)]
enum Hold {
    Companion(Companion),
    Adopted(Option<ProcessHandle>),
}

/// The engine at work.
struct Work {
    engine: Engine,
    holds: HashMap<usize, Hold>,
    /// Steps whose runs we asked to end.
    asked_to_end: HashSet<usize>,
    began: HashMap<usize, Instant>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    clock: Clock,
    /// What the runs do, where somebody sits at a terminal.
    line: Option<TerminalLine>,
}

/// How long the flow is carried out, over all its processes.
#[derive(Debug, Clone, Copy)]
struct Clock {
    before: Duration,
    since: Instant,
}

impl Clock {
    fn now(self) -> Duration {
        self.before + self.since.elapsed()
    }
}

impl Engine {
    /// Carries the flow out until nothing more happens by itself; what it exits with comes back.
    pub fn carry_out(self) -> Result<u8, Failure> {
        let signals = StopSignals::catch_and_outlive_group().map_err(|error| {
            Failure::usage(format!("cannot catch signals: {error}\nhint: raise the limit of open files"))
        })?;
        let (sender, events) = channel();
        listen(signals, sender.clone());
        let mut work = Work {
            line: self.speaks.then(TerminalLine::on_stderr).flatten(),
            clock: Clock { before: self.flow_state.used, since: Instant::now() },
            engine: self,
            holds: HashMap::new(),
            asked_to_end: HashSet::new(),
            began: HashMap::new(),
            events,
            sender,
        };
        work.adopt_all()?;
        work.go_on()
    }

    /// The values of the flow as they are now.
    pub fn values(&self) -> Values<'_> {
        Values { inputs: &self.plan.inputs, flow_state: &self.flow_state, dir: &self.dir }
    }
}

impl Work {
    fn go_on(&mut self) -> Result<u8, Failure> {
        let mut inputs = VecDeque::from([Input::Tick]);
        loop {
            while let Some(input) = inputs.pop_front() {
                let actions = self.engine.schedule.handle(input, self.clock.now());
                if let Some(code) = self.perform(&actions, &mut inputs)? {
                    return Ok(code);
                }
            }
            match self.next_event() {
                Some(Event::Gone(gone)) => {
                    let actions = self.judge(&gone)?;
                    if let Some(code) = self.perform(&actions, &mut inputs)? {
                        return Ok(code);
                    }
                }
                Some(Event::Announced(step, run)) => self.let_go(step, run)?,
                Some(Event::Landed(step, told)) => inputs.push_back(self.landed(step, told)?),
                Some(Event::Stop) => inputs.push_back(Input::Cancel),
                Some(Event::Deaf(why)) => {
                    return Err(Failure::usage(format!("cannot hear signals: {why}\nhint: try again")));
                }
                None => {
                    let taken = self.tokens();
                    self.engine.schedule.count_tokens(taken);
                    inputs.push_back(Input::Tick);
                }
            }
        }
    }

    /// Waits for what happens next; none = it is time to look.
    fn next_event(&self) -> Option<Event> {
        let patience = patience(self.engine.limits, self.clock.now(), self.engine.schedule.is_stopping());
        // What is beyond the clock is never reached.
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        loop {
            let redraw = self.draw_line().then(|| Instant::now() + REDRAW);
            // The sender is ours, too: nobody hangs up.
            let Some(next) = [until, redraw].into_iter().flatten().min() else {
                return self.events.recv().ok();
            };
            let event = self.events.recv_timeout(next.saturating_duration_since(Instant::now())).ok();
            if event.is_some() || until.is_some_and(|until| until <= Instant::now()) {
                return event;
            }
        }
    }

    /// Shows what lives; whether it is to be shown again.
    fn draw_line(&self) -> bool {
        let Some(line) = &self.line else { return false };
        let mut runs = live_runs::of_flow(&self.engine.store, &self.engine.dir.id());
        runs.retain(|run| run.liveness == Liveness::Live);
        let now_ms = Timestamp::now().unix_ms();
        let lines: Vec<LiveLine<'_>> =
            runs.iter().map(|run| LiveLine::of(&run.record, run.liveness, now_ms)).collect();
        if lines.is_empty() {
            line.clear();
        } else {
            line.draw(&live_lines_summed(&lines));
        }
        true
    }

    /// What all runs have taken, those under way as far as they tell.
    fn tokens(&self) -> u64 {
        let running = self.holds.keys().filter_map(|step| {
            let known = self.engine.flow_state.step(self.id(*step))?;
            self.engine.store.see(known.run.as_ref()?)?.record.progress.tokens
        });
        self.engine.flow_state.tokens.saturating_add(running.sum())
    }

    fn perform(&mut self, actions: &[Action], inputs: &mut VecDeque<Input>) -> Result<Option<u8>, Failure> {
        for action in actions {
            match *action {
                Action::Begin(step) => inputs.extend(self.begin(step)?),
                Action::Land(step) => inputs.extend(self.land(step)?),
                Action::Cancel(step) => self.cancel(step),
                Action::End(end) => return self.finish(end).map(Some),
            }
        }
        Ok(None)
    }

    /// A run that is written down may work.
    fn let_go(&mut self, step: usize, run: RunId) -> Result<(), Failure> {
        let id = self.id(step).to_owned();
        self.write(Entry::Run { step: id, run })?;
        self.sync()?;
        if let Some(Hold::Companion(companion)) = self.holds.get_mut(&step) {
            companion.go();
        }
        Ok(())
    }

    fn cancel(&mut self, step: usize) {
        self.asked_to_end.insert(step);
        match self.holds.get_mut(&step) {
            Some(Hold::Companion(companion)) => companion.terminate(),
            Some(Hold::Adopted(Some(handle))) => {
                // It may have ended meanwhile.
                let _ = handle.terminate();
            }
            Some(Hold::Adopted(None)) | None => {}
        }
    }

    fn finish(&mut self, end: EndReason) -> Result<u8, Failure> {
        let exit_code = exit_code(end, &self.engine.flow_state) as u8;
        self.write(Entry::Finished { end, exit_code })?;
        self.sync()?;
        Ok(exit_code)
    }

    /// Puts all lines on the disk. What comes of a line waits for this; that a run is started and held back is nothing
    /// yet, so one wait covers the end of a step and the beginning of the next.
    fn sync(&mut self) -> Result<(), Failure> {
        Ok(self.engine.journal.sync()?)
    }

    /// Writes a line, and takes it in.
    fn write(&mut self, entry: Entry) -> Result<(), Failure> {
        let line = self.engine.journal.append(entry)?;
        self.engine.flow_state.take_in(&line);
        Ok(())
    }

    fn id(&self, step: usize) -> &str {
        &self.engine.plan.steps[step].id
    }

    /// A line for who reads along.
    fn say(&self, step: usize, word: &str, why: &str) {
        if self.engine.speaks {
            let took = self.began.get(&step).filter(|_| word != stand_word(Stand::Running)).map(|began| {
                format!(" · {}", elapsed_text(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)))
            });
            let why = if why.is_empty() {
                String::new()
            } else {
                format!(" · {}", cut(&harmless(why), WHY_COLUMNS))
            };
            let line = format!(
                "{} {}: {}{}{why}",
                self.engine.plan.name,
                self.id(step),
                word,
                took.unwrap_or_default()
            );
            if let Some(shown) = &self.line {
                shown.clear();
            }
            clodex_os::say_line(&line);
        }
    }
}

/// How long it is waited before it is looked at how much was taken. What is being ended cannot take too much any more, and
/// how long that takes is not ours to say.
fn patience(limits: Limits, now: Duration, is_stopping: bool) -> Option<Duration> {
    if is_stopping {
        return None;
    }
    let left = limits.timeout.map(|timeout| timeout.saturating_sub(now));
    [left, limits.tokens.map(|_| TICK)].into_iter().flatten().min()
}

fn listen(mut signals: StopSignals, sender: Sender<Event>) {
    thread::spawn(move || {
        loop {
            let event = match signals.wait() {
                Ok(_) => Event::Stop,
                Err(error) => Event::Deaf(error.to_string()),
            };
            let is_deaf = matches!(event, Event::Deaf(_));
            if sender.send(event).is_err() || is_deaf {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_looked_at_until_it_is_reached_and_not_while_the_flow_is_being_ended() {
        let seconds = Duration::from_secs;
        let limits = |timeout: Option<u64>, tokens| Limits { runs: 4, tokens, timeout: timeout.map(seconds) };
        assert_eq!(patience(limits(None, None), seconds(9), false), None);
        assert_eq!(patience(limits(Some(10), None), seconds(4), false), Some(seconds(6)));
        assert_eq!(patience(limits(Some(10), Some(1)), seconds(4), false), Some(TICK));
        assert_eq!(patience(limits(Some(10), None), seconds(11), false), Some(Duration::ZERO));
        assert_eq!(patience(limits(Some(10), Some(1)), seconds(11), true), None);
    }
}
