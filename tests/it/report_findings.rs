//! What a user reads of what was found: commits, who did what, and what the sandbox refused.

use std::fs;

use clodex_tests::{Codex, Packet, Sandbox, clean_turn, dispatched, sh};
use serde_json::{Value, json};

use crate::stage::{self, Stage, clean, step};

#[test]
fn commits_that_the_packet_allows_are_listed_and_others_are_violations() {
    let sandbox = Sandbox::new();
    let dispatch = |act: &str| {
        sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[sh(act)]) })));
        let packet = sandbox.packet(&Packet::worker(&["src/"]).with("ALLOW COMMIT: yes"));
        dispatched(sandbox.dispatcher(&["--task", packet.to_str().unwrap()]))
    };
    let run = dispatch("echo more >> src/a.txt; git commit -qam 'a: more'");
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    let id = sandbox.git(&["rev-parse", "--short=10", "HEAD"]);
    let shown = format!("{} a: more", id.trim());
    run.says(&[&format!("\ncommits (1)\n  {shown}\n")]);
    assert_eq!(run.policy()["commits"], json!([shown]));

    let run = dispatch("echo more >> lib/x.txt; git commit -qam 'x: more'");
    assert_eq!(
        (run.code, run.violations()),
        (6, ["HEAD", "lib/x.txt", "refs/heads/main"].map(str::to_owned).to_vec())
    );
}

/// What `policy.json` says of who did what: `(path, by)`.
fn blamed(policy: &Value) -> Vec<(&str, &str)> {
    let violations = policy["violations"].as_array().unwrap().iter();
    violations.map(|one| (one["path"].as_str().unwrap(), one["by"].as_str().unwrap_or("?"))).collect()
}

#[test]
fn a_violation_is_told_with_the_command_that_ran_meanwhile() {
    let sandbox = Sandbox::new();
    let command = |command: &str, output: &str| {
        let item = |kind: &str, code: Value| {
            json!({ "line": { "type": kind, "item": { "id": "item_1", "type": "command_execution",
                    "command": format!("/bin/bash -lc '{command}'"), "aggregated_output": output,
                    "exit_code": code, "status": "failed" } } })
        };
        [
            item("item.started", Value::Null),
            sh("sleep 0.2; echo more >> lib/x.txt"),
            item("item.completed", json!(1)),
        ]
    };
    let run = sandbox.dispatch(&clean_turn(&command(
        "make all",
        "cp: cannot create \"docs/new\": Read-only file system\n",
    )));
    assert_eq!(blamed(&run.policy()), [("lib/x.txt", "during `make all`")]);
    assert_eq!(run.policy()["denied"], json!([{ "path": "docs/new", "by": "make all" }]));
    run.says(&[
        "\n  lib/x.txt  modified: content: 2 → 7 bytes  (during `make all`)\n",
        "\nwrites that were refused, as reported by the tools (1)\n  docs/new  by make all\n",
    ]);
    let run = sandbox.dispatch(&clean_turn(&command("echo more >> lib/x.txt", "")));
    assert_eq!(blamed(&run.policy()), [("lib/x.txt", "command `echo more >> lib/x.txt`")]);
    assert!(
        run.policy().get("denied").is_none() && !run.stdout.contains("writes that were refused"),
        "{run:?}"
    );
}

#[test]
fn the_real_codex_tells_which_writes_its_sandbox_refused() {
    let Some(stage) = Stage::real() else { return };
    let patch = "*** Begin Patch\n*** Add File: lib/p.txt\n+x\n*** End Patch";
    let script = json!([
        // Too fast and too like a sandbox's refusal for an item in the stream.
        step(&[stage::sh("echo x > lib/fast.txt")]),
        step(&[stage::sh("touch docs/slow; sleep 0.3")]),
        step(&[json!({ "patch": patch })]),
        step(&[clean()]),
    ]);
    let run = stage.packet(&Packet::worker(&["src/"]).script(&script), &[]);
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    assert_eq!(
        run.policy()["denied"],
        json!([
            { "path": "lib/fast.txt", "by": "echo x > lib/fast.txt" },
            { "path": "docs/slow", "by": "touch docs/slow; sleep 0.3" },
            { "path": "lib/p.txt", "by": "patch" },
        ])
    );
}

#[test]
fn of_the_real_codex_patches_and_commands_are_told_apart() {
    let Some(stage) = Stage::real() else { return };
    let patch = "*** Begin Patch\n*** Add File: lib/p.txt\n+x\n*** End Patch";
    let script = json!([
        step(&[stage::sh("sleep 0.3; echo y > docs/q; sleep 0.3")]),
        step(&[json!({ "patch": patch })]),
        step(&[stage::sh("sleep 0.3; git tag v9; sleep 0.3")]),
        step(&[clean()]),
    ]);
    let unsandboxed = ["-s", "danger-full-access", "--i-know-this-is-unsandboxed"];
    let run = stage.packet(&Packet::worker(&["src/"]).script(&script), &unsandboxed);
    assert_eq!(
        blamed(&run.policy()),
        [
            ("docs/q", "command `sleep 0.3; echo y > docs/q; sleep 0.3`"),
            ("lib/p.txt", "patch"),
            ("refs/tags/v9", "during `sleep 0.3; git tag v9; sleep 0.3`"),
        ]
    );
}

#[test]
fn files_in_scope_with_names_outside_are_told_before_the_start_and_in_the_notes() {
    let sandbox = Sandbox::new();
    for number in 0..8 {
        let names =
            [format!("src/hard{number}"), format!("docs/hard{number}")].map(|name| sandbox.repo().join(name));
        fs::write(&names[0], "x").unwrap();
        fs::hard_link(&names[0], &names[1]).unwrap();
    }
    sandbox.git(&["add", "--all"]);
    sandbox.git(&["commit", "--quiet", "--message", "hard links"]);
    let mut command = sandbox.dispatching(&clean_turn(&[]));
    command.arg("--json");
    let run = dispatched(command);
    let told = "`src/hard0` has 2 names, 1 of them in scope: writing to it changes the others";
    let more = "3 more files in scope have names outside it: writing to them changes those";
    run.complains(&[&format!("\nclodex-dispatch: {told}\n"), &format!("\nclodex-dispatch: {more}\n")]);
    let notes: Vec<String> = serde_json::from_value(run.policy()["notes"].clone()).unwrap();
    assert_eq!((notes.len(), &*notes[0], &*notes[5]), (6, told, more));
    assert_eq!(run.code, 0, "{run:?}");
}
