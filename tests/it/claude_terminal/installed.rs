//! The plugin as a user gets it: from a folder marketplace that holds what is committed and nothing that was built.

use clodex_tests::ClaudeTerminal;
use serde_json::json;

use super::{ALLOWED, Scene};

impl Scene {
    /// Runs `claude plugin …`, which must work.
    #[track_caller]
    fn plugin(&self, words: &[&str]) -> String {
        let output = self.stage.claude(&[&["plugin"], words].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A session that has only what is installed.
    #[track_caller]
    fn plain_session(&self) -> ClaudeTerminal<'_> {
        let mut claude = self.stage.command();
        claude.args(ALLOWED);
        self.stage.terminal_of(&claude)
    }
}

#[test]
fn an_installed_plugin_dispatches_and_goes_again_without_a_trace() {
    let Some(scene) = Scene::real() else { return };
    scene.plugin(&["marketplace", "add", scene.stage.plugin().to_str().unwrap()]);
    scene.plugin(&["install", "clodex@clodex"]);
    let claude = scene.plain_session();
    scene.dispatch_in(&claude, "new");
    claude.send("/clodex-status");
    scene.until_told(&claude, &["DOING", &scene.id("new")]);
    scene.let_go_on("new");
    claude.shows(&["Background command \"Codex adds a file\" completed (exit code 0)"]);
    assert_eq!(scene.until_ended("new"), (json!("done"), json!("clean")));
    claude.send("/exit");
    claude.ended();
    scene.plugin(&["uninstall", "clodex"]);
    scene.plugin(&["marketplace", "remove", "clodex"]);
    assert!(!scene.plugin(&["list"]).contains("clodex"));
    let data = scene.stage.sandbox.root().join("home/.claude/plugins/data");
    let left = std::fs::read_dir(data).map(|left| left.flatten().count()).unwrap_or_default();
    assert_eq!(left, 0, "left in the plugin's data directory");
}
