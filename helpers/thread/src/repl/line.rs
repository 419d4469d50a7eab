//! What a person typed: words for Codex, or a command. Pure; knows neither what runs nor who reads the line.

use crate::question_prompt::Answer;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Nothing.
    Empty,
    /// For Codex, or the answer to its question.
    Text(String),
    /// For us.
    Command(Command),
    /// A command that does not exist, or one that lacks something: what to say.
    Wrong(String),
}

/// What we can be told to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Which thread is this?
    Thread,
    /// Begin another.
    New,
    /// Go on in a copy.
    Fork,
    /// Go on with another: by its id or its number in the list; none = the latest but this one.
    Resume(Option<String>),
    /// Which threads are there?
    List,
    /// Say this to the turn that runs.
    Steer(String),
    /// End the turn that runs.
    Interrupt,
    /// Let Codex review.
    Review(Review),
    /// Make room in the thread's memory.
    Compact,
    /// Which models are there? Or: this one from now on, with this effort.
    Model(Option<(String, Option<String>)>),
    /// Answer the question that waits.
    Approve(Answer),
    /// What can be said here?
    Help,
    /// Leave.
    Leave,
}

/// What is reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// What is not committed.
    Uncommitted,
    /// What has changed since this branch.
    Base(String),
    /// One commit.
    Commit(String),
    /// What these words say.
    Words(String),
}

/// Every command: its name, what may follow it, and what it does.
pub const COMMANDS: [(&str, &str, &str); 14] = [
    ("/thread", "", "say which thread this is"),
    ("/new", "", "begin a new thread"),
    ("/fork", "", "go on in a copy of this thread"),
    ("/resume", "[ID|NUMBER]", "go on with another thread; the latest, if none is named"),
    ("/list", "", "list the threads of this directory"),
    ("/steer", "TEXT", "tell the running turn something; so does plain text"),
    ("/interrupt", "", "end the running turn and its commands; so does Ctrl-C"),
    ("/review", "[base BRANCH|commit ID|TEXT]", "let Codex review uncommitted changes, a branch or a commit"),
    ("/compact", "", "summarise the thread to make room"),
    ("/model", "[NAME [EFFORT]]", "list the models, or use this one from now on"),
    ("/approve", "[accept|decline|cancel|TEXT]", "answer what Codex asks; y, n and c do, too"),
    ("/help", "", "list these commands"),
    ("/exit", "", "leave; so does Ctrl-D"),
    ("/quit", "", "the same"),
];

impl Line {
    /// Reads a line. What begins with a slash and a word of letters is a command; `//` begins a text with a slash.
    pub fn read(line: &str) -> Self {
        let line = line.trim();
        if line.is_empty() {
            return Self::Empty;
        }
        if line.starts_with("//") {
            return Self::Text(line[1..].to_owned());
        }
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let is_command =
            word.strip_prefix('/').is_some_and(|name| name.chars().all(|c| c.is_ascii_alphabetic()));
        if !is_command {
            return Self::Text(line.to_owned());
        }
        command(word, rest.trim()).map_or_else(Self::Wrong, Self::Command)
    }
}

