//! What is refused before anything starts: one coherent message with the next step, exit code 2, nothing made.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use clodex_tests::{Codex, Dispatched, Packet, Sandbox, clean_turn, dispatched};
use serde_json::{Value, json};

/// The message on stderr; with `--json` the same as one object on stdout.
#[track_caller]
fn refused(sandbox: &Sandbox, command: &Command) -> String {
    let again = |args: &[&str]| {
        let mut again = sandbox.command("clodex-dispatch");
        again.args(command.get_args()).args(args);
        again.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(dir) = command.get_current_dir() {
            again.current_dir(dir);
        }
        dispatched(again)
    };
    let run = again(&[]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    let json = again(&["--json"]);
    assert_eq!((json.code, &json.stderr), (2, &run.stderr));
    let object: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json.stdout.lines().count(), 1);
    let (error, hint) = (object["error"].as_str().unwrap(), object["hint"].as_str());
    let hint = hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    assert_eq!(run.stderr, format!("clodex-dispatch: {error}{hint}\n"));
    assert_eq!((&object["exit_code"], &object["outcome"]), (&json!(2), &json!("refused")));
    assert!(sandbox.recorded().is_empty() && !sandbox.repo().join(".codex-dispatch").exists());
    error.to_owned() + &hint
}

fn with_codex() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({})));
    sandbox
}

fn task(sandbox: &Sandbox, text: impl AsRef<[u8]>) -> (Command, String) {
    let path = sandbox.file("task.md", text);
    let mut command = sandbox.command("clodex-dispatch");
    command.arg("--task").arg(&path);
    (command, format!("cannot read packet `{}`: ", path.display()))
}

#[test]
fn every_problem_of_a_packet_is_told_with_its_line_and_a_hint() {
    let sandbox = with_codex();
    let text =
        "MODE: reviewer\nWORKDIR: relative\nOBJECTIVE: \nWRTE SCOPE:\n- x\nWRITE SCOPE: none\nMODE: worker\n";
    let (command, cannot) = task(&sandbox, text);
    let told = refused(&sandbox, &command);
    let lines: Vec<&str> = told.lines().collect();
    let (what, hints): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with(&cannot));
    let what: Vec<&str> = what.iter().map(|line| &line[cannot.len()..]).collect();
    assert_eq!(
        what,
        [
            "line 2: WORKDIR `relative` is not absolute",
            "line 3: OBJECTIVE is empty",
            "line 4: unknown field WRTE SCOPE",
            "line 7: MODE is given twice, first on line 1",
            "NON-GOALS is missing",
            "VERIFICATION is missing",
            "DELIVERABLE is missing",
        ]
    );
    assert!(hints.len() == 7 && hints.iter().all(|line| line.starts_with("  hint: ")), "{told}");
}

#[test]
fn a_packet_that_does_not_hold_against_the_file_system_names_its_line() {
    let sandbox = with_codex();
    let good = Packet::worker(&["src/"]).to_text(&sandbox.repo());
    let workdir = format!("WORKDIR: {}", sandbox.repo().display());
    let bare = sandbox.root().join("bare.git").display().to_string();
    sandbox.git(&["init", "--quiet", "--bare", &bare]);
    let git_dir = sandbox.repo().join(".git").display().to_string();
    let file = sandbox.repo().join("README.md").display().to_string();
    for (from, to, wanted) in [
        (&*workdir, "WORKDIR: /no/such", "line 2: WORKDIR `/no/such` cannot be used: No such file or directory (os error 2)\nhint: name an existing directory".to_owned()),
        (&workdir, "WORKDIR: /", "line 2: WORKDIR: `/` is in no git work tree\nhint: run `git init` there, or name a directory of a repository".to_owned()),
        (&workdir, &format!("WORKDIR: {bare}"), format!("line 2: WORKDIR: `{bare}` is in a git directory\nhint: name a directory inside the work tree")),
        (&workdir, &format!("WORKDIR: {git_dir}"), format!("line 2: WORKDIR: `{git_dir}` is in a git directory\nhint: name a directory inside the work tree")),
        (&workdir, &format!("WORKDIR: {file}"), format!("line 2: WORKDIR `{file}` is not a directory\nhint: name a directory")),
        ("- src/", "- /etc", "line 6: WRITE SCOPE: `/etc` is outside the repository\nhint: name paths inside the repository, relative to the work directory".to_owned()),
    ] {
        let (command, cannot) = task(&sandbox, good.replace(from, to));
        assert_eq!(refused(&sandbox, &command), cannot + &wanted);
    }
}

