//! The status line in `settings.json`: ours, and a foreign one that is kept alive behind it. Pure text.
//!
//! Claude Code runs the command by `/bin/sh -c`. Ours therefore looks for our program first, hands it the foreign
//! command, and runs that by itself when our program is gone: nobody has to know of us to be rid of us.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::json_text::{Children, Fresh, JsonText, Node};

/// The key in `settings.json`.
const KEY: &str = "statusLine";
const INTERVAL: &str = "refreshInterval";
/// How often the line is drawn anew, in seconds: the fastest that Claude Code offers.
const EACH_SECOND: &str = "1";
/// What our command begins with. Nobody's variables are called so.
const OURS: &str = "_clodex=";
const FOREIGN: &str = "_before=";
/// The interval that the foreign one had, where it had one: known to our command even when our record is gone.
const OLD_INTERVAL: &str = "_interval=";

/// What stood there before us, as JSON text: enough to put it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The whole value; none where there was no status line.
    pub value: Option<String>,
}

/// What is found under `statusLine`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    None,
    /// Ours, with this command, and the foreign one that it keeps alive.
    Ours {
        /// The whole command.
        command: String,
        /// What it would run without us.
        foreign: Option<Foreign>,
    },
    /// Somebody else's command.
    Foreign(Foreign),
    /// Something that is no command as far as we know.
    Unknown,
}

/// A command that is not ours, and how often it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// The command.
    pub command: String,
    /// Its `refreshInterval`, as JSON text.
    pub interval: Option<String>,
}

/// What is there.
pub fn found(settings: &JsonText) -> Found {
    let Some(node) = settings.get(&[KEY]) else { return Found::None };
    let text = |name: &str| settings.string(&node.member(name)?.value);
    let is_command = text("type").as_deref() == Some("command");
    let sh = text("shell").is_none_or(|shell| shell == "bash");
    match (&node.children, text("command")) {
        (Children::None, None) if settings.raw(node) == "null" => Found::None,
        (Children::Members(_), Some(command)) if is_command && sh => {
            let interval = node.member(INTERVAL).map(|member| settings.raw(&member.value).to_owned());
            of_command(Foreign { command, interval })
        }
        (Children::Members(_) | Children::Elements(_) | Children::None, _) => Found::Unknown,
    }
}

