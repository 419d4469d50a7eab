//! Shows a run to whoever watches it: the record in the state directory, the live line on the terminal, the file for
//! interline-style renderers. Progress comes in here and nothing goes back.

use std::io::Write as _;
use std::time::{Duration, Instant};

use clodex_core::{Containment, LiveLine, Liveness, OpenRequest, Outcome, Phase, Progress, Quota, RunRecord};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::LiveRun;
use clodex_os::{Contained, TerminalLine};

use crate::interline::InterlineFile;
use crate::refusal::Refusal;

/// Between two writes of the record, phase changes apart.
const THROTTLE: Duration = Duration::from_millis(100);
/// Between two drawings of the live line when nothing changes but the time.
const REDRAW: Duration = Duration::from_secs(1);

/// The places where a run is shown.
#[derive(Debug)]
pub struct RunPublisher {
    live: LiveRun,
    /// The record as it will be written next.
    pub record: RunRecord,
    waiting: Option<String>,
    interline: Option<InterlineFile>,
    speaks: bool,
    line: Option<TerminalLine>,
    shown: Option<(Instant, Phase)>,
    pending: bool,
    /// Why processes are held at best effort only.
    pub best_effort_because: Option<String>,
    /// Why the record could not be written, the first time.
    pub failed: Option<String>,
}

impl RunPublisher {
    /// `speaks`: somebody reads stderr; if it is a terminal, the live line is drawn there.
    pub fn new(live: LiveRun, record: RunRecord, speaks: bool) -> Self {
        let interline = interline(&record);
        let line = speaks.then(TerminalLine::on_stderr).flatten();
        Self {
            live,
            record,
            waiting: None,
            interline,
            speaks,
            line,
            shown: None,
            pending: true,
            best_effort_because: None,
            failed: None,
        }
    }

    /// Codex runs: its processes and how they are held. Written at once: who finds a dead run's record goes by it when it
    /// says that nothing was ever started.
    pub fn started(&mut self, contained: &Contained) {
        self.record.container = Some(contained.wrapper().into());
        self.record.codex = Some(contained.program().into());
        self.record.containment = Some(contained.containment());
        self.record.init =
            (contained.containment() == Containment::Kernel).then(|| contained.holder().into());
        self.best_effort_because = contained.reason().map(str::to_owned);
        self.pending = true;
        self.write(Instant::now());
        self.shown = None;
    }

    /// Codex told its thread id: worth a write at once, it must survive everything.
    pub fn thread_started(&mut self, thread_id: &str) {
        self.record.thread_id = Some(thread_id.to_owned());
        self.shown = None;
        self.pending = true;
    }

    /// The user is waited for, for this, or not any more: worth a write at once.
    pub fn waits(&mut self, questions: Vec<OpenRequest>, waiting: Option<String>) {
        if self.record.open_requests != questions || self.waiting != waiting {
            self.record.open_requests = questions;
            self.waiting = waiting;
            self.shown = None;
            self.pending = true;
        }
    }

    /// So much of the account's limits is used.
    pub fn quota_told(&mut self, quota: Quota) {
        self.record.quota.get_or_insert_default().update(quota);
        self.pending = true;
    }

    /// Takes progress in; writes it now if the phase changed or the last write is long enough ago.
    pub fn show(&mut self, progress: &Progress) {
        let waiting = self.waiting.as_ref().filter(|_| progress.phase != Phase::Finishing).map(|activity| {
            Progress { phase: Phase::Waiting, activity: activity.clone(), ..progress.clone() }
        });
        let progress = waiting.as_ref().unwrap_or(progress);
        if self.record.progress != *progress {
            self.record.progress = progress.clone();
            self.pending = true;
        }
        let now = Instant::now();
        let due = match self.shown {
            None => true,
            Some((at, phase)) => phase != progress.phase || now.duration_since(at) >= self.pause(),
        };
        if due && (self.pending || self.line.is_some()) {
            self.write(now);
        }
    }

    /// When [`RunPublisher::show`] has something to do at the latest.
    pub fn next_show(&self) -> Option<Instant> {
        let (at, _) = self.shown?;
        (self.pending || self.line.is_some()).then(|| at + self.pause())
    }

    /// Codex has ended; what follows is the verdict.
    pub fn finishing(&mut self) {
        self.waits(vec![], None);
        let progress =
            Progress { phase: Phase::Finishing, activity: String::new(), ..self.record.progress.clone() };
        self.show(&progress);
    }

    /// Codex has ended, and clodex runs one of the packet's checks itself.
    pub fn verifying(&mut self, command: &str, elapsed: Duration) {
        let progress = Progress {
            phase: Phase::Verifying,
            activity: command.to_owned(),
            last_life_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            ..self.record.progress.clone()
        };
        // Each check is worth a write, also where only the command changes.
        self.shown = None;
        self.show(&progress);
    }

    /// Shows the same again, some time later.
    pub fn show_again(&mut self) {
        let progress = self.record.progress.clone();
        self.show(&progress);
    }

    /// Tells something that cannot wait for the report.
    pub fn remark(&self, text: &str) {
        if self.speaks {
            self.clear_line();
            let _ = writeln!(std::io::stderr(), "clodex-dispatch: {text}");
        }
    }

    /// Ends a run that could not be started after all.
    pub fn refuse(mut self, refusal: &Refusal) {
        self.record.ended = Some(Timestamp::now().rfc3339());
        self.record.outcome = Some(Outcome::Failed);
        self.record.exit_code = Some(refusal.code.into());
        self.record.summary = Some(refusal.message.clone());
        // The caller is told of the refusal; the record is for others.
        let _ = self.end();
    }

    /// Ends the run: the final record, the live line taken away, the lock given back.
    pub fn end(mut self) -> Result<(), String> {
        self.clear_line();
        self.record.updated = Timestamp::now().rfc3339();
        self.live.end(&self.record).map_err(|error| error.to_string())
    }

    fn pause(&self) -> Duration {
        if self.pending { THROTTLE } else { REDRAW }
    }

    fn write(&mut self, now: Instant) {
        if self.pending {
            self.record.updated = Timestamp::now().rfc3339();
            if let Err(error) = self.live.write(&self.record) {
                self.failed.get_or_insert(error.to_string());
            }
            if let Some(interline) = &self.interline {
                // A renderer without its file shows nothing: no reason to disturb the run.
                let _ = interline.show(&activity(&self.record.progress));
            }
        }
        self.draw_line();
        self.shown = Some((now, self.record.progress.phase));
        self.pending = false;
    }

    fn draw_line(&self) {
        if let Some(line) = &self.line {
            line.draw(&LiveLine::of(&self.record, Liveness::Live, Timestamp::now().unix_ms()).line());
        }
    }

    fn clear_line(&self) {
        if let Some(line) = &self.line {
            line.clear();
        }
    }
}

fn activity(progress: &Progress) -> String {
    format!("{} {}", progress.phase.as_str(), progress.activity).trim_end().to_owned()
}

/// Wanted by environment only, because the place of the file is everybody's.
fn interline(record: &RunRecord) -> Option<InterlineFile> {
    let wanted = std::env::var_os("CLODEX_INTERLINE").is_some_and(|value| value == "1");
    wanted
        .then(|| InterlineFile::create(std::process::id(), &record.name, &record.workdir, &record.started))?
        .ok()
}
