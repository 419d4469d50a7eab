//! A newcomer's first packet works: scope `src/`, and the tests of a fresh small project run with the real tools, by the
//! worker in its sandbox and once more by clodex.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use clodex_tests::{Dispatched, Packet, Running, pytest, vitest};
use serde_json::{Value, json};

use crate::stage::{Stage, clean, step};

/// Longer than a test may wait for a compiler on a busy machine.
const PATIENCE_MS: u64 = 30_000;

/// A project of one commit, and a stage around it.
struct Project {
    stage: Stage,
    env: Vec<(&'static str, OsString)>,
}

impl Project {
    /// These files are all that there is in the repository.
    fn of(files: &[(&str, &str)]) -> Option<Self> {
        let stage = Stage::real()?;
        stage.sandbox.git(&["rm", "-rq", "."]);
        for (name, content) in files {
            stage.sandbox.file(&format!("repo/{name}"), content);
        }
        let project = Self { stage, env: rust_of_this_test() };
        project.commit();
        project.has_on_path(&[]);
        Some(project)
    }

    fn commit(&self) {
        self.stage.sandbox.git(&["add", "--all"]);
        self.stage.sandbox.git(&["commit", "-qm", "fresh"]);
    }

    fn repo(&self) -> std::path::PathBuf {
        self.stage.sandbox.repo()
    }

    /// What a user's login shell finds: `/etc/profile` may start from scratch.
    fn has_on_path(&self, first: &[&Path]) {
        let callers = env::var_os("PATH").unwrap();
        let dirs = first.iter().map(|dir| dir.to_path_buf()).chain(env::split_paths(&callers));
        let path = env::join_paths(dirs).unwrap();
        let profile = format!("export PATH='{}'\n", path.to_str().unwrap());
        self.stage.sandbox.file("home/.profile", profile);
    }

    /// A worker writes one file and runs the check; then clodex does.
    fn dispatch(&self, scope: &[&str], check: &str, written: (&str, &str)) -> Dispatched {
        let (file, content) = written;
        let patch = format!("*** Begin Patch\n*** Add File: {file}\n+{content}\n*** End Patch");
        let run = json!({ "run": { "cmd": check, "yield_time_ms": PATIENCE_MS } });
        let script = json!([step(&[json!({ "patch": patch })]), step(&[run]), step(&[clean()])]);
        let packet = Packet::worker(scope).checked_by(&[&format!("`{check}`")]).script(&script);
        let packet = self.stage.sandbox.packet(&packet);
        let mut command = self.stage.sandbox.dispatcher(&["--verify", "--task", packet.to_str().unwrap()]);
        command.envs(self.env.iter().cloned());
        Dispatched::of(Running::start(command, b"").finish(clodex_tests::LIMIT))
    }

