//! Less than everything: a Claude Code from before mods, and one whose user has switched all hooks off.

use clodex_tests::ClaudeVersion;
use serde_json::json;

use super::Scene;

/// A dispatch, its completion and the commands, in a session as it is.
fn works(scene: &Scene, name: &str, has_line: bool) {
    let claude = scene.session(&[]);
    scene.dispatch_in(&claude, name);
    if has_line {
        claude.shows(&[&format!("codex {name} "), "· thinking"]);
    }
    claude.send("/clodex-status");
    scene.until_told(&claude, &["DOING", &scene.id(name)]);
    claude.send(&format!("/clodex-cancel {name}"));
    scene.until_told(&claude, &["cancelled, clean"]);
    claude.shows(&["Background command \"Codex adds a file\" failed with exit code 130"]);
    assert_eq!(scene.until_ended(name), (json!("cancelled"), json!("clean")));
}

#[test]
fn everything_but_the_band_works_in_a_claude_without_mods() {
    let Some(scene) = Scene::of(ClaudeVersion::WithoutMods) else { return };
    scene.shows_our_line();
    works(&scene, "old", true);
}

#[test]
fn with_all_hooks_off_the_commands_and_the_completion_work() {
    let Some(scene) = Scene::real() else { return };
    scene.settings_are(&json!({ "disableAllHooks": true }));
    works(&scene, "bare", false);
}
