//! The flows that clodex brings along, with the real Codex and a scripted model.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clodex_sim::responses::Request;
use clodex_tests::{Dispatched, LIMIT, Packet, Running, Sandbox, eventually, run_with_timeout};
use serde_json::{Value, json};

use super::{flow, in_repo, only, pairs, report, status, steps};
use crate::stage::{Stage, claim, clean, sh, step};

/// What a run is asked to be, by words that only its prompt has.
pub fn role(request: &Request) -> &'static str {
    let prompt = request.prompt().unwrap_or_default();
    let is = |words: &str| prompt.contains(words);
    if is("Another run will carry out the task below") {
        "explore"
    } else if is("Another run says that it has carried out") {
        "verify"
    } else if is("Your work was verified, and this was found") {
        "repair"
    } else if is("The findings were taken on") {
        "recheck"
    } else if is("Think this question through") {
        "analyse"
    } else if is("This is the other position") {
        "rebut"
    } else if is("You took no part") {
        "synthesise"
    } else {
        "implement"
    }
}

/// A packet for a split.
pub fn packet(sandbox: &Sandbox) -> String {
    let packet = Packet::worker(&["src/"])
        .objective("write OK into src/new.txt")
        .checked_by(&["`grep -q OK src/new.txt`"]);
    sandbox.packet(&packet.with("NAME: write ok")).to_str().unwrap().to_owned()
}

fn split(stage: &Stage) -> Dispatched {
    let packet = packet(&stage.sandbox);
    flow(&stage.sandbox, &["run", "split", "--task", &packet, "--json"])
}

/// The thread and the model's view of each run, by role.
fn asked(stage: &Stage, wanted: &str) -> Request {
    let found = stage.asked().into_iter().find(|request| role(request) == wanted);
    found.unwrap_or_else(|| panic!("nobody was asked to {wanted}"))
}

#[test]
fn a_split_explores_implements_in_a_fork_and_verifies() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" => json!([step(&[sh("echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[clean()])]),
    });
    let told = report(&split(&stage).exits(0));
    assert_eq!(
        steps(&told),
        pairs(&[
            ("explore", "passed"),
            ("implement", "passed"),
            ("verify", "passed"),
            ("repair", "skipped"),
            ("recheck", "skipped")
        ])
    );
    assert_eq!(in_repo(&stage.sandbox, "src/new.txt"), "OK\n");
    // Explored once: the implementation knows what was said before, in a thread of its own.
    let (explore, implement, verify) =
        (asked(&stage, "explore"), asked(&stage, "implement"), asked(&stage, "verify"));
    let knows = |request: &Request| {
        request.user_texts().iter().any(|text| text.contains("Another run will carry out"))
    };
    assert!(knows(&implement) && !knows(&verify));
    assert_ne!(explore.thread_id(), implement.thread_id());
    let facts = |at: usize| &told["steps"][at]["facts"];
    assert_eq!(facts(1)["changed"], json!(["src/new.txt"]));
    assert_eq!(facts(2)["checks"], "passed", "clodex ran the packet's checks itself: {told}");
}

#[test]
fn what_the_verifier_finds_is_repaired_once_and_verified_again() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" => json!([step(&[sh("echo oh > src/new.txt")]), step(&[clean()])]),
        "verify" => json!([step(&[claim("findings-only", "NEEDS_ATTENTION: it says oh")])]),
        "repair" => json!([step(&[sh("echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[clean()])]),
    });
    let told = report(&split(&stage).exits(0));
    let states: Vec<String> = steps(&told).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["passed"; 5]);
    assert_eq!(asked(&stage, "repair").thread_id(), asked(&stage, "implement").thread_id());
    assert_eq!(in_repo(&stage.sandbox, "src/new.txt"), "OK\n");
}

#[test]
fn a_repair_that_does_not_help_is_not_tried_twice() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "implement" | "repair" => json!([step(&[sh("echo oh > src/new.txt")]), step(&[clean()])]),
        "verify" | "recheck" => json!([step(&[claim("findings-only", "NEEDS_ATTENTION: it says oh")])]),
        _ => json!([step(&[clean()])]),
    });
    let told = report(&split(&stage).exits(8));
    assert_eq!(steps(&told)[4], ("recheck".to_owned(), "failed".to_owned()));
    let why = told["steps"][4]["why"].as_str().unwrap();
    assert_eq!(why, "gate verified did not let it pass: a check that clodex ran failed");
    let repairs = stage.asked().iter().filter(|request| role(request) == "repair").count();
    assert_eq!(repairs, 2, "one turn of two requests");
}