#[test]
fn an_entry_that_is_or_lies_below_a_symlink_is_named_with_where_that_leads() {
    let sandbox = with_codex();
    let repo = sandbox.repo();
    symlink("../lib", repo.join("src/link")).unwrap();
    symlink("/etc/hosts", repo.join("file")).unwrap();
    symlink("repo", sandbox.root().join("way-in")).unwrap();
    let good = Packet::worker(&["src/"]).with("BY-PRODUCTS:\n- made/").to_text(&repo);
    let hint = "\nhint: name what it leads to, where that lies inside the repository";
    let way_in = sandbox.root().join("way-in/src/link/x").display().to_string();
    for (from, entry, field, wanted) in [
        ("- src/", "file", "line 6: WRITE SCOPE", "is a symlink, which leads to `/etc/hosts`"),
        ("- src/", "src/link/", "line 6: WRITE SCOPE", "is a symlink, which leads to `../lib`"),
        (
            "- src/",
            "./src/link/x.txt",
            "line 6: WRITE SCOPE",
            "is below the symlink `src/link`, which leads to `../lib`",
        ),
        (
            "- src/",
            "src/link/*.txt",
            "line 6: WRITE SCOPE",
            "is below the symlink `src/link`, which leads to `../lib`",
        ),
        (
            "- src/",
            &way_in,
            "line 6: WRITE SCOPE",
            "is below the symlink `src/link`, which leads to `../lib`",
        ),
        (
            "- made/",
            "src/link/made/",
            "line 18: BY-PRODUCTS",
            "is below the symlink `src/link`, which leads to `../lib`",
        ),
    ] {
        let text = good.replace(from, &format!("- {entry}"));
        let (command, cannot) = task(&sandbox, &text);
        assert_eq!(refused(&sandbox, &command), format!("{cannot}{field}: `{entry}` {wanted}{hint}"));
        let mut lint = sandbox.command("clodex-dispatch");
        lint.arg("--lint").arg(sandbox.root().join("task.md"));
        let linted = dispatched(lint);
        assert!(linted.code == 2 && linted.stderr.contains(wanted), "{linted:?}");
    }
    let mut flag = sandbox.command("clodex-dispatch");
    flag.args(["--scope", "file", "do it"]);
    assert_eq!(
        refused(&sandbox, &flag),
        format!("--scope: `file` is a symlink, which leads to `/etc/hosts`{hint}")
    );
}

#[test]
fn lint_says_ok_or_what_the_run_would_be_refused_for() {
    let sandbox = with_codex();
    let lint = |text: &[u8]| -> (String, Dispatched) {
        let path = sandbox.file("task.md", text);
        let mut command = sandbox.command("clodex-dispatch");
        command.arg("--lint").arg(&path);
        (path.display().to_string(), dispatched(command))
    };
    let good = Packet::worker(&["src/"]).to_text(&sandbox.repo());
    let (path, run) = lint(good.as_bytes());
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, &*format!("{path}: ok\n"), ""));
    for bad in [
        good.replace("src/", "../x").into_bytes(),
        good.replace("NON-GOALS", "NONGOALS").into_bytes(),
        vec![255],
    ] {
        let (_, linted) = lint(&bad);
        let (command, _) = task(&sandbox, &bad);
        assert_eq!((linted.code, linted.stdout.as_str()), (2, ""));
        let error = linted.stderr.strip_prefix("clodex-dispatch: ").unwrap();
        assert_eq!(error.trim_end(), refused(&sandbox, &command));
    }
    assert!(!sandbox.repo().join(".codex-dispatch").exists());
}

