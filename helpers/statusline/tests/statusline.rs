//! What the statusline prints for a state directory, and that nothing makes it fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clodex_core::{Colour, Outcome, RunId, RunRecord, Toggle, Verdict, text_width, utc_ms};
use clodex_os::ClaudeCode;
use clodex_os::clock::HostAndBoot;
use clodex_os::process::ProcessId;
use clodex_os::record_store::{LiveRun, RecordStore, StateDir};
use clodex_statusline::{Band, View, band, show};
use proptest::prelude::*;

const SESSION: &str = "fb497c7d-7744-46d6-a688-7c13f6335127";

struct Place {
    folder: tempfile::TempDir,
    store: RecordStore,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("proj/.git")).unwrap();
        std::fs::write(folder.path().join("proj/.git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let store = RecordStore::open(StateDir::at(folder.path().join("state"))).unwrap();
        Self { folder, store }
    }

    fn project(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("proj")
    }

    fn record(&self, name: &str, started: &str) -> RunRecord {
        let fixture = include_str!("../../os/src/record_store/record-v1.json");
        let mut record: RunRecord = serde_json::from_str(fixture).unwrap();
        record.id = RunId::new("20260121T010203Z", record.mode, name, "aaaa");
        name.clone_into(&mut record.name);
        record.host = HostAndBoot::here().host;
        record.git_common_dir = self.project().join(".git").display().to_string();
        record.session_id = None;
        started.clone_into(&mut record.started);
        record.progress.files.of = None;
        record
    }

    fn begin(&self, record: &RunRecord) -> LiveRun {
        self.store.begin(record).unwrap().unwrap()
    }

    fn stdin(&self) -> String {
        let sample = include_str!("claude_code_2.1.329.json");
        sample.replace("/home/u/proj", self.project().to_str().unwrap())
    }

    fn shown_at(&self, now: &str) -> String {
        show(self.stdin().as_bytes(), self.store.dir(), &view(now, 200))
    }
}

fn view(now: &str, columns: usize) -> View {
    View { now_ms: utc_ms(now).unwrap(), columns, colour: Colour::Off, session_id: None }
}

#[test]
fn nothing_runs_and_nothing_is_printed() {
    assert_eq!(Place::new().shown_at("2026-01-21T01:04:16Z"), "");
}

#[test]
fn the_toggle_is_shown_where_nothing_runs() {
    let place = Place::new();
    let project = place.project();
    for (toggle, wanted) in
        [(Toggle::Deny, "clodex: deny\n"), (Toggle::Warn, "clodex: warn\n"), (Toggle::Off, "")]
    {
        clodex_os::set_toggle(&project, toggle).unwrap();
        assert_eq!(place.shown_at("2026-11-21T10:00:00Z"), wanted);
    }
    clodex_os::set_toggle(&project, Toggle::Deny).unwrap();
    let _run = place.begin(&place.record("a run", "2026-11-21T10:00:00Z"));
    assert!(!place.shown_at("2026-11-21T10:00:05Z").contains("deny"));
}

#[test]
fn a_live_run_of_this_project_is_shown() {
    let place = Place::new();
    let _run = place.begin(&place.record("add-slug-tests", "2026-01-21T01:02:03.000Z"));
    assert_eq!(
        place.shown_at("2026-01-21T01:04:16Z"),
        "◓ codex add-slug-tests 2:13 · running pytest -q · 3 files · 42k tok\n"
    );
}

#[test]
fn another_projects_run_is_shown_only_to_the_session_that_started_it() {
    let place = Place::new();
    let mut record = place.record("elsewhere", "2026-01-21T01:02:03.000Z");
    record.git_common_dir = "/another/.git".into();
    let run = place.begin(&record);
    assert_eq!(place.shown_at("2026-01-21T01:04:16Z"), "");
    record.session_id = Some(SESSION.into());
    run.write(&record).unwrap();
    assert_eq!(
        place.shown_at("2026-01-21T01:04:16Z"),
        "◓ codex elsewhere 2:13 · running pytest -q · 3 files · 42k tok\n"
    );
}

#[test]
fn of_several_this_sessions_is_shown_and_all_are_summed() {
    let place = Place::new();
    let mut own = place.record("own", "2026-01-21T01:02:03.000Z");
    own.session_id = Some(SESSION.into());
    let _own = place.begin(&own);
    let _newer = place.begin(&place.record("newer", "2026-01-21T01:03:03.000Z"));
    drop(place.begin(&place.record("dead", "2026-01-21T01:03:05.000Z")));
    assert_eq!(
        place.shown_at("2026-01-21T01:04:16Z"),
        "◓ 3 codex · own 2:13 · running pytest -q · 9 files · 126k tok · 1 dead\n"
    );
}

