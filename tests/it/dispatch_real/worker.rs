//! A worker's run that goes well, and everything that it leaves behind.

use std::fs;
use std::path::Path;

use clodex_tests::{Packet, text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::stage::{Stage, clean, sh, step};

const PATCH: &str = "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+A\n*** Add File: src/new.txt\n+new\n\
                     *** Delete File: src/b.txt\n*** End Patch";

fn work() -> Packet {
    Packet::worker(&["src"]).objective("add slug()").script(&json!([
        step(&[json!({ "think": "**Hm**" }), json!({ "patch": PATCH })]),
        step(&[sh("echo shell > src/shell.txt; sleep 0.3")]),
        step(&[sh("exit 3")]),
        step(&[sh("true")]),
        step(&[clean()]),
    ]))
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[test]
fn report_and_result_tell_what_was_found_and_what_is_claimed() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.packet(&work(), &[]).exits(0);
    run.says(&[
        "outcome  done (exit 0)",
        "verdict  clean (in a sandbox narrowed to the scope, processes held by",
        "claim    worker says CLEAN",
        "changed in scope (4)\n  src/a.txt\n  src/b.txt\n  src/new.txt\n  src/shell.txt\n",
        "    3  exit 3  ",
        "the worker (its claim, not checked)",
        "  passed    true\n",
        "5250 tokens (in 5000, of it cached 1000; out 250)",
    ]);
    assert!(run.stdout.len() <= 8 * 1024);
    assert_eq!(run.stderr, "");

    let record = stage.sandbox.status(&run.id());
    assert_eq!(record["progress"]["files"]["touched"], 4, "the shell's file counts, too");

    let result = run.result();
    assert_eq!(
        json!({ "outcome": result["outcome"], "verdict": result["verdict"], "exit_code": result["exit_code"],
                "claimed": result["claimed_verdict"], "files": result["files_seen"],
                "commands": commands(&result), "verification": result["verification"], "error": result["error"] }),
        json!({ "outcome": "done", "verdict": "clean", "exit_code": 0, "claimed": { "word": "CLEAN" },
                "files": ["src/a.txt", "src/b.txt", "src/new.txt"],
                "commands": [["echo shell > src/shell.txt; sleep 0.3", 0], ["exit 3", 3], ["true", 0]],
                "verification": [{ "text": "true", "status": "seen-passed", "exit_code": 0 }], "error": null })
    );
    assert_eq!(run.artifact("result.md"), "# Report\n\nWrote `slug()`.\n\nVERDICT: CLEAN\n");
    assert_eq!(run.artifact("task.md"), work().to_text(&stage.sandbox.repo()));
    let policy = run.policy();
    assert_eq!(
        json!([policy["verdict"], policy["enforcement"], policy["write_scope"], policy["violations"]]),
        json!(["clean", "profile", ["src/"], []])
    );
    let resume = format!("resume    codex resume {}", result["thread_id"].as_str().unwrap());
    run.says(&[resume.as_str()]);
}

fn commands(result: &Value) -> Vec<Value> {
    let seen = result["commands_seen"].as_array().unwrap();
    seen.iter().map(|seen| json!([seen["command"], seen["exit_code"]])).collect()
}

#[test]
fn the_seal_holds_for_every_artifact() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.packet(&work(), &[]).exits(0);
    let sealed = run.json("seal.json")["sha256"].as_object().unwrap().clone();
    let mut names: Vec<_> = fs::read_dir(run.artifacts())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "seal.json")
        .collect();
    names.sort();
    assert_eq!(sealed.keys().cloned().collect::<Vec<_>>(), names);
    for (name, digest) in &sealed {
        assert_eq!(digest, &sha256(&run.artifacts().join(name)), "{name}");
    }
    let seal = sha256(&run.artifacts().join("seal.json"));
    run.says(&[format!("seal      sha256:{seal}\n").as_str()]);
    assert_eq!(run.record(&stage.sandbox)["seal"], seal);
    let mut listed: Vec<String> = serde_json::from_value(run.result()["artifacts"].clone()).unwrap();
    listed.retain(|name| name != "seal.json");
    assert_eq!(listed, names);
}

