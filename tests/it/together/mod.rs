//! Runs of the real Codex beside somebody else: the user at work in the same tree, other runs, checks. Holds what these
//! tests share: workers whose command lives until a file is there, and a tree that shows what was left behind.

mod user;
mod verifying;
mod workers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clodex_tests::{LIMIT, Packet, Underway, eventually, run_with_timeout};
use serde_json::{Value, json};

use crate::isolate::everything;
use crate::stage::{Stage, clean, sh, step};

/// What Codex mounts in every directory that it lets a command write.
const MOUNT_POINTS: [&str; 4] = [".git", ".agents", ".codex", ".aws"];

impl Stage {
    /// A file that opens the way for whoever waits for it.
    fn gate(&self, name: &str) -> PathBuf {
        self.sandbox.root().join(name)
    }

    fn open(&self, gate: &str) {
        fs::write(self.gate(gate), "").unwrap();
    }

    /// What a worker does: `first`, then a command that lives until the gate is open, then `last`.
    fn waiting(&self, packet: Packet, gate: &str, first: &str, last: &str) -> Packet {
        let gate = self.gate(gate);
        let lives = format!("{first}; until [ -e '{}' ]; do sleep 0.02; done", gate.display());
        let lives = json!({ "run": { "cmd": lives, "yield_time_ms": 30000 } });
        packet.script(&Value::from(vec![
            step(&[lives]),
            step(&[json!({ "until": gate }), sh(&format!("{last}; sleep 0.3"))]),
            step(&[clean()]),
        ]))
    }

    /// A worker on `scope` whose command has written `begun` there and lives until the gate `name` is open.
    #[track_caller]
    fn at_work(&self, name: &str, scope: &str, args: &[&str]) -> Underway {
        let (begun, ends) = (format!("echo > {scope}begun"), format!("echo {name} > {scope}{name}"));
        let packet = self.waiting(Packet::worker(&[scope]), name, &begun, &ends);
        let run = self.begin(name, &packet, &self.sandbox.repo(), args);
        self.until(self.sandbox.repo().join(scope).join("begun"));
        run
    }

    /// Dispatches a packet under a name of its own for `workdir`.
    #[track_caller]
    fn begin(&self, name: &str, packet: &Packet, workdir: &Path, args: &[&str]) -> Underway {
        let path = self.sandbox.file(&format!("{name}.md"), packet.to_text(workdir));
        let task = ["--task", path.to_str().unwrap(), "--name", name];
        Underway::start(self.sandbox.dispatcher(&[&task, args].concat()))
    }

    #[track_caller]
    fn until(&self, path: impl AsRef<Path>) {
        let path = self.sandbox.root().join(path);
        eventually(LIMIT, || path.exists().then_some(()));
    }

    /// What the user does in the repository.
    #[track_caller]
    fn user(&self, script: &str) {
        let mut bash = self.sandbox.command("bash");
        bash.args(["-euc", script]);
        let output = run_with_timeout(bash, LIMIT);
        assert!(output.status.success(), "{output:?}");
    }

    /// Which mount points stand in these directories.
    fn mounted(&self, directories: &[&str]) -> Vec<String> {
        let names = directories.iter().flat_map(|dir| MOUNT_POINTS.map(|name| format!("{dir}/{name}")));
        names.filter(|path| self.sandbox.repo().join(path).symlink_metadata().is_ok()).collect()
    }

    /// Everything outside `src`, to the byte; what sandboxes mount comes and goes.
    fn outside(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        let mut all = everything(&self.sandbox);
        let comes_and_goes = |path: &Path| MOUNT_POINTS.iter().any(|name| path.ends_with(name));
        all.retain(|path, _| !path.starts_with(self.sandbox.repo().join("src")) && !comes_and_goes(path));
        all
    }
}
