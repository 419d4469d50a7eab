//! Questions: the flow ends its process, says what it waits for, and goes on with the answer.

use clodex_tests::{Dispatched, LIMIT, run_with_timeout};

use super::{flow, ids, only, prompts, run, stage, status};

const ASKS: &str = "\
name: asks
steps:
  - id: look
    prompt: Look.
  - id: which
    needs: look
    ask: 'Which one? {{steps.look.result}}'
  - id: work
    needs: which
    prompt: 'They say: {{steps.which.result}}'
";

#[test]
fn a_flow_waits_outside_and_goes_on_with_the_answer() {
    let sandbox = stage(&[]);
    let told = run(&sandbox, ASKS, &[]).exits(8);
    let id = only(&sandbox);
    let way_on = format!("continue with: clodex-flow continue {id} --input FILE");
    told.says(&["waits for an answer", "Which one? ", "did it", &way_on]);
    assert_eq!(status(&sandbox)["state"], "waiting");

    // Without an answer nothing goes on, and it is told once more what is waited for.
    flow(&sandbox, &["continue", &id]).exits(8).says(&[&way_on]);
    flow(&sandbox, &["continue", &id, "--input", "/no/such"]).exits(2).complains(&["cannot read the answer"]);
    let answer = sandbox.file("answer.md", "the second {{inputs.x}}\n");
    let answer = answer.to_str().unwrap();
    flow(&sandbox, &["continue", &id, "--input", answer, "--step", "look"])
        .exits(2)
        .complains(&["waits for no answer"]);
    assert_eq!(prompts(&sandbox).len(), 1);

    // What a crash of the machine took of an answer is made again from what the run sealed.
    let looked = sandbox.state().join("flows").join(&id).join("answers/look.md");
    std::fs::write(&looked, "").unwrap();
    flow(&sandbox, &["continue", &id, "--input", answer])
        .exits(0)
        .says(&["**which**: passed", "**work**: passed"]);
    assert!(clodex_tests::text(&looked).starts_with("did it\nVERDICT: CLEAN"));
    let prompts = prompts(&sandbox);
    assert_eq!(prompts.len(), 2);
    assert!(prompts[1].contains("They say: ```text\nthe second {{inputs.x}}\n```"), "{}", prompts[1]);

    flow(&sandbox, &["continue", &id]).exits(0).says(&["# asks", ": done"]);
    flow(&sandbox, &["continue", &id, "--input", answer]).exits(2).complains(&["waits for no answer"]);
}

#[test]
fn a_flow_that_waits_can_be_cancelled() {
    let sandbox = stage(&[]);
    run(&sandbox, ASKS, &[]).exits(8);
    let id = only(&sandbox);
    flow(&sandbox, &["cancel", &id]).exits(0).says(&["cancelled"]);
    assert_eq!(status(&sandbox)["state"], "cancelled");
    flow(&sandbox, &["cancel", &id]).exits(0).says(&["already ended: cancelled"]);
}

#[test]
fn nothing_that_a_flow_needs_is_let_go_of_while_it_waits() {
    let sandbox = stage(&[]);
    let prune = |args: &[&str]| {
        let mut command = sandbox.command("clodex-setup");
        command.args(["prune", "--older-than", "0"]).args(args);
        Dispatched::of(run_with_timeout(command, LIMIT)).exits(0)
    };
    run(&sandbox, ASKS, &[]).exits(8);
    let id = only(&sandbox);
    let kept = prune(&[]);
    kept.says(&["its flow waits for an answer", &format!("hint: `clodex-flow status {id}`"), "1 kept"]);
    let answer = sandbox.file("answer.md", "the second\n");
    flow(&sandbox, &["continue", &id, "--input", answer.to_str().unwrap()]).exits(0);
    prune(&["--dry-run"]).says(&[&format!("would go  flow {id}"), "would free"]);
    assert_eq!(only(&sandbox), id);
    let told: serde_json::Value = serde_json::from_str(&prune(&["--json"]).stdout).unwrap();
    assert_eq!((&told["flows"][0]["id"], told["runs"].as_array().unwrap().len()), (&id.clone().into(), 2));
    assert_eq!(ids(&sandbox), Vec::<String>::new());
}

const ASKS_AND_FAILS: &str = "\
name: asks
steps:
  - id: which
    ask: Which one?
  - id: work
    prompt: Work.
    scope: src/
    gate: {changed: src/a.txt}
  - id: end
    needs: [which, work]
    scope: src/
    prompt: 'They say: {{steps.which.result}}'
";

#[test]
fn a_question_is_answered_and_what_failed_begun_again_in_any_order() {
    for (on_failure, orders) in [
        ("stop", [&["input"][..], &["again"]]),
        ("finish", [&["again"], &["input"]]),
        ("stop", [&[], &["again", "input"]]),
    ] {
        let sandbox = stage(&[clodex_tests::sh("test ! -e ../mended || echo x >> src/a.txt")]);
        let told = run(&sandbox, ASKS_AND_FAILS, &["--on-failure", on_failure]).exits(8);
        let id = only(&sandbox);
        told.says(&[
            "which waits for an answer",
            &format!("clodex-flow continue {id} --again"),
            "--input FILE",
        ]);
        sandbox.file("mended", "");
        let answer = sandbox.file("answer.md", "the second\n");
        for (number, order) in orders.iter().enumerate() {
            let mut args = vec!["continue", &id];
            for what in *order {
                match *what {
                    "input" => args.extend(["--input", answer.to_str().unwrap()]),
                    _ => args.push("--again"),
                }
            }
            let told = flow(&sandbox, &args).exits(if number == 0 { 8 } else { 0 });
            if order.contains(&"input") {
                told.says(&["**which**: passed"]);
            }
            if order.contains(&"again") {
                told.says(&["**work**: passed"]);
            }
        }
        assert_eq!(prompts(&sandbox).len(), 3, "the work twice, and once what goes on from it");
    }
}

#[test]
fn who_goes_on_goes_on_with_the_codex_that_was_named() {
    let sandbox = stage(&[]);
    let text = "name: x\nsteps: [{id: ok, ask: ok?}, {id: a, needs: ok, prompt: x}]\n";
    run(&sandbox, text, &["--codex", "./no-such-codex"]).exits(8);
    let answer = sandbox.file("answer.md", "yes\n");
    let told = flow(&sandbox, &["continue", &only(&sandbox), "--input", answer.to_str().unwrap()]).exits(3);
    told.says(&["**a**: failed", &sandbox.repo().join("no-such-codex").display().to_string()]);
}
