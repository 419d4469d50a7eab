//! Every line that a flow's journal can hold, and its process killed before it and behind it: gone on with, the flow comes
//! to the same end. What a run does depends on its step and on files only, never on how fast anything is.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clodex_tests::{
    Codex, LIMIT, Running, Sandbox, Stop, clean_turn, eventually, json_file, killed_at, sh, text,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::{beside, flow, in_repo, only, stage, status};

/// So many are looked at side by side: most of the time they wait for each other's runs.
const SIDE_BY_SIDE: usize = 3;

/// A process of a flow, and how it is gone on.
struct Case {
    /// A new stage, and the process that is killed on it.
    stage: fn() -> (Sandbox, Command),
    /// Goes on to the end, whatever was killed; all that has to be the same then.
    go_on: fn(&Sandbox) -> Value,
    /// The lines that the process writes.
    lines: &'static [&'static str],
}

impl Case {
    /// Kills it at each moment, and compares.
    fn holds(&self) {
        let (sandbox, command) = (self.stage)();
        let already = entries(&sandbox).len();
        let mut boundaries = 0;
        assert!(!killed_at(&command, |stop| {
            boundaries += usize::from(is_boundary(stop));
            false
        }));
        let mut written = entries(&sandbox).split_off(already);
        written.sort_unstable();
        let mut lines = self.lines.to_vec();
        lines.sort_unstable();
        assert_eq!(
            (written, boundaries),
            (lines.iter().map(|line| (*line).to_owned()).collect(), 2 * lines.len())
        );
        let wanted = (self.go_on)(&sandbox);
        let next = AtomicUsize::new(1);
        thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE {
                scope.spawn(|| {
                    let numbers = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
                    for nth in numbers.take_while(|nth| *nth <= boundaries) {
                        self.holds_at(nth, &wanted);
                    }
                });
            }
        });
    }

    fn holds_at(&self, nth: usize, wanted: &Value) {
        let (sandbox, command) = (self.stage)();
        let mut seen = 0;
        let was_killed = killed_at(&command, |stop| {
            seen += usize::from(is_boundary(stop));
            seen == nth
        });
        assert!(was_killed, "boundary {nth}");
        if entries(&sandbox).is_empty() {
            flow(&sandbox, &["continue", &only(&sandbox)]).exits(2).complains(&["never began"]);
            assert_eq!(sandbox.recorded().len(), 0);
        } else {
            assert_eq!((self.go_on)(&sandbox), *wanted, "killed at boundary {nth}");
        }
    }
}

/// Before a line is there, and when it is.
fn is_boundary(stop: &Stop) -> bool {
    stop.writes("journal.jsonl")
}

/// What the journal of the only flow tells; nothing where there is none.
fn entries(sandbox: &Sandbox) -> Vec<String> {
    let Some(id) = super::ids(sandbox).pop() else { return Vec::new() };
    let journal = fs::read_to_string(sandbox.state().join("flows").join(id).join("journal.jsonl"));
    let journal = journal.unwrap_or_default();
    let lines = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| line["entry"].as_str().unwrap().to_owned()).collect()
}

/// A stage on which a run does what is said for its step, after it has left a line; and the flow's command.
fn acting(flow: &str, deeds: &[(&str, &str)]) -> (Sandbox, Command) {
    let sandbox = stage(&[]);
    let (done, root) = (beside(&sandbox, "done"), sandbox.root().display().to_string());
    let case =
        |(step, deed): &(&str, &str)| format!("*-x-{step}-*) echo {step} >> {};\n{deed};;\n", done.display());
    let deeds = deeds.iter().map(case).collect::<Vec<_>>().concat();
    let act = sh(&format!("root={root}\ncase $CLODEX_RUN_ID in\n{deeds}esac"));
    sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&[act]) })));
    let file = sandbox.file("flow.yaml", flow);
    let command = command(&sandbox, &["run", file.to_str().unwrap()]);
    (sandbox, command)
}

fn command(sandbox: &Sandbox, args: &[&str]) -> Command {
    let mut command = sandbox.command("clodex-flow");
    command.args(args);
    command
}

/// The tree, what was done how often, and where the steps and the flow stand and why.
fn picture(sandbox: &Sandbox) -> Value {
    let report = status(sandbox);
    let steps: BTreeMap<&str, Value> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            (
                step["step"].as_str().unwrap(),
                json!([step["state"], step["why"], step["landed"], step["in_the_way"]]),
            )
        })
        .collect();
    let done = fs::read_to_string(beside(sandbox, "done")).unwrap_or_default();
    let mut done: Vec<&str> = done.lines().collect();
    done.sort_unstable();
    let tree: Vec<String> =
        ["src/a.txt", "src/new.txt", "docs/right.txt"].map(|file| in_repo(sandbox, file)).into();
    json!({ "state": report["state"], "exit_code": report["exit_code"], "steps": steps, "done": done, "tree": tree })
}

