//! What a worker's tools did, and which of it explains a change. Words only as sure as what is known: what a patch
//! named is a fact, that a command ran meanwhile is not.

use std::collections::BTreeSet;

/// One thing that a tool of the worker's did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolAction {
    /// What it was.
    pub what: ToolActionKind,
    /// When it began, in milliseconds of any one clock.
    pub from_ms: i64,
    /// When it had ended.
    pub to_ms: i64,
    /// Writes that the system refused it, with their paths where they were told.
    pub refused: Vec<Option<String>>,
}

/// What a tool did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolActionKind {
    /// Ran this command.
    Command(String),
    /// Applied a patch, or tried to.
    Patch,
}

impl ToolAction {
    /// It in a word, or the command.
    pub fn shown(&self) -> String {
        match &self.what {
            ToolActionKind::Command(command) => format!("`{}`", one_line(command)),
            ToolActionKind::Patch => "patch".to_owned(),
        }
    }
}

/// A change that is to be explained.
#[derive(Debug)]
pub struct Change<'a> {
    /// The names that a command or a patch may have for its path.
    pub names: &'a [String],
    /// When the thing at its path was last touched, on the clock of the actions; none when that is not known.
    pub at_ms: Option<i64>,
}

/// What did a change, as far as it can be told: `patched` are the files of all patches that were applied.
pub fn done_by(change: &Change<'_>, patched: &BTreeSet<String>, actions: &[ToolAction]) -> Option<String> {
    if change.names.iter().any(|name| patched.contains(name)) {
        return Some("patch".to_owned());
    }
    let names_it = |action: &&ToolAction| match &action.what {
        ToolActionKind::Command(command) => change.names.iter().any(|name| holds_word(command, name)),
        ToolActionKind::Patch => false,
    };
    let commands = || actions.iter().filter(|action| matches!(action.what, ToolActionKind::Command(_)));
    let meanwhile =
        change.at_ms.map(|at| commands().filter(move |action| (action.from_ms..=action.to_ms).contains(&at)));
    if let Some(only) = meanwhile.and_then(only) {
        let sure = if names_it(&only) { "command" } else { "during" };
        return Some(format!("{sure} {}", only.shown()));
    }
    only(commands().filter(names_it)).map(|action| format!("{} names it", action.shown()))
}

fn only<T>(mut of: impl Iterator<Item = T>) -> Option<T> {
    let first = of.next()?;
    of.next().is_none().then_some(first)
}

/// Whether a path stands in a text by itself, not as part of a longer one.
fn holds_word(text: &str, path: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    text.match_indices(path).any(|(at, found)| {
        let before = text[..at].trim_end_matches("./").chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !path.is_empty() && !before.is_some_and(part) && !after.is_some_and(part)
    })
}

fn one_line(command: &str) -> String {
    const MAX: usize = 120;
    let mut line: String =
        command.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX + 1).collect();
    if line.chars().count() > MAX {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str, from_ms: i64, to_ms: i64) -> ToolAction {
        ToolAction { what: ToolActionKind::Command(text.to_owned()), from_ms, to_ms, refused: vec![] }
    }

    fn told(name: &str, at_ms: Option<i64>, actions: &[ToolAction]) -> Option<String> {
        let patched = BTreeSet::from(["lib/p.txt".to_owned()]);
        done_by(&Change { names: &[name.to_owned()], at_ms }, &patched, actions)
    }

    #[test]
    fn a_patch_that_names_the_file_did_it() {
        let actions = [command("echo x > lib/p.txt", 0, 10)];
        assert_eq!(told("lib/p.txt", Some(5), &actions).as_deref(), Some("patch"));
    }

    #[test]
    fn words_are_as_sure_as_what_is_known() {
        let actions = [
            command("make all", 10, 20),
            command("cat lib/x.txt.bak ./lib/y.txt", 15, 30),
            command("echo x > ./lib/x.txt", 40, 50),
            command("cat lib/z; echo lib/z", 60, 70),
        ];
        for (name, at, wanted) in [
            ("lib/x.txt", Some(45), Some("command `echo x > ./lib/x.txt`")),
            ("lib/x.txt", Some(12), Some("during `make all`")),
            ("lib/x.txt", Some(17), Some("`echo x > ./lib/x.txt` names it")),
            ("lib/x.txt", None, Some("`echo x > ./lib/x.txt` names it")),
            ("lib/y.txt", Some(99), Some("`cat lib/x.txt.bak ./lib/y.txt` names it")),
            ("y.txt", Some(99), None),
            ("lib/w.txt", Some(99), None),
        ] {
            assert_eq!(told(name, at, &actions).as_deref(), wanted, "{name} {at:?}");
        }
    }

    #[test]
    fn of_two_commands_that_name_it_none_is_picked() {
        let actions = [command("cat lib/z", 0, 1), command("echo > lib/z", 2, 3)];
        assert_eq!(told("lib/z", None, &actions), None);
    }
}