/// The command that shows `program`'s line, after the foreign one's where there is one.
pub fn command(program: &Path, foreign: Option<&Foreign>) -> String {
    let program = quote(&program.display().to_string());
    match foreign {
        None => format!(r#"{OURS}{program}; if [ -x "$_clodex" ]; then exec "$_clodex"; fi"#),
        Some(Foreign { command, interval }) => format!(
            r#"{OURS}{program}; {}{FOREIGN}{}; if [ -x "$_clodex" ]; then exec "$_clodex" --before "$_before"; fi; eval "$_before""#,
            interval.as_deref().map_or_else(String::new, |json| format!("{OLD_INTERVAL}{}; ", quote(json))),
            quote(command)
        ),
    }
}

/// Puts ours there, with everything that it had besides its command and its interval.
pub fn register(settings: &mut JsonText, program: &Path) {
    let foreign = match found(settings) {
        Found::None | Found::Unknown => None,
        Found::Ours { foreign, .. } => foreign,
        Found::Foreign(foreign) => Some(foreign),
    };
    let is_registered = is_ours_whole(settings);
    let ours = Fresh::text(&command(program, foreign.as_ref()));
    let object = settings.get(&[KEY]).filter(|node| matches!(node.children, Children::Members(_)));
    if object.is_some() {
        set(settings, "command", &ours);
        // An interval that the user gave ours is the user's.
        if !is_registered || settings.get(&[KEY, INTERVAL]).is_none() {
            set(settings, INTERVAL, &Fresh::Raw(EACH_SECOND.into()));
        }
        return;
    }
    let whole = Fresh::Object(vec![
        ("type", Fresh::text("command")),
        ("command", ours),
        (INTERVAL, Fresh::Raw(EACH_SECOND.into())),
    ]);
    match settings.get(&[KEY]).cloned() {
        Some(nothing) => settings.replace(&nothing, &whole),
        None => settings.add_member(&[], KEY, &whole),
    }
}

/// Whether what is there was written by hand: our program alone, in words of the user's.
pub fn is_by_hand(settings: &JsonText) -> bool {
    matches!(found(settings), Found::Ours { command, .. } if kept_in(&command).is_none())
}

/// Whether what is there is what an earlier call has registered.
fn is_ours_whole(settings: &JsonText) -> bool {
    matches!(found(settings), Found::Ours { command, .. } if kept_in(&command).is_some())
}

/// Takes ours away and puts back what was there; `before` is what is known of that. Whatever else was changed in the
/// status line meanwhile stays.
pub fn take_back(settings: &mut JsonText, before: Option<&Before>) {
    let Found::Ours { foreign, .. } = found(settings) else { return };
    let old = before.and_then(|before| before.value.as_deref());
    let old = old.and_then(|value| JsonText::parse(value.to_owned()).ok());
    let old_member = |name: &str| {
        let old = old.as_ref()?;
        Some(Fresh::Raw(old.raw(old.get(&[name])?).to_owned()))
    };
    let null = before.and_then(|before| before.value.as_deref()).filter(|value| *value == "null");
    match (null, foreign, old_member("command")) {
        (Some(null), _, _) => {
            if let Some(node) = settings.get(&[KEY]).cloned() {
                settings.replace(&node, &Fresh::Raw(null.to_owned()));
            }
        }
        (None, None, None) => settings.remove_member(&[], KEY),
        (None, foreign, old_command) => {
            let old_interval = foreign.as_ref().and_then(|foreign| foreign.interval.clone()).map(Fresh::Raw);
            let command = old_command.or_else(|| Some(Fresh::text(&foreign?.command)));
            if let Some(command) = command {
                set(settings, "command", &command);
            }
            let is_as_we_set_it =
                settings.get(&[KEY, INTERVAL]).is_some_and(|node| settings.raw(node) == EACH_SECOND);
            match old_member(INTERVAL).or(old_interval) {
                _ if !is_as_we_set_it => {}
                Some(interval) => set(settings, INTERVAL, &interval),
                None => settings.remove_member(&[KEY], INTERVAL),
            }
        }
    }
}

/// What is there now, to be put back later.
pub fn before(settings: &JsonText) -> Before {
    Before { value: settings.get(&[KEY]).map(|node| settings.raw(node).to_owned()) }
}

fn set(settings: &mut JsonText, name: &str, value: &Fresh) {
    let member: Option<Node> = settings.get(&[KEY, name]).cloned();
    match member {
        Some(node) => settings.replace(&node, value),
        None => settings.add_member(&[KEY], name, value),
    }
}

fn of_command(there: Foreign) -> Found {
    match kept_in(&there.command) {
        Some(Kept(foreign)) => Found::Ours { command: there.command, foreign },
        None if is_bare(&there.command) => Found::Ours { command: there.command, foreign: None },
        None => Found::Foreign(there),
    }
}

/// Our program and nothing else, as one would write it by hand.
fn is_bare(command: &str) -> bool {
    let word = command.trim().trim_matches(['"', '\'']);
    word == "clodex-statusline"
        || (word.ends_with("/clodex-statusline") && !word.contains([' ', ';', '|', '&']))
}

/// The foreign command in one of ours, where there is one.
struct Kept(Option<Foreign>);

/// None where the command is none of [`command`]'s.
fn kept_in(text: &str) -> Option<Kept> {
    let assigned = |name: &str, rest: &'_ str| -> Option<(String, usize)> {
        let (value, after) = unquote(rest.strip_prefix("; ")?.strip_prefix(name)?)?;
        Some((value, rest.len() - after.len()))
    };
    let (program, mut rest) = unquote(text.strip_prefix(OURS)?)?;
    let interval = assigned(OLD_INTERVAL, rest).map(|(interval, length)| {
        rest = &rest[length..];
        interval
    });
    let foreign = assigned(FOREIGN, rest).map(|(command, _)| Foreign { command, interval });
    (command(Path::new(&program), foreign.as_ref()) == text).then_some(Kept(foreign))
}

/// One word for a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The word that [`quote`] wrote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let (mut word, mut rest) = (String::new(), text.strip_prefix('\'')?);
    loop {
        let (part, after) = rest.split_once('\'')?;
        word.push_str(part);
        match after.strip_prefix(r"\''") {
            Some(more) => {
                word.push('\'');
                rest = more;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests;
