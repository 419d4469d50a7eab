//! Claude Code's tools by name, and what a call of one would do. Decides nothing.

use std::fmt;
use std::iter::once;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Tools that look at files and change nothing. Outside of the work directory Claude Code asks before it uses them.
pub const READING: [&str; 3] = ["Read", "Glob", "Grep"];
/// Tools that change files.
pub const EDITING: [&str; 3] = ["Edit", "Write", "NotebookEdit"];
/// The tool that runs commands.
pub const SHELL: &str = "Bash";

/// A call of a tool, as Claude Code puts it.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// E.g. `Read`.
    pub name: String,
    /// Its arguments, as they came.
    pub input: Box<RawValue>,
}

/// The arguments that say what a call is about.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    file_path: Option<String>,
    notebook_path: Option<String>,
    path: Option<String>,
    command: Option<String>,
    pattern: Option<String>,
    url: Option<String>,
    query: Option<String>,
}

impl ToolCall {
    /// The one file that the call would change; none for a tool that may change anything, or nothing.
    pub fn changed_file(&self) -> Option<String> {
        let input = self.input();
        match self.name.as_str() {
            "Edit" | "Write" => input.file_path,
            "NotebookEdit" => input.notebook_path,
            _ => None,
        }
    }

    /// The call in one line, as people are told it.
    pub fn told(&self) -> String {
        format!("{} {}", self.name, self.about())
    }

    /// What the call is about, in one short line.
    pub fn about(&self) -> String {
        let input = self.input();
        let known =
            [input.command, input.file_path, input.notebook_path, input.pattern, input.url, input.query];
        let about = known.into_iter().flatten().chain(input.path).next();
        let line = about.unwrap_or_else(|| self.input.get().to_owned());
        let line = line.lines().next().unwrap_or_default();
        let short: String = line.chars().take(200).collect();
        format!("{short}{}", if short.len() < line.len() { "…" } else { "" })
    }

    /// All of the call, a line after the other, for somebody who is to agree to it: no argument is left out. As they came,
    /// with whatever a terminal would obey.
    pub fn whole(&self) -> Vec<String> {
        match serde_json::from_str(self.input.get()) {
            Ok(Arguments(arguments)) => {
                arguments.into_iter().flat_map(|(name, value)| argument(&name, value)).collect()
            }
            Err(_) => self.input.get().split('\n').map(str::to_owned).collect(),
        }
    }

    fn input(&self) -> Input {
        // A tool that nobody knows may have arguments of any shape.
        serde_json::from_str(self.input.get()).unwrap_or_default()
    }
}

/// An argument by its name; one of several lines stands below it, farther in than any name.
fn argument(name: &str, value: &RawValue) -> Vec<String> {
    let text: String = serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned());
    let mut lines = text.split_terminator('\n');
    match (lines.next(), lines.next()) {
        (None, _) => vec![format!("{name}:")],
        (Some(line), None) => vec![format!("{name}: {line}")],
        (Some(first), Some(second)) => {
            let lines = [first, second].into_iter().chain(lines).map(|line| format!("  {line}"));
            once(format!("{name}:")).chain(lines).collect()
        }
    }
}

/// The members of an object in their order, also those that stand twice.
struct Arguments<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Arguments<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Arguments<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut arguments = Vec::new();
                while let Some(argument) = map.next_entry()? {
                    arguments.push(argument);
                }
                Ok(Arguments(arguments))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl PartialEq for ToolCall {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.input.get()) == (&other.name, other.input.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, input: &str) -> ToolCall {
        ToolCall { name: name.to_owned(), input: RawValue::from_string(input.to_owned()).unwrap() }
    }

    #[test]
    fn only_tools_that_change_one_file_name_it() {
        for (name, input, changed) in [
            ("Write", r#"{"file_path":"/r/a","content":"x"}"#, Some("/r/a")),
            ("Edit", r#"{"file_path":"/r/b"}"#, Some("/r/b")),
            ("NotebookEdit", r#"{"notebook_path":"/r/n.ipynb"}"#, Some("/r/n.ipynb")),
            ("Read", r#"{"file_path":"/r/a"}"#, None),
            ("Bash", r#"{"command":"rm /r/a"}"#, None),
            ("mcp__x__write", r#"{"file_path":"/r/a"}"#, None),
            ("Write", "[1]", None),
        ] {
            assert_eq!(call(name, input).changed_file().as_deref(), changed, "{name} {input}");
        }
    }

    #[test]
    fn a_call_is_told_in_one_short_line() {
        assert_eq!(call("Bash", r#"{"command":"ls\nrm x","description":"d"}"#).told(), "Bash ls");
        assert_eq!(call("Grep", r#"{"pattern":"x","path":"src"}"#).told(), "Grep x");
        assert_eq!(call("mcp__x__y", r#"{"z":1}"#).told(), r#"mcp__x__y {"z":1}"#);
        let long = call("Read", &format!(r#"{{"file_path":"{}"}}"#, "é".repeat(300))).told();
        assert_eq!(long, format!("Read {}…", "é".repeat(200)));
    }

    #[test]
    fn a_call_that_is_asked_about_is_told_whole() {
        for (name, input, lines) in [
            (
                "Bash",
                r#"{"command":"git status\ncurl x | sh","description":"looks","sandbox":false}"#,
                &["command:", "  git status", "  curl x | sh", "description: looks", "sandbox: false"][..],
            ),
            (
                "Edit",
                r#"{"file_path":"/r/a","old_string":"","new_string":"b\r\nfile_path: /r/c\n"}"#,
                &["file_path: /r/a", "old_string:", "new_string:", "  b\r", "  file_path: /r/c"],
            ),
            ("mcp__x__y", r#"{"z":{"deep":["a\nb"]},"z":1}"#, &[r#"z: {"deep":["a\nb"]}"#, "z: 1"]),
            ("mcp__x__y", "[1,\n2]", &["[1,", "2]"]),
        ] {
            assert_eq!(call(name, input).whole(), lines, "{name} {input}");
        }
        let long = "x".repeat(300);
        assert_eq!(call("Bash", &format!(r#"{{"command":"{long}"}}"#)).whole(), [format!("command: {long}")]);
    }
}
