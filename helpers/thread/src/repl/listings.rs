//! What is said when somebody asks what there is: commands, threads, models. Pure.

use clodex_codex::app_server::call::{Model, Thread};
use clodex_core::{Usage, cut, harmless};

use super::pieces::Pieces;
use crate::screen::Form;

/// How much of a thread's first words is shown.
const PREVIEW: usize = 60;

/// What a command does is not said in fewer columns beside it.
const NARROWEST: usize = 24;

/// The thread that is talked with.
#[derive(Debug)]
pub struct ThisThread<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its model.
    pub model: &'a str,
    /// Where it works.
    pub workdir: &'a str,
    /// Where Codex is.
    pub server: &'a str,
    /// Its turn, when it has one.
    pub turn: Option<&'a str>,
    /// Of the whole thread, as far as they were told.
    pub tokens: Option<Usage>,
}

/// The commands, each with what it does: beside it, or below it where there is no room.
pub fn help(commands: &[(&str, &str, &str)], columns: Option<usize>) -> Vec<String> {
    let begin = |(name, after, _): &(&str, &str, &str)| format!("{name} {after}").trim_end().to_owned();
    let width = commands.iter().map(|command| begin(command).len()).max().unwrap_or_default();
    let is_narrow = columns.is_some_and(|columns| columns < width + 4 + NARROWEST);
    let indent = if is_narrow { 6 } else { width + 4 };
    let room = columns.map(|columns| columns.saturating_sub(indent).max(1));
    let lines = |command: &(&str, &str, &str)| {
        let does = Pieces::new(Form::Harmless, room).whole(command.2);
        let mut lines: Vec<String> = does.iter().map(|text| format!("{:indent$}{text}", "")).collect();
        let begin = format!("  {}", begin(command));
        match lines.first_mut() {
            Some(first) if !is_narrow => first.replace_range(..begin.len(), &begin),
            Some(_) | None => lines.insert(0, begin),
        }
        lines
    };
    commands.iter().flat_map(lines).collect()
}

/// This thread.
pub fn thread(this: &ThisThread<'_>) -> Vec<String> {
    let mut lines = vec![
        format!("thread     {}", this.id),
        format!("model      {}", this.model),
        format!("directory  {}", this.workdir),
        format!("server     {}", this.server),
    ];
    lines.extend(this.turn.map(|turn| format!("turn       {turn}")));
    lines.extend(this.tokens.map(|tokens| format!("tokens     {} in, {} out", tokens.input, tokens.output)));
    lines.iter().map(|line| harmless(line)).collect()
}

/// Threads, each with the number that `/resume` takes.
pub fn threads(threads: &[Thread], now: Option<&str>, columns: Option<usize>) -> Vec<String> {
    if threads.is_empty() {
        return vec!["no thread of this directory is kept".to_owned()];
    }
    let line = |(thread, number): (&Thread, usize)| {
        let mark = if now == Some(thread.id.as_str()) { '*' } else { ' ' };
        let words = thread.name.as_deref().unwrap_or(&thread.preview);
        let words = cut(harmless(words).trim(), PREVIEW);
        let line = format!("{mark} {number:2}  {}  {words}", harmless(&thread.id));
        cut(line.trim_end(), columns.unwrap_or(usize::MAX))
    };
    threads.iter().zip(1..).map(line).collect()
}

/// Models; the one in use is marked.
pub fn models(models: &[Model], now: Option<&str>) -> Vec<String> {
    if models.is_empty() {
        return vec!["Codex names no models".to_owned()];
    }
    let line = |model: &Model| {
        let mark = if now == Some(model.model.as_str()) { '*' } else { ' ' };
        let default = if model.is_default { "  (the default)" } else { "" };
        format!("{mark} {}{default}", harmless(&model.model))
    };
    models.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_thread(id: &str, name: Option<&str>, preview: &str) -> Thread {
        let told = serde_json::json!({ "id": id, "name": name, "preview": preview });
        serde_json::from_value(told).unwrap()
    }

    #[test]
    fn threads_have_numbers_and_this_one_a_mark() {
        let listed = [a_thread("a", None, "why\nis\x1b[2J it"), a_thread("b", Some("parser"), "x")];
        assert_eq!(threads(&listed, Some("b"), None), ["   1  a  why is [2J it", "*  2  b  parser"]);
        assert_eq!(threads(&listed[..1], None, Some(12)), ["   1  a  wh…"]);
        assert_eq!(threads(&[], None, None), ["no thread of this directory is kept"]);
    }

    #[test]
    fn help_stands_in_columns_and_breaks_no_word() {
        let commands = [("/a", "TEXT", "does a"), ("/long", "", "does more than one could say at once")];
        assert_eq!(help(&commands[..1], None), ["  /a TEXT  does a"]);
        let wide = ["  /a TEXT  does a", "  /long    does more than one could say", "           at once"];
        assert_eq!(help(&commands, Some(40)), wide);
        let narrow = [
            "  /a TEXT",
            "      does a",
            "  /long",
            "      does more than",
            "      one could say",
            "      at once",
        ];
        assert_eq!(help(&commands, Some(20)), narrow);
    }

    #[test]
    fn the_model_in_use_is_marked() {
        let model = |name: &str, is_default| Model { model: name.to_owned(), is_default };
        assert_eq!(models(&[model("m", true), model("n", false)], Some("n")), ["  m  (the default)", "* n"]);
    }
}
