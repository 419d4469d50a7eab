//! One question and its answer, one thing after the other: what Claude says, what the user types, signals, limits. Knows
//! no arguments and no exit codes.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use clodex_claude_code::{Ended, OutputLine, Retrying, input};
use clodex_json_rpc::Way;
use clodex_os::signals::StopSignal;
use crossbeam_channel::{RecvError, select};

use super::approvals::{Approvals, Next};
use super::failure::{blocked, gone, of_retries, of_turn};
use super::program::{Program, Said};
use super::session_summary::SessionSummary;
use crate::common_cli::limit_text;
use crate::screen::Screen;
use crate::server::Listener;
use crate::stop_signals::{Stops, interrupted};
use crate::trouble::{Kind, Trouble};

/// How long a turn that is stopped may take to end: it takes milliseconds, and what it has cost is told then.
const STOPPING: Duration = Duration::from_secs(2);
/// How long Claude Code may take to end by itself after its answer: it writes the session down.
const LEAVING: Duration = Duration::from_secs(5);
/// Where there is no limit: longer than anybody waits.
const LONG: Duration = Duration::from_hours(24 * 365);

/// A conversation.
pub struct Talk<W> {
    /// What it has come to.
    pub session_summary: SessionSummary,
    /// What people see.
    pub screen: Screen<W>,
    /// What is asked for.
    pub approvals: Approvals,
    /// How often what was said.
    pub notifications: BTreeMap<String, u64>,
    /// Whether the session's id is told when it is known.
    pub tells_session: bool,
    /// How long Claude may be silent.
    pub silence: Option<Duration>,
    /// How long everything may take.
    pub whole: Option<Duration>,
    /// Whether the answer is to follow a schema.
    pub with_schema: bool,
    /// Hears everything.
    pub listener: Option<Listener>,
    /// Ctrl-C and its like.
    pub stops: Stops,
}

/// State of the turn.
enum Phase {
    /// Claude works.
    Working,
    /// The turn was stopped, for this, and has until then to end.
    Stopping(Trouble, Instant),
    /// The turn is over. Claude Code has until then to end by itself.
    Leaving(Option<Trouble>, Instant),
}

/// What may happen.
enum Event {
    Said(Result<Said, RecvError>),
    Stop(Result<StopSignal, RecvError>),
    Typed(Result<String, RecvError>),
    Late,
}

/// The state of one conversation while it lasts.
struct Course {
    phase: Phase,
    begun: Instant,
    /// When Claude last showed that it works: that it tries in vain to be asked does not.
    heard_at: Instant,
    /// The model could not be asked, and was not since.
    retrying: Option<Retrying>,
    /// Tasks in the background: the end of one begins a turn.
    tasks: usize,
    ended: Option<Ended>,
    /// Claude Code's word for what it could not do.
    error: Option<String>,
    /// Why it did not go on.
    blocked: Option<String>,
    unreadable: bool,
}

impl Course {
    fn begun(now: Instant) -> Self {
        Self {
            phase: Phase::Working,
            begun: now,
            heard_at: now,
            retrying: None,
            tasks: 0,
            ended: None,
            error: None,
            blocked: None,
            unreadable: false,
        }
    }
}

impl<W: Write> Talk<W> {
    /// Says it and hears the answer. Whatever happens, nothing of the program lives afterwards.
    pub fn ask(&mut self, program: &mut Program, prompt: &str) -> Result<(), Trouble> {
        let now = Instant::now();
        let mut course = Course::begun(now);
        self.session_summary.asked(now);
        self.tell(program, input::prompt(prompt));
        let is_gone = self.go_on(program, &mut course);
        let code = program.end(matches!(is_gone, Ok(true)));
        let shown = self.screen.end_message();
        let is_gone = is_gone?;
        if let Phase::Stopping(trouble, _) | Phase::Leaving(Some(trouble), _) = course.phase {
            return Err(trouble);
        }
        if let Some(why) =
            course.blocked.filter(|_| self.session_summary.turn_summary.last_message().is_none())
        {
            return Err(blocked(&why));
        }
        match course.ended {
            Some(ended) => of_turn(&ended, course.error.as_deref(), self.with_schema)?,
            None if is_gone => return Err(gone(&self.session_summary, course.unreadable, code)),
            None => return Err(Trouble::new(Kind::Interrupted, "interrupted twice")),
        }
        shown
    }

