//! The plugin as a user gets it, with nothing built and nothing on PATH: installed, set up, used, and gone again.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_sim::messages::{OUTPUT_FILE, PRESCRIBED};
use clodex_tests::{ClaudeTerminal, text};
use serde_json::json;

use super::{ALLOWED, Scene, bash, dispatch, say};

/// Settings in the form that Claude Code gives them, of somebody who has a status line and no plugin any more.
const SETTINGS: &str = r#"{
  "statusLine": {
    "type": "command",
    "command": "sed -n 's/.*\"display_name\":\"\\([^\"]*\\)\".*/mine \\1/p'"
  },
  "enabledPlugins": {},
  "extraKnownMarketplaces": {}
}
"#;
/// Where Claude Code remembers what was said and used, and what it will remove itself.
const ITS_MEMORY: [&str; 5] =
    [".claude.json", ".claude/backups", ".claude/history.jsonl", ".claude/plugins/cache", ".claude/projects"];

#[test]
fn what_comes_from_a_folder_is_set_up_used_and_gone_without_a_trace() {
    let Some(scene) = Scene::real() else { return };
    comes_and_goes(&scene, &scene.stage.plugin(), "clodex");
}

#[test]
fn what_comes_by_git_is_set_up_used_and_gone_without_a_trace() {
    let Some(scene) = Scene::real() else { return };
    // Sources are there, and nobody who can build them.
    scene.stage.sandbox.program("bin/cargo", "#!/bin/sh\nexit 1\n");
    let source = format!("file://{}", scene.stage.published().display());
    let plugin =
        json!({ "name": "clodex", "description": "x", "source": { "source": "url", "url": source } });
    let market = json!({ "name": "far", "owner": { "name": "x" }, "description": "x", "plugins": [plugin] });
    scene.stage.sandbox.file("market/.claude-plugin/marketplace.json", market.to_string());
    comes_and_goes(&scene, &scene.stage.sandbox.root().join("market"), "far");
}

#[track_caller]
fn comes_and_goes(scene: &Scene, market: &Path, its_name: &str) {
    let settings = scene.stage.sandbox.file("home/.claude/settings.json", SETTINGS);
    scene.plugin(&["marketplace", "add", market.to_str().unwrap()]);
    scene.plugin(&["install", &format!("clodex@{its_name}")]);
    let installed = text(&settings);
    let releases = scene.stage.sandbox.release();
    let claude = scene.newcomers_session(&releases);
    claude.shows(&["mine "]);
    set_up(scene, &claude, "/clodex-setup");
    works_below_the_users_own_line(scene, &claude);
    set_up(scene, &claude, "/clodex-setup --uninstall");
    assert_eq!(text(&settings), installed);
    claude.send("/exit");
    let seen = claude.ended();
    assert!(!seen.contains("hook error") && !seen.contains("Monitor"), "{seen}");
    scene.plugin(&["uninstall", "clodex"]);
    scene.plugin(&["marketplace", "remove", its_name]);
    scene.newcomers_session(&releases).shows(&["mine "]);
    assert_eq!((text(&settings).as_str(), ours_at_home(scene)), (SETTINGS, vec![]));
}

/// Types the command, and lets the model do what it says.
#[track_caller]
fn set_up(scene: &Scene, claude: &ClaudeTerminal<'_>, command: &str) {
    let done = format!("did {command}");
    scene.stage.model.learn("clodex:clodex-setup", json!([bash(PRESCRIBED, false), say(&done)]));
    claude.send(command);
    claude.shows(&[&done]);
}

/// A dispatch, seen while it lives, noticed when it ends, its report read.
#[track_caller]
fn works_below_the_users_own_line(scene: &Scene, claude: &ClaudeTerminal<'_>) {
    let below_own = |screen: &str| {
        let mut lines = screen.lines().skip_while(|line| !line.trim_start().starts_with("mine ")).skip(1);
        lines.next().is_some_and(|line| line.contains(" codex adds ") && line.contains("· thinking"))
    };
    let read = json!({ "do": [{ "tool": { "name": "Read", "input": { "file_path": OUTPUT_FILE } } }] });
    let work = json!([dispatch(&scene.packet("adds")), say("Codex has it"), read, say("it is there")]);
    claude.play("work", work);
    claude.shows(&["Codex has it"]);
    claude.until("our line below the user's own", below_own);
    scene.let_go_on("adds");
    claude.shows(&["Background command \"Codex adds a file\" completed (exit code 0)", "it is there"]);
    claude.until("the user's own line alone", |screen| screen.contains("mine ") && !below_own(screen));
    let told = scene.stage.model.asked().pop().unwrap();
    for words in ["outcome  done (exit 0)", "verdict  clean", "  src/adds/new.txt"] {
        assert!(told.contains(words), "no `{words}` in:\n{told}");
    }
}

impl Scene {
    /// Runs `claude plugin …`, which must work.
    #[track_caller]
    fn plugin(&self, words: &[&str]) {
        let output = self.stage.claude(&[&["plugin"], words].concat());
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// A session of somebody who has only what is installed, and can download a release.
    #[track_caller]
    fn newcomers_session(&self, releases: &str) -> ClaudeTerminal<'_> {
        let mut claude = self.stage.command_without_helpers();
        claude.args(ALLOWED).env("CLODEX_RELEASE_URL", releases);
        self.stage.terminal_of(&claude)
    }
}

/// What has our name, or says it, in what Claude Code keeps of the user.
fn ours_at_home(scene: &Scene) -> Vec<PathBuf> {
    let (home, root) = (scene.stage.sandbox.root().join("home"), scene.stage.sandbox.root());
    let mut dirs = vec![home.clone()];
    let mut ours = Vec::new();
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            let inside = path.strip_prefix(&home).unwrap();
            if ITS_MEMORY.iter().any(|memory| inside == Path::new(memory)) {
                continue;
            }
            // Where the sandbox lies may be called like us.
            let content = fs::read(&path).unwrap_or_default();
            let content = String::from_utf8_lossy(&content).replace(root.to_str().unwrap(), "");
            if inside.to_string_lossy().contains("clodex") || content.contains("clodex") {
                ours.push(inside.to_owned());
            }
            if path.is_dir() && !path.is_symlink() {
                dirs.push(path);
            }
        }
    }
    ours
}
