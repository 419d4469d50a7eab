//! clodex-debug: what happened in a run, from its artifacts; its processes while it lives.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use clodex_codex::{EventStream, codex_home, find_rollout, rollout_tail};
use clodex_core::{Liveness, RunRecord, StyledLine, Tone};
use clodex_os::process::{ProcessEntry, ProcessId, command_line, descendants};
use clodex_os::{open_regular, read_regular};
use serde::Deserialize;

use crate::cli::DebugArguments;
use crate::context::{Context, now_ms, print};
use crate::detail::detail;
use crate::status::text;
use crate::timeline::{Step, Timeline};
use clodex_os::Failure;

/// Of a long timeline the first and the last steps are shown.
const FIRST_STEPS: usize = 20;
const LAST_STEPS: usize = 60;
/// A longer line is no event that can be told in a line.
const LINE_MAX_BYTES: u64 = 16 << 20;
const TIMES_MAX_BYTES: u64 = 64 << 20;
const STDERR_TAIL_BYTES: u64 = 8 * 1024;
const STDERR_TAIL_LINES: usize = 20;
const ROLLOUT_ENTRIES: usize = 40;

/// One line of `event-times.jsonl`: when a line of `events.jsonl` was complete.
#[derive(Debug, Deserialize)]
struct EventTime {
    line: usize,
    ms: u64,
}

pub fn debug(context: &Context, arguments: &DebugArguments) -> Result<u8, Failure> {
    let run = context.find(&arguments.run)?;
    let artifacts = Path::new(&run.record.artifact_dir);
    let mut lines = detail(&run, now_ms());
    lines.push(heading("timeline"));
    let steps = read_steps(artifacts, run.liveness);
    if steps.is_empty() {
        lines.push(indented(Tone::Warn, "Codex sent no event"));
        lines.extend(from_rollout(&run.record));
    }
    lines.extend(timeline(&steps, arguments.full));
    let said = stderr_tail(artifacts);
    if !said.is_empty() {
        lines.push(heading("last words on stderr"));
        lines.extend(said.iter().map(|line| indented(Tone::Plain, line)));
    }
    if run.liveness == Liveness::Live {
        lines.push(heading("processes"));
        lines.extend(process_tree(&run.record));
    }
    print(&text(context, &lines));
    Ok(0)
}

fn heading(title: &str) -> StyledLine {
    let mut line = StyledLine::new();
    line.push(Tone::Strong, title);
    line
}

fn indented(tone: Tone, said: &str) -> StyledLine {
    let mut line = StyledLine::new();
    line.push(Tone::Plain, "  ").push(tone, said);
    line
}

fn timeline(steps: &[Step], full: bool) -> Vec<StyledLine> {
    let left_out = steps.len().saturating_sub(FIRST_STEPS + LAST_STEPS);
    if full || left_out == 0 {
        return steps.iter().map(Step::line).collect();
    }
    let (first, rest) = steps.split_at(FIRST_STEPS);
    let mut lines: Vec<StyledLine> = first.iter().map(Step::line).collect();
    lines.push(indented(Tone::Dim, &format!("… {left_out} steps left out; --full shows all")));
    lines.extend(rest[left_out..].iter().map(Step::line));
    lines
}

/// What Codex itself wrote down of the thread, when its stream is empty.
fn from_rollout(record: &RunRecord) -> Vec<StyledLine> {
    let tail = || {
        let file = find_rollout(&codex_home()?, record.thread_id.as_deref()?)?;
        Some((rollout_tail(&file, ROLLOUT_ENTRIES).ok()?, file))
    };
    let Some((entries, file)) = tail() else { return Vec::new() };
    let mut lines =
        vec![heading("Codex's own record of the thread"), indented(Tone::Dim, &file.display().to_string())];
    lines.extend(entries.into_iter().map(|entry| {
        let mut line = StyledLine::new();
        line.push(Tone::Dim, &format!("  {}  {}  ", entry.timestamp, entry.kind))
            .push_elastic(Tone::Plain, &entry.text);
        line
    }));
    lines
}

/// Folds the events as they are read: a stream may be far larger than memory should be.
fn read_steps(artifacts: &Path, liveness: Liveness) -> Vec<Step> {
    let times = read_times(&artifacts.join("event-times.jsonl"));
    let Ok(file) = open_regular(&artifacts.join("events.jsonl")) else { return Vec::new() };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut timeline = Timeline::default();
    let mut stream = EventStream::default();
    let mut line = Vec::new();
    let mut number = 1;
    loop {
        line.clear();
        match reader.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                if let Some(event) = stream.event(&line) {
                    timeline.push(&event, times.get(number).copied().flatten());
                }
            }
        }
        number += usize::from(line.ends_with(b"\n"));
    }
    timeline.finish(liveness)
}

/// Times by line number. Lines of the file that are none are passed over.
fn read_times(path: &Path) -> Vec<Option<u64>> {
    let mut times = Vec::new();
    for line in read_regular(path, TIMES_MAX_BYTES).unwrap_or_default().split(|byte| *byte == b'\n') {
        let Ok(EventTime { line, ms }) = serde_json::from_slice(line) else { continue };
        // Numbers come in order; one that leaps far ahead is no line of ours.
        if line < times.len() + 1_000_000 {
            times.resize(times.len().max(line + 1), None);
            times[line] = Some(ms);
        }
    }
    times
}

fn stderr_tail(artifacts: &Path) -> Vec<String> {
    let read = || {
        let mut file = open_regular(&artifacts.join("stderr.txt")).ok()?;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(STDERR_TAIL_BYTES))).ok()?;
        let mut bytes = Vec::new();
        file.take(STDERR_TAIL_BYTES).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let tail: String = read().unwrap_or_default();
    let lines: Vec<&str> = tail.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(STDERR_TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// What descends from the dispatcher, children below their parents.
fn process_tree(record: &RunRecord) -> Vec<StyledLine> {
    let Some(dispatcher) = ProcessId::from_mark(record.dispatcher).filter(|id| id.is_alive()) else {
        return vec![indented(Tone::Warn, "its dispatcher is not to be seen from here")];
    };
    let found = descendants(dispatcher.pid);
    let mut lines = vec![process_line(dispatcher.pid, 0)];
    push_children(&mut lines, &found, dispatcher.pid, 1);
    lines
}

fn push_children(lines: &mut Vec<StyledLine>, found: &[ProcessEntry], parent: u32, depth: usize) {
    for child in found.iter().filter(|entry| entry.parent == parent) {
        lines.push(process_line(child.id.pid, depth));
        push_children(lines, found, child.id.pid, depth + 1);
    }
}

fn process_line(pid: u32, depth: usize) -> StyledLine {
    let mut line = StyledLine::new();
    line.push(Tone::Dim, &format!("  {pid:>8}  {}", "  ".repeat(depth)));
    line.push_elastic(Tone::Plain, &command_line(pid));
    line
}
