//! What Codex's sandbox leaves behind when it is interrupted is removed; what was there before stays.

use std::fs;
use std::time::Duration;

use clodex_sim::ScriptedModel;
use clodex_tests::{Codex, Packet, Sandbox, Underway, eventually, real_codex};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn empty_mount_points_of_an_interrupted_sandbox_are_removed_and_the_users_own_stay() {
    let Ok(codex) = real_codex() else { return };
    let (sandbox, model) = (Sandbox::new(), ScriptedModel::start().unwrap());
    sandbox.codex_is(Codex::Real(codex)).model_is(&model);
    let own = sandbox.repo().join(".aws");
    fs::create_dir(&own).unwrap();
    let run = json!({ "run": { "cmd": "echo begun > src/begun; sleep 1000", "yield_time_ms": 30000 } });
    let packet = sandbox.packet(&Packet::worker(&["src/"]).script(&json!([{ "do": [run] }])));
    let run = Underway::start(sandbox.dispatcher(&["--task", packet.to_str().unwrap()]));
    eventually(LIMIT, || sandbox.repo().join("src/begun").exists().then_some(()));
    let left_behind = [".agents", ".codex"].map(|name| sandbox.repo().join(name));
    assert!(left_behind.iter().all(|path| path.is_dir()), "this Codex mounts nothing over {left_behind:?}");

    // With the whole namespace, so that nobody is left to clean up.
    let init = sandbox.status(&run.id)["init"]["pid"].as_i64().unwrap();
    kill(Pid::from_raw(init.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let policy = run.artifacts.join("policy.json");
    let output = run.finish();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for path in left_behind {
        assert!(!path.exists(), "{} stays", path.display());
    }
    assert!(own.is_dir(), "the user's own is gone");
    let policy: serde_json::Value = serde_json::from_slice(&fs::read(policy).unwrap()).unwrap();
    assert_eq!(policy["verdict"], "clean", "{policy}");
}