#[test]
fn a_run_that_ended_is_shown_for_a_minute() {
    let place = Place::new();
    let mut record = place.record("a", "2026-01-21T01:02:03.000Z");
    let run = place.begin(&record);
    record.ended = Some("2026-01-21T01:04:16.000Z".into());
    record.outcome = Some(Outcome::Done);
    record.verdict = Some(Verdict::Violation);
    record.summary = Some("lib/x.txt changed".into());
    run.end(&record).unwrap();
    let line = "✗ codex a done · violation · lib/x.txt changed · 2:13 · 3 files · 42k tok\n";
    assert_eq!(place.shown_at("2026-01-21T01:05:16Z"), line);
    assert_eq!(place.shown_at("2026-01-21T01:05:17Z"), "");
    let _next = place.begin(&place.record("b", "2026-01-21T01:04:20.000Z"));
    let both = format!("◐ codex b 0:00 · running pytest -q · 3 files · 42k tok\n{line}");
    assert_eq!(place.shown_at("2026-01-21T01:04:20Z"), both);
}

#[test]
fn a_word_of_tomorrow_is_still_a_run() {
    let place = Place::new();
    let record = place.record("a", "2026-01-21T01:02:03.000Z");
    let _run = place.begin(&record);
    let path = place.store.dir().live().join(format!("{}.json", record.id));
    let text = std::fs::read_to_string(&path).unwrap().replace("\"running\"", "\"dreaming\"");
    std::fs::write(&path, text.replace("\"profile\"", "\"force-field\"")).unwrap();
    assert_eq!(
        place.shown_at("2026-01-21T01:04:16Z"),
        "◓ codex a 2:13 · running pytest -q · 3 files · 42k tok\n"
    );
}

#[test]
fn a_fifo_and_a_half_file_in_place_of_records_do_not_stop_it() {
    let place = Place::new();
    let _run = place.begin(&place.record("a", "2026-01-21T01:02:03.000Z"));
    let live = place.store.dir().live();
    std::fs::write(live.join("half.json"), "{\"id\":\"half\",\"na").unwrap();
    std::fs::create_dir(live.join("directory.json")).unwrap();
    let made = Command::new("mkfifo").arg(live.join("fifo.json")).status().unwrap();
    assert!(made.success());
    assert!(place.shown_at("2026-01-21T01:04:16Z").starts_with("◓ codex a 2:13"));
}

/// The program itself, with only these variables.
fn run_program(place: &Place, stdin: &[u8]) -> (Option<i32>, String) {
    run_program_with(place, &[], stdin)
}

fn run_program_with(place: &Place, arguments: &[&str], stdin: &[u8]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_clodex-statusline"))
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("CLODEX_STATE_DIR", place.store.dir().path())
        .env("COLUMNS", "40")
        .env("NO_COLOR", "1")
        .current_dir(place.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have what it wants before all is written.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// What is shown above our own line once it is `wanted`, and that ours is there each time.
fn shown_at_last(place: &Place, command: &str, wanted: &str) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let (code, shown) = run_program_with(place, &["--before", command], place.stdin().as_bytes());
        let above =
            shown.find("codex a").map(|at| shown[..at].rsplit_once('\n').map_or("", |(above, _)| above));
        assert_eq!((code, above.is_some()), (Some(0), true), "{command}: {shown}");
        if above == Some(wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "{command}: {shown}");
    }
}

#[test]
fn a_line_of_the_users_own_that_is_slow_is_shown_as_it_was_the_last_time() {
    let place = Place::new();
    let _run = place.begin(&place.record("a", "2026-01-21T01:02:03.000Z"));
    shown_at_last(&place, "printf 'quick\\n'", "quick");
    assert!(!place.store.dir().lines().exists());
    shown_at_last(&place, "sleep 1.6; printf '\\033[31mred\\033[0m\\ntwo'", "\u{1b}[31mred\u{1b}[0m\ntwo");
    let runs = place.folder.path().join("runs");
    let fails = format!("echo >> '{}'; sleep 1; echo lost; exit 3", runs.display());
    shown_at_last(&place, &fails, "");
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::fs::read(&runs).map_or(0, |runs| runs.len()) < 3 {
        shown_at_last(&place, &fails, "");
        assert!(Instant::now() < deadline, "it is made again and again");
    }
}

#[test]
fn a_line_of_the_users_own_that_hangs_keeps_nobody_waiting_and_runs_once_at_a_time() {
    let place = Place::new();
    let _run = place.begin(&place.record("a", "2026-01-21T01:02:03.000Z"));
    let pids = place.folder.path().join("pids");
    let hangs = format!("echo $$ >> '{}'; exec sleep 1000", pids.display());
    let begun = Instant::now();
    for _ in 0..8 {
        shown_at_last(&place, &hangs, "");
    }
    // The first is waited for, the second goes on beside the other six.
    let pids = std::fs::read_to_string(&pids).unwrap();
    assert!(pids.lines().count() <= 2 || begun.elapsed() > Duration::from_secs(20), "{pids}");
}

