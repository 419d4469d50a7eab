//! clodex-cancel against real processes that hold runs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clodex_core::{Liveness, Outcome, RunId, RunRecord, Verdict};
use clodex_os::clock::HostAndBoot;
use clodex_os::process::ProcessId;
use clodex_os::record_store::{RecordStore, StateDir};
use clodex_os::signals::StopSignals;

struct Place {
    _folder: tempfile::TempDir,
    store: RecordStore,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::open(StateDir::at(folder.path())).unwrap();
        Self { _folder: folder, store }
    }

    fn cancel(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clodex-control"));
        command.args(["--as", "cancel"]).args(arguments).env("CLODEX_STATE_DIR", self.store.dir().path());
        command.env_remove("CLAUDE_CODE_SESSION_ID").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn cancelled(&self, arguments: &[&str]) -> (Option<i32>, String) {
        said(self.cancel(arguments).output().unwrap())
    }

    /// Starts this test program once more, as a dispatcher that ends its run when it is asked to.
    fn start(&self, record: &RunRecord) -> Child {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "hold_a_run", "--ignored", "--nocapture"])
            .env("HOLD_IN", self.store.dir().path())
            .env("HOLD_RECORD", serde_json::to_string(record).unwrap())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.map_while(Result::ok).any(|line| line.ends_with("held")), "it did not begin");
        child
    }
}

fn said(output: Output) -> (Option<i32>, String) {
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

fn record(name: &str) -> RunRecord {
    let fixture = include_str!("../../os/src/record_store/record-v1.json");
    let mut record: RunRecord = serde_json::from_str(fixture).unwrap();
    record.id = RunId::new("20260121T010203Z", record.mode, name, "aaaa");
    name.clone_into(&mut record.name);
    record.host = HostAndBoot::here().host;
    record.boot_id = HostAndBoot::here().boot;
    (record.container, record.init, record.codex) = (None, None, None);
    record
}

#[test]
#[ignore = "the process that the other tests start and cancel"]
fn hold_a_run() {
    let variable = |name| std::env::var(name).expect("started by another test");
    let mut record: RunRecord = serde_json::from_str(&variable("HOLD_RECORD")).unwrap();
    let mut signals = StopSignals::catch().unwrap();
    let (asked, asks) = channel();
    std::thread::spawn(move || asked.send(signals.wait().unwrap()));
    record.dispatcher = ProcessId::own().into();
    let store = RecordStore::open(StateDir::at(variable("HOLD_IN"))).unwrap();
    let run = store.begin(&record).unwrap().expect("the id is free");
    println!("held");
    while asks.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout) {
        record.progress.events += 1;
        run.write(&record).unwrap();
    }
    record.outcome = Some(Outcome::Cancelled);
    record.verdict = Some(Verdict::Clean);
    record.exit_code = Some(130);
    run.end(&record).unwrap();
    std::process::exit(130);
}

#[test]
fn a_run_that_is_asked_ends_and_is_told() {
    let place = Place::new();
    let record = record("a");
    let mut dispatcher = place.start(&record);
    let told = place.cancelled(&["a"]);
    assert_eq!(dispatcher.wait().unwrap().code(), Some(130));
    assert_eq!(told, (Some(0), format!("a ({}): cancelled, clean\n", record.id)));
    assert_eq!(
        place.cancelled(&[record.id.as_str()]),
        (Some(0), format!("a ({}): already ended: cancelled\n", record.id))
    );
    assert_eq!(std::fs::read_dir(place.store.dir().live()).unwrap().count(), 0);
}

