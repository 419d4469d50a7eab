//! Places that flows are given: trees that contain each other, names that are no text.

use clodex_tests::{Packet, Sandbox, sh, text};
use serde_json::Value;

use super::{flow, in_repo, only, stage};

/// A repository of its own in the repository.
fn inner(sandbox: &Sandbox) {
    let inner = sandbox.repo().join("sub");
    std::fs::create_dir(&inner).unwrap();
    let at = inner.to_str().unwrap();
    sandbox.git(&["init", "--quiet", at]);
    sandbox.git(&["-C", at, "commit", "--quiet", "--allow-empty", "-m", "begin"]);
}

/// A packet around a repository in the repository, and one in that; their paths come back.
fn around_and_in(sandbox: &Sandbox) -> [String; 2] {
    [("around", "sub/", sandbox.repo()), ("inside", "f.txt", sandbox.repo().join("sub"))].map(
        |(name, scope, workdir)| {
            let packet = Packet::worker(&[scope]).with(&format!("NAME: {name}"));
            let path = sandbox.file(&format!("{name}.md"), packet.to_text(&workdir));
            path.to_str().unwrap().to_owned()
        },
    )
}

/// Names need not be text.
#[test]
#[cfg(target_os = "linux")]
fn a_flow_its_packets_and_its_answers_may_have_any_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use clodex_tests::{Dispatched, LIMIT, run_with_timeout};

    let sandbox = stage(&[super::leave("src/a.txt")]);
    let odd = |name: &[u8]| sandbox.root().join(OsStr::from_bytes(name));
    let (file, packet, answer) = (odd(b"odd\xff.yaml"), odd(b"odd\xff.md"), odd(b"answer\xff"));
    let text = "name: x\ninputs:\n  all: {kind: packets}\nsteps:\n  - {id: ok, ask: ok?}\n  \
        - {id: one, needs: ok, each: all}\n";
    std::fs::write(&file, text).unwrap();
    std::fs::write(&packet, Packet::worker(&["src/"]).to_text(&sandbox.repo())).unwrap();
    std::fs::write(&answer, "yes\n").unwrap();
    let told = |args: &[&OsStr]| {
        let mut command = sandbox.command("clodex-flow");
        command.args(args);
        Dispatched::of(run_with_timeout(command, LIMIT))
    };
    told(&["run".as_ref(), file.as_os_str(), packet.as_os_str()]).exits(8);
    let id = only(&sandbox);
    told(&["continue".as_ref(), id.as_ref(), "--input".as_ref(), answer.as_os_str()]).exits(0);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nx\n");
    told(&["lint".as_ref(), file.as_os_str()]).exits(0);

    let place = odd(b"repo/odd\xff");
    std::fs::create_dir(&place).unwrap();
    let refused =
        told(&["run".as_ref(), file.as_os_str(), packet.as_os_str(), "--cd".as_ref(), place.as_os_str()]);
    refused.exits(2).complains(&["its name is not UTF-8"]);
}

#[test]
fn packets_of_a_repository_and_of_one_in_it_do_not_write_in_one_place_at_once() {
    let sandbox = stage(&[sh("test -e sub && echo x > sub/around.txt || echo x > f.txt")]);
    inner(&sandbox);
    let [around, inside] = around_and_in(&sandbox);
    let refused = flow(&sandbox, &["run", "parallel", &around, &inside]).exits(2);
    refused.complains(&["`around` and `inside` may run at the same time, and their scopes `"]);
    assert_eq!(sandbox.recorded().len(), 0);

    flow(&sandbox, &["run", "parallel", &around, &inside, "--overlap", "serialise"]).exits(0);
    assert_eq!(
        (in_repo(&sandbox, "sub/around.txt"), in_repo(&sandbox, "sub/f.txt")),
        ("x\n".into(), "x\n".into())
    );
    let journal = text(sandbox.state().join("flows").join(only(&sandbox)).join("journal.jsonl"));
    let entry =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["entry"].as_str().unwrap().to_owned();
    let entries: Vec<String> = journal.lines().map(entry).collect();
    assert_eq!(entries, ["begun", "run", "ended", "run", "ended", "finished"]);
}

#[test]
fn a_step_goes_over_what_an_earlier_one_left_in_a_repository_in_or_around_its_own() {
    for (first, second) in [("around", "inside"), ("inside", "around")] {
        let sandbox = stage(&[sh("test -e sub && echo x >> sub/f.txt || echo x >> f.txt")]);
        inner(&sandbox);
        let [around, inside] = around_and_in(&sandbox);
        let text = format!(
            "name: x\ninputs:\n  around: {{kind: packet}}\n  inside: {{kind: packet}}\nsteps:\n  \
             - {{id: a, packet: {first}}}\n  - {{id: b, needs: a, packet: {second}}}\n"
        );
        super::run(&sandbox, &text, &["--around", &around, "--inside", &inside]).exits(0);
        assert_eq!(in_repo(&sandbox, "sub/f.txt"), "x\nx\n", "{first}, then {second}");
    }
}

#[test]
fn worktrees_of_tries_that_another_took_the_place_of_are_named() {
    let sandbox = stage(&[]);
    let mark = sandbox.root().join("second").display().to_string();
    let acts = [sh(&format!("test ! -e {mark} || echo x > src/b.txt; echo x > {mark}; echo x >> src/a.txt"))];
    sandbox.codex_is(clodex_tests::Codex::StandIn(
        serde_json::json!({ "exec": clodex_tests::clean_turn(&acts) }),
    ));
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/, isolate: head, retry: 1, gate: {changed: src/b.txt}}\n";
    let told = super::run(&sandbox, text, &[]).exits(0);
    told.says(&["landed src/a.txt, src/b.txt", " left its work in "]);
    let (_, rest) = told.stdout.split_once("`clodex-apply --discard ").unwrap();
    let (run, _) = rest.split_once('`').unwrap();
    assert_eq!(sandbox.git(&["worktree", "list"]).lines().count(), 2);
    let mut discard = sandbox.command("clodex-apply");
    discard.args(["--discard", run]);
    assert!(clodex_tests::run_with_timeout(discard, clodex_tests::LIMIT).status.success());
    assert_eq!(sandbox.git(&["worktree", "list"]).lines().count(), 1);
    let told = flow(&sandbox, &["status", &only(&sandbox)]).exits(0);
    assert!(!told.stdout.contains("left its work"), "what is gone is not named: {told:?}");
}
