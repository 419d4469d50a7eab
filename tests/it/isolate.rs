//! Isolated runs: where they work, what is brought along, and that the user's own tree never notices.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use clodex_tests::{
    Dispatched, LIMIT, Packet, Sandbox, Underway, clean_turn, dispatched, eventually, run_with_timeout, sh,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::stage::{Stage, clean, helper, step};

/// Everything that the user would miss: each path with type, mode and content; index, stashes, branches, HEAD.
pub fn everything(sandbox: &Sandbox) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    let mut directories = vec![sandbox.repo()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            if name == ".git" || name == ".codex-dispatch" {
                continue;
            }
            let found = path.symlink_metadata().unwrap();
            let content = if found.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if found.is_dir() {
                directories.push(path.clone());
                vec![]
            } else {
                fs::read(&path).unwrap()
            };
            all.insert(path, (found.mode(), content));
        }
    }
    for asked in
        [&["stash", "list"][..], &["ls-files", "-s", "-v"], &["for-each-ref"], &["rev-parse", "HEAD"]]
    {
        all.insert(asked.join(" ").into(), (0, sandbox.git(asked).into_bytes()));
    }
    all
}

/// The worktrees that wait in the state directory.
pub fn worktrees(sandbox: &Sandbox) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(sandbox.state().join("worktrees")) else { return vec![] };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Runs a worker on `src/` that does this, isolated.
#[track_caller]
pub fn isolated(sandbox: &Sandbox, script: &str, args: &[&str]) -> Dispatched {
    let mut command = sandbox.dispatching(&clean_turn(&[sh(script)]));
    command.arg("--isolate").args(args);
    dispatched(command)
}

/// Runs a command to its end and expects it to go well.
#[track_caller]
fn must(mut command: Command, args: &[&str]) {
    command.args(args);
    let output = run_with_timeout(command, LIMIT);
    assert!(output.status.success(), "{output:?}");
}

