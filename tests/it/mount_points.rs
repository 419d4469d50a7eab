//! What Codex's sandbox leaves behind when it is interrupted is removed; what was there before stays.

use std::fs;

use clodex_codex::MOUNT_POINTS;
use clodex_sim::ScriptedModel;
use clodex_tests::{
    Codex, LIMIT, Packet, RealCodex, Sandbox, Underway, eventually, real_codex, run_with_timeout,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

/// A run whose command runs, in a repository where the user has an empty directory of such a name.
fn stage(codex: RealCodex, model: &ScriptedModel) -> (Sandbox, Underway) {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::Real(codex)).model_is(model);
    fs::create_dir(sandbox.repo().join("src/.aws")).unwrap();
    let run = json!({ "run": { "cmd": "echo begun > src/begun; sleep 1000", "yield_time_ms": 30000 } });
    let packet = sandbox.packet(&Packet::worker(&["src/"]).script(&json!([{ "do": [run] }])));
    let run = Underway::start(sandbox.dispatcher(&["--task", packet.to_str().unwrap()]));
    eventually(LIMIT, || sandbox.repo().join("src/begun").exists().then_some(()));
    assert_eq!(present(&sandbox), MOUNT_POINTS, "this Codex mounts nothing there");
    (sandbox, run)
}

/// What lies in the directory that the worker may write.
fn present(sandbox: &Sandbox) -> Vec<&'static str> {
    MOUNT_POINTS.into_iter().filter(|name| sandbox.repo().join("src").join(name).is_dir()).collect()
}

#[test]
fn mount_points_of_an_interrupted_sandbox_are_removed_and_the_users_own_stay() {
    let Ok(codex) = real_codex() else { return };
    let model = ScriptedModel::start().unwrap();
    let (sandbox, run) = stage(codex, &model);
    // With the whole namespace, so that nobody is left to clean up.
    let init = sandbox.status(&run.id)["init"]["pid"].as_i64().unwrap();
    kill(Pid::from_raw(init.try_into().unwrap()), Signal::SIGKILL).unwrap();
    let run = run.finish().exits(1);
    assert_eq!(present(&sandbox), [".aws"]);
    let policy = run.policy();
    assert_eq!(policy["verdict"], "clean", "{policy}");
}

#[test]
fn mount_points_of_a_killed_dispatchers_run_are_removed_by_whoever_closes_it() {
    let Ok(codex) = real_codex() else { return };
    let model = ScriptedModel::start().unwrap();
    let (sandbox, run) = stage(codex, &model);
    let id = run.id.clone();
    run.signal(Signal::SIGKILL);
    run.finish();
    let closed = run_with_timeout(sandbox.cancel(&[&id]), LIMIT);
    assert_eq!(closed.status.code(), Some(0), "{closed:?}");
    assert_eq!(present(&sandbox), [".aws"]);
}
