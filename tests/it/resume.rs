//! A run's thread goes on: in another run, and in Codex itself.

use std::fs;
use std::process::Command;

use clodex_sim::responses::embed;
use clodex_tests::{
    Codex, Dispatched, Key, LIMIT, Packet, Sandbox, Terminal, eventually, json_file, leftovers,
    run_with_timeout,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::hand_over::{at, conversation};
use crate::stage::{Stage, clean, dispatch_with, looking, step};

/// clodex-resume, by its name.
fn resume(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("clodex-control");
    command.args(["--as", "clodex-resume"]).args(args);
    command
}

fn resumed(sandbox: &Sandbox, args: &[&str]) -> Dispatched {
    Dispatched::of(run_with_timeout(resume(sandbox, args), LIMIT))
}

#[test]
fn a_conversation_goes_on_by_the_name_of_its_run() {
    let Some(stage) = Stage::real() else { return };
    let ask = |words: &str| format!("{words} {}", embed(&json!([step(&[clean()])])));
    let first = stage.run(&["--name", "shoes", &ask("which of the two is right?")]).exits(0);
    let second = stage.run(&["--name", "shoes again", "--resume", "shoes", &ask("and why?")]).exits(0);
    assert_eq!(second.result()["thread_id"], first.result()["thread_id"]);
    let seen = conversation(&stage.model);
    assert!(at(&seen, "which of the two").is_some() && at(&seen, "which of the two") < at(&seen, "and why?"));
}

#[test]
fn a_run_goes_on_in_codex_itself() {
    let Some(stage) = Stage::real() else { return };
    let ask = format!("which of the two is right? {}", embed(&json!([step(&[clean()])])));
    let run = stage.run(&["--name", "shoes", &ask]).exits(0);
    let thread = run.result()["thread_id"].as_str().unwrap().to_owned();
    let line = format!("cd {} && codex resume {thread}\n", stage.sandbox.repo().display());
    assert_eq!(resumed(&stage.sandbox, &["shoes"]).exits(0).stdout, line);
    assert_eq!(resumed(&stage.sandbox, &["shoes", "--inline"]).exits(0).stdout, line);
    // On a terminal it becomes Codex, here the one that the user's settings name, which shows the conversation.
    let link = stage.sandbox.root().join("bin/codex");
    stage
        .sandbox
        .file("config/clodex/config.yaml", format!("codex: {}\n", fs::read_link(&link).unwrap().display()));
    fs::remove_file(link).unwrap();
    let mut codex = resume(&stage.sandbox, &["shoes"]);
    codex.env("TERM", "xterm-256color");
    let terminal = Terminal::start(&stage.sandbox, &codex);
    eventually(LIMIT, || {
        let screen = terminal.screen();
        // What it asks a user whom it does not know yet; a key that comes too early is lost.
        for (question, key) in [("Trust this folder?", Key::Enter), ("Try new model", Key::Escape)] {
            if screen.contains(question) {
                terminal.press(key);
            }
        }
        screen.contains("which of the two is right?").then_some(())
    });
    drop(terminal);
    // Codex itself leaves a server behind, for whoever opens it next.
    for server in leftovers(stage.sandbox.marker()) {
        let _ = kill(Pid::from_raw(server.pid), Signal::SIGKILL);
    }
}

#[test]
fn what_cannot_be_resumed_says_why() {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "exec": { "exit": 1 } })));
    resumed(&sandbox, &["nothing"]).exits(2).complains(&["cannot find run `nothing`", "hint: "]);
    resumed(&sandbox, &["nothing", "--inline"]).exits(0).says(&["cannot find run `nothing`"]);
    let id = dispatch_with(&sandbox, &["x", "--name", "threadless"], b"", &[]).id();
    let run = resumed(&sandbox, &["threadless"]).exits(2);
    run.complains(&[&format!(
        "cannot resume {id}: Codex never began a thread in it\nhint: `clodex-debug {id}`"
    )]);
    let record = sandbox.state().join("ended").join(format!("{id}.json"));
    let mut spoofed = json_file(&record);
    spoofed["thread_id"] = json!("--last; touch planted");
    fs::write(&record, spoofed.to_string()).unwrap();
    resumed(&sandbox, &["threadless"]).exits(2).complains(&["Codex never began a thread in it"]);
    let again = dispatch_with(&sandbox, &["--resume", "threadless", "x"], b"", &[]).exits(2);
    again.complains(&["that is neither a run nor a thread id", "hint: "]);
}

#[test]
fn a_live_run_is_not_resumed() {
    let Some(stage) = Stage::real() else { return };
    let gate = stage.sandbox.root().join("go");
    let work = json!([step(&[json!({ "until": gate }), clean()])]);
    let packet = Packet::read_only("reviewer").script(&work).with("NAME: busy");
    let path = stage.sandbox.packet(&packet);
    let begun = stage.run(&["--task", path.to_str().unwrap(), "--detach"]).exits(0);
    let id = begun.id();
    let hint = format!("it is still working in its thread\nhint: wait for it with `clodex-wait {id}`");
    resumed(&stage.sandbox, &["busy"]).exits(7).complains(&[&hint]);
    stage.run(&["--resume", "busy", "and?"]).exits(7).complains(&[&hint]);
    fs::write(gate, "").unwrap();
    let mut wait = looking(&stage.sandbox, "clodex-wait");
    wait.arg(&id);
    assert!(run_with_timeout(wait, LIMIT).status.success());
}
