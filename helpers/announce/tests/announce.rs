//! What a session is told, by the program itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use clodex_core::{Outcome, RunId, RunRecord, Verdict};
use clodex_os::clock::{HostAndBoot, Timestamp};
use clodex_os::process::ProcessId;
use clodex_os::record_store::{LiveRun, RecordStore, StateDir};

const PATIENCE: Duration = Duration::from_secs(30);

/// A state directory, and a process that stands for Claude Code.
struct Room {
    folder: tempfile::TempDir,
    store: RecordStore,
    claude: Child,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = RecordStore::open(StateDir::at(folder.path())).unwrap();
        Self { folder, store, claude: Command::new("sleep").arg("600").spawn().unwrap() }
    }

    fn announce(&self, session: &str) -> Announcer {
        self.announce_from(self.folder.path(), session)
    }

    fn announce_from(&self, state: &Path, session: &str) -> Announcer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_clodex-announce"))
            .env_clear()
            .env("CLODEX_STATE_DIR", state)
            .env("CLAUDE_CODE_SESSION_ID", session)
            .env("CLAUDE_PID", self.claude.id().to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        Announcer { child, lines }
    }

    fn record(random: &str, session: &str) -> RunRecord {
        let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_slice(&std::fs::read(fixture).unwrap()).unwrap();
        record.id = RunId::try_from(format!("20260121T010203Z-worker-slug-{random}")).unwrap();
        record.session_id = Some(session.to_owned());
        record.detached = true;
        record.host = HostAndBoot::here().host;
        record
    }

    fn begin(&self, record: &RunRecord) -> LiveRun {
        self.store.begin(record).unwrap().expect("the id is free")
    }

    fn run(&self, random: &str, session: &str) {
        self.end(&mut Self::record(random, session));
    }

    fn end(&self, record: &mut RunRecord) {
        let run = self.begin(record);
        (record.outcome, record.verdict, record.exit_code) =
            (Some(Outcome::Done), Some(Verdict::Clean), Some(0));
        record.ended = Some(Timestamp::now().rfc3339());
        run.end(record).unwrap();
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.claude.kill();
        let _ = self.claude.wait();
    }
}

struct Announcer {
    child: Child,
    lines: Receiver<String>,
}

impl Announcer {
    fn next(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line was due")
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

#[test]
fn each_run_is_told_once_to_the_session_that_started_it() {
    let room = Room::new();
    room.run("aaaa", "mine");
    let announcer = room.announce("mine");
    assert!(announcer.next().contains("-aaaa`"), "what ended before it came");
    room.run("bbbb", "another");
    room.run("cccc", "mine");
    let told = announcer.next();
    assert!(told.starts_with("✓ codex add-slug-tests done · clean") && told.contains("-cccc`"), "{told}");
    drop(announcer);

    let next = room.announce("mine");
    room.run("dddd", "mine");
    assert!(next.next().contains("-dddd`"), "and nothing a second time");
}

#[test]
fn after_a_clear_the_same_claude_is_told_of_what_it_started_under_another_session_id() {
    let room = Room::new();
    let announcer = room.announce("first");
    let mut record = Room::record("aaaa", "second");
    record.claude = ProcessId::of(room.claude.id()).map(Into::into);
    room.end(&mut record);
    assert!(announcer.next().contains("-aaaa`"));
    assert!(room.store.was_told("second", &record.id));
}

#[test]
fn many_that_end_at_once_are_told_each_once() {
    let room = Room::new();
    for number in 0..50 {
        room.run(&format!("aa{number:02}"), "mine");
    }
    let mut announcer = room.announce("mine");
    let told: BTreeSet<String> = (0..50).map(|_| announcer.next()).collect();
    assert_eq!(told.len(), 50);
    room.run("bbbb", "mine");
    assert!(announcer.next().contains("-bbbb`"), "and nothing a second time");
    assert!(announcer.child.try_wait().unwrap().is_none());
}

#[test]
fn a_state_directory_that_is_none_does_not_end_it_before_claude_code() {
    let mut room = Room::new();
    let state = room.folder.path().join("state");
    std::fs::write(&state, "a file").unwrap();
    let mut announcer = room.announce_from(&state, "mine");
    let mut told = String::new();
    BufReader::new(announcer.child.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.starts_with("clodex-announce: "), "{told}");
    assert!(announcer.child.try_wait().unwrap().is_none(), "Claude Code would tell of its end");
    room.claude.kill().unwrap();
    room.claude.wait().unwrap();
    assert!(announcer.child.wait().unwrap().success());
}

#[test]
fn a_clock_that_is_set_back_hides_no_end() {
    let room = Room::new();
    let announcer = room.announce("mine");
    room.run("aaaa", "mine");
    announcer.next();
    let mut record = Room::record("bbbb", "mine");
    let an_hour_ago = SystemTime::now() - Duration::from_hours(1);
    (record.outcome, record.ended) = (Some(Outcome::Done), Some(Timestamp::from(an_hour_ago).rfc3339()));
    let written = room.folder.path().join("written");
    std::fs::write(&written, serde_json::to_vec(&record).unwrap()).unwrap();
    std::fs::File::options().write(true).open(&written).unwrap().set_modified(an_hour_ago).unwrap();
    std::fs::rename(written, room.store.dir().ended().join(format!("{}.json", record.id))).unwrap();
    assert!(announcer.next().contains("-bbbb`"));
}

#[test]
fn what_cannot_be_written_down_is_told() {
    let room = Room::new();
    let announcer = room.announce("mine");
    std::fs::write(room.folder.path().join("told"), "in the way").unwrap();
    room.run("aaaa", "mine");
    assert!(announcer.next().contains("-aaaa`"));
    room.run("bbbb", "mine");
    assert!(announcer.next().contains("-bbbb`"));
}

#[test]
fn a_killed_dispatcher_is_told_of_at_once() {
    let room = Room::new();
    let record = Room::record("aaaa", "mine");
    let run = room.begin(&record);
    let announcer = room.announce("mine");
    room.run("bbbb", "mine");
    assert!(announcer.next().contains("-bbbb`"), "the other one lives");
    drop(run);
    let told = announcer.next();
    assert!(
        told.starts_with("✗ codex add-slug-tests failed ") && told.contains(" · \"the dispatcher died\" · "),
        "{told}"
    );
}

#[test]
fn it_ends_with_claude_code_however_that_ends() {
    let mut room = Room::new();
    let mut announcer = room.announce("mine");
    room.run("aaaa", "mine");
    announcer.next();
    room.claude.kill().unwrap();
    assert_eq!(announcer.lines.recv_timeout(PATIENCE), Err(RecvTimeoutError::Disconnected));
    assert!(announcer.child.wait().unwrap().success());
}

#[test]
fn without_a_claude_code_there_is_nobody_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_clodex-announce"))
        .env_clear()
        .env("CLODEX_STATE_DIR", folder.path().join("state"))
        .env("CLAUDE_CODE_SESSION_ID", "mine")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert!(!folder.path().join("state").exists());
}
