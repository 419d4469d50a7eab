//! Maps a typed line and the current state to an action. Pure: others perform it.

use super::line::{Command, Line, Review};
use crate::question_prompt::{Answer, AnswerKind};

/// What goes on when a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// Whether Codex works.
    pub turn: TurnIs,
    /// What it waits for, when it does.
    pub wants: Option<AnswerKind>,
    /// Whether it needs no answer any more to what it asked, and no line has come since.
    pub just_settled: bool,
}

/// Whether Codex works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnIs {
    /// It does not.
    Over,
    /// Its turn is over, and sub-agents of it work on.
    Outlived,
    /// It does, or is about to.
    Under,
}

impl TurnIs {
    const fn is_over(self) -> bool {
        match self {
            Self::Over | Self::Outlived => true,
            Self::Under => false,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineAction {
    /// Nothing.
    Nothing,
    /// Tell the person this.
    Say(String),
    /// The same, of a line that nobody can do anything with.
    Misread(String),
    /// List the commands.
    Help,
    /// Begin a turn.
    Send(String),
    /// Say it to the turn that runs.
    Steer(String),
    /// End it.
    Interrupt,
    /// Answer what is asked.
    Answer(Answer),
    /// Let Codex review.
    Review(Review),
    /// Summarise the thread.
    Compact,
    /// Tell of this thread.
    Tell,
    /// Begin another.
    New,
    /// Go on in a copy.
    Fork,
    /// Go on with another.
    Resume(Option<String>),
    /// List threads.
    List,
    /// List models.
    Models,
    /// Use this one, with this effort.
    Model(String, Option<String>),
    /// Leave.
    Leave,
}

const BUSY: &str = "a turn is running: wait for its end, or end it with /interrupt";
const SETTLED: &str = "the question is closed: your answer was ignored";
/// There is nothing to be interrupted.
pub const NO_TURN: &str = "no turn is running";

impl LineAction {
    /// What a line means now.
    pub fn of(line: Line, now: Situation) -> Self {
        match line {
            Line::Empty => Self::Nothing,
            Line::Wrong(why) => Self::Misread(why),
            Line::Text(text) => text_means(text, now),
            Line::Command(command) => command_means(command, now),
        }
    }
}

/// Whether a line of a script may be read now, or waits: for the turn's end, until Codex asks, or for its own answer. A
/// person is always listened to; a script has written its lines before it could know what happens.
pub fn is_its_time(line: &Line, now: Situation) -> bool {
    if now.turn.is_over() && now.wants.is_none() {
        return true;
    }
    match line {
        Line::Empty | Line::Wrong(_) => true,
        Line::Text(text) => match now.wants {
            Some(AnswerKind::Decision) => Answer::read(text).is_some(),
            Some(AnswerKind::Words) => true,
            None => is_late(text, now),
        },
        Line::Command(command) => match command {
            Command::Steer(_) | Command::Interrupt | Command::Help => true,
            Command::Approve(_) => now.wants.is_some(),
            Command::Thread
            | Command::New
            | Command::Fork
            | Command::Resume(_)
            | Command::List
            | Command::Review(_)
            | Command::Compact
            | Command::Model(_)
            | Command::Leave => false,
        },
    }
}

fn text_means(text: String, now: Situation) -> LineAction {
    match (now.wants, now.turn) {
        (Some(AnswerKind::Words), _) => LineAction::Answer(Answer::Words(text)),
        (Some(AnswerKind::Decision), _) => Answer::read(&text).map_or_else(undecided, LineAction::Answer),
        (None, TurnIs::Under | TurnIs::Over | TurnIs::Outlived) if is_late(&text, now) => {
            LineAction::Say(SETTLED.to_owned())
        }
        (None, TurnIs::Under) => LineAction::Steer(text),
        (None, TurnIs::Over | TurnIs::Outlived) => LineAction::Send(text),
    }
}

/// Whether it was meant for a question that needs no answer any more: the model would take it for a yes to something.
fn is_late(text: &str, now: Situation) -> bool {
    now.just_settled && Answer::read(text).is_some()
}

fn undecided() -> LineAction {
    LineAction::Say("Codex waits for an answer: y, n or c (/steer TEXT tells it something else)".to_owned())
}

fn command_means(command: Command, now: Situation) -> LineAction {
    let when_over =
        |action: LineAction| if now.turn.is_over() { action } else { LineAction::Say(BUSY.to_owned()) };
    match command {
        Command::Thread => LineAction::Tell,
        Command::List => LineAction::List,
        Command::Help => LineAction::Help,
        Command::Leave => LineAction::Leave,
        Command::Model(None) => LineAction::Models,
        Command::Model(Some((name, effort))) => LineAction::Model(name, effort),
        Command::New => when_over(LineAction::New),
        Command::Fork => when_over(LineAction::Fork),
        Command::Resume(id) => when_over(LineAction::Resume(id)),
        Command::Review(what) => when_over(LineAction::Review(what)),
        Command::Compact => when_over(LineAction::Compact),
        Command::Steer(_) if now.turn.is_over() => {
            LineAction::Say(format!("{NO_TURN}: plain text begins one"))
        }
        Command::Steer(text) => LineAction::Steer(text),
        Command::Interrupt if now.turn == TurnIs::Over => LineAction::Say(NO_TURN.to_owned()),
        Command::Interrupt => LineAction::Interrupt,
        Command::Approve(answer) => match (now.wants, answer) {
            (None, _) => LineAction::Say("Codex asks nothing".to_owned()),
            (Some(AnswerKind::Decision), Answer::Words(_)) => undecided(),
            (Some(AnswerKind::Words), Answer::Accept) => {
                LineAction::Say("it wants words: /approve TEXT".to_owned())
            }
            (Some(AnswerKind::Decision | AnswerKind::Words), answer) => LineAction::Answer(answer),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Situation = Situation { turn: TurnIs::Over, wants: None, just_settled: false };
    const OUTLIVED: Situation = Situation { turn: TurnIs::Outlived, ..IDLE };
    const BUSY_NOW: Situation = Situation { turn: TurnIs::Under, wants: None, just_settled: false };
    const ASKED: Situation =
        Situation { turn: TurnIs::Under, wants: Some(AnswerKind::Decision), just_settled: false };
    const QUESTIONED: Situation =
        Situation { turn: TurnIs::Under, wants: Some(AnswerKind::Words), just_settled: false };

    fn action(line: &str, now: Situation) -> LineAction {
        LineAction::of(Line::read(line), now)
    }

    fn said(line: &str, now: Situation) -> String {
        match action(line, now) {
            LineAction::Say(text) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn plain_text_begins_a_turn_steers_it_or_answers_it() {
        assert_eq!(action("go", IDLE), LineAction::Send("go".to_owned()));
        assert_eq!(action("go", BUSY_NOW), LineAction::Steer("go".to_owned()));
        assert_eq!(action("Y", ASKED), LineAction::Answer(Answer::Accept));
        assert_eq!(action("cancel", ASKED), LineAction::Answer(Answer::Cancel));
        assert!(said("go", ASKED).starts_with("Codex waits for an answer: y, n or c"));
        assert_eq!(action("y", QUESTIONED), LineAction::Answer(Answer::Words("y".to_owned())));
    }

    #[test]
    fn an_answer_that_comes_too_late_is_said_to_nobody() {
        for now in [IDLE, BUSY_NOW] {
            let late = Situation { just_settled: true, ..now };
            assert_eq!(said("y", late), SETTLED);
            assert!(is_its_time(&Line::read("y"), late));
            assert_eq!(action("yes, go on", late), action("yes, go on", now));
        }
        assert_eq!(
            action("n", Situation { just_settled: true, ..ASKED }),
            LineAction::Answer(Answer::Decline)
        );
    }

    #[test]
    fn what_needs_the_thread_for_itself_waits_for_the_turn() {
        for line in ["/new", "/fork", "/resume", "/review", "/compact"] {
            assert_eq!(said(line, BUSY_NOW), BUSY, "{line}");
            assert!(!matches!(action(line, IDLE), LineAction::Say(_)), "{line}");
        }
        assert_eq!(said("/interrupt", IDLE), "no turn is running");
        assert_eq!(action("/interrupt", OUTLIVED), LineAction::Interrupt);
        assert_eq!(action("go", OUTLIVED), LineAction::Send("go".to_owned()));
        assert_eq!(action("/new", OUTLIVED), LineAction::New);
        assert_eq!(said("/steer x", IDLE), "no turn is running: plain text begins one");
        assert_eq!(action("/steer x", ASKED), LineAction::Steer("x".to_owned()));
    }

    #[test]
    fn what_is_no_command_is_a_mistake_whatever_goes_on() {
        for now in [IDLE, BUSY_NOW, ASKED] {
            for line in ["/frob", "/steer", "/new thread"] {
                assert!(matches!(action(line, now), LineAction::Misread(_)), "{line}");
            }
        }
    }

    #[test]
    fn an_approval_answers_the_question_that_waits() {
        assert_eq!(said("/approve", BUSY_NOW), "Codex asks nothing");
        assert_eq!(action("/approve", ASKED), LineAction::Answer(Answer::Accept));
        assert!(said("/approve maybe", ASKED).starts_with("Codex waits"));
        assert_eq!(said("/approve", QUESTIONED), "it wants words: /approve TEXT");
        assert_eq!(action("/approve blue", QUESTIONED), LineAction::Answer(Answer::Words("blue".to_owned())));
        assert_eq!(action("/approve n", QUESTIONED), LineAction::Answer(Answer::Decline));
    }

    #[test]
    fn a_script_is_read_on_when_the_turn_is_over_or_what_it_says_is_about_the_turn() {
        let is_time = |line: &str, now| is_its_time(&Line::read(line), now);
        for line in ["go on", "/exit", "/list", "/model m", "/approve", "y"] {
            assert!(!is_time(line, BUSY_NOW), "{line}");
            assert!(is_time(line, IDLE), "{line}");
        }
        for line in ["/steer x", "/interrupt", "/help", "/frob", ""] {
            assert!(is_time(line, BUSY_NOW), "{line}");
        }
        assert!(is_time("y", ASKED) && is_time("/approve n", ASKED) && !is_time("go on", ASKED));
        assert!(is_time("go on", QUESTIONED));
        // A sub-agent asks when the turn is over.
        let asked = Situation { wants: Some(AnswerKind::Decision), ..OUTLIVED };
        assert!(is_time("y", asked) && !is_time("go on", asked) && is_time("go on", OUTLIVED));
    }
}
