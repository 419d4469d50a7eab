//! The store among several processes that write, end and are killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use clodex_core::{Liveness, Outcome, RunId, RunRecord};
use clodex_os::clock::HostAndBoot;
use clodex_os::process::ProcessId;
use clodex_os::record_store::{Reaped, RecordStore, StateDir};

fn record(random: &str) -> RunRecord {
    let mut record: RunRecord =
        serde_json::from_str(include_str!("../src/record_store/record-v1.json")).unwrap();
    record.id = RunId::try_from(format!("20260121T010203Z-worker-slug-{random}")).unwrap();
    record.host = HostAndBoot::here().host;
    record.boot_id = HostAndBoot::here().boot;
    (record.container, record.init, record.codex) = (None, None, None);
    record
}

/// Starts this test program once more, as a dispatcher that only writes its record; waits until it has begun.
fn start(state: &Path, record: &RunRecord) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hold_a_run", "--ignored", "--nocapture"])
        .env("HOLD_IN", state)
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
    let mut record: RunRecord = serde_json::from_str(&variable("HOLD_RECORD")).unwrap();
    let store = RecordStore::open(StateDir::at(variable("HOLD_IN"))).unwrap();
    let run = store.begin(&record).unwrap().expect("the id is free");
    println!("held");
    let (stdin_ended, wait) = channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(stdin_ended);
    });
    while wait.recv_timeout(Duration::from_millis(1)) == Err(RecvTimeoutError::Timeout) {
        record.progress.events += 1;
        run.write(&record).unwrap();
    }
    record.outcome = Some(Outcome::Done);
    run.end(&record).unwrap();
    // Not through the test harness, whose report has no reader any more.
    std::process::exit(0);
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_dispatcher_is_dead_at_once_even_as_a_zombie() {
    let folder = tempfile::tempdir().unwrap();
    let store = RecordStore::look_at(StateDir::at(folder.path()));
    let record = record("aaaa");
    let mut child = start(folder.path(), &record);
    assert_eq!(store.see(&record.id).unwrap().liveness, Liveness::Live);
    child.kill().unwrap();
    let deadline = Instant::now() + Duration::from_secs(2);
    while store.see(&record.id).unwrap().liveness == Liveness::Live {
        assert!(Instant::now() < deadline, "the lock outlives its holder");
    }
    assert_eq!(store.see(&record.id).unwrap().liveness, Liveness::Dead);
    child.wait().unwrap();
}

#[test]
fn reaping_kills_what_the_record_names_and_what_carries_the_mark() {
    let folder = tempfile::tempdir().unwrap();
    let store = RecordStore::look_at(StateDir::at(folder.path()));
    let mut record = record("aaaa");
    let mut named = Command::new("sleep").arg("60").spawn().unwrap();
    let mut marked =
        Command::new("sleep").arg("60").env("CLODEX_RUN_ID", record.id.as_str()).spawn().unwrap();
    record.codex = ProcessId::of(named.id()).map(Into::into);
    kill(start(folder.path(), &record));
    let ids = [&named, &marked].map(|child| ProcessId::of(child.id()).unwrap());
    let reaped = store.reap(&record.id);
    let alive = ids.map(ProcessId::is_alive);
    for child in [&mut named, &mut marked] {
        let _ = child.kill();
        // Either of them may have been collected by the one who killed it.
        let _ = child.wait();
    }
    assert!(matches!(reaped.unwrap(), Reaped::Closed { survivors, .. } if survivors.is_empty()));
    assert_eq!(alive, [false, false]);
}

#[test]
fn of_thirty_two_writers_none_is_lost_and_the_killed_ones_are_closed() {
    let folder = tempfile::tempdir().unwrap();
    let store = RecordStore::look_at(StateDir::at(folder.path()));
    let records: Vec<RunRecord> = (0..32).map(|number| record(&format!("r{number:03}"))).collect();
    let mut children: Vec<Child> = records.iter().map(|record| start(folder.path(), record)).collect();
    assert_eq!(store.live().iter().filter(|run| run.liveness == Liveness::Live).count(), 32);
    children.drain(..8).for_each(kill);
    for mut child in children {
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    let closed = store.reap_all().unwrap();
    assert_eq!(closed.iter().filter(|reaped| matches!(reaped, Reaped::Closed { .. })).count(), 8);
    let outcomes: Vec<Option<Outcome>> =
        records.iter().map(|record| store.see(&record.id).unwrap().record.outcome).collect();
    assert_eq!(outcomes[..8], [Some(Outcome::Failed); 8]);
    assert_eq!(outcomes[8..], [Some(Outcome::Done); 24]);
    assert_eq!(std::fs::read_dir(store.dir().live()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn of_several_who_close_a_dead_run_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let record = record("aaaa");
    kill(start(folder.path(), &record));
    let reap = || RecordStore::look_at(StateDir::at(folder.path())).reap(&record.id).unwrap();
    let results: Vec<Reaped> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(reap)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(
        results.iter().filter(|reaped| matches!(reaped, Reaped::Closed { .. })).count(),
        1,
        "{results:?}"
    );
}
