//! What is sent reaches the model to the byte, and nothing in it is taken for anything else.

use clodex_sim::responses::{Request, embed};
use clodex_tests::Packet;
use serde_json::json;

use crate::stage::{Stage, clean, dispatch_with, step};

const NASTY: &str = "\"quotes\" 'single' `ticks` ``` $(touch PWNED) `touch PWNED` \\n --write -- {{KEY}} ✓ 🦀 \u{2028} \u{1} \u{7f} \u{85} \t end\r\n";

fn nasty(bytes: usize) -> String {
    NASTY.repeat(bytes / NASTY.len() + 1)
}

fn prompt_of(stage: &Stage) -> String {
    let asked = stage.asked();
    asked.first().and_then(Request::prompt).unwrap()
}

fn assert_nothing_was_executed(stage: &Stage) {
    assert_eq!(stage.sandbox.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_packet_of_200_kb_reaches_the_model_verbatim() {
    let Some(stage) = Stage::real() else { return };
    let script = embed(&json!([step(&[clean()])]));
    let packet = Packet::read_only("reviewer")
        .with(&format!("CONTEXT:\n- {script}\n- {}", nasty(200_000).replace("\r\n", "\r\n- ")));
    let run = stage.packet(&packet, &[]).exits(0);
    let text = packet.to_text(&stage.sandbox.repo());
    assert!(text.len() > 200_000);
    let prompt = prompt_of(&stage);
    assert!(prompt.contains(&text));
    assert_eq!((prompt, text), (run.artifact("prompt.md"), run.artifact("task.md")));
    assert_nothing_was_executed(&stage);
}

#[test]
fn a_free_prompt_reaches_the_model_verbatim_from_file_stdin_and_argument() {
    let Some(stage) = Stage::real() else { return };
    let script = embed(&json!([step(&[clean()])]));
    let (long, short) = (format!("{script}\n{}", nasty(200_000)), format!("{script}\n{}", nasty(100_000)));
    let file = stage.sandbox.file("prompt.txt", &long);
    let from_file = stage.run(&["--prompt-file", file.to_str().unwrap()]).exits(0);
    let from_stdin = dispatch_with(&stage.sandbox, &["--prompt-file", "-"], long.as_bytes(), &[]).exits(0);
    let from_argument = stage.run(&["--quiet", &short]).exits(0);
    let prompts: Vec<String> = stage.asked().iter().map(|request| request.prompt().unwrap()).collect();
    assert_eq!(prompts.len(), 3);
    assert!(prompts[0] == prompts[1] && prompts[0].contains(&long) && prompts[2].contains(&short));
    for (run, task) in [(from_file, &long), (from_stdin, &long), (from_argument, &short)] {
        assert!(run.artifact("task.md") == **task);
    }
    assert_nothing_was_executed(&stage);
}

#[test]
fn an_argument_that_looks_like_an_option_can_be_a_prompt() {
    let Some(stage) = Stage::real() else { return };
    let prompt = format!("--write everything {}", embed(&json!([step(&[clean()])])));
    stage.run(&["--quiet", "--", &prompt]).exits(0);
    assert!(prompt_of(&stage).contains(&prompt));
}
