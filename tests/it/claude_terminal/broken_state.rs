//! What hooks are told of may be gone, broken or nonsense: the session goes on as if they were not there.

use std::fs;

use serde_json::{Value, json};

use super::{Scene, say};

/// A call of a tool with an input that no tool takes.
fn nonsense(tool: &str, input: &Value) -> Value {
    json!({ "do": [{ "tool": { "name": tool, "input": input } }] })
}

#[test]
fn a_session_goes_on_when_what_its_hooks_look_at_is_gone_or_nonsense() {
    let Some(scene) = Scene::real() else { return };
    let sandbox = &scene.stage.sandbox;
    let flag = sandbox.file("repo/.claude/clodex-toggle.flag", "deny\n");
    for (name, content) in [
        ("state/live/nonsense.json", &b"{\"id\":7,\"session_id\":[],\"workdir\":{}}"[..]),
        ("state/live/cut.json", b"{\"id\":\"cut"),
        ("state/ended/bytes.json", b"\xff\xfe\0"),
        ("state/told", b"no directory"),
    ] {
        sandbox.file(name, content);
    }
    let claude = scene.session(&[]);
    claude.play("first", json!([say("here")]));
    claude.shows(&["here"]);
    fs::remove_dir_all(sandbox.root().join("home/.claude/projects")).unwrap();
    fs::write(&flag, [0xff, 0]).unwrap();
    fs::remove_dir_all(sandbox.repo().join(".git")).unwrap();
    let odd = [
        nonsense("Write", &json!({ "file_path": 7, "content": { "a": [] } })),
        nonsense("Edit", &json!([])),
        say("still here"),
    ];
    claude.play("odd", json!(odd));
    let screen = claude.shows(&["still here"]);
    claude.send("/exit");
    let all = format!("{screen}{}", claude.ended());
    assert!(!all.contains("hook error") && !all.contains("hook ["), "{all}");
    fs::remove_dir_all(sandbox.state()).unwrap();
}
