//! What the toggle says to uses of tools in a project.

use std::fs;

use clodex_os::record_store::StateDir;
use clodex_os::set_toggle;
use serde_json::json;

use super::*;

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn with(toggle: Toggle) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in ["src/a.rs", "docs/d.md"] {
            fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            fs::write(folder.path().join(file), "x").unwrap();
        }
        set_toggle(folder.path(), toggle).unwrap();
        Self { folder }
    }

    fn said_to(&self, prompt: &str, tool: &str, input: &serde_json::Value) -> Answer {
        let event = json!({ "hook_event_name": "PreToolUse", "session_id": "s", "prompt_id": prompt, "agent_id": "a",
            "cwd": self.folder.path().join("docs"), "tool_name": tool, "tool_input": input });
        let bytes = event.to_string();
        let received = Received::read(bytes.as_bytes()).unwrap();
        let around = HookContext {
            state: Some(StateDir::at(self.folder.path().join(".state"))),
            project_dir: Some(self.folder.path().to_owned()),
            ..HookContext::from_env()
        };
        crate::answer(&received, &around)
    }

    fn denies(&self, tool: &str, input: &serde_json::Value) -> bool {
        match self.said_to("p", tool, input) {
            Answer::ToolDenied(reason) => {
                assert!(
                    reason.contains("WRITE SCOPE:\n- ") && reason.contains("clodex-dispatch"),
                    "{reason}"
                );
                true
            }
            Answer::Nothing => false,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn deny_refuses_source_files_and_nothing_else() {
    let project = Project::with(Toggle::Deny);
    let source = project.folder.path().join("src/a.rs");
    for tool in ["Edit", "Write", "MultiEdit"] {
        assert!(project.denies(tool, &json!({ "file_path": source })), "{tool}");
        assert!(!project.denies(tool, &json!({ "file_path": project.folder.path().join("docs/d.md") })));
    }
    assert!(project.denies("NotebookEdit", &json!({ "notebook_path": "../src/n.ipynb" })));
    assert!(!project.denies("Read", &json!({ "file_path": source })));
    for (command, refused) in [
        ("echo x > ../src/a.rs", true),
        ("cd ../src && sed -i s/a/b/ *", true),
        ("git apply x.diff", true),
        ("git stash pop", true),
        ("git checkout ../src/a.rs", true),
        ("rm -rf ../src", true),
        ("find .. -name '*.rs' -delete", true),
        ("grep -rl a .. | xargs sed -i s/a/b/", true),
        ("echo off > ../.claude/clodex-toggle.flag", true),
        ("grep -rl a ../docs | xargs sed -i s/a/b/", false),
        ("git checkout main", false),
        ("cd /tmp && git apply x.diff", false),
        ("cp ../src/a.rs /tmp/", false),
        ("cat ../src/a.rs > d.md", false),
        ("cargo test 2>&1 | tee /tmp/log.rs", false),
        ("clodex-dispatch --task - <<'E'\necho x > ../src/a.rs\nE", false),
        ("rm -rf ../target ../node_modules", false),
    ] {
        assert_eq!(project.denies("Bash", &json!({ "command": command })), refused, "{command}");
    }
}

#[test]
fn warn_lets_through_and_says_so_once_a_turn() {
    let project = Project::with(Toggle::Warn);
    let edit = json!({ "file_path": "../src/a.rs" });
    let is_noted = |prompt| match project.said_to(prompt, "Edit", &edit) {
        Answer::ToolNoted(note) => note.contains("`src/a.rs`"),
        Answer::Nothing => false,
        other => panic!("{other:?}"),
    };
    assert_eq!([is_noted("p1"), is_noted("p1"), is_noted("p2")], [true, false, true]);
}

#[test]
fn off_says_nothing() {
    let project = Project::with(Toggle::Off);
    assert!(!project.denies("Edit", &json!({ "file_path": "../src/a.rs" })));
}
