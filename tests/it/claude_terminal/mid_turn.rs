//! While a turn runs: what a user asks of the runs is done, and the turn is not lost.

use serde_json::json;

use super::{Scene, dispatch, say};

#[test]
fn a_run_is_looked_at_and_cancelled_while_a_turn_runs() {
    let Some(scene) = Scene::real() else { return };
    let claude = scene.session(&[]);
    let thinks =
        json!({ "do": [{ "say": "thinking" }, { "until": scene.gate("turn") }, { "say": "thought" }] });
    claude.play("work", json!([dispatch(&scene.packet("beside")), thinks, say("heard"), say("heard")]));
    scene.until_it_thinks("beside");
    claude.shows(&["thinking"]);
    claude.send("/clodex-status");
    claude.send("/clodex-cancel beside");
    scene.let_go_on("turn");
    claude.shows(&["thought"]);
    scene.until_told(&claude, &["DOING", &scene.id("beside")]);
    scene.until_told(&claude, &["cancelled, clean"]);
    assert_eq!(scene.until_ended("beside"), (json!("cancelled"), json!("clean")));
}

#[test]
fn with_mods_a_run_is_dead_before_the_turn_is_over() {
    let Some(scene) = Scene::real() else { return };
    let claude = scene.session(&[]);
    let thinks =
        json!({ "do": [{ "say": "thinking" }, { "until": scene.gate("turn") }, { "say": "thought" }] });
    claude.play("work", json!([dispatch(&scene.packet("beside")), thinks, say("heard")]));
    scene.until_it_thinks("beside");
    claude.shows(&["thinking"]);
    claude.send("/clodex-now cancel beside");
    assert_eq!(scene.until_ended("beside"), (json!("cancelled"), json!("clean")));
    let screen = claude.shows(&["cancelled, clean"]);
    assert!(!screen.contains("thought"), "the turn is over:\n{screen}");
    scene.let_go_on("turn");
    claude.shows(&["thought"]);
}
