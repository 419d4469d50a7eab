//! The store within one process; what needs a process that dies is in `tests/record_store.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use clodex_core::{Liveness, Outcome, Phase, RunId, RunRecord, RunRef, RunResult, Verdict};

use super::*;
use crate::RunLock;

const FIXTURE: &str = include_str!("record-v1.json");

struct Sandbox {
    folder: tempfile::TempDir,
    store: RecordStore,
}

fn sandbox() -> Sandbox {
    let folder = tempfile::tempdir().unwrap();
    let store = RecordStore::open(StateDir::at(folder.path().join("state"))).unwrap();
    Sandbox { folder, store }
}

fn record(random: &str, name: &str) -> RunRecord {
    let mut record: RunRecord = serde_json::from_str(FIXTURE).unwrap();
    record.id =
        RunId::try_from(format!("20260121T010203Z-worker-{}-{random}", clodex_core::slug(name))).unwrap();
    record.name = name.to_owned();
    record.host = crate::clock::HostAndBoot::here().host;
    record
}

fn begin(store: &RecordStore, record: &RunRecord) -> LiveRun {
    store.begin(record).unwrap().expect("the id is free")
}

/// Closes a run that died. What another test starts just now holds what is open until its program begins.
fn closed(store: &RecordStore, id: &RunId) -> RunRecord {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        match store.reap(id).unwrap() {
            Reaped::Closed { record, survivors } => {
                assert_eq!(survivors, []);
                return *record;
            }
            Reaped::Held if Instant::now() < deadline => std::thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
}

fn ended(mut record: RunRecord) -> RunRecord {
    record.outcome = Some(Outcome::Done);
    record.verdict = Some(Verdict::Clean);
    record
}

#[test]
fn a_record_of_version_1_is_read_and_written_back_unchanged() {
    let record: RunRecord = serde_json::from_str(FIXTURE).unwrap();
    let written: serde_json::Value = serde_json::to_value(&record).unwrap();
    assert_eq!(written, serde_json::from_str::<serde_json::Value>(FIXTURE).unwrap());
}

#[test]
fn a_run_is_live_while_it_is_held_and_ended_when_it_says_so() {
    let Sandbox { store, .. } = &sandbox();
    let mut record = record("aaaa", "slug");
    let run = begin(store, &record);
    record.progress.events = 7;
    run.write(&record).unwrap();
    assert_eq!(store.live(), [SeenRun { record: record.clone(), liveness: Liveness::Live }]);
    assert_eq!(store.last(&record.git_common_dir), None);

    let record = ended(record);
    run.end(&record).unwrap();
    assert_eq!(store.live(), []);
    assert_eq!(store.ended(10), std::slice::from_ref(&record));
    assert_eq!(store.last(&record.git_common_dir), Some(record.clone()));
    assert_eq!(store.last("/elsewhere"), None);
    assert_eq!(store.see(&record.id).unwrap().liveness, Liveness::Ended);
    assert_eq!(fs::read_dir(store.dir().live()).unwrap().count(), 0);
}

#[test]
fn an_id_is_given_once() {
    let Sandbox { store, .. } = &sandbox();
    let record = record("aaaa", "slug");
    let run = begin(store, &record);
    assert!(store.begin(&record).unwrap().is_none(), "while it lives");
    run.end(&ended(record.clone())).unwrap();
    assert!(store.begin(&record).unwrap().is_none(), "after it ended");
    assert_eq!(fs::read_dir(store.dir().live()).unwrap().count(), 0);
}

#[test]
fn a_run_that_is_let_go_without_an_end_is_dead_and_closed_once() {
    let Sandbox { store, .. } = &sandbox();
    let record = record("aaaa", "slug");
    drop(begin(store, &record));
    let closed = closed(store, &record.id);
    assert_eq!((closed.outcome, closed.exit_code, closed.verdict), (Some(Outcome::Failed), Some(6), None));
    assert_eq!(closed.summary.as_deref(), Some("the dispatcher died"));
    let Reaped::AlreadyEnded(again) = store.reap(&record.id).unwrap() else { panic!() };
    assert_eq!(*again, closed);
    assert_eq!(store.last(&record.git_common_dir), Some(closed));
}

#[test]
fn a_dead_runs_result_is_left_beside_its_artifacts_once() {
    let Sandbox { store, folder } = &sandbox();
    let runs = folder.path().canonicalize().unwrap().join("runs");
    fs::create_dir(&runs).unwrap();
    let died = |random: &str, phase: Phase, there: &[(&str, &str)]| {
        let mut record = record(random, "slug");
        let dir = runs.join(record.id.as_str());
        record.artifact_dir = dir.display().to_string();
        record.progress.phase = phase;
        for (name, content) in there {
            fs::create_dir_all(&dir).unwrap();
            fs::write(dir.join(name), content).unwrap();
        }
        drop(begin(store, &record));
        let closed = closed(store, &record.id);
        (closed, fs::read_to_string(dir.join("result.json")).unwrap())
    };

    let (closed, text) = died("aaaa", Phase::Running, &[("events.jsonl", ""), ("result.json", "forged")]);
    let result: RunResult = serde_json::from_str(&text).unwrap();
    let names = ["events.jsonl", "result.json"].map(str::to_owned).to_vec();
    assert_eq!(result, RunResult::unjudged(&closed, names));
    assert_eq!(
        (result.outcome, result.verdict, result.exit_code, result.scope_ok, result.summary.as_str()),
        (Outcome::Failed, Verdict::Unknown, 6, false, "the dispatcher died")
    );
    assert_eq!(closed.exit_code, Some(result.exit_code));

    let (_, early) = died("bbbb", Phase::Starting, &[]);
    assert!(early.contains("the dispatcher died"), "its directory was not made yet");

    let (_, judged) = died("cccc", Phase::Finishing, &[("result.json", "the dispatcher's own")]);
    assert_eq!(judged, "the dispatcher's own");
}

#[test]
fn a_result_that_cannot_be_written_is_told_and_goes_through_no_symlink() {
    let Sandbox { store, folder } = &sandbox();
    let folder = folder.path().canonicalize().unwrap();
    let mut record = record("aaaa", "slug");
    fs::create_dir_all(folder.join("theirs")).unwrap();
    std::os::unix::fs::symlink(folder.join("theirs"), folder.join(record.id.as_str())).unwrap();
    record.artifact_dir = folder.join(record.id.as_str()).display().to_string();
    drop(begin(store, &record));
    let closed = closed(store, &record.id);
    assert!(closed.summary.as_deref().unwrap().contains("; cannot write result.json: "), "{closed:?}");
    assert_eq!(fs::read_dir(folder.join("theirs")).unwrap().count(), 0);
}

#[test]
fn closing_removes_the_runs_own_scratch_and_nothing_else() {
    let Sandbox { store, .. } = &sandbox();
    let elsewhere = store.dir().path().join("elsewhere");
    let own = store.dir().scratch().join("abcd");
    for (random, scratch, is_left) in [("aaaa", &own, false), ("bbbb", &elsewhere, true)] {
        fs::create_dir_all(scratch.join("deep")).unwrap();
        let mut record = record(random, "slug");
        record.scratch_dir = Some(scratch.display().to_string());
        drop(begin(store, &record));
        let closed = closed(store, &record.id);
        assert_eq!((scratch.exists(), closed.scratch_dir.is_some()), (is_left, is_left), "{random}");
    }
}

#[test]
fn a_run_that_was_killed_when_its_end_was_written_leaves_nothing_either() {
    let Sandbox { store, .. } = &sandbox();
    let scratch = store.dir().scratch().join("abcd");
    let mount_point = store.dir().path().join("tree/.git");
    fs::create_dir_all(scratch.join("deep")).unwrap();
    fs::create_dir_all(&mount_point).unwrap();
    let mut record = record("aaaa", "slug");
    record.scratch_dir = Some(scratch.display().to_string());
    record.mount_points = vec![mount_point.display().to_string()];
    let run = begin(store, &record);
    run.write(&ended(record.clone())).unwrap();
    drop(run);
    let Reaped::AlreadyEnded(told) = store.reap(&record.id).unwrap() else { panic!() };
    assert_eq!((told.outcome, told.scratch_dir), (ended(record).outcome, None));
    assert!(!scratch.exists() && !mount_point.exists());
    assert_eq!((store.live(), store.ended(10).len()), (vec![], 1));
}

#[test]
fn what_lives_or_ended_or_is_another_hosts_is_never_closed() {
    let Sandbox { store, .. } = &sandbox();
    let live = record("aaaa", "live");
    let _run = begin(store, &live);
    assert!(matches!(store.reap(&live.id).unwrap(), Reaped::Held));

    let mut away = record("bbbb", "away");
    away.host = "another-host".into();
    drop(begin(store, &away));
    assert_eq!(store.see(&away.id).unwrap().liveness, Liveness::OtherHost);
    assert!(matches!(store.reap(&away.id).unwrap(), Reaped::OtherHost(_)));

    let unknown = record("cccc", "unknown");
    assert!(matches!(store.reap(&unknown.id).unwrap(), Reaped::Unknown));
}

#[test]
fn a_run_killed_between_its_last_write_and_the_move_keeps_its_outcome() {
    let Sandbox { store, .. } = &sandbox();
    let record = record("aaaa", "slug");
    let run = begin(store, &record);
    let record = ended(record);
    run.write(&record).unwrap();
    assert_eq!(store.live()[0].liveness, Liveness::Ended);
    assert!(matches!(store.reap(&record.id).unwrap(), Reaped::Held));
    drop(run);
    assert!(matches!(store.reap(&record.id).unwrap(), Reaped::AlreadyEnded(found) if *found == record));
    assert_eq!(store.ended(1), [record]);
    assert_eq!(store.live(), []);
}

#[test]
fn pids_of_an_earlier_boot_are_left_alone() {
    let Sandbox { store, .. } = &sandbox();
    let mut bystander = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let mut record = record("aaaa", "slug");
    record.codex = Some(ProcessId::of(bystander.id()).unwrap().into());
    record.boot_id = "an earlier one".into();
    drop(begin(store, &record));
    let closed = store.reap(&record.id);
    let is_alive = bystander.try_wait().unwrap().is_none();
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    assert!(matches!(closed.unwrap(), Reaped::Closed { .. }));
    assert!(is_alive);
}

#[test]
fn what_others_left_there_is_passed_over() {
    let Sandbox { store, .. } = &sandbox();
    let record = record("aaaa", "slug");
    let _run = begin(store, &record);
    let live = store.dir().live();
    let half = &FIXTURE.as_bytes()[..200];
    for (name, content) in
        [("half.json", half), ("other.json", FIXTURE.as_bytes()), (".x.json.tmp", half), ("notes.txt", b"hi")]
    {
        fs::write(live.join(name), content).unwrap();
    }
    let with_more = FIXTURE.replacen('{', r#"{"of_tomorrow":{"a":[1]},"#, 1);
    let more: RunRecord = serde_json::from_str(&with_more).unwrap();
    fs::write(live.join(format!("{}.json", more.id)), with_more).unwrap();
    let seen: Vec<RunId> = store.live().into_iter().map(|run| run.record.id).collect();
    assert_eq!(seen, [record.id, more.id]);
}

#[test]
fn rests_of_killed_writers_are_swept_and_those_of_living_ones_are_not() {
    let Sandbox { store, .. } = &sandbox();
    let record = record("aaaa", "slug");
    let _run = begin(store, &record);
    let live = store.dir().live();
    fs::write(live.join("gone.lock"), "").unwrap();
    fs::write(live.join(".gone.json.1-0-abcd.tmp"), "{").unwrap();
    let own = format!(".{}.json.1-0-abcd.tmp", record.id);
    fs::write(live.join(&own), "{").unwrap();
    let _starting = RunLock::acquire(&live.join("starting.lock")).unwrap().unwrap();
    store.reap_all().unwrap();
    let mut names: Vec<String> =
        fs::read_dir(&live).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let id = record.id.as_str();
    assert_eq!(names, [own, format!("{id}.json"), format!("{id}.lock"), "starting.lock".into()]);
}

#[test]
fn a_name_finds_live_runs_first_and_never_guesses() {
    let Sandbox { store, .. } = &sandbox();
    let (old, older) = (record("bbbb", "Add slugs"), record("aaaa", "Add slugs"));
    for record in [&old, &older] {
        begin(store, record).end(&ended(record.clone())).unwrap();
    }
    assert_eq!(store.find("Add slugs"), RunRef::Ambiguous(vec![old.id.clone(), older.id.clone()]));
    let new = record("cccc", "Add slugs");
    let _run = begin(store, &new);
    assert_eq!(store.find("Add slugs"), RunRef::One(new.id.clone()));
    assert_eq!(store.find(old.id.as_str()), RunRef::One(old.id));
    assert_eq!(store.find("add-slugs"), RunRef::Unknown);
}

#[test]
fn an_absent_directory_holds_no_runs_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let store = RecordStore::look_at(StateDir::at(&path));
    assert_eq!((store.live(), store.ended(9)), (vec![], vec![]));
    assert_eq!(store.find("x"), RunRef::Unknown);
    assert!(!path.exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = RecordStore::open(StateDir::at(file.join("state"))).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot keep the run's record in {}", file.display())), "{error}");
    assert!(error.contains("\nhint: "), "{error}");
}

#[test]
fn the_directories_are_closed_to_others() {
    let Sandbox { store, .. } = &sandbox();
    let record = record("aaaa", "slug");
    let _run = begin(store, &record);
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.dir().path()), 0o700);
    assert_eq!(mode(&store.dir().live()), 0o700);
    assert_eq!(mode(&store.dir().live_record(record.id.as_str())), 0o600);
}

#[test]
fn only_the_runs_that_ended_since_then_are_looked_at() {
    let Sandbox { store, .. } = &sandbox();
    let [old, new] = ["aaaa", "bbbb"].map(|random| record(random, "slug"));
    for record in [&old, &new] {
        begin(store, record).end(&ended(record.clone())).unwrap();
    }
    let long_ago = std::time::SystemTime::now() - Duration::from_hours(1);
    let file = fs::File::open(store.dir().path().join("ended").join(format!("{}.json", old.id))).unwrap();
    file.set_modified(long_ago).unwrap();
    let since = crate::clock::Timestamp::from(long_ago + Duration::from_mins(1));
    assert_eq!(store.ended_since(since), [ended(new)]);
}
