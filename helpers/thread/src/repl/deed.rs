//! What a line means in the situation in which it was typed. Pure: what is said to whom, and done by whom, follows.

use super::line::{Answer, Command, Line, Review};

/// What goes on when a line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// Whether Codex works.
    pub turn: TurnIs,
    /// What it waits for, when it does.
    pub wants: Option<Wants>,
}

/// Whether Codex works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnIs {
    /// It does not.
    Over,
    /// It does, or is about to.
    Under,
}

/// What answers the question that waits longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Yes or no.
    Decision,
    /// Words.
    Words,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Nothing.
    Nothing,
    /// Tell the person this.
    Say(String),
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
const NO_TURN: &str = "no turn is running";

impl Deed {
    /// What a line means now.
    pub fn of(line: Line, now: Situation) -> Self {
        match line {
            Line::Empty => Self::Nothing,
            Line::Wrong(why) => Self::Say(why),
            Line::Text(text) => text_means(text, now),
            Line::Command(command) => command_means(command, now),
        }
    }
}

/// Whether a line of a script may be read now, or waits: for the turn's end, or until Codex asks. A person is always
/// listened to; a script has written its lines before it could know what happens.
pub fn is_its_time(line: &Line, now: Situation) -> bool {
    if now.turn == TurnIs::Over {
        return true;
    }
    match line {
        Line::Empty | Line::Wrong(_) => true,
        Line::Text(text) => match now.wants {
            Some(Wants::Decision) => Answer::read(text).is_some(),
            Some(Wants::Words) => true,
            None => false,
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

fn text_means(text: String, now: Situation) -> Deed {
    match (now.wants, now.turn) {
        (Some(Wants::Words), _) => Deed::Answer(Answer::Words(text)),
        (Some(Wants::Decision), _) => Answer::read(&text).map_or_else(undecided, Deed::Answer),
        (None, TurnIs::Under) => Deed::Steer(text),
        (None, TurnIs::Over) => Deed::Send(text),
    }
}

fn undecided() -> Deed {
    Deed::Say("Codex waits for an answer: y, n or c (/steer TEXT tells it something else)".to_owned())
}

fn command_means(command: Command, now: Situation) -> Deed {
    let when_over = |deed: Deed| if now.turn == TurnIs::Over { deed } else { Deed::Say(BUSY.to_owned()) };
    match command {
        Command::Thread => Deed::Tell,
        Command::List => Deed::List,
        Command::Help => Deed::Help,
        Command::Leave => Deed::Leave,
        Command::Model(None) => Deed::Models,
        Command::Model(Some((name, effort))) => Deed::Model(name, effort),
        Command::New => when_over(Deed::New),
        Command::Fork => when_over(Deed::Fork),
        Command::Resume(id) => when_over(Deed::Resume(id)),
        Command::Review(what) => when_over(Deed::Review(what)),
        Command::Compact => when_over(Deed::Compact),
        Command::Steer(_) if now.turn == TurnIs::Over => {
            Deed::Say(format!("{NO_TURN}: plain text begins one"))
        }
        Command::Steer(text) => Deed::Steer(text),
        Command::Interrupt if now.turn == TurnIs::Over => Deed::Say(NO_TURN.to_owned()),
        Command::Interrupt => Deed::Interrupt,
        Command::Approve(answer) => match (now.wants, answer) {
            (None, _) => Deed::Say("Codex asks nothing".to_owned()),
            (Some(Wants::Decision), Answer::Words(_)) => undecided(),
            (Some(Wants::Words), Answer::Accept) => Deed::Say("it wants words: /approve TEXT".to_owned()),
            (Some(Wants::Decision | Wants::Words), answer) => Deed::Answer(answer),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Situation = Situation { turn: TurnIs::Over, wants: None };
    const BUSY_NOW: Situation = Situation { turn: TurnIs::Under, wants: None };
    const ASKED: Situation = Situation { turn: TurnIs::Under, wants: Some(Wants::Decision) };
    const QUESTIONED: Situation = Situation { turn: TurnIs::Under, wants: Some(Wants::Words) };

    fn deed(line: &str, now: Situation) -> Deed {
        Deed::of(Line::read(line), now)
    }

    fn said(line: &str, now: Situation) -> String {
        match deed(line, now) {
            Deed::Say(text) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn plain_text_begins_a_turn_steers_it_or_answers_it() {
        assert_eq!(deed("go", IDLE), Deed::Send("go".to_owned()));
        assert_eq!(deed("go", BUSY_NOW), Deed::Steer("go".to_owned()));
        assert_eq!(deed("Y", ASKED), Deed::Answer(Answer::Accept));
        assert_eq!(deed("cancel", ASKED), Deed::Answer(Answer::Cancel));
        assert!(said("go", ASKED).starts_with("Codex waits for an answer: y, n or c"));
        assert_eq!(deed("y", QUESTIONED), Deed::Answer(Answer::Words("y".to_owned())));
    }

    #[test]
    fn what_needs_the_thread_for_itself_waits_for_the_turn() {
        for line in ["/new", "/fork", "/resume", "/review", "/compact"] {
            assert_eq!(said(line, BUSY_NOW), BUSY, "{line}");
            assert!(!matches!(deed(line, IDLE), Deed::Say(_)), "{line}");
        }
        assert_eq!(said("/interrupt", IDLE), "no turn is running");
        assert_eq!(said("/steer x", IDLE), "no turn is running: plain text begins one");
        assert_eq!(deed("/steer x", ASKED), Deed::Steer("x".to_owned()));
    }

    #[test]
    fn an_approval_answers_the_question_that_waits() {
        assert_eq!(said("/approve", BUSY_NOW), "Codex asks nothing");
        assert_eq!(deed("/approve", ASKED), Deed::Answer(Answer::Accept));
        assert!(said("/approve maybe", ASKED).starts_with("Codex waits"));
        assert_eq!(said("/approve", QUESTIONED), "it wants words: /approve TEXT");
        assert_eq!(deed("/approve blue", QUESTIONED), Deed::Answer(Answer::Words("blue".to_owned())));
        assert_eq!(deed("/approve n", QUESTIONED), Deed::Answer(Answer::Decline));
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
    }
}