fn command(word: &str, rest: &str) -> Result<Command, String> {
    let command = match word {
        "/thread" => Command::Thread,
        "/new" => Command::New,
        "/fork" => Command::Fork,
        "/resume" => return Ok(Command::Resume(some(rest))),
        "/list" => Command::List,
        "/steer" if rest.is_empty() => return Err("nothing to send: use /steer TEXT".to_owned()),
        "/steer" => return Ok(Command::Steer(rest.to_owned())),
        "/interrupt" => Command::Interrupt,
        "/review" => return Ok(Command::Review(review(rest)?)),
        "/compact" => Command::Compact,
        "/model" => return model(rest),
        "/approve" => return Ok(Command::Approve(approval(rest))),
        "/help" => Command::Help,
        "/exit" | "/quit" => Command::Leave,
        unknown => return Err(format!("there is no {unknown}; /help lists what there is{}", meant(unknown))),
    };
    if rest.is_empty() { Ok(command) } else { Err(format!("{word} takes no argument")) }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn review(rest: &str) -> Result<Review, String> {
    let (first, of) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let of = of.trim();
    match (first, of) {
        ("", _) => Ok(Review::Uncommitted),
        ("base", "") => Err("since which branch? /review base BRANCH".to_owned()),
        ("commit", "") => Err("which commit? /review commit ID".to_owned()),
        ("base", branch) if is_word(branch) => Ok(Review::Base(branch.to_owned())),
        ("commit", id) if is_word(id) => Ok(Review::Commit(id.to_owned())),
        _ => Ok(Review::Words(rest.to_owned())),
    }
}

fn is_word(text: &str) -> bool {
    !text.contains(char::is_whitespace)
}

fn model(rest: &str) -> Result<Command, String> {
    let words: Vec<&str> = rest.split_whitespace().collect();
    match words[..] {
        [] => Ok(Command::Model(None)),
        [name] => Ok(Command::Model(Some((name.to_owned(), None)))),
        [name, effort] => Ok(Command::Model(Some((name.to_owned(), Some(effort.to_owned()))))),
        _ => Err("a model has one name and one effort: /model NAME [EFFORT]".to_owned()),
    }
}

fn approval(rest: &str) -> Answer {
    if rest.is_empty() {
        Answer::Accept
    } else {
        Answer::read(rest).unwrap_or_else(|| Answer::Words(rest.to_owned()))
    }
}

/// The command that was probably meant, as an end to a sentence.
fn meant(unknown: &str) -> String {
    let begins = |(name, _, _): &&(&str, &str, &str)| name.starts_with(unknown);
    COMMANDS.iter().find(begins).map_or_else(String::new, |(name, _, _)| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn what_is_no_command_is_text() {
        assert_eq!(Line::read("  what is this?  "), text("what is this?"));
        assert_eq!(Line::read("/src/main.rs: why?"), text("/src/main.rs: why?"));
        assert_eq!(Line::read("//exit is a command"), text("/exit is a command"));
        assert_eq!(Line::read("/2 is a half"), text("/2 is a half"));
        assert_eq!(Line::read(" \t "), Line::Empty);
    }

    #[test]
    fn every_command_is_read_with_what_belongs_to_it() {
        for (line, command) in [
            ("/thread", Command::Thread),
            ("/new", Command::New),
            ("/fork", Command::Fork),
            ("/resume", Command::Resume(None)),
            (" /resume  2 ", Command::Resume(some("2"))),
            ("/list", Command::List),
            ("/steer keep  it", Command::Steer("keep  it".to_owned())),
            ("/interrupt", Command::Interrupt),
            ("/review", Command::Review(Review::Uncommitted)),
            ("/review base main", Command::Review(Review::Base("main".to_owned()))),
            ("/review commit abc", Command::Review(Review::Commit("abc".to_owned()))),
            (
                "/review base the fix on that",
                Command::Review(Review::Words("base the fix on that".to_owned())),
            ),
            ("/compact", Command::Compact),
            ("/model", Command::Model(None)),
            ("/model m", Command::Model(Some(("m".to_owned(), None)))),
            ("/model m high", Command::Model(Some(("m".to_owned(), some("high"))))),
            ("/approve", Command::Approve(Answer::Accept)),
            ("/approve NO", Command::Approve(Answer::Decline)),
            ("/approve cancel", Command::Approve(Answer::Cancel)),
            ("/approve the blue one", Command::Approve(Answer::Words("the blue one".to_owned()))),
            ("/help", Command::Help),
            ("/exit", Command::Leave),
            ("/quit", Command::Leave),
        ] {
            assert_eq!(Line::read(line), Line::Command(command), "{line}");
        }
    }

    #[test]
    fn a_command_that_lacks_or_has_too_much_says_so() {
        for (line, said) in [
            ("/steer", "nothing to send: use /steer TEXT"),
            ("/review base", "since which branch? /review base BRANCH"),
            ("/review commit", "which commit? /review commit ID"),
            ("/model a b c", "a model has one name and one effort: /model NAME [EFFORT]"),
            ("/new thread", "/new takes no argument"),
            ("/frob", "there is no /frob; /help lists what there is"),
            ("/inter", "there is no /inter; /help lists what there is; did you mean /interrupt?"),
        ] {
            assert_eq!(Line::read(line), Line::Wrong(said.to_owned()), "{line}");
        }
    }

    #[test]
    fn every_command_that_the_help_lists_is_one() {
        for (name, after, _) in COMMANDS {
            let line = Line::read(&format!("{name} {}", if after == "TEXT" { "x" } else { "" }));
            assert!(matches!(line, Line::Command(_)), "{name}: {line:?}");
        }
    }
}
