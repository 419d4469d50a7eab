//! Flows that a user writes: order, what steps are told of each other, gates, retries, failures, limits.

use clodex_tests::sh;
use serde_json::json;

use super::{flow, ids, in_repo, leave, pairs, prompts, report, run, stage, status, steps};

const THREE: &str = "\
name: three
inputs:
  topic: {about: what it is about}
steps:
  - id: look
    label: 1/3 look at {{inputs.topic}}
    prompt: Look at {{inputs.topic}}.
    scope: src/
  - id: work
    needs: look
    scope: src/
    prompt: 'Work. {{steps.look.result}} It was {{steps.look.outcome}}.'
    gate: [clean, verdict: CLEAN, changed: src/a.txt]
  - id: never
    needs: work
    when: steps.work.exit-code != 0
    prompt: x
";

#[test]
fn steps_come_one_after_the_other_and_know_of_each_other() {
    let sandbox = stage(&[leave("src/a.txt")]);
    let told = run(&sandbox, THREE, &["--topic", "locks"]).exits(0);
    told.says(&[
        "# three",
        ": done",
        "**look**: passed · scope clean · says CLEAN · changed src/a.txt",
        "**never**: skipped",
    ]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nx\nx\n");
    let prompts = prompts(&sandbox);
    assert!(prompts[0].contains("Look at locks."), "{}", prompts[0]);
    assert!(
        prompts[1].contains("did it\nVERDICT: CLEAN") && prompts[1].contains("It was done."),
        "{}",
        prompts[1]
    );
    let told = status(&sandbox);
    assert_eq!(steps(&told), pairs(&[("look", "passed"), ("work", "passed"), ("never", "skipped")]));
    assert_eq!((told["state"].as_str(), told["exit_code"].as_i64()), (Some("done"), Some(0)));
}

#[test]
fn a_step_that_is_done_only_sometimes_is_announced() {
    let sandbox = stage(&[]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: x}\n  - {id: b, needs: a, when: steps.a.outcome == done, prompt: x}\n";
    run(&sandbox, text, &[]).exits(0).says(&["x b: running · because steps.a.outcome == done\nx b: passed"]);
}

#[test]
fn a_run_carries_its_flow_and_its_step() {
    let sandbox = stage(&[]);
    let told = report(&run(&sandbox, THREE, &["--topic", "x", "--json"]).exits(8));
    let id = told["steps"][0]["facts"]["run"].as_str().unwrap();
    let record = clodex_tests::json_file(&sandbox.state().join(format!("ended/{id}.json")));
    assert_eq!(record["flow"], json!({ "id": told["flow"], "step": "look", "label": "three 1/3 look at x" }));
    assert_eq!(
        told["steps"][1]["why"],
        "gate changed: src/a.txt did not let it pass: not changed: src/a.txt"
    );
}

#[test]
fn a_gate_that_cannot_be_judged_does_not_let_anything_pass() {
    // The stand-in has no sandbox for checks.
    let sandbox = stage(&[]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, verify: 'true', gate: verified, retry: 1}\n  - {id: b, needs: a, prompt: x}\n";
    let told = run(&sandbox, text, &[]).exits(8);
    told.says(&[
        "**a**: failed",
        "gate verified did not let it pass: a check could not be run",
        "**b**: not begun",
    ]);
    assert_eq!(prompts(&sandbox).len(), 2, "it was tried again once");
}

#[test]
fn a_violation_ends_the_flow_with_its_own_code_and_is_not_tried_again() {
    let sandbox = stage(&[leave("lib/x.txt")]);
    let text =
        "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/, retry: 3}\n  - {id: b, needs: a, prompt: x}\n";
    let told = run(&sandbox, text, &[]).exits(6);
    told.says(&["**a**: failed · scope violation", "VIOLATION lib/x.txt", "**b**: not begun"]);
    assert_eq!(prompts(&sandbox).len(), 1);
}

const TWO_OUTSIDE: &str = "\
name: x
steps:
  - {id: a, prompt: x}
  - id: b
    needs: a
    prompt: x
    tier: huge
";

#[test]
fn what_is_wrong_is_told_before_anything_is_started() {
    let sandbox = stage(&[]);
    for (text, args, wanted) in [
        (
            "name: x\nsteps:\n  - {id: a, prompt: x, needs: b}\n",
            &[][..],
            "line 3: step `a` needs `b`, which is not a step",
        ),
        (
            THREE,
            &[],
            "line 3: input topic is missing (what it is about)\n  hint: give it with `--topic TEXT`",
        ),
        (THREE, &["--topic", "x", "--cd", "/"], "step `look`: "),
        (
            "name: x\nsteps:\n  - id: a\n    prompt: x\n    scope: /etc/x\n",
            &[],
            "scope: `/etc/x` is outside the repository\n  hint: name paths inside the repository",
        ),
        (TWO_OUTSIDE, &[], "line 7: unknown tier `huge`\n  hint: the tiers are deep,"),
        (
            "name: x\nsteps: [{id: a, prompt: x, gate: {schema: ../x.json}}]\n",
            &[],
            "line 2: schema `../x.json`: ",
        ),
    ] {
        let told = run(&sandbox, text, args).exits(2);
        assert!(told.stderr.contains(wanted) && told.stderr.contains("hint: "), "{told:?}");
    }
    let file = sandbox.file("late.yaml", TWO_OUTSIDE);
    flow(&sandbox, &["lint", file.to_str().unwrap()]).exits(2).complains(&["line 7: unknown tier `huge`"]);
    let several = "name: x\nsteps:\n  - id: a\n    prompt: x\n    scope: [/etc/x, ../y]\n  \
        - {id: b, prompt: x, gaet: clean}\n";
    let file = sandbox.file("several.yaml", several);
    flow(&sandbox, &["lint", file.to_str().unwrap()]).exits(2).complains(&[
        "line 5: scope: `/etc/x` is outside the repository\n  hint: ",
        "line 5: scope: `../y` holds `..`\n  hint: ",
        "line 6: unknown field `gaet`",
        ": 3 problems\n",
    ]);
    flow(&sandbox, &["lint", "split"]).exits(0).says(&["split (built in): ok"]);
    flow(&sandbox, &["show", "split"])
        .exits(0)
        .says(&["implement ← explore", "in a fork of the thread of explore"]);
    flow(&sandbox, &["show", "split", "--mermaid"]).exits(0).says(&["flowchart TD"]);
    let missing = flow(&sandbox, &["run", "split"]).exits(2);
    assert_eq!(
        missing.stderr,
        "cannot use the built-in flow split: input task is missing (the task packet)\n  \
         hint: give it with `--task PACKET.md`\n"
    );
    flow(&sandbox, &["run", "nothing"])
        .exits(2)
        .complains(&["cannot find flow `nothing`\nhint: the flows are debate,"]);
    assert_eq!((ids(&sandbox).len(), sandbox.recorded().len()), (0, 0));
}

#[test]
fn the_flow_of_the_readme_is_sound() {
    let readme = clodex_tests::text(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    let sample = readme.split("```yaml\n").find(|block| block.starts_with("name: ")).unwrap();
    let sandbox = stage(&[]);
    let file = sandbox.file("readme.yaml", sample.split("```").next().unwrap());
    flow(&sandbox, &["lint", file.to_str().unwrap()]).exits(0).says(&["ok (2 steps)"]);
}

#[test]
fn a_flow_that_takes_too_long_is_ended_with_all_its_runs() {
    let sandbox = stage(&[json!("hang")]);
    let text = "name: x\nlimits: {timeout: 1}\nsteps:\n  - {id: a, prompt: x}\n  - {id: b, prompt: x}\n";
    let told = run(&sandbox, text, &[]).exits(4);
    told.says(&["out of time", "**a**: cancelled", "**b**: cancelled"]);
}

#[test]
fn a_flow_that_takes_too_much_goes_no_further() {
    let sandbox = stage(&[]);
    let text = "name: x\nlimits: {tokens: 20}\nsteps:\n  - {id: a, prompt: x}\n  - {id: b, needs: a, prompt: x}\n  \
        - {id: c, needs: b, prompt: x}\n";
    // A turn of the stand-in takes 15.
    let told = run(&sandbox, text, &[]).exits(4);
    told.says(&[": out of tokens", "**b**: passed", "**c**: not begun"]);
    let id = super::only(&sandbox);
    flow(&sandbox, &["continue", &id]).exits(4).says(&["**c**: not begun"]);
    flow(&sandbox, &["continue", &id, "--tokens", "100"]).exits(0).says(&["**c**: passed"]);
    assert_eq!(prompts(&sandbox).len(), 3, "nothing ran twice");
}

#[test]
fn what_failed_is_begun_again_where_that_is_wanted_and_nothing_else() {
    let sandbox = stage(&[sh("test ! -e ../mended || echo x >> src/a.txt")]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: first}\n  \
        - {id: b, needs: a, scope: src/, prompt: second, gate: {changed: src/a.txt}}\n  - {id: c, needs: b, scope: src/, prompt: third}\n";
    let told = run(&sandbox, text, &[]).exits(8);
    let id = super::only(&sandbox);
    told.says(&[&format!("begin again what failed: clodex-flow continue {id} --again")]);
    flow(&sandbox, &["continue", &id]).exits(8).says(&["**b**: failed", "--again"]);
    sandbox.file("mended", "");
    flow(&sandbox, &["continue", &id, "--again"]).exits(0).says(&["**b**: passed", "**c**: passed"]);
    let asked = |word: &str| prompts(&sandbox).iter().filter(|prompt| prompt.contains(word)).count();
    assert_eq!([asked("first"), asked("second"), asked("third")], [1, 2, 1]);
}

#[test]
fn a_worker_goes_on_where_an_earlier_step_left_changes_but_not_over_the_users_own() {
    let sandbox = stage(&[leave("src/a.txt")]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/}\n  - {id: b, needs: a, prompt: x, scope: src/}\n";
    run(&sandbox, text, &[]).exits(0);
    let told = run(&sandbox, text, &[]).exits(7);
    told.says(&["**a**: failed", "**b**: not begun"]);
}

#[test]
fn a_step_may_work_in_isolation_and_what_it_changed_lands() {
    let sandbox = stage(&[sh("echo y >> src/a.txt")]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/, isolate: head, gate: clean}\n  \
        - {id: b, needs: a, prompt: x, scope: src/}\n";
    let told = run(&sandbox, text, &[]).exits(0);
    told.says(&["landed src/a.txt"]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\ny\ny\n");
}

#[test]
fn what_the_user_changed_is_not_written_over_however_often_the_flow_goes_on() {
    let sandbox = stage(&[leave("src/a.txt")]);
    sandbox.file("repo/src/a.txt", "the user's\n");
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/}\n";
    run(&sandbox, text, &[]).exits(7).says(&["uncommitted changes in scope: src/a.txt"]);
    let id = super::only(&sandbox);
    flow(&sandbox, &["continue", &id, "--again"]).exits(7).says(&["**a**: failed"]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "the user's\n");
}

#[test]
fn a_later_step_does_not_write_over_what_no_step_left() {
    let sandbox = stage(&[sh("echo x >> src/a.txt; test ! -e ../second || echo x >> docs/d.txt")]);
    sandbox.file("repo/docs/d.txt", "the user's\n");
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/a.txt}\n  \
        - {id: b, needs: a, prompt: x, scope: [src/, docs/]}\n";
    run(&sandbox, text, &[]).exits(7).says(&["**a**: passed", "**b**: failed", "in scope: docs/d.txt"]);
    assert_eq!(in_repo(&sandbox, "docs/d.txt"), "the user's\n");
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nx\n");
}

#[test]
fn what_the_user_changed_after_a_step_is_the_users_again() {
    let sandbox = stage(&[leave("src/a.txt")]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/}\n  - {id: b, needs: a, ask: ok?}\n  \
        - {id: c, needs: b, prompt: x, scope: src/}\n";
    run(&sandbox, text, &[]).exits(8);
    sandbox.file("repo/src/a.txt", "a\nmended by the user\n");
    let (id, answer) = (super::only(&sandbox), sandbox.file("answer.md", "yes\n"));
    let told = flow(&sandbox, &["continue", &id, "--input", answer.to_str().unwrap()]).exits(7);
    told.says(&["**c**: failed", "uncommitted changes in scope: src/a.txt"]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nmended by the user\n");
}

#[test]
fn what_the_user_made_executable_after_a_step_is_the_users_again() {
    let sandbox = stage(&[leave("src/a.txt")]);
    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/}\n  - {id: b, needs: a, ask: ok?}\n  \
        - {id: c, needs: b, prompt: x, scope: src/}\n";
    run(&sandbox, text, &[]).exits(8);
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(sandbox.repo().join("src/a.txt"), executable).unwrap();
    let (id, answer) = (super::only(&sandbox), sandbox.file("answer.md", "yes\n"));
    let told = flow(&sandbox, &["continue", &id, "--input", answer.to_str().unwrap()]).exits(7);
    told.says(&["**c**: failed", "uncommitted changes in scope: src/a.txt"]);
}

#[test]
fn a_flow_that_was_killed_before_it_had_a_journal_never_began() {
    let sandbox = stage(&[]);
    let id = "20260121T010203Z-x-y-aaaa";
    std::fs::create_dir_all(sandbox.state().join("flows").join(id)).unwrap();
    for verb in ["continue", "status", "cancel"] {
        flow(&sandbox, &[verb, id]).exits(2).complains(&["never began", "hint: run it again"]);
    }
}

const TWO_APART: &str = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/a.txt, isolate: head}\n  \
    - {id: b, needs: a, prompt: x, scope: src/, isolate: head}\n";

#[test]
fn a_step_in_isolation_finds_what_the_step_that_it_needs_has_changed() {
    let sandbox = stage(&[leave("src/a.txt")]);
    run(&sandbox, TWO_APART, &[]).exits(0).says(&["**b**: passed", "landed src/a.txt"]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nx\nx\n");
}

#[test]
fn what_comes_along_into_isolation_is_the_flows_and_not_the_users() {
    let sandbox = stage(&[leave("src/a.txt")]);
    sandbox.file("repo/src/own.txt", "the user's\n");
    let told = run(&sandbox, TWO_APART, &[]).exits(7);
    told.says(&["**a**: passed", "**b**: failed", "uncommitted changes in scope: src/own.txt"]);
    assert_eq!(in_repo(&sandbox, "src/a.txt"), "a\nx\n");
}
