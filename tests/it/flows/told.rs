//! What is told of a flow when the disk does not take what is to be written.

use std::fs;

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