pub fn synthesis() -> Value {
    json!({ "answer": {
        "agreements": ["both want a cache"], "disagreements": [{ "point": "where", "codex": "here", "claude": "there" }],
        "strongest_for_codex": "it is small", "strongest_for_claude": "it is shared",
        "recommendation": "here first", "what_would_change_it": ["a second reader"],
    } })
}

#[test]
fn a_debate_has_two_rounds_and_a_synthesis_and_waits_for_claude() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "synthesise" => json!([step(&[synthesis()])]),
        other => {
            let mut answer = clean();
            answer["answer"]["report"] = json!(format!("what Codex says when it is asked to {other}"));
            json!([step(&[answer])])
        }
    });
    let sandbox = &stage.sandbox;
    let position = sandbox.file("position.md", "Claude wants it there.\n");
    let debate = [
        "run",
        "debate",
        "--topic",
        "where does the cache go?",
        "--claude-position",
        position.to_str().unwrap(),
    ];
    let told = flow(sandbox, &debate).exits(8);
    told.says(&[
        "claude-rebuts waits for an answer",
        "what Codex says when it is asked to analyse",
        "asked to rebut",
    ]);
    assert!(told.stdout.len() < 9 << 10);
    let texts = |wanted: &str| asked(&stage, wanted).user_texts().concat();
    assert!(!texts("analyse").contains("Claude wants it there."), "Codex thinks for itself first");
    assert!(texts("rebut").contains("Claude wants it there."));
    assert_eq!(asked(&stage, "rebut").thread_id(), asked(&stage, "analyse").thread_id());

    let rebuttal = sandbox.file("rebuttal.md", "Claude still wants it there.\n");
    let id = only(sandbox);
    let told = flow(sandbox, &["continue", &id, "--input", rebuttal.to_str().unwrap()]).exits(0);
    told.says(&["**synthesise**: passed", "\"recommendation\": \"here first\""]);
    let all = texts("synthesise");
    for words in
        ["Claude wants it there.", "Claude still wants it there.", "asked to analyse", "asked to rebut"]
    {
        assert!(all.contains(words), "the synthesis does not know `{words}`");
    }
    let dir = status(sandbox)["dir"].as_str().unwrap().to_owned();
    for name in [
        "inputs/topic.md",
        "inputs/claude-position.md",
        "answers/analyse.md",
        "answers/rebut.md",
        "answers/claude-rebuts.md",
        "answers/synthesise.md",
        "report.md",
    ] {
        assert!(std::path::Path::new(&dir).join(name).is_file(), "{name}");
    }
}

#[test]
fn a_debate_of_one_round_is_open_where_that_is_wanted() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|request| match role(request) {
        "synthesise" => json!([step(&[synthesis()])]),
        _ => json!([step(&[clean()])]),
    });
    let position = stage.sandbox.file("position.md", "Claude wants it there.\n");
    let position = position.to_str().unwrap();
    let debate =
        ["run", "debate", "--topic", "x", "--claude-position", position, "--rounds", "1", "--open", "--json"];
    let told = report(&flow(&stage.sandbox, &debate).exits(0));
    let states: Vec<(String, String)> = steps(&told);
    assert!(states.contains(&("rebut".to_owned(), "skipped".to_owned())));
    assert!(asked(&stage, "analyse").user_texts().concat().contains("Claude wants it there."));
}

#[test]
fn a_synthesis_that_is_none_does_not_pass() {
    let Some(stage) = Stage::real() else { return };
    let stage = stage.answering(|_| json!([step(&[clean()])]));
    let position = stage.sandbox.file("position.md", "x\n");
    let debate =
        ["run", "debate", "--topic", "x", "--claude-position", position.to_str().unwrap(), "--rounds", "1"];
    flow(&stage.sandbox, &debate).exits(5).says(&["**synthesise**: failed"]);
}