#[test]
fn the_patch_takes_the_runs_changes_back_and_makes_them_again() {
    let Some(stage) = Stage::real() else { return };
    let run = stage.packet(&work(), &[]).exits(0);
    let patch = run.artifacts().join("changes.patch");
    let patch = patch.to_str().unwrap();
    let src = stage.sandbox.repo().join("src");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&src).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    stage.sandbox.git(&["apply", "-R", patch]);
    assert_eq!(stage.sandbox.git(&["status", "--porcelain"]), "");
    assert_eq!(names(), ["a.txt", "b.txt"]);
    stage.sandbox.git(&["apply", patch]);
    assert_eq!(names(), ["a.txt", "new.txt", "shell.txt"]);
    assert_eq!((text(src.join("a.txt")), text(src.join("shell.txt"))), ("A\n".into(), "shell\n".into()));
}

#[test]
fn events_are_kept_as_codex_printed_them_with_a_time_for_each() {
    let Some(stage) = Stage::real() else { return };
    let printed = stage.sandbox.root().join("printed.jsonl");
    let real = fs::canonicalize(stage.sandbox.root().join("bin/codex")).unwrap();
    let tee = format!(
        "#!/bin/sh\ncase \"$*\" in *--version*) exec '{0}' \"$@\";; esac\n'{0}' \"$@\" | tee '{1}'\n",
        real.display(),
        printed.display()
    );
    let codex = stage.sandbox.program("tee-codex", &tee);
    let run = stage.packet(&work(), &["--codex", codex.to_str().unwrap()]).exits(0);
    let events = run.artifact("events.jsonl");
    assert_eq!(events, text(&printed));
    assert!(events.ends_with("}\n"));
    let times = run.artifact("event-times.jsonl");
    assert_eq!(times.lines().count(), events.lines().count());
    let mut last = 0;
    for (number, time) in times.lines().enumerate() {
        let time: Value = serde_json::from_str(time).unwrap();
        assert_eq!(time["line"], number + 1);
        let ms = time["ms"].as_u64().unwrap();
        assert!(ms >= last, "{times}");
        last = ms;
    }
}

#[test]
fn a_resumed_thread_shows_the_tokens_of_this_run_only() {
    let Some(stage) = Stage::real() else { return };
    let usage = |input: u64| json!({ "input": input, "cached": 100, "output": 10, "reasoning": 1 });
    let packet =
        |input| Packet::read_only("reviewer").script(&json!([{ "do": [clean()], "usage": usage(input) }]));
    let first = stage.packet(&packet(1000), &[]).exits(0).result();
    let thread = first["thread_id"].as_str().unwrap();
    let second = stage.packet(&packet(300), &["--resume", thread]).exits(0).result();
    assert_eq!(second["thread_id"], thread);
    assert_eq!(first["tokens"], json!({ "input": 1000, "cached_input": 100, "output": 10, "reasoning": 1 }));
    assert_eq!(second["tokens"], json!({ "input": 300, "cached_input": 100, "output": 10, "reasoning": 1 }));
}

#[test]
fn an_ephemeral_run_leaves_no_thread_behind() {
    let Some(stage) = Stage::real() else { return };
    let packet = Packet::read_only("reviewer").script(&json!([step(&[clean()])]));
    let run = stage.packet(&packet, &["--ephemeral"]).exits(0);
    assert!(!run.stdout.contains("codex resume"), "{}", run.stdout);
    assert_eq!(run.result()["resume"], Value::Null);
    assert!(!stage.sandbox.codex_home().join("sessions").exists());
}

#[test]
fn a_thread_that_does_not_exist_is_told_in_codexs_words() {
    let Some(stage) = Stage::real() else { return };
    let packet = Packet::read_only("reviewer");
    let run = stage.packet(&packet, &["--resume", "01a1fbc7-0000-7293-99d2-e4e427410296"]).exits(1);
    run.says(&["no rollout found for thread id"]);
}
