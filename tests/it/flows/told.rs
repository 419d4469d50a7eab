//! What is told of a flow when the disk does not take what is to be written, or nothing can be begun.

use std::fs;

use serde_json::Value;

use super::{flow, only, prompts, run, stage};

const ASKS: &str = "name: x\nsteps:\n  - {id: which, ask: x}\n  - {id: work, needs: which, prompt: x}\n";

#[test]
fn a_report_that_cannot_be_written_down_is_told_all_the_same() {
    let sandbox = stage(&[]);
    run(&sandbox, ASKS, &[]).exits(8);
    let id = only(&sandbox);
    // A directory with something in it cannot be replaced by a file, whoever tries.
    let report = sandbox.state().join("flows").join(&id).join("report.md");
    fs::remove_file(&report).unwrap();
    fs::create_dir_all(report.join("in-the-way")).unwrap();
    let answer = sandbox.file("answer.md", "yes\n");
    let told = flow(&sandbox, &["continue", &id, "--input", answer.to_str().unwrap()]).exits(0);
    told.says(&["# x x: done", "**work**: passed"]).complains(&["report.md"]);
    flow(&sandbox, &["continue", &id]).exits(0).says(&["# x x: done"]);
}

#[test]
fn a_flow_that_cannot_go_on_tells_how_far_it_came_and_goes_on_later() {
    let sandbox = stage(&[]);
    run(&sandbox, ASKS, &[]).exits(8);
    let id = only(&sandbox);
    let in_the_way = sandbox.state().join("flows").join(&id).join("answers/work.md");
    fs::create_dir_all(in_the_way.join("x")).unwrap();
    let answer = sandbox.file("answer.md", "yes\n");
    let told = flow(&sandbox, &["continue", &id, "--input", answer.to_str().unwrap()]).exits(1);
    let way_on = format!("continue with: clodex-flow continue {id}\n");
    told.says(&["# x x: interrupted", "**which**: passed", "**work**: not judged yet · run ", &way_on]);
    told.complains(&["work.md"]);
    fs::remove_dir_all(in_the_way).unwrap();
    flow(&sandbox, &["continue", &id]).exits(0).says(&["**work**: passed"]);
    assert_eq!(prompts(&sandbox).len(), 1, "nothing ran twice");
}

#[test]
fn who_asks_for_json_gets_an_object_whatever_is_wrong() {
    let sandbox = stage(&[]);
    let empty = sandbox.file("empty.md", " \n");
    let position = format!("--claude-position={}", empty.display());
    for (args, word) in [
        (&["run", "no-such-flow", "--json"][..], "no-such-flow"),
        (&["run", "split", "--no-such-option", "--json"], "--no-such-option"),
        (&["continue", "no-such-flow", "--json"], "cannot find flow `no-such-flow`"),
        (&["run", "debate", "--topic", "x", &position, "--json"], "claude-position is an empty file"),
    ] {
        let told = flow(&sandbox, args).exits(2);
        let object: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
        assert_eq!(object["exit_code"], 2, "{object}");
        assert!(object["error"].as_str().unwrap().contains(word), "{object}");
    }
    assert_eq!(prompts(&sandbox).len(), 0);
}
