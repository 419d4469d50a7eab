//! The four tools against a state directory with real holders of runs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use clodex_core::{Outcome, RunId, RunRecord, Verdict};
use clodex_os::clock::HostAndBoot;
use clodex_os::record_store::{LiveRun, RecordStore, StateDir};

struct Place {
    folder: tempfile::TempDir,
    store: RecordStore,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::open(StateDir::at(folder.path().join("state"))).unwrap();
        Self { folder, store }
    }

    fn record(&self, name: &str) -> RunRecord {
        let fixture = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(fixture).unwrap();
        record.id = RunId::new("20260121T010203Z", record.mode, name, "aaaa");
        name.clone_into(&mut record.name);
        record.host = HostAndBoot::here().host;
        record.artifact_dir = self.folder.path().join(name).display().to_string();
        fs::create_dir(&record.artifact_dir).unwrap();
        record
    }

    fn begin(&self, record: &RunRecord) -> LiveRun {
        self.store.begin(record).unwrap().unwrap()
    }

    fn end(&self, mut record: RunRecord, outcome: Outcome, exit_code: i32) -> RunRecord {
        let run = self.begin(&record);
        record.ended = Some("2026-01-21T01:03:03.000Z".into());
        record.outcome = Some(outcome);
        record.verdict = Some(Verdict::Clean);
        record.exit_code = Some(exit_code);
        run.end(&record).unwrap();
        record
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-status"));
        command.args(["--as", name]).args(arguments).env("CLODEX_STATE_DIR", self.store.dir().path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Exit code, stdout, stderr.
    fn told(&self, name: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.tool(name, arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// Starts this test program once more, as a dispatcher that does nothing but live.
fn start(place: &Place, record: &RunRecord) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_a_run", "--ignored", "--nocapture"])
        .env("HOLD_IN", place.store.dir().path())
        .env("HOLD_RECORD", serde_json::to_string(record).unwrap())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.ends_with("held")), "it did not begin");
    child
}

#[test]
#[ignore = "the process that the other tests start and kill"]
fn hold_a_run() {
    let variable = |name| std::env::var(name).expect("started by another test");
    let record: RunRecord = serde_json::from_str(&variable("HOLD_RECORD")).unwrap();
    let store = RecordStore::open(StateDir::at(variable("HOLD_IN"))).unwrap();
    let _run = store.begin(&record).unwrap().expect("the id is free");
    println!("held");
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn the_table_says_what_is_there_and_what_is_not() {
    let place = Place::new();
    let nothing = "no run is live; `clodex-status --all` shows those that ended\n";
    assert_eq!(place.told("status", &[]), (Some(0), nothing.into(), String::new()));
    let _live = place.begin(&place.record("live"));
    place.end(place.record("old"), Outcome::Done, 0);
    let (_, live, _) = place.told("status", &[]);
    assert!(live.starts_with("NAME  MODE    STATE") && live.lines().count() == 2, "{live}");
    let (_, all, _) = place.told("status", &["--all"]);
    let names: Vec<&str> = all.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, ["NAME", "live", "old"]);
}

#[test]
fn json_carries_state_durations_and_tokens() {
    let place = Place::new();
    let dead = place.record("dead");
    drop(place.begin(&dead));
    place.end(place.record("old"), Outcome::Done, 0);
    let (code, text, _) = place.told("status", &["--all", "--json"]);
    let runs: serde_json::Value = serde_json::from_str(&text).unwrap();
    let told = |place: usize, key: &str| runs[place][key].clone();
    assert_eq!(code, Some(0));
    assert_eq!((told(0, "name"), told(0, "state")), ("dead".into(), "dead".into()));
    assert_eq!((told(1, "name"), told(1, "state")), ("old".into(), "ended".into()));
    assert_eq!((told(1, "elapsed_ms"), told(1, "tokens")), (60_000.into(), 42_300.into()));
    assert_eq!(told(1, "progress")["files"]["touched"], 3);
}

#[test]
fn errors_go_to_stderr_with_2_and_inline_to_stdout_with_0() {
    let place = Place::new();
    let message = "cannot find run `x`\nhint: `clodex-status --all` lists the runs; old ones are deleted (setting `retention_days`)\n";
    for tool in ["status", "result", "wait", "debug"] {
        assert_eq!(place.told(tool, &["x"]), (Some(2), String::new(), message.into()), "{tool}");
        assert_eq!(place.told(tool, &["x", "--inline"]), (Some(0), message.into(), String::new()), "{tool}");
    }
    let (code, out, err) = place.told("status", &["--inline", "--frobnicate"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("--frobnicate"), "{out}");
}

#[test]
fn a_result_is_bounded_and_a_missing_one_says_where_to_look() {
    let place = Place::new();
    let record = place.end(place.record("old"), Outcome::Done, 0);
    let (code, _, err) = place.told("result", &["old"]);
    assert_eq!(code, Some(8));
    assert!(err.contains(&format!("hint: `clodex-debug {}`", record.id)), "{err}");
    let text = format!("# Report\n{}VERDICT: CLEAN\n", "word \x1b[31m\n".repeat(4_000));
    fs::write(format!("{}/result.md", record.artifact_dir), &text).unwrap();
    let (code, bounded, _) = place.told("result", &["old"]);
    assert_eq!(code, Some(0));
    assert!(bounded.len() <= 8 * 1024 && bounded.ends_with("VERDICT: CLEAN\n"), "{}", bounded.len());
    assert_eq!(place.told("result", &["old", "--full"]).1, text);
}

#[test]
fn the_result_of_a_live_run_is_not_there_yet() {
    let place = Place::new();
    let _run = place.begin(&place.record("live"));
    let (code, out, err) = place.told("result", &["live"]);
    assert_eq!(code, Some(2));
    assert!(out.contains(" codex live "), "{out}");
    assert!(err.starts_with("no result yet: "), "{err}");
}

#[test]
fn waiting_tells_runs_in_their_order_and_the_first_failure() {
    let place = Place::new();
    place.end(place.record("good"), Outcome::Done, 0);
    place.end(place.record("bad"), Outcome::Partial, 8);
    let (code, out, _) = place.told("wait", &["good", "bad", "good"]);
    assert_eq!((code, out.lines().count()), (Some(8), 2), "{out}");
    let _live = place.begin(&place.record("live"));
    assert_eq!(place.told("wait", &["--any", "live", "good"]).0, Some(0));
    let (code, _, err) = place.told("wait", &["live", "--timeout", "0"]);
    assert_eq!(code, Some(4));
    assert!(err.contains("still live: 20260121T010203Z-worker-live-aaaa"), "{err}");
}

#[test]
fn a_killed_dispatcher_ends_the_wait() {
    let place = Place::new();
    let mut dispatcher = start(&place, &place.record("a"));
    let mut waiting = place.tool("wait", &["a"]).spawn().unwrap();
    let mut watching = place.tool("status", &["--watch"]).spawn().unwrap();
    // Its first line says that it looks.
    let mut watched = BufReader::new(watching.stdout.take().unwrap()).lines();
    assert!(watched.next().unwrap().unwrap().contains(" codex a "));
    assert!(waiting.try_wait().unwrap().is_none());
    dispatcher.kill().unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(6));
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    assert!(watched.next().unwrap().unwrap().contains("dead"));
    dispatcher.wait().unwrap();
}

#[test]
fn debug_tells_the_steps_with_their_times_and_the_last_words() {
    let place = Place::new();
    let record = place.end(place.record("old"), Outcome::Failed, 1);
    let artifacts = |name: &str| format!("{}/{name}", record.artifact_dir);
    fs::write(
        artifacts("events.jsonl"),
        "{\"type\":\"thread.started\",\"thread_id\":\"t1\"}\n{\"type\":\"turn.started\"}\n",
    )
    .unwrap();
    fs::write(artifacts("event-times.jsonl"), "{\"line\":1,\"ms\":120}\n{\"line\":2,\"ms\":20500}\n")
        .unwrap();
    fs::write(artifacts("stderr.txt"), "first\n\x1b[31mERROR it broke\n").unwrap();
    let (code, out, _) = place.told("debug", &["old"]);
    let from = out.find("timeline\n").unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(
        &out[from..],
        "timeline\n    0.1 s  thread t1\n    0.1 s  … 20.3 s without an event\n   20.5 s  turn begins\n\
         last words on stderr\n  first\n   [31mERROR it broke\n"
    );
}
