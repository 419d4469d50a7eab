//! A worker whose sandbox is narrowed to its scope: what it can write, what it cannot, and what the user hears of it.

use std::fs;

use clodex_sim::CodexHome;
use clodex_tests::{Codex, Packet, clean_turn, json_file, text};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, dispatch_packet, sh, step};

/// A packet whose worker does these things, one after the other, whatever comes of each.
fn doing(packet: Packet, acts: &[Value]) -> Packet {
    let mut script: Vec<Value> = acts.iter().map(|act| step(std::slice::from_ref(act))).collect();
    script.push(step(&[clean()]));
    packet.script(&Value::Array(script))
}

fn patch(file: &str) -> Value {
    json!({ "patch": format!("*** Begin Patch\n*** Add File: {file}\n+patched\n*** End Patch") })
}

#[test]
fn a_worker_writes_in_its_scope_and_nowhere_else() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    let acts = [
        sh(
            "echo more >> src/a.txt; mkdir src/sub; echo n > src/sub/new; mv src/b.txt src/c.txt; echo t > $TMPDIR/t",
        ),
        patch("src/patched.txt"),
        sh("echo x > lib/y; echo x >> docs/d.txt; echo x > top; cd src && echo x > ../up; sleep 0.3"),
        sh(
            "echo x > ../outside; echo x > ~/outside; echo x > .git/hooks/post-commit; git config a.b c; sleep 0.3",
        ),
        sh("ln -s ../lib src/link; echo x > src/link/through; rm src/link; ln lib/x.txt src/hard; sleep 0.3"),
        patch("lib/patched.txt"),
        patch("../patched.txt"),
    ];
    let git = ["status", "--porcelain", "--", ".", ":!src"];
    let run = stage.packet(&doing(Packet::worker(&["src"]), &acts), &[]).exits(0);
    run.says(&["verdict  clean (in a sandbox narrowed to the scope, "]);
    let policy = run.policy();
    assert_eq!(
        json!([policy["enforcement"], policy["violations"], policy["in_scope"], policy["degraded"]]),
        json!(["profile", [], ["src/a.txt", "src/b.txt", "src/c.txt", "src/patched.txt", "src/sub/new"], []])
    );
    let profile = &policy["profile"];
    assert_eq!(profile["network"], "off");
    assert_eq!(profile["paths"][repo.join("src").to_str().unwrap()], "write");
    assert_eq!(stage.sandbox.git(&git), "");
    for outside in ["outside", "patched.txt", "home/outside"] {
        assert!(!stage.sandbox.root().join(outside).exists(), "{outside}");
    }
    assert!(!repo.join(".git/hooks/post-commit").exists());
    for left in [".git", ".agents", ".codex", ".aws"] {
        assert!(!repo.join("src").join(left).exists(), "{left} is left in the granted directory");
    }
}

#[test]
fn what_would_widen_a_profile_in_the_users_configuration_does_not() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    let wide = format!(
        "[permissions.clodex.filesystem]\n\":root\" = \"write\"\n\
         [permissions.clodex.network]\ndomains = {{ \"localhost\" = \"allow\" }}\n\
         [sandbox_workspace_write]\nwritable_roots = [\"{0}\"]\nnetwork_access = true\n\
         [projects.\"{0}\"]\ntrust_level = \"trusted\"\n",
        repo.display()
    );
    stage.sandbox.codex_home_is(&CodexHome::new(stage.model.port()).sections(&wide));
    let path = stage.sandbox.codex_home().join("config.toml");
    let first = "sandbox_mode = \"danger-full-access\"\napproval_policy = \"never\"\ndefault_permissions = \"clodex\"\n";
    fs::write(&path, first.to_owned() + &text(&path)).unwrap();
    let acts = [sh("echo x > lib/y; echo x > src/in; sleep 0.3"), patch("lib/patched.txt")];
    let run = stage.packet(&doing(Packet::worker(&["src"]), &acts), &[]).exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["src/in"]));
    assert!(!repo.join("lib/y").exists() && !repo.join("lib/patched.txt").exists());
}

