//! Less than everything: a Claude Code from before mods, one whose user has switched all hooks off, helpers that are not
//! installed yet.

use std::env;

use clodex_tests::{ClaudeTerminal, ClaudeVersion};
use serde_json::json;

use super::{ALLOWED, Scene, say};

/// Who answers a command that shows or ends runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Hook,
    Model,
}

/// Waits until the user sees these words that a hook has said, or the model is told them; the other does not happen.
#[track_caller]
fn answered(scene: &Scene, claude: &ClaudeTerminal<'_>, by: Answers, words: &[&str]) {
    let is_told = |text: &str| words.iter().all(|words| text.contains(words));
    let is_asked = || scene.stage.model.asked().iter().any(|asked| is_told(asked));
    claude.until(&format!("{words:?} by {by:?}"), |screen| match by {
        Answers::Hook => is_told(screen),
        Answers::Model => is_asked(),
    });
    assert_eq!(is_asked(), by == Answers::Model);
}

/// A dispatch, its completion and the commands, in a session as it is.
fn works(scene: &Scene, name: &str, has_line: bool, by: Answers) {
    let claude = scene.session(&[]);
    scene.dispatch_in(&claude, name);
    if has_line {
        claude.shows(&[&format!("codex {name} "), "· thinking"]);
    }
    claude.send("/clodex-status");
    answered(scene, &claude, by, &["DOING", &scene.id(name)]);
    claude.send(&format!("/clodex-cancel {name}"));
    answered(scene, &claude, by, &["cancelled, clean"]);
    claude.shows(&["Background command \"Codex adds a file\" failed with exit code 130"]);
    assert_eq!(scene.until_ended(name), (json!("cancelled"), json!("clean")));
}

#[test]
fn everything_but_the_band_works_in_a_claude_without_mods() {
    let Some(scene) = Scene::of(ClaudeVersion::WithoutMods) else { return };
    scene.shows_our_line();
    works(&scene, "old", true, Answers::Hook);
}

#[test]
fn with_all_hooks_off_the_commands_and_the_completion_work() {
    let Some(scene) = Scene::real() else { return };
    scene.settings_are(&json!({ "disableAllHooks": true }));
    works(&scene, "bare", false, Answers::Model);
}

#[test]
fn a_plugin_without_its_helpers_costs_no_turn() {
    let Some(scene) = Scene::real() else { return };
    let mut claude = scene.stage.command();
    let paths = claude.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path).unwrap();
    let bare = env::split_paths(paths).filter(|dir| !dir.join("clodex-announce").exists());
    let bare = env::join_paths(bare).unwrap();
    claude.env("PATH", bare).arg("--plugin-dir").arg(scene.stage.plugin()).args(ALLOWED);
    let claude = scene.stage.terminal_of(&claude);
    claude.shows(&["1 monitor"]);
    claude.play("ask", json!([say("answered")]));
    let screen = claude.shows(&["answered", "1 monitor still running"]);
    assert!(!screen.contains("Monitor \""), "{screen}");
    assert_eq!(scene.stage.model.asked().len(), 1);
}
