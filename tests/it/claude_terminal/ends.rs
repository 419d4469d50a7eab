//! How a turn and a session can end, and what becomes of the runs: what is attached ends with whoever was asked to end
//! it, what is detached goes on, and nothing lives for ever.

use clodex_tests::{ClaudeTerminal, Key};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Scene, bash, dispatch, say};

fn cancelled() -> (Value, Value) {
    (json!("cancelled"), json!("clean"))
}

fn done() -> (Value, Value) {
    (json!("done"), json!("clean"))
}

/// A session whose model has dispatched `name` in the background.
fn dispatched<'a>(scene: &'a Scene, name: &str) -> ClaudeTerminal<'a> {
    let claude = scene.session(&[]);
    scene.dispatch_in(&claude, name);
    claude
}

#[test]
fn escape_ends_a_run_that_claude_waits_for() {
    let Some(scene) = Scene::real() else { return };
    let claude = scene.session(&[]);
    let command = format!("clodex-dispatch --task {}", scene.packet("waited-for").display());
    claude.play("work", json!([bash(&command, false), say("never said")]));
    scene.until_it_thinks("waited-for");
    claude.press(Key::Escape);
    claude.shows(&["Interrupted"]);
    assert_eq!(scene.until_ended("waited-for"), cancelled());
}

#[test]
fn escape_leaves_a_run_in_the_background_alone() {
    let Some(scene) = Scene::real() else { return };
    let claude = scene.session(&[]);
    let thinks = json!({ "do": [{ "say": "thinking" }, { "until": scene.gate("never") }] });
    claude.play("work", json!([dispatch(&scene.packet("beside")), thinks, say("seen")]));
    scene.until_it_thinks("beside");
    claude.shows(&["thinking"]);
    claude.press(Key::Escape);
    claude.shows(&["Interrupted"]);
    assert_eq!(scene.state("beside"), "live");
    scene.let_go_on("beside");
    claude.shows(&["Background command \"Codex adds a file\" completed (exit code 0)"]);
    assert_eq!(scene.until_ended("beside"), done());
}

#[test]
fn leaving_and_stopping_tasks_cancels_the_run() {
    let Some(scene) = Scene::real() else { return };
    let claude = dispatched(&scene, "stopped");
    claude.send("/exit");
    claude.shows(&["Background work is running", "Codex adds a file", "❯ 1. Exit and stop tasks"]);
    claude.press(Key::Enter);
    claude.ended();
    assert_eq!(scene.until_ended("stopped"), cancelled());
}

#[test]
fn a_run_that_is_moved_to_the_background_on_leaving_goes_on() {
    let Some(scene) = Scene::real() else { return };
    let claude = dispatched(&scene, "moved");
    claude.send("/exit");
    claude.shows(&["Background work is running"]);
    claude.press(Key::Down);
    claude.shows(&["❯ 2. Move to background and exit"]);
    claude.press(Key::Enter);
    let told = claude.ended();
    assert!(told.contains("backgrounded"), "{told}");
    assert_eq!(scene.state("moved"), "live");
    scene.let_go_on("moved");
    assert_eq!(scene.until_ended("moved"), done());
    // The session itself goes on as well: below a supervisor that Claude Code has started for it.
    let stopped = scene.stage.claude(&["daemon", "stop", "--any"]);
    assert!(stopped.status.success(), "{stopped:?}");
}

#[test]
fn closing_the_terminal_cancels_the_run() {
    let Some(scene) = Scene::real() else { return };
    let claude = dispatched(&scene, "closed");
    claude.signal(Signal::SIGHUP);
    claude.ended();
    assert_eq!(scene.until_ended("closed"), cancelled());
}

#[test]
fn a_run_whose_claude_was_killed_brings_its_work_to_an_end() {
    let Some(scene) = Scene::real() else { return };
    let claude = dispatched(&scene, "bereft");
    claude.signal(Signal::SIGKILL);
    claude.ended();
    assert_eq!(scene.state("bereft"), "live");
    scene.let_go_on("bereft");
    assert_eq!(scene.until_ended("bereft"), done());
}

#[test]
fn a_detached_run_survives_the_end_and_the_death_of_its_session() {
    let Some(scene) = Scene::real() else { return };
    for (name, end) in [("left", None), ("orphaned", Some(Signal::SIGKILL))] {
        let claude = scene.session(&[]);
        let command = format!("clodex-dispatch --detach --task {}", scene.packet(name).display());
        claude.play(name, json!([bash(&command, false), say("Codex has it")]));
        claude.shows(&["Codex has it"]);
        scene.until_it_thinks(name);
        match end {
            Some(signal) => claude.signal(signal),
            None => claude.send("/exit"),
        }
        claude.ended();
        assert_eq!(scene.state(name), "live");
        scene.let_go_on(name);
        assert_eq!(scene.until_ended(name), done());
    }
}
