//! A dispatch in a session: seen while it lives, noticed when it ends, read.

use clodex_sim::messages::OUTPUT_FILE;
use serde_json::json;

use super::{Scene, dispatch, say};

#[test]
fn a_run_is_seen_while_it_lives_and_its_report_is_read_when_it_has_ended() {
    let Some(scene) = Scene::real() else { return };
    scene.shows_our_line();
    let claude = scene.session(&[]);
    let read = json!({ "do": [{ "tool": { "name": "Read", "input": { "file_path": OUTPUT_FILE } } }] });
    let packet = scene.packet("adds");
    claude.play("work", json!([dispatch(&packet), say("Codex has it"), read, say("it is there")]));
    claude.shows(&["Codex has it", "codex adds ", "· thinking"]);
    scene.let_go_on("adds");
    claude.shows(&["Background command \"Codex adds a file\" completed (exit code 0)", "it is there"]);
    let told = scene.stage.model.asked().pop().unwrap();
    for words in ["outcome  done (exit 0)", "verdict  clean", "  src/adds/new.txt"] {
        assert!(told.contains(words), "no `{words}` in:\n{told}");
    }
}
