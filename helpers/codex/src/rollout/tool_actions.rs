//! What a thread's tools did, out of Codex's own file of the thread. The stream leaves out commands that fail at once
//! with the words of a sandbox (0.124 to 0.169), and patches that were rejected; the file has them all.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use clodex_core::{ToolAction, ToolActionKind, refused_writes, utc_ms};

use super::{Line, for_each_line};
use crate::tolerant_json::{Text, last_key_wins};

/// What one run can be asked about.
const ACTIONS: usize = 2000;
const COMMAND_CHARS: usize = 1000;

last_key_wins! {
    /// The arguments of a shell tool.
    struct Arguments<'a> {
        "cmd" => cmd: Text<'a>,
    }
}

/// What a tool was told, until its answer comes.
struct Asked {
    what: ToolActionKind,
    files: Vec<String>,
    at_ms: i64,
}

/// What the thread's tools did since then, in milliseconds since the epoch; calls without an answer are left out.
pub fn rollout_tool_actions(path: &Path, since_ms: i64) -> io::Result<Vec<ToolAction>> {
    let mut open: HashMap<String, Asked> = HashMap::new();
    let mut actions = Vec::new();
    for_each_line(path, |line| {
        let Some(at_ms) = utc_ms(&line.timestamp.0).filter(|at| *at >= since_ms && actions.len() < ACTIONS)
        else {
            return;
        };
        let call = line.payload.call_id.0.to_string();
        match (&*line.kind.0, &*line.payload.kind.0) {
            ("response_item", "function_call" | "custom_tool_call") => {
                open.extend(asked(&line, at_ms).map(|asked| (call, asked)));
            }
            ("response_item", "function_call_output" | "custom_tool_call_output") => {
                actions.extend(open.remove(&call).map(|asked| asked.answered(at_ms, &line.payload.output.0)));
            }
            _ => {}
        }
    })?;
    Ok(actions)
}

fn asked(line: &Line<'_>, at_ms: i64) -> Option<Asked> {
    let payload = &line.payload;
    let bounded = |text: &str| text[..text.floor_char_boundary(COMMAND_CHARS)].to_owned();
    let (what, files) = match &*payload.name.0 {
        "apply_patch" => (ToolActionKind::Patch, patched_files(&payload.input.0)),
        "exec_command" => {
            let arguments: Arguments<'_> = serde_json::from_str(&payload.arguments.0).ok()?;
            (ToolActionKind::Command(bounded(&arguments.cmd.0)), vec![])
        }
        // Models that write programs for their tools.
        "exec" => (ToolActionKind::Command(bounded(&payload.input.0)), vec![]),
        _ => return None,
    };
    Some(Asked { what, files, at_ms })
}

impl Asked {
    fn answered(self, at_ms: i64, output: &str) -> ToolAction {
        let refused = match self.what {
            ToolActionKind::Patch if is_rejected(output) => self.files.into_iter().map(Some).collect(),
            ToolActionKind::Patch => vec![],
            ToolActionKind::Command(_) => refused_writes(output),
        };
        ToolAction { what: self.what, from_ms: self.at_ms, to_ms: at_ms, refused }
    }
}

/// Whether Codex refused to write what a patch wanted.
fn is_rejected(output: &str) -> bool {
    output.starts_with("patch rejected:") || !refused_writes(output).is_empty()
}

fn patched_files(patch: &str) -> Vec<String> {
    let heads = ["*** Add File: ", "*** Update File: ", "*** Delete File: ", "*** Move to: "];
    let file = |line: &str| heads.iter().find_map(|head| Some(line.strip_prefix(head)?.trim().to_owned()));
    patch.lines().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: &str = r#"{"timestamp":"2026-11-21T07:47:40.000Z","type":"response_item","payload":{"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"an earlier run\"}","call_id":"c0"}}
{"timestamp":"2026-11-21T07:47:43.001Z","type":"response_item","payload":{"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"echo x > lib/no.txt\"}","call_id":"c1"}}
{"timestamp":"2026-11-21T07:47:43.241Z","type":"response_item","payload":{"type":"function_call_output","call_id":"c1","output":"Chunk ID: f45f79\nProcess exited with code 1\nOutput:\n/bin/bash: line 1: lib/no.txt: Read-only file system\n"}}
{"timestamp":"2026-11-21T07:47:45.382Z","type":"response_item","payload":{"type":"custom_tool_call","call_id":"c4","name":"apply_patch","input":"*** Begin Patch\n*** Add File: lib/p.txt\n+x\n*** End Patch"}}
{"timestamp":"2026-11-21T07:47:45.438Z","type":"response_item","payload":{"type":"custom_tool_call_output","call_id":"c4","output":"patch rejected: writing outside of the project; rejected by user approval settings"}}
{"timestamp":"2026-11-21T07:47:46.000Z","type":"response_item","payload":{"type":"function_call","name":"exec_command","arguments":"{\"cmd\":\"never answered\"}","call_id":"c5"}}
"#;

    #[test]
    fn what_the_stream_leaves_out_is_in_the_threads_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CALLS).unwrap();
        let since = utc_ms("2026-11-21T07:47:42.000Z").unwrap();
        let actions = rollout_tool_actions(file.path(), since).unwrap();
        let action = |what, from_ms, to_ms, path: &str| ToolAction {
            what,
            from_ms: since + from_ms,
            to_ms: since + to_ms,
            refused: vec![Some(path.to_owned())],
        };
        let command = ToolActionKind::Command("echo x > lib/no.txt".to_owned());
        assert_eq!(
            actions,
            [
                action(command, 1001, 1241, "lib/no.txt"),
                action(ToolActionKind::Patch, 3382, 3438, "lib/p.txt")
            ]
        );
    }
}