    /// Until it is over; whether the program has ended by itself.
    fn go_on(&mut self, program: &mut Program, course: &mut Course) -> Result<bool, Trouble> {
        loop {
            match self.next(program, course) {
                Event::Said(Ok(Said::Line(line))) => self.line(program, course, &line)?,
                Event::Said(Ok(Said::Complaint(text))) => {
                    self.screen.remark(&format!("claude: {text}"));
                    self.session_summary.complained(text);
                }
                Event::Said(Err(RecvError)) => return Ok(true),
                Event::Stop(signal) => match (&course.phase, signal) {
                    (Phase::Working, Ok(signal)) => self.stop(program, course, interrupted(signal)),
                    // Asked twice, or nobody can ask any more.
                    (Phase::Stopping(..) | Phase::Leaving(..), _) | (_, Err(RecvError)) => return Ok(false),
                },
                Event::Typed(Ok(text)) => {
                    let next = self.approvals.answered(&text);
                    // Whoever was waited for was not silent.
                    course.heard_at = Instant::now();
                    self.do_next(program, course, next);
                }
                Event::Typed(Err(RecvError)) => {
                    course.heard_at = Instant::now();
                    for line in self.approvals.nobody_types() {
                        self.tell(program, line);
                    }
                }
                Event::Late => match &course.phase {
                    Phase::Working if self.whole_is_over(course).is_none() && self.expired(program) => {
                        course.heard_at = Instant::now();
                    }
                    Phase::Working => {
                        let trouble = self.late(course);
                        self.stop(program, course, trouble);
                    }
                    Phase::Stopping(..) | Phase::Leaving(..) => return Ok(false),
                },
            }
        }
    }

    fn next(&self, program: &Program, course: &Course) -> Event {
        let until = match &course.phase {
            Phase::Working => {
                self.limits(course).into_iter().chain([self.approvals.deadline()]).flatten().min()
            }
            Phase::Stopping(_, until) | Phase::Leaving(_, until) => Some(*until),
        };
        let left = until.map_or(LONG, |until| until.saturating_duration_since(Instant::now()));
        select! {
            recv(program.said()) -> said => Event::Said(said),
            recv(self.stops.arrived) -> signal => Event::Stop(signal),
            recv(self.approvals.typed()) -> typed => Event::Typed(typed),
            default(left) => Event::Late,
        }
    }

    /// When it has been silent for too long, which it is not while the user is asked; and when all has taken too long.
    fn limits(&self, course: &Course) -> [Option<Instant>; 2] {
        let silence = self.silence.filter(|_| !self.approvals.is_waiting());
        [silence.map(|limit| course.heard_at + limit), self.whole.map(|limit| course.begun + limit)]
    }

    /// Whether a question has waited for too long, and was declined.
    fn expired(&mut self, program: &Program) -> bool {
        let Some(declined) = self.approvals.expire(Instant::now()) else { return false };
        self.tell(program, declined);
        true
    }

    /// The limit that everything together has exceeded.
    fn whole_is_over(&self, course: &Course) -> Option<Duration> {
        self.whole.filter(|limit| course.begun + *limit <= Instant::now())
    }

    fn late(&self, course: &Course) -> Trouble {
        if let Some(limit) = self.whole_is_over(course) {
            let message =
                format!("the turn has not ended in {}\nhint: --deadline 0 waits for ever", limit_text(limit));
            return Trouble::new(Kind::Deadline, message);
        }
        if let Some(retrying) = &course.retrying {
            return of_retries(retrying);
        }
        let limit = limit_text(self.silence.unwrap_or_default());
        let message = format!("claude has said nothing for {limit}\nhint: --timeout 0 waits for ever");
        Trouble::new(Kind::Timeout, message)
    }

    fn stop(&self, program: &Program, course: &mut Course, trouble: Trouble) {
        self.tell(program, input::interrupt("clodex-interrupt"));
        course.phase = Phase::Stopping(trouble, Instant::now() + STOPPING);
    }