/// Uncommitted work of every kind.
fn make_dirty(sandbox: &Sandbox) {
    let repo = sandbox.repo();
    fs::write(repo.join("lib/x.txt"), "stashed\n").unwrap();
    sandbox.git(&["stash"]);
    fs::write(repo.join("src/a.txt"), "mine\n").unwrap();
    fs::write(repo.join("src/staged.txt"), "staged\n").unwrap();
    sandbox.git(&["add", "src/staged.txt"]);
    fs::write(repo.join("src/staged.txt"), "staged, then changed\n").unwrap();
    fs::remove_file(repo.join("docs/d.txt")).unwrap();
    fs::write(repo.join("src/binary"), b"\0\xff\r\n").unwrap();
    fs::write(repo.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(repo.join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("/nowhere", repo.join("src/link")).unwrap();
    fs::write(repo.join(".env"), "SECRET=1\n").unwrap();
}

#[test]
fn the_users_tree_is_the_same_to_the_byte_while_it_runs_and_afterwards() {
    let sandbox = Sandbox::new();
    make_dirty(&sandbox);
    let before = everything(&sandbox);
    let go_on = sandbox.root().join("go-on");
    let mut command = sandbox.dispatching(&clean_turn(&[
        sh("echo new > src/new.txt; rm src/b.txt; echo A > src/a.txt; pwd > $CLODEX_TEST_PWD; git rev-parse HEAD"),
        json!({ "until": go_on }),
    ]));
    let pwd = sandbox.root().join("pwd");
    command.arg("--isolate").env("CLODEX_TEST_PWD", &pwd);
    let run = Underway::start(command);
    eventually(LIMIT, || fs::read(&pwd).is_ok_and(|said| !said.is_empty()).then_some(()));
    assert_eq!(everything(&sandbox), before);
    let place = fs::read_to_string(&pwd).unwrap();
    assert!(place.starts_with(sandbox.state().join("worktrees").join(&run.id).to_str().unwrap()), "{place}");
    fs::write(&go_on, "").unwrap();
    let run = run.finish().exits(0);
    assert_eq!(everything(&sandbox), before);
    assert!(run.artifacts().starts_with(sandbox.repo().join(".codex-dispatch/runs")));
    assert_eq!(run.policy()["in_scope"], json!(["src/a.txt", "src/b.txt", "src/new.txt"]));
    run.says(&[&format!("`clodex-apply {}` lands what it changed", run.id())]);
    let record = run.record(&sandbox);
    assert_eq!(
        json!([
            record["isolated"]["source_workdir"],
            record["isolated"]["source_root"],
            record["isolated"]["base"]
        ]),
        json!([sandbox.repo(), sandbox.repo(), sandbox.git(&["rev-parse", "HEAD"]).trim()])
    );
    assert_eq!(record["git_common_dir"], json!(sandbox.repo().join(".git")));
    // The patch is for the commit that the worktree was at.
    sandbox.git(&["stash", "--include-untracked"]);
    sandbox.git(&["apply", "--check", run.artifacts().join("changes.patch").to_str().unwrap()]);
}

#[test]
fn uncommitted_work_is_brought_along_exactly_when_asked_for() {
    let sandbox = Sandbox::new();
    make_dirty(&sandbox);
    let show = "for f in src/a.txt src/b.txt src/staged.txt src/binary docs/d.txt src/link run.sh .env; do \
                stat -c '%N %A %s' $f 2>/dev/null; done | tee src/list";
    let seen = |args: &[&str]| {
        let run = isolated(&sandbox, show, args).exits(0);
        let place = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
        fs::read_to_string(place.join("src/list")).unwrap()
    };
    assert_eq!(seen(&[]), "'src/a.txt' -rw-r--r-- 2\n'src/b.txt' -rw-r--r-- 2\n'docs/d.txt' -rw-r--r-- 2\n");
    assert_eq!(
        seen(&["--with-dirty"]),
        "'src/a.txt' -rw-r--r-- 5\n'src/b.txt' -rw-r--r-- 2\n'src/staged.txt' -rw-r--r-- 21\n\
         'src/binary' -rw-r--r-- 4\n'src/link' -> '/nowhere' lrwxrwxrwx 8\n'run.sh' -rwxr-xr-x 10\n"
    );
}

#[test]
fn a_run_begins_in_the_same_subdirectory_and_brings_along_what_is_declared() {
    let sandbox = Sandbox::new();
    let repo = sandbox.repo();
    fs::create_dir_all(repo.join("build/deep")).unwrap();
    fs::write(repo.join("src/.env"), "SECRET=1\n").unwrap();
    fs::write(repo.join("build/deep/x"), "x").unwrap();
    symlink("/etc/passwd", repo.join("src/build")).unwrap();
    sandbox.dispatching(&clean_turn(&[sh("cat .env > out; readlink build >> out")]));
    let mut command = sandbox.command("clodex-dispatch");
    command.args(["--scope", "out", "--copy", ".env", "--copy", "build", "--isolate", "do it"]);
    let run = dispatched({
        command.current_dir(repo.join("src"));
        command
    })
    .exits(0);
    assert_eq!(run.policy()["in_scope"], json!(["src/out"]));
    let place = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
    assert!(place.ends_with("repo/src"));
    assert_eq!(fs::read_to_string(place.join("out")).unwrap(), "SECRET=1\n/etc/passwd\n");

    sandbox.dispatching(&clean_turn(&[sh("test -f build/deep/x && test ! -e src/.env")]));
    let packet = sandbox.packet(&Packet::worker(&["src"]).with("COPY:\n- build/deep"));
    let run = Dispatched::of(run_with_timeout(
        sandbox.dispatcher(&["--isolate", "--task", packet.to_str().unwrap()]),
        LIMIT,
    ));
    let place = PathBuf::from(run.exits(0).record(&sandbox)["workdir"].as_str().unwrap());
    assert!(!place.exists(), "it changed nothing");

    symlink("deep", repo.join("build/way")).unwrap();
    let mut command = sandbox.command("clodex-dispatch");
    command.args(["--scope", "src", "--copy", "build/way/x", "--isolate", "do it"]);
    dispatched(command).exits(2).complains(&["COPY `build/way/x`: it is below a symlink"]);
    assert_eq!(sandbox.git(&["worktree", "list", "--porcelain"]).matches("worktree ").count(), 3 - 1);
}

/// Commits a submodule with the file `m.txt`; where it came from is gone.
pub fn with_submodule(sandbox: &Sandbox, at: &str) {
    let module = sandbox.root().join("module");
    let git = |place: &Path, args: &[&str]| {
        let mut git = sandbox.command("git");
        git.current_dir(place).args(["-c", "protocol.file.allow=always"]);
        must(git, args);
    };
    fs::create_dir(&module).unwrap();
    fs::write(module.join("m.txt"), "m\n").unwrap();
    git(&module, &["init", "--quiet"]);
    git(&module, &["add", "--all"]);
    git(&module, &["commit", "--quiet", "-m", "m"]);
    git(&sandbox.repo(), &["submodule", "--quiet", "add", module.to_str().unwrap(), at]);
    git(&sandbox.repo(), &["commit", "--quiet", "-m", "with a module"]);
    fs::remove_dir_all(module).unwrap();
}

#[test]
fn a_worktree_may_be_made_of_a_worktree_and_brings_submodules_along() {
    let sandbox = Sandbox::new();
    with_submodule(&sandbox, "src/sub");
    let linked = sandbox.root().join("linked");
    sandbox.git(&["worktree", "add", "--quiet", linked.to_str().unwrap(), "-b", "other"]);
    for place in [sandbox.repo(), linked] {
        sandbox.dispatching(&clean_turn(&[sh(
            "cat src/sub/m.txt > src/out; cat src/a.txt >> src/out; git status",
        )]));
        let mut command = sandbox.command("clodex-dispatch");
        command.args(["--scope", "src/out", "--isolate", "do it"]).current_dir(&place);
        let run = dispatched(command).exits(0);
        assert_eq!(run.policy()["in_scope"], json!(["src/out"]), "{}", place.display());
        let root = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
        let module = if place == sandbox.repo() { "m\na\n" } else { "a\n" };
        assert_eq!(
            fs::read_to_string(root.join("src/out")).unwrap(),
            module,
            "the other one's is not checked out"
        );
    }
}

#[test]
fn with_dirty_brings_the_changes_in_submodules_along() {
    let sandbox = Sandbox::new();
    with_submodule(&sandbox, "sub");
    fs::write(sandbox.repo().join("sub/m.txt"), "mine\n").unwrap();
    fs::write(sandbox.repo().join("sub/new.txt"), "new\n").unwrap();
    for (args, there) in [(&["--isolate"][..], "m\n"), (&["--isolate", "--with-dirty"], "mine\nnew\n")] {
        sandbox.dispatching(&clean_turn(&[sh("cat sub/*.txt > src/out")]));
        let mut command = sandbox.command("clodex-dispatch");
        command.args(["--scope", "src/out"]).args(args).arg("do it");
        let run = dispatched(command).exits(0);
        let root = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
        assert_eq!(fs::read_to_string(root.join("src/out")).unwrap(), there, "{args:?}");
    }
}

#[test]
fn nothing_of_the_repository_runs_when_the_worktree_is_made() {
    let sandbox = Sandbox::new();
    let ran = sandbox.root().join("ran");
    let trap = sandbox.program("trap", &format!("#!/bin/sh\necho $0 >> {}\ncat\n", ran.display()));
    for hook in ["post-checkout", "post-index-change", "reference-transaction", "fsmonitor-watchman"] {
        fs::copy(&trap, sandbox.repo().join(".git/hooks").join(hook)).unwrap();
    }
    let trap = trap.to_str().unwrap();
    for (key, value) in
        [("core.fsmonitor", trap), ("core.hooksPath", sandbox.repo().join(".git/hooks").to_str().unwrap())]
    {
        sandbox.git(&["-c", "core.fsmonitor=false", "config", key, value]);
    }
    fs::write(sandbox.repo().join(".gitattributes"), "*.txt filter=trap\n").unwrap();
    sandbox.git(&["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "add", ".gitattributes"]);
    sandbox.git(&[
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "commit",
        "-qm",
        "attributes",
    ]);
    sandbox.git(&["-c", "core.fsmonitor=false", "config", "filter.trap.smudge", trap]);
    sandbox.git(&["-c", "core.fsmonitor=false", "config", "filter.trap.required", "true"]);
    let _ = fs::remove_file(&ran);
    let run = isolated(&sandbox, "cp src/a.txt src/copy", &[]).exits(0);
    assert_eq!(fs::read_to_string(&ran).unwrap_or_default(), "");
    let root = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
    assert_eq!(fs::read_to_string(root.join("src/copy")).unwrap(), "a\n");
}

#[test]
fn what_ended_without_a_change_leaves_nothing_and_git_knows_nothing_of_it() {
    let sandbox = Sandbox::new();
    let before = sandbox.git(&["worktree", "list", "--porcelain"]);
    isolated(&sandbox, "true", &[]).exits(0);
    assert_eq!(worktrees(&sandbox), Vec::<PathBuf>::new());
    assert_eq!(sandbox.git(&["worktree", "list", "--porcelain"]), before);
    assert!(!sandbox.repo().join(".git/worktrees").exists());
}

#[test]
fn a_killed_runs_worktree_is_swept_when_nothing_lies_in_it_and_listed_when_something_does() {
    let sandbox = Sandbox::new();
    for (script, stays) in [("true", false), ("echo half > src/half.txt", true)] {
        let begun = sandbox.root().join("begun");
        let mut command = sandbox
            .dispatching(&clean_turn(&[sh(&format!("{script}; echo > {}", begun.display())), json!("hang")]));
        command.arg("--isolate");
        let run = Underway::start(command);
        eventually(LIMIT, || begun.exists().then_some(()));
        run.signal(Signal::SIGKILL);
        let id = run.id.clone();
        assert_eq!(run.finish().code, -9);
        fs::remove_file(begun).unwrap();
        // Whoever comes next closes it and looks at what it left.
        isolated(&sandbox, "true", &[]).exits(0);
        let left = worktrees(&sandbox);
        assert_eq!(left.iter().any(|place| place.ends_with(&id)), stays, "{script}: {left:?}");
        let told = helper(&sandbox, "clodex-status", &[]);
        assert_eq!(told.contains(&format!("clodex-apply --discard {id}")), stays, "{told}");
    }
}

#[test]
fn a_run_in_the_users_tree_is_not_blamed_for_isolated_ones_that_come_and_go() {
    let sandbox = Sandbox::new();
    let go_on = sandbox.root().join("go-on");
    let begun = sandbox.root().join("begun");
    let beside = Underway::start(sandbox.dispatching(&clean_turn(&[
        sh(&format!("echo > {}", begun.display())),
        json!({ "until": go_on }),
        sh("echo B > src/b.txt"),
    ])));
    // It has its script by now: the next ones get their own.
    eventually(LIMIT, || begun.exists().then_some(()));
    isolated(&sandbox, "true", &[]).exits(0);
    isolated(&sandbox, "echo A > src/a.txt", &[]).exits(0);
    fs::write(&go_on, "").unwrap();
    let beside = beside.finish().exits(0);
    assert_eq!(beside.policy()["violations"], json!([]));
    assert_eq!(beside.policy()["in_scope"], json!(["src/b.txt"]));
    let notes = beside.policy()["notes"].to_string();
    assert!(notes.contains("worktrees of other isolated runs came or went"), "{notes}");
}

/// Leaves the worktree and the user's repository as a worker without a sandbox can.
const HARM: &str = "echo out >> lib/x.txt; git rm -q --cached docs/d.txt; git checkout -q -b mine; git branch worker; \
    git config a.b c; echo in > src/in.txt";

#[test]
fn where_no_sandbox_was_seen_to_hold_the_users_repository_is_put_back_on_request_only() {
    let unsandboxed = ["--enforcement", "none", "--i-know-this-is-unsandboxed"];
    for args in [&[][..], &unsandboxed, &["--on-violation", "restore"]] {
        let sandbox = Sandbox::new();
        let run = isolated(&sandbox, HARM, args).exits(6);
        let policy = run.policy();
        let restored = policy["violations"].as_array().unwrap().iter().map(|one| {
            let path = one["path"].as_str().unwrap();
            (path.to_owned(), one["restored"] == true)
        });
        let told: BTreeMap<String, bool> = restored.collect();
        let expected = [
            (".git/config", false),
            ("HEAD", true),
            ("docs/d.txt", true),
            ("lib/x.txt", true),
            ("refs/heads/mine", false),
            ("refs/heads/worker", false),
        ];
        let expected: BTreeMap<String, bool> =
            expected.into_iter().map(|(path, restored)| (path.to_owned(), restored)).collect();
        assert_eq!(told, expected, "{args:?}");
        sandbox.git(&["rev-parse", "--verify", "worker"]);
        let place = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
        assert_eq!(fs::read_to_string(place.join("lib/x.txt")).unwrap(), "x\n");
        let later =
            format!("may be the doing of somebody else; `clodex-scope restore {}` does it later", run.id());
        run.says(&[&later, "a violation may be a change of yours"]);
        let mut restore = sandbox.command("clodex-scope");
        restore.args(["restore", &run.id(), "--yes"]);
        let done = run_with_timeout(restore, LIMIT);
        assert!(done.status.success(), "{done:?}");
        assert_eq!(sandbox.git(&["for-each-ref", "--format=%(refname)"]), "refs/heads/main\n");
        assert_eq!(sandbox.git(&["config", "--default", "none", "a.b"]), "none\n");
    }
}

#[test]
fn an_isolated_run_that_is_only_to_report_puts_nothing_back() {
    let sandbox = Sandbox::new();
    let run = isolated(&sandbox, HARM, &["--on-violation", "report"]).exits(6);
    let policy = run.policy();
    let violations = policy["violations"].as_array().unwrap();
    assert!(violations.len() > 5 && violations.iter().all(|one| one["restored"] == false), "{policy:#}");
    let place = PathBuf::from(run.record(&sandbox)["workdir"].as_str().unwrap());
    assert_eq!(fs::read_to_string(place.join("lib/x.txt")).unwrap(), "x\nout\n");
}

#[test]
fn the_real_codex_works_in_the_worktree() {
    let Some(stage) = Stage::real() else { return };
    let before = everything(&stage.sandbox);
    let work: Value = json!([
        step(&[json!({ "patch": "*** Begin Patch\n*** Update File: src/a.txt\n@@\n-a\n+A\n*** End Patch" })]),
        step(&[crate::stage::sh("pwd > src/place.txt")]),
        step(&[clean()]),
    ]);
    let run = stage.packet(&Packet::worker(&["src"]).script(&work), &["--isolate"]).exits(0);
    assert_eq!(everything(&stage.sandbox), before);
    assert_eq!(run.policy()["in_scope"], json!(["src/a.txt", "src/place.txt"]));
    let workdir = run.record(&stage.sandbox)["workdir"].as_str().unwrap().to_owned();
    assert_eq!(
        fs::read_to_string(Path::new(&workdir).join("src/place.txt")).unwrap(),
        format!("{workdir}\n")
    );
    assert!(run.artifact("prompt.md").contains(&format!("is checked out for you at `{workdir}`")));
}