#[test]
fn a_line_that_becomes_quick_is_waited_for_again() {
    let place = Place::new();
    let _run = place.begin(&place.record("a", "2026-01-21T01:02:03.000Z"));
    let quick = place.folder.path().join("quick");
    let command = format!("[ -e '{}' ] || sleep 1; echo x", quick.display());
    shown_at_last(&place, &command, "x");
    std::fs::write(&quick, "").unwrap();
    let kept = || {
        let files = std::fs::read_dir(place.store.dir().lines()).unwrap();
        files.filter(|file| file.as_ref().unwrap().path().extension().is_none()).count()
    };
    let deadline = Instant::now() + Duration::from_mins(1);
    while kept() > 0 {
        run_program_with(&place, &["--before", &command], place.stdin().as_bytes());
        assert!(Instant::now() < deadline);
    }
    shown_at_last(&place, &command, "x");
    assert_eq!(kept(), 0);
}

#[test]
fn the_program_answers_although_stdin_stays_open() {
    let place = Place::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_clodex-statusline"))
        .env_clear()
        .env("CLODEX_STATE_DIR", place.store.dir().path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let held_open = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    drop(held_open);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_on_stdin_exit_with_0(stdin in prop::collection::vec(any::<u8>(), 0..400)) {
        let place = Place::new();
        prop_assert_eq!(run_program(&place, &stdin), (Some(0), String::new()));
    }

    #[test]
    fn any_bytes_in_a_record_exit_with_0(record in prop::collection::vec(any::<u8>(), 0..400)) {
        let place = Place::new();
        std::fs::write(place.store.dir().live().join("x.json"), record).unwrap();
        prop_assert_eq!(run_program(&place, place.stdin().as_bytes()).0, Some(0));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_nor_moves_the_cursor(
        name in any::<String>(), activity in any::<String>(), columns in 0_usize..120,
    ) {
        let place = Place::new();
        let mut record = place.record("a", "2026-01-21T01:02:03.000Z");
        record.name = name;
        record.progress.activity = activity;
        let _run = place.begin(&record);
        let shown = show(place.stdin().as_bytes(), place.store.dir(), &view("2026-01-21T01:04:16Z", columns));
        let line = shown.strip_suffix('\n').unwrap();
        prop_assert!(text_width(line) <= columns);
        prop_assert!(!line.chars().any(char::is_control));
    }
}

#[test]
fn the_band_has_a_line_for_each_live_run_of_this_session_and_counts_the_rest() {
    let place = Place::new();
    let claude = ClaudeCode { session: SESSION.to_owned(), process: Some(ProcessId::own()) };
    let mut runs = Vec::new();
    for (name, minute, session, process) in [
        ("third", 3, Some(SESSION), None),
        ("first", 1, Some(SESSION), None),
        ("of-another", 0, Some("another"), None),
        ("after-clear", 2, Some("before the clear"), Some(ProcessId::own())),
    ] {
        let mut record = place.record(name, &format!("2026-01-21T01:0{minute}:00.000Z"));
        record.session_id = session.map(str::to_owned);
        record.claude = process.map(Into::into);
        runs.push(place.begin(&record));
    }
    let shown = |columns, rows| {
        let now_ms = utc_ms("2026-01-21T01:04:16Z").unwrap();
        let json = band(place.store.dir(), &claude, Band { now_ms, columns, rows });
        let lines: Vec<Vec<(String, String)>> = serde_json::from_str(&json).unwrap();
        lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect()).collect::<Vec<String>>()
    };
    let lines = shown(30, 3);
    assert_eq!(lines.len(), 3);
    for (line, name) in lines.iter().zip(["first", "after-clear", "third"]) {
        assert!(line.contains(name) && text_width(line) <= 30, "{lines:?}");
    }
    assert_eq!(shown(30, 2)[1], "+2 more");
    runs.clear();
    // A process that another test is just starting may hold them for an instant more.
    let deadline = Instant::now() + Duration::from_mins(1);
    while !shown(80, 3).iter().all(|line| line.contains("dead")) {
        assert!(Instant::now() < deadline, "nobody holds them");
    }
}

#[test]
fn the_band_tells_tones_by_name_and_nothing_as_an_empty_list() {
    let place = Place::new();
    let claude = ClaudeCode { session: SESSION.to_owned(), process: None };
    let view = Band { now_ms: utc_ms("2026-01-21T01:04:16Z").unwrap(), columns: 80, rows: 4 };
    assert_eq!(band(place.store.dir(), &claude, view), "[]\n");
    let mut record = place.record("add-slug-tests", "2026-01-21T01:02:03.000Z");
    record.session_id = Some(SESSION.to_owned());
    let _run = place.begin(&record);
    assert_eq!(
        band(place.store.dir(), &claude, view),
        "[[[\"busy\",\"◓\"],[\"dim\",\" codex \"],[\"strong\",\"add-slug-tests\"],[\"plain\",\" 2:13\"],\
         [\"dim\",\" · \"],[\"plain\",\"running\"],[\"plain\",\" pytest -q\"],[\"dim\",\" · 3 files\"],\
         [\"dim\",\" · 42k tok\"]]]\n"
    );
}