    fn tell(&self, program: &Program, line: String) {
        if let Some(listener) = &self.listener {
            listener(Way::Out, line.trim_end());
        }
        program.tell(line);
    }

    fn line(&mut self, program: &mut Program, course: &mut Course, line: &[u8]) -> Result<(), Trouble> {
        if let Some(listener) = &self.listener {
            listener(Way::In, &String::from_utf8_lossy(line));
        }
        let Ok(heard) = OutputLine::read(line) else {
            (course.unreadable, course.heard_at) = (true, Instant::now());
            self.count("unreadable");
            return Ok(());
        };
        self.count(kind(&heard));
        if let OutputLine::Began(began) = &heard
            && self.tells_session
            && self.session_summary.session().is_none()
        {
            eprintln!("SESSION_ID={}", clodex_core::harmless(&began.session_id));
        }
        for heard in self.session_summary.hear(&heard, Instant::now()) {
            self.screen.hear(&heard)?;
        }
        if !matches!(heard, OutputLine::Retrying(_)) {
            (course.heard_at, course.retrying) = (Instant::now(), None);
        }
        match heard {
            OutputLine::Asked(question) => {
                let next = self.approvals.asked(question);
                self.do_next(program, course, next);
            }
            OutputLine::AskedElse { request, kind } => {
                self.tell(program, input::cannot(&request, &format!("this client cannot answer `{kind}`")));
            }
            OutputLine::Withdrawn(request) => self.approvals.withdrawn(&request),
            OutputLine::Background(tasks) => course.tasks = tasks,
            OutputLine::Message(message) => course.error = message.error,
            OutputLine::Blocked(why) => course.blocked = Some(why),
            OutputLine::Retrying(retrying)
                if retrying.is_hopeless() && matches!(course.phase, Phase::Working) =>
            {
                self.stop(program, course, of_retries(&retrying));
            }
            OutputLine::Retrying(retrying) => course.retrying = Some(retrying),
            OutputLine::Ended(ended) => {
                ended.permission_denials.iter().for_each(|denial| self.approvals.denied(denial));
                course.ended = Some(*ended);
                turn_ended(program, course);
            }
            OutputLine::Began(_) | OutputLine::Piece(_) | OutputLine::Answered | OutputLine::Else(_) => {}
        }
        Ok(())
    }

    fn do_next(&self, program: &Program, course: &mut Course, next: Next) {
        match next {
            Next::Tell(line) => self.tell(program, line),
            Next::Interrupt => {
                let trouble = Trouble::new(Kind::Interrupted, "the turn was cancelled");
                self.stop(program, course, trouble);
            }
            Next::Wait => {}
        }
    }

    fn count(&mut self, kind: &str) {
        *self.notifications.entry(kind.to_owned()).or_default() += 1;
    }
}

/// A turn is over; another one follows where something still runs in the background, unless all is to end.
fn turn_ended(program: &mut Program, course: &mut Course) {
    let trouble = match std::mem::replace(&mut course.phase, Phase::Working) {
        Phase::Working if course.tasks > 0 => return,
        Phase::Working => None,
        Phase::Stopping(trouble, _) => Some(trouble),
        Phase::Leaving(trouble, _) => trouble,
    };
    program.close();
    course.phase = Phase::Leaving(trouble, Instant::now() + LEAVING);
}

/// What `notifications` calls it: Claude Code's own kinds.
fn kind(heard: &OutputLine) -> &str {
    match heard {
        OutputLine::Began(_) => "system/init",
        OutputLine::Piece(_) => "stream_event",
        OutputLine::Message(_) => "assistant",
        OutputLine::Asked(_) => "control_request/can_use_tool",
        OutputLine::AskedElse { .. } => "control_request",
        OutputLine::Withdrawn(_) => "control_cancel_request",
        OutputLine::Answered => "control_response",
        OutputLine::Retrying(_) => "system/api_retry",
        OutputLine::Blocked(_) => "system/informational",
        OutputLine::Background(_) => "system/background_tasks_changed",
        OutputLine::Ended(_) => "result",
        OutputLine::Else(kind) => kind,
    }
}