#[test]
fn an_older_codex_gets_its_own_sandbox_and_the_user_hears_of_it() {
    let sandbox = clodex_tests::Sandbox::new();
    let version = json!([{ "line": "codex-cli 0.124.0" }]);
    sandbox.codex_is(Codex::StandIn(json!({ "--version": version, "exec": clean_turn(&[]) })));
    let run = dispatch_packet(&sandbox, &Packet::worker(&["src"]), &[]).exits(0);
    let policy = run.policy();
    assert_eq!((&policy["enforcement"], &policy["profile"]), (&json!("sandbox"), &Value::Null));
    run.says(&["(in Codex's own sandbox, ", "codex 0.124.0 knows no permission profiles"]);
    let started = sandbox.recorded();
    let exec = started.iter().find(|invocation| invocation.argv[0] == "exec").unwrap();
    assert!(exec.argv.windows(2).any(|two| two == ["-s", "workspace-write"]), "{:?}", exec.argv);
    assert!(!exec.argv.iter().any(|arg| arg.contains("permissions")), "{:?}", exec.argv);

    for (packet, args) in [
        (Packet::worker(&["src"]), &["--enforcement", "profile"][..]),
        (Packet::worker(&["src"]).with("DENY READ: .env"), &[]),
    ] {
        sandbox.file("repo/.env", "secret");
        let refused = dispatch_packet(&sandbox, &packet, args).exits(3);
        refused.complains(&["codex 0.124.0 knows no permission profiles", "hint: "]);
    }
    let runs = sandbox.recorded().iter().filter(|invocation| invocation.argv[0] == "exec").count();
    assert_eq!(runs, 1, "what was refused was not started");
}

#[test]
fn a_codex_that_only_says_it_could_is_found_out() {
    let sandbox = clodex_tests::Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[]) })));
    let run = dispatch_packet(&sandbox, &Packet::worker(&["src"]), &[]).exits(0);
    assert_eq!(run.policy()["enforcement"], "sandbox");
    run.says(&["degraded (1)\n  writes are not held to the scope"]);
    dispatch_packet(&sandbox, &Packet::worker(&["src"]), &["--enforcement", "profile"]).exits(3);
}

#[test]
fn the_mode_alone_never_takes_the_profile_away() {
    let Some(stage) = Stage::real() else { return };
    let acts = [sh("echo x > src/in; sleep 0.3"), sh("echo x > lib/y; sleep 0.3")];
    let packet = doing(Packet::worker(&["src"]), &acts);
    for (args, enforcement, changed) in [
        (&["-s", "read-only"][..], "profile", json!([])),
        (&["-s", "workspace-write"], "profile", json!(["src/in"])),
        (&["--enforcement", "sandbox", "-s", "read-only", "--allow-dirty-overlap"], "sandbox", json!([])),
    ] {
        let run = stage.packet(&packet, args).exits(0);
        assert_eq!(run.policy()["enforcement"], enforcement, "{args:?}");
        assert_eq!(run.policy()["in_scope"], changed, "{args:?}");
    }
    let unheld = ["--enforcement", "none", "--i-know-this-is-unsandboxed", "--allow-dirty-overlap"];
    let run = stage.packet(&packet, &unheld).exits(6);
    assert_eq!(
        (run.policy()["enforcement"].as_str(), run.violations()),
        (Some("none"), vec!["lib/y".to_owned()])
    );
}

#[test]
fn contradictions_are_refused_before_anything_starts() {
    let sandbox = clodex_tests::Sandbox::new();
    let sure = "--i-know-this-is-unsandboxed";
    for (args, why) in [
        (&["--enforcement", "none"][..], "add --i-know-this-is-unsandboxed"),
        (&["--enforcement", "profile", "-s", "danger-full-access", sure], "exclude each other"),
        (&["--enforcement", "none", "-s", "read-only", sure], "exclude each other"),
        (&["--enforcement", "maybe"], "expected profile, sandbox or none"),
    ] {
        dispatch_packet(&sandbox, &Packet::worker(&["src"]), args).exits(2).complains(&[why]);
    }
    let secret = Packet::worker(&["src"]).with("DENY READ: docs/d.txt");
    let held = dispatch_packet(&sandbox, &secret, &["--enforcement", "sandbox"]).exits(2);
    held.complains(&["DENY READ can only be held by a profile"]);
}

#[test]
fn a_dry_run_shows_the_profile_and_starts_nothing() {
    let sandbox = clodex_tests::Sandbox::new();
    let run = dispatch_packet(&sandbox, &Packet::worker(&["src", "new/"]), &["--dry-run"]).exits(0);
    let src = format!("profile write {}\n", sandbox.repo().join("src").display());
    run.says(&["enforcement = profile, where codex can  (default)", "profile network = off\n", &src]);
    assert!(!sandbox.repo().join("new").exists());
}

#[test]
fn a_build_of_codex_is_tried_once() {
    let Some(stage) = Stage::real() else { return };
    let packet = doing(Packet::worker(&["src"]), &[]);
    stage.packet(&packet, &[]).exits(0);
    let cache = stage.sandbox.state().join("codex-profile.json");
    let first = json_file(&cache);
    let written = fs::metadata(&cache).unwrap().modified().unwrap();
    stage.packet(&packet, &[]).exits(0);
    assert_eq!(fs::metadata(&cache).unwrap().modified().unwrap(), written);
    assert!(first["build"]["binary"].as_str().unwrap().ends_with("codex"), "{first}");
}
