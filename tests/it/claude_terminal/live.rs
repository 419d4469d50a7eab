//! The band above the prompt: what a session shows of its runs without any settings.

use serde_json::json;

use super::{Scene, dispatch, say};

#[test]
fn a_band_has_the_live_line_during_a_turn_and_afterwards_and_goes_with_the_run() {
    let Some(scene) = Scene::real() else { return };
    let claude = scene.session(&[]);
    let turn_goes_on = json!({ "do": [{ "until": scene.gate("turn") }, { "say": "Codex has it" }] });
    claude.play("work", json!([dispatch(&scene.packet("adds")), turn_goes_on, say("Codex is done")]));
    let line = |screen: &str| screen.lines().find(|line| line.contains(" codex adds ")).map(str::to_owned);
    let first = line(&claude.shows(&[" codex adds ", "· thinking"]));
    let screen =
        claude.until("the line going on", |screen| line(screen).is_some_and(|now| Some(now) != first));
    assert!(!screen.contains("Codex has it"), "the turn is over:\n{screen}");

    claude.send("/clodex-now cancel nobody");
    claude.shows(&["cannot find run `nobody`", "esc to interrupt"]);

    scene.let_go_on("turn");
    claude.until("the line after the turn", |screen| {
        screen.contains("Codex has it") && line(screen).is_some_and(|now| now.contains("thinking"))
    });
    scene.let_go_on("adds");
    claude.until("no line any more", |screen| screen.contains("Codex is done") && line(screen).is_none());
}