#[test]
fn two_runs_at_once_a_landing_a_second_try_and_a_question() {
    const FLOW: &str = "\
name: x
steps:
  - {id: left, scope: src/, isolate: head, prompt: x, gate: clean}
  - {id: right, scope: docs/, prompt: x, retry: 1, gate: {changed: docs/right.txt}}
  - {id: not, needs: [left, right], when: steps.right.exit-code != 0, prompt: x}
  - {id: which, needs: not, ask: x}
";
    let case = Case {
        stage: || {
            let second =
                "if [ -e $root/tried ]; then echo x >> docs/right.txt; else echo x > $root/tried; fi";
            acting(FLOW, &[("left", "echo x >> src/new.txt"), ("right", second)])
        },
        go_on: |sandbox| {
            flow(sandbox, &["continue", &only(sandbox)]).exits(8);
            picture(sandbox)
        },
        lines: &[
            "begun", "run", "run", "run", "ended", "ended", "ended", "landed", "skipped", "asked", "finished",
        ],
    };
    case.holds();
}

const ISOLATED: &str = "name: x\nsteps: [{id: a, scope: src/, isolate: head, prompt: x, gate: clean}]\n";

/// A flow whose changes cannot land, because the user has edited the same file.
fn conflict() -> (Sandbox, Command) {
    let (sandbox, command) = acting(ISOLATED, &[("a", "echo x >> src/a.txt")]);
    fs::write(sandbox.repo().join("src/a.txt"), "mine\n").unwrap();
    (sandbox, command)
}

#[test]
fn a_landing_that_is_refused() {
    let case = Case {
        stage: conflict,
        go_on: |sandbox| {
            flow(sandbox, &["continue", &only(sandbox)]).exits(7).says(&["src/a.txt: "]);
            picture(sandbox)
        },
        lines: &["begun", "run", "ended", "not-landed", "finished"],
    };
    case.holds();
}

#[test]
fn a_landing_that_is_tried_again() {
    let case = Case {
        stage: || {
            let (sandbox, mut run) = conflict();
            assert_eq!(run.output().unwrap().status.code(), Some(7));
            sandbox.git(&["checkout", "--quiet", "src/a.txt"]);
            let again = command(&sandbox, &["continue", &only(&sandbox), "--again"]);
            (sandbox, again)
        },
        go_on: |sandbox| {
            flow(sandbox, &["continue", &only(sandbox), "--again"]).exits(0);
            picture(sandbox)
        },
        lines: &["continued", "landed", "finished"],
    };
    case.holds();
}

#[test]
fn a_landing_whose_changes_were_thrown_away() {
    let case = Case {
        stage: || {
            let (sandbox, mut run) = conflict();
            assert_eq!(run.output().unwrap().status.code(), Some(7));
            sandbox.git(&["checkout", "--quiet", "src/a.txt"]);
            super::landing::discard(&sandbox, "a");
            let again = command(&sandbox, &["continue", &only(&sandbox), "--again"]);
            (sandbox, again)
        },
        go_on: |sandbox| {
            flow(sandbox, &["continue", &only(sandbox), "--again"]).exits(0);
            picture(sandbox)
        },
        lines: &["continued", "discarded", "run", "ended", "landed", "finished"],
    };
    case.holds();
}

#[test]
fn a_run_that_died_in_its_worktree_is_begun_anew() {
    let case = Case {
        stage: || {
            let wait = "if [ ! -e $root/dead ]; then echo x > $root/at-work; while :; do sleep 1; done; fi; echo x >> src/new.txt";
            let (sandbox, run) = acting(ISOLATED, &[("a", wait)]);
            let running = Running::start(run, b"");
            eventually(LIMIT, || beside(&sandbox, "at-work").exists().then_some(()));
            running.signal(Signal::SIGKILL);
            drop(running.finish(LIMIT));
            let mut records =
                fs::read_dir(sandbox.state().join("live")).unwrap().flatten().map(|entry| entry.path());
            let record =
                json_file(&records.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap());
            let dispatcher = i32::try_from(record["dispatcher"]["pid"].as_i64().unwrap()).unwrap();
            kill(Pid::from_raw(dispatcher), Signal::SIGKILL).unwrap();
            fs::write(beside(&sandbox, "dead"), "").unwrap();
            let goes_on = command(&sandbox, &["continue", &only(&sandbox)]);
            (sandbox, goes_on)
        },
        go_on: |sandbox| {
            flow(sandbox, &["continue", &only(sandbox)]).exits(0);
            let report = text(sandbox.state().join("flows").join(only(sandbox)).join("report.md"));
            assert!(report.contains("died while it ran"), "{report}");
            picture(sandbox)
        },
        lines: &["continued", "interrupted", "run", "ended", "landed", "finished"],
    };
    case.holds();
}