    /// Both passed, and nothing but the file was changed.
    fn passes(&self, scope: &[&str], check: &str, written: (&str, &str)) -> Dispatched {
        let run = self.dispatch(scope, check, written).exits(0);
        assert_eq!(told(&run), [json!(check), json!("seen-passed"), json!("passed")], "{}", run.stdout);
        assert_eq!(run.policy()["enforcement"], "profile");
        run
    }
}

fn told(run: &Dispatched) -> [Value; 3] {
    let entry = run.json("verification.json")[0].clone();
    let text = entry["text"].as_str().unwrap().trim_matches('`');
    [json!(text), entry["status"].clone(), entry["check"]["status"].clone()]
}

/// The toolchain that runs this test is the one that the project gets, whatever its HOME.
fn rust_of_this_test() -> Vec<(&'static str, OsString)> {
    let home = || env::var_os("HOME").unwrap_or_default();
    let of = |name, below| {
        let value = env::var_os(name).unwrap_or_else(|| Path::new(&home()).join(below).into_os_string());
        (name, value)
    };
    let toolchain = env::var_os("RUSTUP_TOOLCHAIN").map(|toolchain| ("RUSTUP_TOOLCHAIN", toolchain));
    [of("CARGO_HOME", ".cargo"), of("RUSTUP_HOME", ".rustup")].into_iter().chain(toolchain).collect()
}

/// The table of its own keeps the project out of the workspace that these tests lie in.
const CARGO: [(&str, &str); 3] = [
    ("Cargo.toml", "[package]\nname = \"fresh\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
    (
        "src/lib.rs",
        "mod more;\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn more() {\n        assert_eq!(super::more::more(), 2);\n    }\n}\n",
    ),
    (".gitignore", "/target\n"),
];
const MORE_RUST: (&str, &str) = ("src/more.rs", "pub fn more() -> u8 { 2 }");

fn lock(project: &Project) {
    let mut cargo = Command::new("cargo");
    cargo.args(["generate-lockfile", "--offline", "--quiet"]).current_dir(project.repo());
    assert!(cargo.status().unwrap().success());
}

#[test]
fn cargo_test_in_a_fresh_project() {
    let Some(project) = Project::of(&CARGO) else { return };
    lock(&project);
    project.commit();
    let run = project.passes(&["src/"], "cargo test", MORE_RUST);
    assert_eq!(run.policy()["by_products"], json!(["target/"]));
    assert_eq!(run.policy()["in_scope"], json!(["src/more.rs"]));
}

#[test]
fn cargo_test_without_a_lock_says_what_is_missing_and_works_with_it_in_scope() {
    let Some(project) = Project::of(&CARGO) else { return };
    let packet = project.stage.sandbox.packet(&Packet::worker(&["src/"]));
    let lint = project.stage.run(&["--lint", packet.to_str().unwrap()]).exits(0);
    lint.says(&["task.md: ok\nnote: `Cargo.lock` is missing and not in scope"]);
    let run = project.dispatch(&["src/"], "cargo test", MORE_RUST).exits(8);
    run.says(&["`Cargo.lock` is missing and not in scope, so cargo cannot run", "Cargo.lock"]);
    fs::remove_file(project.repo().join(MORE_RUST.0)).unwrap();
    let run = project.passes(&["src/", "Cargo.lock"], "cargo test", MORE_RUST);
    assert_eq!(run.policy()["in_scope"], json!(["Cargo.lock", "src/more.rs"]));
}

#[test]
fn npm_test_in_a_fresh_project() {
    let Some(project) = Project::of(&[
        ("package.json", "{\"name\":\"fresh\",\"type\":\"module\",\"scripts\":{\"test\":\"node --test\"}}\n"),
        (
            "src/more.test.js",
            "import test from 'node:test';\nimport assert from 'node:assert';\nimport { more } from './more.js';\n\
             test('more', () => assert.equal(more(), 2));\n",
        ),
        (".gitignore", "node_modules\n"),
    ]) else {
        return;
    };
    let run = project.passes(&["src/"], "npm test", ("src/more.js", "export const more = () => 2;"));
    assert_eq!(run.policy()["in_scope"], json!(["src/more.js"]));
    assert!(!project.stage.sandbox.root().join("home/.npm").exists(), "its cache lies in the temp directory");
}

#[test]
fn npm_test_with_vitest() {
    let Some(modules) = vitest() else { return };
    let Some(project) = Project::of(&[
        ("package.json", "{\"name\":\"fresh\",\"type\":\"module\",\"scripts\":{\"test\":\"vitest run\"}}\n"),
        (
            "vitest.config.ts",
            "import { defineConfig } from 'vitest/config';\nexport default defineConfig({});\n",
        ),
        (
            "src/more.test.js",
            "import { expect, test } from 'vitest';\nimport { more } from './more.js';\n\
             test('more', () => expect(more()).toBe(2));\n",
        ),
        (".gitignore", "node_modules\n"),
    ]) else {
        return;
    };
    let copied = Command::new("cp").arg("-a").arg(modules).arg(project.repo()).status().unwrap();
    assert!(copied.success());
    let run = project.passes(&["src/"], "npm test", ("src/more.js", "export const more = () => 2;"));
    assert_eq!(run.policy()["in_scope"], json!(["src/more.js"]));
}

#[test]
fn pytest_in_a_fresh_project() {
    let Some(venv) = pytest() else { return };
    let Some(mut project) = Project::of(&[
        ("pyproject.toml", "[project]\nname = \"fresh\"\nversion = \"0.1.0\"\n"),
        (
            "src/test_more.py",
            "from more import more\n\ndef test_more(tmp_path):\n    (tmp_path / 'x').write_text('x')\n    assert more() == 2\n",
        ),
        (".gitignore", "__pycache__/\n.pytest_cache/\n.coverage\n"),
    ]) else {
        return;
    };
    let bin = venv.join("bin");
    project.has_on_path(&[&bin]);
    let callers = env::var_os("PATH").unwrap();
    let codex = project.stage.sandbox.root().join("bin");
    let dirs = [codex, bin].into_iter().chain(env::split_paths(&callers));
    project.env.push(("PATH", env::join_paths(dirs).unwrap()));
    let more = ("src/more.py", "more = lambda: 2");
    let run = project.passes(&["src/"], "pytest --cov=more -W error", more);
    assert_eq!(run.policy()["in_scope"], json!(["src/more.py"]));
    let left: Vec<_> = ["src/__pycache__", ".coverage"].map(|name| project.repo().join(name).exists()).into();
    assert_eq!(left, [false, false], "caches lie in the temp directory");
}