#[test]
fn a_split_is_seen_live_cancelled_as_a_whole_and_gone_on_with() {
    let Some(stage) = Stage::real() else { return };
    let goes_on = Arc::new(AtomicBool::new(false));
    let may_end = Arc::clone(&goes_on);
    let stage = stage.answering(move |request| match role(request) {
        "implement" if !may_end.load(Ordering::Relaxed) => endless(),
        "implement" => json!([step(&[sh("echo OK > src/new.txt")]), step(&[clean()])]),
        _ => json!([step(&[clean()])]),
    });
    let sandbox = &stage.sandbox;
    let mut split = sandbox.command("clodex-flow");
    split.args(["run", "split", "--task", &packet(sandbox)]);
    let running = Running::start(split, b"");
    let is_seen = |line: &String| line.contains("codex split 2/3 implement ") && line.contains("sleep 600");
    eventually(LIMIT, || Some(sandbox.statusline()).filter(is_seen));
    let id = only(sandbox);
    flow(sandbox, &["status"])
        .exits(0)
        .says(&["split write ok · running · 1/5 steps", "codex split 2/3 implement "]);

    flow(sandbox, &["cancel", &id]).exits(0).says(&["cancelled"]);
    Dispatched::of(running.finish(LIMIT)).exits(130).says(&["**implement**: cancelled"]);
    sandbox.assert_no_leftovers();
    goes_on.store(true, Ordering::Relaxed);
    flow(sandbox, &["continue", &id]).exits(0).says(&["**implement**: passed"]);
    assert_eq!(in_repo(sandbox, "src/new.txt"), "OK\n");
    let explored = stage.asked().iter().filter(|request| role(request) == "explore").count();
    assert_eq!(explored, 1, "what was through is not done again");
}

/// Work that is not over before somebody ends it.
fn endless() -> Value {
    json!(vec![step(&[sh("sleep 600")]); 10])
}

/// The record of a live run whose command runs.
fn at_work(sandbox: &Sandbox, name: &str) -> Option<Value> {
    let entries = std::fs::read_dir(sandbox.state().join("live")).ok()?.flatten();
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    let mut records = texts.filter_map(|text| serde_json::from_str::<Value>(&text).ok());
    records.find(|record| record["name"] == name && record["progress"]["phase"] == "running")
}

#[test]
fn eight_in_parallel_of_which_two_are_cancelled_and_one_violates() {
    let Some(stage) = Stage::real() else { return };
    let sandbox = &stage.sandbox;
    let packets = (0..8).map(|job| {
        let script = match job {
            2 | 5 => endless(),
            7 => json!([step(&[sh("touch made.txt")]), step(&[clean()])]),
            _ => json!([step(&[sh(&format!("echo {job} > src/{job}.txt"))]), step(&[clean()])]),
        };
        let packet =
            Packet::worker(&[&format!("src/{job}.txt")]).script(&script).with(&format!("NAME: job {job}"));
        sandbox.file(&format!("job-{job}.md"), packet.to_text(&sandbox.repo()))
    });
    let mut command = sandbox.command("clodex-flow");
    command.args(["run", "parallel", "--json", "--runs", "8", "--overlap", "isolate"]).args(packets);
    // What is held by Codex's own sandbox alone can violate its scope; a profile would not let it.
    command.env("CLODEX_ENFORCEMENT", "sandbox");
    let running = Running::start(command, b"");
    for job in [2, 5] {
        let record = eventually(LIMIT, || at_work(sandbox, &format!("parallel-job-{job}")));
        let cancel = sandbox.cancel(&[record["id"].as_str().unwrap()]);
        assert!(run_with_timeout(cancel, LIMIT).status.success());
    }
    let told = report(&Dispatched::of(running.finish(LIMIT)).exits(6));
    let mut states = steps(&told);
    states.sort();
    let passed = ["job-0", "job-1", "job-3", "job-4", "job-6"].map(|job| (job, "passed"));
    let mut wanted = pairs(
        &[&passed[..], &[("job-2", "cancelled"), ("job-5", "cancelled"), ("job-7", "failed")]].concat(),
    );
    wanted.sort();
    assert_eq!(states, wanted, "{told}");
    let landed = sandbox.git(&["status", "--porcelain", "-uall"]);
    assert_eq!(landed, "?? src/0.txt\n?? src/1.txt\n?? src/3.txt\n?? src/4.txt\n?? src/6.txt\n");
}
