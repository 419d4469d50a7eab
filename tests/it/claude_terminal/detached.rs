//! Detached runs: they outlive their session, and their end is told to it, once, and to no other.

use clodex_tests::{ClaudeTerminal, LIMIT, eventually};
use nix::sys::signal::Signal;
use serde_json::json;

use super::{Scene, bash, say};

/// Lets the model dispatch a packet that outlives the session; the session's id.
#[track_caller]
fn dispatch_detached(scene: &Scene, claude: &ClaudeTerminal<'_>, name: &str) -> String {
    let command = format!("clodex-dispatch --detach --task {}", scene.packet(name).display());
    claude.play(name, json!([bash(&command, false), say("Codex has it"), say("Codex is done")]));
    claude.shows(&["Codex has it"]);
    scene.until_it_thinks(name);
    scene.stage.sandbox.status(name)["session_id"].as_str().unwrap().to_owned()
}

/// How often a conversation tells of a run's end, by its id.
fn endings_told(conversation: &str, run: &str) -> usize {
    conversation.lines().filter(|line| line.contains(run) && line.contains(" done")).count()
}

#[test]
fn the_end_of_a_detached_run_wakes_the_session_that_started_it_and_no_other() {
    let Some(scene) = Scene::real() else { return };
    let (one, other) = (scene.session(&[]), scene.session(&[]));
    dispatch_detached(&scene, &one, "apart");
    let run = scene.id("apart");
    scene.let_go_on("apart");
    one.shows(&["Monitor event: ✓ codex apart done", "Codex is done"]);
    other.play("ask", json!([say("answered")]));
    other.shows(&["answered"]);
    let told: Vec<usize> =
        scene.stage.model.asked().iter().map(|conversation| endings_told(conversation, &run)).collect();
    assert_eq!(told, [0, 0, 1, 0]);
}

#[test]
fn a_resumed_session_is_told_once_what_ended_meanwhile() {
    let Some(scene) = Scene::real() else { return };
    let killed = scene.session(&[]);
    let session = dispatch_detached(&scene, &killed, "orphaned");
    killed.signal(Signal::SIGKILL);
    killed.ended();
    scene.let_go_on("orphaned");
    scene.until_ended("orphaned");
    let run = scene.id("orphaned");
    for sessions_begun in 1..=2 {
        let resumed = scene.session(&["--resume", &session]);
        resumed.play("more", json!([say("here again"), say("heard")]));
        resumed.shows(&["here again"]);
        let told = || scene.stage.model.asked().iter().map(|asked| endings_told(asked, &run)).max();
        eventually(LIMIT, || (told() == Some(1)).then_some(()));
        resumed.send("/exit");
        resumed.ended();
        assert_eq!(told(), Some(1), "told again to session {sessions_begun}");
    }
}
