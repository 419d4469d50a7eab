//! Which settings a run gets and who says so: `--dry-run` shows it without a Codex.

use std::fs;

use clodex_tests::{Codex, Dispatched, Packet, Sandbox, text};

use crate::stage::{dispatch, dispatch_packet, dispatch_with};

/// A sandbox without any codex: what passes here needs none.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::Missing);
    sandbox
}

/// Asserts a line `key = value  (source)` in what a dry run prints.
#[track_caller]
fn shows(run: &Dispatched, row: &str) {
    assert!(run.stdout.lines().any(|line| line == row), "no `{row}` in:\n{}", run.stdout);
}

#[test]
fn a_dry_run_writes_task_and_prompt_and_starts_nothing() {
    let sandbox = sandbox();
    let run = dispatch_packet(&sandbox, &Packet::worker(&["src"]), &["--dry-run"]).exits(0);
    assert!(run.stdout.starts_with("dry run "), "{}", run.stdout);
    let dir = run.stdout.lines().find_map(|line| line.strip_prefix("artifacts ")).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["answer.schema.json", "prompt.md", "settings.txt", "task.md"]);
    assert!(text(format!("{dir}/prompt.md")).contains("OBJECTIVE: do the work"));
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    assert!(fs::read_dir(sandbox.state()).unwrap().next().is_none(), "a dry run keeps no record");
    shows(&run, "write scope = src/");
    shows(&run, "sandbox mode = workspace-write");
}

#[test]
fn each_value_comes_from_the_strongest_layer_that_names_it() {
    let sandbox = sandbox();
    let user = sandbox.file(
        "config/clodex/config.yaml",
        "timeout_sec: 10\nheartbeat_sec: 10\ntier: fast\nby_products: [gen/]\nallow_dirty_overlap: true\n",
    );
    let project = sandbox.file("repo/.clodex/config.yaml", "timeout_sec: 20\nheartbeat_sec: 20\n");
    let (user, project) = (user.display(), project.display());
    let env = [
        ("CLODEX_TIMEOUT_SEC", "30"),
        ("CODEX_DISPATCH_TIMEOUT_SEC", "31"),
        ("CLODEX_CONTAINMENT", "kernel"),
    ];
    let packet = sandbox.packet(&Packet::worker(&["src"]).with("TIER: deep").with("ALLOW DIRTY OVERLAP: no"));
    let args = ["--task", packet.to_str().unwrap(), "--dry-run", "--containment", "best-effort"];
    let run = dispatch_with(&sandbox, &args, b"", &env).exits(0);
    for row in [
        "timeout_sec = 30  (environment CLODEX_TIMEOUT_SEC)".to_owned(),
        format!("heartbeat_sec = 20  (project file {project})"),
        "tier = deep  (packet field TIER)".to_owned(),
        "allow_dirty_overlap = false  (packet field ALLOW DIRTY OVERLAP)".to_owned(),
        "containment = best-effort  (flag --containment)".to_owned(),
        "output_dir = in the work directory  (default)".to_owned(),
        format!("by_products = gen/  (user file {user})"),
        "model = gpt-6.1-sol".to_owned(),
        "effort = xhigh".to_owned(),
    ] {
        shows(&run, &row);
    }
    let args = [&args[..], &["--timeout-sec", "0", "--tier", "standard"]].concat();
    let run = dispatch_with(&sandbox, &args, b"", &env).exits(0);
    shows(&run, "timeout_sec = 0  (flag --timeout-sec)");
    shows(&run, "tier = standard  (flag --tier)");
    let run = dispatch_with(&sandbox, &["--dry-run", "look"], b"", &[("CODEX_DISPATCH_HEARTBEAT_SEC", "7")])
        .exits(0);
    shows(&run, "heartbeat_sec = 7  (environment CODEX_DISPATCH_HEARTBEAT_SEC)");
    shows(&run, &format!("timeout_sec = 20  (project file {project})"));
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let run = dispatch(&sandbox(), &["--dry-run", "look"]).exits(0);
    for row in [
        "timeout_sec = 1800  (default)",
        "heartbeat_sec = 300  (default)",
        "tier = codex's own  (default)",
        "backend = auto  (default)",
        "sandbox mode = read-only",
        "write scope = none",
    ] {
        shows(&run, row);
    }
}

#[test]
fn a_repository_is_no_configuration_for_what_widens() {
    let sandbox = sandbox();
    for (key, line) in [
        ("sandbox", "sandbox: danger-full-access"),
        ("backend", "backend: exec"),
        ("output_dir", "output_dir: /tmp/x"),
        ("codex", "codex: ./evil"),
        ("containment", "containment: best-effort"),
        ("allow_dirty_overlap", "allow_dirty_overlap: true"),
        ("network", "network: true"),
        ("force", "force: true"),
    ] {
        let file = sandbox.file("repo/.clodex/config.yaml", format!("timeout_sec: 5\n{line}\n"));
        let run = dispatch(&sandbox, &["--dry-run", "look"]).exits(2);
        run.complains(&[&file.display().to_string(), &format!("may not set {key}"), "hint: "]);
    }
    let file = sandbox.file("repo/.clodex/config.yaml", "timeout_sec: 0\n");
    let run = dispatch(&sandbox, &["--dry-run", "look"]).exits(2);
    run.complains(&[&file.display().to_string(), "timeout_sec"]);
    sandbox.file("repo/.clodex/config.yaml", "templates: ../../elsewhere\n");
    dispatch(&sandbox, &["--dry-run", "look"]).exits(2).complains(&["templates"]);
}

#[test]
fn a_value_that_cannot_be_used_is_refused_with_its_source() {
    let sandbox = sandbox();
    let run = dispatch_with(&sandbox, &["--dry-run", "look"], b"", &[("CLODEX_TIMEOUT_SEC", "soon")]);
    run.exits(2).complains(&["CLODEX_TIMEOUT_SEC=`soon`", "hint: "]);
    let file = sandbox.file("config/clodex/config.yaml", "timeout: 5\n");
    dispatch(&sandbox, &["--dry-run", "look"]).exits(2).complains(&[&file.display().to_string(), "timeout"]);
    sandbox.file("config/clodex/config.yaml", "sandbox: danger-full-access\n");
    dispatch(&sandbox, &["--dry-run", "look"]).exits(2).complains(&["danger-full-access", "hint: "]);
}

#[test]
fn a_project_and_a_user_file_of_tiers_override_by_key() {
    let sandbox = sandbox();
    sandbox
        .file("config/clodex/tiers.yaml", "tiers:\n  deep:\n    model: mine\n  own:\n    model: own-model\n");
    sandbox.file("repo/.clodex/tiers.yaml", "tiers:\n  deep:\n    effort: low\n");
    let run = dispatch(&sandbox, &["--dry-run", "--tier", "deep", "look"]).exits(0);
    shows(&run, "model = mine");
    shows(&run, "effort = low");
    let run = dispatch(&sandbox, &["--dry-run", "--tier", "own", "--effort", "high", "look"]).exits(0);
    shows(&run, "model = own-model");
    shows(&run, "effort = high");
    dispatch(&sandbox, &["--dry-run", "--tier", "none", "look"]).exits(2).complains(&["own", "standard"]);
}