#[test]
fn a_dispatcher_that_does_not_answer_is_killed_at_the_second_cancel() {
    let place = Place::new();
    let mut record = record("a");
    let mut left = Command::new("sleep").arg("60").env("CLODEX_RUN_ID", record.id.as_str()).spawn().unwrap();
    record.codex = ProcessId::of(left.id()).map(Into::into);
    let mut dispatcher = place.start(&record);
    let pid = dispatcher.id().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    let first = place.cancel(&["a"]).spawn().unwrap();
    let lock = place.store.dir().cancel_lock(record.id.as_str());
    let deadline = Instant::now() + Duration::from_secs(8);
    while !clodex_os::RunLock::is_held(&lock).unwrap() {
        assert!(Instant::now() < deadline, "the first cancel does not wait");
        std::thread::yield_now();
    }
    let second = place.cancelled(&["a"]);
    let first = said(first.wait_with_output().unwrap());
    dispatcher.wait().unwrap();
    let is_left = ProcessId::of(left.id()).is_some_and(ProcessId::is_alive);
    let _ = left.kill();
    left.wait().unwrap();
    assert!(!is_left, "what the record names lives on");
    assert_eq!((first.0, second.0), (Some(0), Some(0)), "{first:?} {second:?}");
    // Whichever of the two won the lock closed it.
    let closed = [first.1, second.1].concat();
    assert!(
        closed.contains("killed at the second cancel") || closed.contains("its dispatcher died"),
        "{closed}"
    );
    let seen = place.store.see(&record.id).unwrap();
    assert_eq!((seen.liveness, seen.record.outcome), (Liveness::Ended, Some(Outcome::Failed)));
}

#[test]
fn a_dead_run_is_closed() {
    let place = Place::new();
    let record = record("a");
    drop(place.store.begin(&record).unwrap().unwrap());
    let told = place.cancelled(&["--all"]);
    assert_eq!(told, (Some(0), format!("a ({}): closed, its dispatcher had died\n", record.id)));
    assert_eq!(place.store.see(&record.id).unwrap().record.outcome, Some(Outcome::Failed));
}

#[test]
fn the_sessions_runs_are_cancelled_and_the_others_live_on() {
    let place = Place::new();
    let (mut own, mut other) = (record("own"), record("other"));
    own.session_id = Some("s1".into());
    other.session_id = Some("s2".into());
    let mut dispatchers = [place.start(&own), place.start(&other)];
    let told = said(place.cancel(&["--session"]).env("CLAUDE_CODE_SESSION_ID", "s1").output().unwrap());
    let seen = place.store.see(&other.id).unwrap().liveness;
    let rest = place.cancelled(&["--all"]);
    for dispatcher in &mut dispatchers {
        assert_eq!(dispatcher.wait().unwrap().code(), Some(130));
    }
    assert_eq!(told, (Some(0), format!("own ({}): cancelled, clean\n", own.id)));
    assert_eq!(seen, Liveness::Live);
    assert_eq!(rest, (Some(0), format!("other ({}): cancelled, clean\n", other.id)));
}

#[test]
fn nothing_is_guessed_and_nothing_live_is_said() {
    let place = Place::new();
    assert_eq!(place.cancelled(&["--all"]), (Some(0), "nothing to cancel: no run is live\n".to_owned()));
    let (code, text) = place.cancelled(&["nobody"]);
    assert_eq!(code, Some(2));
    assert!(text.starts_with("cannot find run `nobody`\nhint: "), "{text}");
    let _runs = ["one", "two"].map(|name| place.store.begin(&record(name)).unwrap().unwrap());
    let (code, text) = place.cancelled(&["20260121T"]);
    assert_eq!(code, Some(2));
    assert!(text.starts_with("cannot tell which run `20260121T` means:\n  "), "{text}");
    let (code, text) = place.cancelled(&["--session", "--inline"]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("cannot tell which session this is"), "{text}");
}

#[test]
fn a_name_whose_runs_have_all_ended_is_no_riddle() {
    let place = Place::new();
    for random in ["aaaa", "bbbb"] {
        let mut ended = record("same");
        ended.id = RunId::new("20260121T010203Z", ended.mode, "same", random);
        let live = place.store.begin(&ended).unwrap().unwrap();
        (ended.outcome, ended.verdict) = (Some(Outcome::Done), Some(Verdict::Clean));
        live.end(&ended).unwrap();
    }
    let (code, text) = place.cancelled(&["same"]);
    assert_eq!((code, text.contains("already ended")), (Some(0), true), "{text}");
}
