//! Generates what Codex says: event streams of a wanted size, deterministic, with the shapes, and the order of keys,
//! that the real program has.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use serde_json::Value;

/// One line in a hundred of a mixed stream is a command with this much output.
const BIG_OUTPUT: usize = 1 << 20;

/// What a stream consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Events of some 400 bytes.
    Small,
    /// The same, one in a hundred with an output of 1 MB.
    Mixed,
}

/// Writes a stream of at least `bytes` bytes: a turn that begins and ends well.
pub fn write(path: &Path, kind: Kind, bytes: usize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, r#"{{"type":"thread.started","thread_id":"01a1fbc7-bb57-7293-99d2-e4e427410296"}}"#)?;
    writeln!(file, "{}", turn_started())?;
    let big = text(BIG_OUTPUT);
    let mut written = 0;
    for number in 0.. {
        if written >= bytes {
            break;
        }
        let is_big = kind == Kind::Mixed && number % 100 == 99;
        let line = if is_big { command_ended(number, &big) } else { event(number) };
        writeln!(file, "{line}")?;
        written += line.len() + 1;
    }
    writeln!(file, "{}", message(0, "did it\nVERDICT: CLEAN"))?;
    writeln!(file, "{}", turn_completed())?;
    file.flush()
}

/// The beginning of a turn.
pub fn turn_started() -> String {
    r#"{"type":"turn.started"}"#.to_owned()
}

/// A command that looks: the phase changes with it.
pub fn command_started(item: usize) -> String {
    command("item.started", item, "", r#""exit_code":null,"status":"in_progress""#)
}

/// Its end: the phase changes back.
pub fn command_ended(item: usize, output: &str) -> String {
    command("item.completed", item, output, r#""exit_code":0,"status":"completed""#)
}

/// Something that the model says.
pub fn message(item: usize, text: &str) -> String {
    line("item.completed", item, "agent_message", &format!(r#""text":{}"#, quoted(text)))
}

/// The end of a turn.
pub fn turn_completed() -> String {
    r#"{"type":"turn.completed","usage":{"input_tokens":10,"cached_input_tokens":0,"output_tokens":5}}"#
        .to_owned()
}

/// The events of a working turn, one after the other.
fn event(number: usize) -> String {
    let item = number / 2;
    match number % 10 {
        0 | 4 => command_started(item),
        1 | 5 => command_ended(item, &text(420)),
        2 => file_change("item.started", item, "in_progress"),
        3 => file_change("item.completed", item, "completed"),
        6 => line("item.completed", item, "reasoning", &format!(r#""text":{}"#, quoted(&text(300)))),
        7 => message(item, &text(500)),
        8 => tool("item.started", item, "null", "in_progress"),
        _ => {
            let content = quoted(&text(260));
            let result =
                format!(r#"{{"content":[{{"type":"text","text":{content}}}],"structured_content":null}}"#);
            tool("item.completed", item, &result, "completed")
        }
    }
}

fn command(kind: &str, item: usize, output: &str, end: &str) -> String {
    let command = quoted(&format!("/bin/bash -lc 'rg -n \"fn number_{item}\" src | head -40'"));
    let output = quoted(output);
    line(
        kind,
        item,
        "command_execution",
        &format!(r#""command":{command},"aggregated_output":{output},{end}"#),
    )
}

fn file_change(kind: &str, item: usize, status: &str) -> String {
    let change = |number: usize, kind: &str| {
        let path = format!("/home/user/projects/example/src/module_{}/file_{number}.rs", number % 17);
        format!(r#"{{"path":"{path}","kind":"{kind}"}}"#)
    };
    let changes = [change(item % 300, "update"), change(item % 300 + 1, "add")].join(",");
    line(kind, item, "file_change", &format!(r#""changes":[{changes}],"status":"{status}""#))
}

fn tool(kind: &str, item: usize, result: &str, status: &str) -> String {
    let query = quoted(&text(120));
    let rest = format!(
        r#""server":"docs","tool":"search","arguments":{{"query":{query}}},"result":{result},"error":null,"status":"{status}""#
    );
    line(kind, item, "mcp_tool_call", &rest)
}

fn line(kind: &str, item: usize, item_kind: &str, rest: &str) -> String {
    format!(r#"{{"type":"{kind}","item":{{"id":"item_{item}","type":"{item_kind}",{rest}}}}}"#)
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Lines as a program prints them: with line ends and quotes, which JSON has to escape.
fn text(bytes: usize) -> String {
    let line = "src/module_3/file_42.rs:117:    let name = \"a slug\".to_owned(); // as it was\n";
    line.chars().cycle().take(bytes).collect()
}
