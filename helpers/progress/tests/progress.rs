//! clodex-progress as its user runs it: a stream in, a record and lines out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clodex_core::{FilesTouched, Liveness, Outcome, Phase, RunRecord};
use clodex_os::record_store::{RecordStore, StateDir};

fn recorded(name: &str) -> Vec<u8> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/codex");
    std::fs::read(fixtures.join(name).with_extension("jsonl")).unwrap()
}

fn start(state: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-progress"));
    command.args(arguments).env_clear().env("CLODEX_STATE_DIR", state).env("COLUMNS", "100");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn watch(state: &Path, arguments: &[&str], stream: &[u8]) -> Output {
    let mut child = start(state, arguments);
    child.stdin.take().unwrap().write_all(stream).unwrap();
    child.wait_with_output().unwrap()
}

fn ended(state: &Path) -> RunRecord {
    RecordStore::look_at(StateDir::at(state)).ended(1).pop().unwrap()
}

#[test]
fn a_whole_stream_leaves_the_record_of_a_dispatch() {
    let state = tempfile::tempdir().unwrap();
    let output = watch(state.path(), &["--name", "by hand"], &recorded("exec-full"));
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(0), vec![], vec![]));
    let record = ended(state.path());
    assert_eq!(
        (record.outcome, record.verdict, record.name.as_str()),
        (Some(Outcome::Done), None, "by hand")
    );
    assert_eq!(record.thread_id.as_deref(), Some("01a1fbc7-bb57-7293-99d2-e4e427410296"));
    assert_eq!(record.summary.as_deref(), Some("final"));
    let progress = record.progress;
    assert_eq!(progress.files, FilesTouched { touched: 3, of: None });
    assert_eq!((progress.commands_run, progress.commands_failed, progress.tokens), (2, 1, Some(6300)));
}

#[test]
fn the_record_is_live_while_the_stream_is() {
    let state = tempfile::tempdir().unwrap();
    let mut child = start(state.path(), &["--name", "live"]);
    let mut stream = child.stdin.take().unwrap();
    let text = recorded("exec-full");
    let head =
        text.split(|&b| b == b'\n').take(9).flat_map(|line| [line, b"\n"].concat()).collect::<Vec<u8>>();
    stream.write_all(&head).unwrap();
    let store = RecordStore::look_at(StateDir::at(state.path()));
    let deadline = Instant::now() + Duration::from_secs(30);
    let seen = loop {
        let seen = store.live().pop().filter(|run| run.record.progress.phase == Phase::Running);
        assert!(seen.is_some() || Instant::now() < deadline, "the command never showed");
        if let Some(run) = seen {
            break run;
        }
        std::thread::yield_now();
    };
    assert_eq!(
        (seen.liveness, seen.record.progress.activity.as_str()),
        (Liveness::Live, "echo shell; sleep .3; exit 3")
    );
    drop(stream);
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert_eq!(ended(state.path()).summary.as_deref(), Some("the stream ended before the turn did"));
}

#[test]
fn how_the_turn_ended_is_how_it_exits() {
    let state = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u8], i32); 4] = [
        ("exec-cut-recovered", b"", 0),
        ("exec-turn-failed", b"", 1),
        ("exec-usage-limit", b"", 1),
        ("", b"not a stream\nat all", 5),
    ];
    for (name, text, code) in cases {
        let stream = if name.is_empty() { text.to_vec() } else { recorded(name) };
        assert_eq!(watch(state.path(), &[], &stream).status.code(), Some(code), "{name}");
    }
}

#[test]
fn the_copy_is_exact_and_lines_go_elsewhere() {
    let state = tempfile::tempdir().unwrap();
    let mut stream = recorded("exec-full");
    stream.extend(b"\xff\xfe half a line");
    let output = watch(state.path(), &["--tee", "--json-lines"], &stream);
    assert_eq!(output.stdout, stream);
    let last: serde_json::Value =
        serde_json::from_slice(output.stderr.split(|&b| b == b'\n').rev().nth(1).unwrap()).unwrap();
    assert_eq!((&last["outcome"], &last["progress"]["tokens"]), (&"done".into(), &6300.into()));
}

#[test]
fn a_live_line_is_printed_at_the_end_and_says_how_it_went() {
    let state = tempfile::tempdir().unwrap();
    let output = watch(state.path(), &["--name", "slug", "--print"], &recorded("exec-full"));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().last().is_some_and(|line| line.contains("slug") && line.contains("done")), "{text}");
}

#[test]
fn an_empty_stream_is_not_passed_over_in_silence() {
    let state = tempfile::tempdir().unwrap();
    let output = watch(state.path(), &[], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint: codex exec --json"));
}

#[test]
fn a_state_directory_that_cannot_be_written_does_not_end_the_stream() {
    let state = tempfile::tempdir().unwrap();
    let file = state.path().join("file");
    std::fs::write(&file, "").unwrap();
    let stream = recorded("exec-full");
    let output = watch(&file.join("below"), &["--tee"], &stream);
    assert_eq!((output.status.code(), output.stdout), (Some(0), stream));
    assert!(String::from_utf8_lossy(&output.stderr).contains("hint:"));
}

#[test]
fn being_stopped_is_no_death() {
    let state = tempfile::tempdir().unwrap();
    let mut child = start(state.path(), &["--tee"]);
    let mut stream = child.stdin.take().unwrap();
    stream.write_all(b"{\"type\":\"turn.started\"}\n").unwrap();
    // Signals are caught before the first byte is copied.
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    let process = clodex_os::process::ProcessId::of(child.id()).unwrap();
    clodex_os::process::ProcessHandle::open(process).unwrap().unwrap().terminate().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(ended(state.path()).outcome, Some(Outcome::Cancelled));
}
