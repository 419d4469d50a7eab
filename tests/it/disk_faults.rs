//! Disks that are full or closed, before a run and in the middle of it: refused with a hint, or judged and told.
//! Each file system is a small one of the test's own, in a mount namespace that ends with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clodex_tests::{Dispatched, Sandbox, Skipped, clean_turn, dispatched, json_file, sh};
use serde_json::{Value, json};

/// Fills the file system of `$SMALL` to its last byte.
const FILL: &str = "dd if=/dev/zero of=\"$SMALL/fill\" bs=4k 2>/dev/null; dd if=/dev/zero bs=1 count=1 >> \"$SMALL/fill\" 2>/dev/null;";

/// A small file system at `small` of the sandbox's root. What is on it in the end is copied to `kept`.
struct Small {
    sandbox: Sandbox,
}

impl Small {
    /// None, and told by name, where the system refuses namespaces.
    fn disk() -> Option<Self> {
        let sandbox = Sandbox::new();
        let mut probe = sandbox.command("unshare");
        probe.args([namespaces(), "mount", "-t", "tmpfs", "none", "/tmp"]);
        let refused = match probe.output() {
            Ok(output) if output.status.success() => return Some(Self { sandbox }),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        Skipped { why: format!("no mount namespace: {refused}") }.tell();
        None
    }

    fn dir(&self) -> PathBuf {
        self.sandbox.root().join("small")
    }

    fn kept(&self) -> PathBuf {
        self.sandbox.root().join("kept")
    }

    /// `command` with the small file system mounted, after `first` and before `last`, in which `$SMALL` is its place.
    fn around(&self, command: &Command, first: &str, last: &str) -> Command {
        fs::create_dir_all(self.dir()).unwrap();
        let script = format!(
            "mount -t tmpfs -o size=512k,mode=700 none \"$SMALL\" || exit 99\n{first}\n\"$@\"\ncode=$?\n\
             {last}\ncp -a \"$SMALL\" \"$KEPT\"\nexit $code"
        );
        let mut wrapped = self.sandbox.command("unshare");
        wrapped
            .args([namespaces(), "sh", "-c", &script, "sh"])
            .arg(command.get_program())
            .args(command.get_args());
        wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        wrapped.env("SMALL", self.dir()).env("KEPT", self.kept());
        wrapped
    }

    /// Dispatches with these arguments on a small file system.
    #[track_caller]
    fn dispatch(&self, acts: &Value, args: &[&str], first: &str) -> Dispatched {
        let mut command = self.sandbox.dispatching(acts);
        command.args(args);
        dispatched(self.around(&command, first, ""))
    }
}

/// Root needs no user namespace to mount.
fn namespaces() -> &'static str {
    if nix::unistd::geteuid().is_root() { "-m" } else { "-Urm" }
}

/// A turn in whose middle the small disk is filled, and which says a lot afterwards.
fn filling_turn(before: &str) -> Value {
    let more = json!({ "flood": { "line": { "type": "unheard.of", "n": "$N" }, "count": 20_000 } });
    clean_turn(&[sh(before), sh(FILL), more])
}

#[test]
fn artifacts_that_have_no_room_at_the_start_refuse_it() {
    let Some(small) = Small::disk() else { return };
    let dir = small.dir();
    let run = small.dispatch(&clean_turn(&[]), &["--output-dir", dir.to_str().unwrap()], FILL);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("No space left on device"), "{run:?}");
    assert!(
        run.stderr.contains("hint: free some space there, or name another place with --output-dir"),
        "{run:?}"
    );
    assert!(small.sandbox.recorded().iter().all(|start| start.argv[0] != "exec"), "nothing was started");
    assert_eq!(only_record(&small.sandbox.state().join("ended"))["exit_code"], 2);
}

#[test]
fn artifacts_that_run_out_of_room_are_told_and_the_run_is_judged() {
    let Some(small) = Small::disk() else { return };
    let dir = small.dir();
    // What was said before there is no room must have been written down.
    let turn = filling_turn("until [ -s \"$SMALL\"/*/events.jsonl ]; do sleep 0.01; done");
    let run = small.dispatch(&turn, &["--output-dir", dir.to_str().unwrap(), "--quiet"], "");
    assert_eq!(run.code, 0, "{run:?}");
    for line in ["outcome  done (exit 0)", "verdict  clean ", "summary  did it", "degraded (", "run       2"]
    {
        assert!(run.stdout.contains(&format!("\n{line}")), "{line}: {}", run.stdout);
    }
    assert!(run.stdout.contains("the event files are incomplete: No space left on device"), "{}", run.stdout);
    assert!(
        run.stderr.contains("clodex-dispatch: cannot write result.json: No space left on device"),
        "{run:?}"
    );
    // What could be written is the beginning of what Codex said, and no half file lies beside it.
    let kept = small.kept().join(run.artifacts().file_name().unwrap());
    let events = fs::read_to_string(kept.join("events.jsonl")).unwrap();
    assert!(
        events.starts_with("{\"thread_id\":") || events.starts_with("{\"type\":\"thread.started\""),
        "{events}"
    );
    let names: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{names:?}");
    let record = only_record(&small.sandbox.state().join("ended"));
    assert_eq!((&record["outcome"], &record["verdict"]), (&json!("done"), &json!("clean")));
}

