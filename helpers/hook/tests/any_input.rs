//! Whatever stands on stdin and in the state directory: the hook ends well, and says nothing or valid JSON.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clodex_os::record_store::{RecordStore, StateDir};
use proptest::prelude::*;
use serde_json::Value;

/// What the hook prints to this input; it must end with exit code 0.
fn said(state: &Path, input: &[u8]) -> Vec<u8> {
    let mut hook = Command::new(env!("CARGO_BIN_EXE_clodex-hook"))
        .env_clear()
        .env("CLODEX_STATE_DIR", state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read all.
    let _ = hook.stdin.take().unwrap().write_all(input);
    let output = hook.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(input));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", String::from_utf8_lossy(input));
    output.stdout
}

fn event(name: &str, more: &str) -> String {
    format!(r#"{{"session_id":"s","cwd":"/","transcript_path":"/t.jsonl","hook_event_name":"{name}"{more}}}"#)
}

/// Events as Claude Code sends them.
fn events() -> Vec<String> {
    vec![
        event("SessionStart", r#","source":"startup","model":"m""#),
        event("SessionEnd", r#","reason":"clear""#),
        event("UserPromptSubmit", r#","prompt":"do it","permission_mode":"default""#),
        event("UserPromptExpansion", r#","command_name":"clodex:clodex-apply","command_args":"a 'b"#),
        event("PreToolUse", r#","tool_name":"Write","tool_input":{"file_path":"/a.rs","content":"x"}"#),
        event("Stop", r#","stop_hook_active":false,"last_assistant_message":"done","background_tasks":[]"#),
        event("Notification", r#","message":"m""#),
    ]
}

fn inputs() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..400);
    let broken = (0..events().len(), any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(
        |(which, place, byte, is_cut)| {
            let mut input = events()[which].clone().into_bytes();
            let place = place.index(input.len());
            if is_cut {
                input.truncate(place);
            } else {
                input[place] = byte;
            }
            input
        },
    );
    let foreign = (0..events().len(), "[a-z_]{1,12}", ".{0,40}").prop_map(|(which, key, text)| {
        let more: Value = text.into();
        events()[which].replacen('{', &format!("{{\"{key}\":{more},"), 1).into_bytes()
    });
    prop_oneof![bytes, broken, foreign]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_answered_by_nothing_or_by_valid_json(input in inputs()) {
        let folder = tempfile::tempdir().unwrap();
        let said = said(&folder.path().join("state"), &input);
        prop_assert!(said.is_empty() || serde_json::from_slice::<Value>(&said).is_ok());
        prop_assert!(!folder.path().join("state").exists(), "looking makes nothing");
    }
}

#[test]
fn an_event_that_concerns_nobody_is_answered_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for event in events() {
        assert_eq!(
            String::from_utf8(said(&folder.path().join("state"), event.as_bytes())).unwrap(),
            "",
            "{event}"
        );
    }
}

#[test]
fn a_state_directory_of_foreign_files_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = RecordStore::open(StateDir::at(folder.path().join("state"))).unwrap();
    let live = store.dir().live();
    let many = format!("[{}]", "1,".repeat(20_000));
    for (name, content) in [
        ("notes.json", "my notes"),
        ("20260121T010203Z-worker-x-aaaa.json", "{"),
        ("20260121T010203Z-worker-x-bbbb.json", many.as_str()),
        (
            "20260121T010203Z-worker-x-cccc.json",
            r#"{"id":"20260121T010203Z-worker-x-dddd","outcome":"of tomorrow"}"#,
        ),
        ("todo.txt", "buy milk"),
    ] {
        fs::write(live.join(name), content).unwrap();
    }
    std::os::unix::fs::symlink("/dev/zero", live.join("20260121T010203Z-worker-x-eeee.json")).unwrap();
    make_fifo(&live.join("20260121T010203Z-worker-x-ffff.json"));
    let names = |live: &Path| {
        let mut names: Vec<_> = fs::read_dir(live).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names(&live);
    for event in events() {
        assert_eq!(String::from_utf8(said(store.dir().path(), event.as_bytes())).unwrap(), "", "{event}");
    }
    assert_eq!(names(&live), before);
}

fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn a_state_directory_that_cannot_be_read_is_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o000)).unwrap();
    for event in events() {
        assert_eq!(String::from_utf8(said(&state, event.as_bytes())).unwrap(), "", "{event}");
    }
    fs::set_permissions(&state, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_caller_who_never_closes_stdin_is_not_waited_for_for_ever() {
    let mut hook = Command::new(env!("CARGO_BIN_EXE_clodex-hook"))
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let stdin = hook.stdin.take().unwrap();
    assert_eq!(hook.wait().unwrap().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(stdin);
}