#[test]
fn settings_that_cannot_be_understood_are_named_with_where_they_stand() {
    let sandbox = with_codex();
    let prompt = || {
        let mut command = sandbox.command("clodex-dispatch");
        command.arg("look at it");
        command
    };
    for (name, value) in
        [("CLODEX_TIMEOUT_SEC", "abc"), ("CLODEX_HEARTBEAT_SEC", "1.5"), ("CODEX_DISPATCH_TIMEOUT_SEC", "-1")]
    {
        let mut command = prompt();
        command.env(name, value);
        let wanted = format!(
            "cannot use {name}=`{value}` from the environment\nhint: whole seconds; 0 switches it off"
        );
        assert_eq!(refused(&sandbox, &command), wanted);
    }
    let hint = "\nhint: correct the file; keys that clodex does not know are errors";
    for (file, text, wanted, hint) in [
        ("config/clodex/config.yaml", "timeout_sec: 5\n  x: [\n", "at line 2 column 4", hint),
        ("config/clodex/config.yaml", "timeout_sec: 5\nnope: 1\n", "unknown field `nope`", hint),
        (
            "config/clodex/config.yaml",
            "timeout_sec: abc\n",
            "timeout_sec: invalid type: string \"abc\"",
            hint,
        ),
        ("config/clodex/tiers.yaml", "tiers: [", "at line", hint),
        (
            "repo/.clodex/config.yaml",
            "sandbox: danger-full-access\n",
            "a project file may not set sandbox",
            "\nhint: remove the key; it is for your own file, the packet or a flag",
        ),
        ("repo/.clodex/tiers.yaml", "a: [", "at line 2 column 1", hint),
    ] {
        let path = sandbox.file(file, text);
        let told = refused(&sandbox, &prompt());
        assert!(told.starts_with(&format!("cannot read `{}`: ", path.display())), "{told}");
        assert!(told.contains(wanted) && told.ends_with(hint), "{told}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_place_that_is_none_is_refused() {
    let sandbox = with_codex();
    let gone = sandbox.root().join("gone");
    for (args, wanted) in [
        (
            &["-C", "no/such", "x"][..],
            "cannot use work directory `no/such`: No such file or directory (os error 2)\nhint: name a directory with -C",
        ),
        (
            &["-C", "/", "x"],
            "`/` is in no git work tree\nhint: run `git init` there, or name a directory of a repository",
        ),
        (
            &["--resume", "--last", "x"],
            "unexpected argument '--last' found\nhint: see `clodex-dispatch --help`",
        ),
    ] {
        let mut command = sandbox.command("clodex-dispatch");
        command.args(args);
        if args[0] == "--resume" {
            // clap's own words on stderr are richer than the object.
            command.arg("--json");
            let run = dispatched(command);
            let object: Value = serde_json::from_str(&run.stdout).unwrap();
            let told =
                format!("{}\nhint: {}", object["error"].as_str().unwrap(), object["hint"].as_str().unwrap());
            assert_eq!((run.code, told.as_str()), (2, wanted));
            continue;
        }
        assert_eq!(refused(&sandbox, &command), wanted);
    }
    // The shell's own directory is gone.
    let mut shell = sandbox.command("sh");
    let dispatch = sandbox.command("clodex-dispatch");
    fs::create_dir(&gone).unwrap();
    shell.current_dir(&gone).args(["-c", "rmdir ../gone; exec \"$0\" hello"]).arg(dispatch.get_program());
    let run = dispatched(shell);
    assert_eq!(run.code, 2);
    assert!(run.stderr.starts_with("clodex-dispatch: cannot use work directory `.`: "), "{run:?}");
}

#[test]
fn without_a_place_for_records_nothing_starts() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.dispatching(&clean_turn(&[]));
    command.env_remove("HOME").env_remove("CLODEX_STATE_DIR");
    let run = dispatched(command);
    let wanted = "clodex-dispatch: cannot tell where records are kept: neither CLODEX_STATE_DIR, XDG_STATE_HOME nor HOME is set\nhint: set HOME or CLODEX_STATE_DIR\n";
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (2, "", wanted));
}