#[test]
fn a_callers_limit_on_files_and_its_deafness_to_children_change_nothing_but_what_is_kept() {
    let sandbox = Sandbox::new();
    let more = json!({ "flood": { "line": { "type": "unheard.of", "n": "$N" }, "count": 60_000 } });
    let dispatch = sandbox.dispatching(&clean_turn(&[more]));
    let mut limited = sandbox.command("bash");
    limited.args(["-c", "trap '' CHLD; ulimit -f 900; exec \"$@\"", "bash"]);
    limited.arg(dispatch.get_program()).args(dispatch.get_args());
    limited.envs(dispatch.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = dispatched(limited).exits(0);
    run.says(&["outcome  done (exit 0)", "the event files are incomplete: File too large"]);
    assert_eq!(only_record(&sandbox.state().join("ended"))["exit_code"], 0);
}

#[test]
fn a_violation_is_found_on_a_full_disk_too() {
    let Some(small) = Small::disk() else { return };
    let acts = clean_turn(&[sh("echo more >> lib/x.txt"), sh(FILL)]);
    let dir = small.dir();
    let run = small.dispatch(&acts, &["--output-dir", dir.to_str().unwrap()], "");
    assert_eq!(run.code, 6, "{run:?}");
    assert!(run.stdout.contains("\nviolations (1; allowed: src/)\n  lib/x.txt  modified"), "{}", run.stdout);
}

#[test]
fn a_state_directory_that_cannot_be_written_refuses_the_start() {
    for (first, error, hint) in [
        (FILL, "No space left on device", "CLODEX_STATE_DIR to a directory on another one"),
        (
            "mount -o remount,ro \"$SMALL\"",
            "Read-only file system",
            "set CLODEX_STATE_DIR to a directory that you may write",
        ),
    ] {
        let Some(small) = Small::disk() else { return };
        let mut command = small.sandbox.dispatching(&clean_turn(&[]));
        command.env("CLODEX_STATE_DIR", small.dir().join("state"));
        let first = format!("mkdir \"$SMALL/state\"; {first}");
        let run = dispatched(small.around(&command, &first, ""));
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
        assert!(run.stderr.contains(error), "{run:?}");
        let last = run.stderr.trim_end().lines().last().unwrap();
        assert!(last.starts_with("hint: ") && last.ends_with(hint), "{run:?}");
        assert!(small.sandbox.recorded().iter().all(|start| start.argv[0] != "exec"), "nothing was started");
        assert!(is_empty(&small.sandbox.repo().join(".codex-dispatch/runs")));
    }
}

#[test]
fn a_state_directory_that_becomes_full_ends_with_the_right_record() {
    let Some(small) = Small::disk() else { return };
    let mut command = small.sandbox.dispatching(&filling_turn("true"));
    command.env("CLODEX_STATE_DIR", small.dir().join("state"));
    let status = small.sandbox.command("clodex-status");
    let last = format!(
        "CLODEX_STATE_DIR=\"$SMALL/state\" '{}' --all --json > \"$KEPT.json\"",
        status.get_program().display()
    );
    let run = dispatched(small.around(&command, "", &last));
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    let degraded = run.policy()["degraded"].to_string();
    assert!(
        degraded.contains("the live record is incomplete: ") && degraded.contains("No space left"),
        "{degraded}"
    );
    let told = fs::read_to_string(small.kept().with_extension("json")).unwrap();
    assert!(told.contains("\"outcome\":\"done\"") || told.contains("\"outcome\": \"done\""), "{told}");
}

#[test]
fn a_final_message_that_cannot_be_written_is_refused_in_time() {
    let Some(small) = Small::disk() else { return };
    let small_file = small.dir().join("out.md");
    for (output, error) in [
        ("no/such/dir/out.md", "No such file or directory"),
        ("README.md/out.md", "ot a directory"),
        ("src", "s a directory"),
        (small_file.to_str().unwrap(), "Read-only file system"),
    ] {
        let run = small.dispatch(&clean_turn(&[]), &["-o", output], "mount -o remount,ro \"$SMALL\"");
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{output}: {run:?}");
        assert!(run.stderr.starts_with("clodex-dispatch: cannot write the final message to `"), "{run:?}");
        assert!(run.stderr.contains(error), "{output}: {run:?}");
        assert!(
            run.stderr.ends_with("\nhint: name a file in a directory that can be written with -o\n"),
            "{run:?}"
        );
    }
    let later = clean_turn(&[sh("rm -r ../out")]);
    fs::create_dir(small.sandbox.root().join("out")).unwrap();
    let run = small.dispatch(&later, &["-o", "../out/message.md"], "");
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    assert!(run.stderr.contains("message.md: No such file or directory"), "{run:?}");
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none())
}

#[track_caller]
fn only_record(dir: &Path) -> Value {
    let files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    json_file(&files[0])
}
