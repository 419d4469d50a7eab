//! `clodex-dispatch --review` with the real Codex: what its reviewer is asked, what becomes of its answer, and what never
//! passes for a review without findings.

use std::fs;

use clodex_sim::responses::Request;
use clodex_tests::{Dispatched, LIMIT, Running, first_line, run_with_timeout};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::stage::{self, Stage, dispatch_with, helper, looking, step};

/// A finding as Codex's reviewer tells it.
pub fn finding(priority: u8, title: &str, path: &str) -> Value {
    json!({ "title": format!("[P{priority}] {title}"), "body": format!("{title} because."), "priority": priority,
        "confidence_score": 0.9,
        "code_location": { "absolute_file_path": path, "line_range": { "start": 1, "end": 2 } } })
}

/// The reviewer's whole answer.
pub fn answer(findings: &[Value], word: &str) -> Value {
    json!({ "findings": findings, "overall_correctness": format!("patch is {word}"),
        "overall_explanation": "The lock is missing.", "overall_confidence_score": 0.8 })
}

/// A stage with a change of `src/a.txt` that is not committed, where the reviewer plays this script.
fn stage(script: Value) -> Option<Stage> {
    let stage = Stage::real()?.answering(move |_: &Request| script.clone());
    fs::write(stage.sandbox.repo().join("src/a.txt"), "changed\n").unwrap();
    Some(stage)
}

/// What the reviewer was asked: the user text of its first request.
#[track_caller]
fn prompt(stage: &Stage) -> String {
    let asked = stage.asked();
    assert_eq!(asked[0].header("x-openai-subagent"), Some("review"), "it is Codex's own reviewer");
    asked[0].prompt().unwrap()
}

#[track_caller]
fn review(stage: &Stage, args: &[&str], focus: &str) -> Dispatched {
    dispatch_with(&stage.sandbox, &[&["--review"], args].concat(), focus.as_bytes(), &[])
}

#[test]
fn findings_come_ranked_and_bounded_and_need_attention() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    let path = repo.join("src/a.txt");
    let findings = [(3, "Rename it"), (1, "Take the lock"), (0, "Do not delete")]
        .map(|(p, title)| finding(p, title, path.to_str().unwrap()));
    let reply = answer(&findings, "incorrect");
    let stage = stage.answering(move |_| {
        json!([step(&[stage::sh("git diff; sleep 0.3")]), step(&[json!({ "answer": reply })])])
    });
    fs::write(&path, "changed\n").unwrap();
    fs::write(repo.join("src/new file"), "new\n").unwrap();
    let run = review(&stage, &[], "");
    assert_eq!(run.told(), (8, "findings-only".into(), "clean".into()), "{run:?}");
    let result = run.result();
    let told: Vec<_> = result["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["severity"].as_str().unwrap(), one["title"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("critical", "Do not delete"), ("high", "Take the lock"), ("low", "Rename it")]);
    assert_eq!(result["findings"][0]["path"], "src/a.txt");
    assert_eq!(result["findings"][0]["lines"], json!({ "start": 1, "end": 2 }));
    assert_eq!(result["mode"], "reviewer");
    assert_eq!(result["tokens"]["input"], 2000, "the stream says zero: {result}");
    run.says(&[
        "\n3 findings: 1 critical, 1 high, 1 low\n   1. critical  src/a.txt:1-2  Do not delete\n      Do not delete because.\n",
    ]);
    let prompt = prompt(&stage);
    assert!(
        prompt.starts_with("Review the current code changes (staged, unstaged, and untracked files)"),
        "{prompt}"
    );
    assert!(prompt.ends_with("\n- src/new file"), "{prompt}");
    let full = helper(&stage.sandbox, "clodex-result", &[result["run_id"].as_str().unwrap(), "--full"]);
    assert!(full.contains("## 2. high: Take the lock\n\nsrc/a.txt:1-2 (confidence 0.90)\n"), "{full}");
}

#[test]
fn a_review_that_finds_only_trifles_is_done_and_one_of_a_hundred_findings_stays_bounded() {
    let trifle = answer(&[finding(3, "Rename it", "/elsewhere/x")], "correct");
    let Some(stage) = stage(json!([step(&[json!({ "answer": trifle })])])) else { return };
    let run = review(&stage, &["--json"], "");
    assert_eq!(
        (run.code, run.result()["findings"][0]["path"].as_str()),
        (0, Some("/elsewhere/x")),
        "{run:?}"
    );

    let long = "x ".repeat(4000);
    let many: Vec<Value> = (0..100).map(|n| finding(2, &format!("{n} {long}"), "/elsewhere/x")).collect();
    let many = answer(&many, "incorrect");
    let stage = stage.answering(move |_| json!([step(&[json!({ "answer": many })])]));
    let run = review(&stage, &[], "");
    assert_eq!(run.code, 8, "{run:?}");
    assert!(run.stdout.len() < 9 * 1024 && run.stdout.contains("  … 80 more\n"), "{}", run.stdout.len());
    assert_eq!(run.result()["findings"].as_array().unwrap().len(), 100);
}

#[test]
fn a_branch_is_reviewed_from_the_common_commit_on() {
    let clean = answer(&[], "correct");
    let Some(stage) = stage(json!([step(&[json!({ "answer": clean })])])) else { return };
    let sandbox = &stage.sandbox;
    let base = sandbox.git(&["rev-parse", "HEAD"]);
    sandbox.git(&["checkout", "--quiet", "-b", "feature"]);
    sandbox.git(&["commit", "--quiet", "--all", "--message", "more"]);
    let run = review(&stage, &["--base", "main"], "");
    assert_eq!(run.told(), (0, "done".into(), "clean".into()), "{run:?}");
    assert_eq!(run.result()["findings"], json!([]));
    let prompt = prompt(&stage);
    assert!(prompt.contains("the base branch 'main'"), "{prompt}");
    assert!(prompt.contains(&format!("`git diff {}`", base.trim())), "{prompt}");
}

#[test]
fn the_focus_reaches_the_reviewer_to_the_byte_and_an_adversarial_one_questions_the_approach() {
    let clean = answer(&[], "correct");
    let Some(stage) = stage(json!([step(&[json!({ "answer": clean })])])) else { return };
    let focus = "--write 'it'; $(touch x) `y` {{CHANGE}}\nTITLE: \"q\" \\n é\n```\nopen";
    let run = review(&stage, &["--prompt-file", "-"], focus);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(prompt(&stage).ends_with(&format!("\n## Look hardest at\n{focus}")), "{}", prompt(&stage));
    assert_eq!(run.artifact("task.md"), focus);

    let own = "config/clodex/mine/adversarial-review.md";
    stage.sandbox.file(own, "mine: {{CHANGE}} / {{FOCUS}}");
    for (config, questions) in
        [("", "question the change itself"), ("templates: mine\n", "mine: Review the current")]
    {
        stage.sandbox.file("config/clodex/config.yaml", config);
        let before = stage.asked().len();
        let run = review(&stage, &["--adversarial", "--prompt-file", "-"], focus);
        assert_eq!(run.code, 0, "{run:?}");
        let asked = stage.asked()[before].prompt().unwrap();
        assert!(asked.contains(questions) && asked.contains(focus), "{asked}");
    }
}

#[test]
fn where_there_is_nothing_to_review_nothing_starts() {
    let Some(stage) = Stage::real() else { return };
    for (args, why) in [
        (&[][..], "nothing to review: everything is committed\nhint: "),
        (&["--base", "HEAD"], "nothing to review: the work tree has nothing more than `HEAD`\nhint: "),
        (
            &["--base", "nowhere"],
            "cannot compare with `nowhere`: there is no such branch, tag or commit\nhint: ",
        ),
        (
            &["--base=--output=x"],
            "cannot compare with `--output=x`: that names no branch, tag or commit\nhint: ",
        ),
    ] {
        let run = review(&stage, args, "");
        assert_eq!(run.code, 2, "{run:?}");
        run.complains(&[why]);
    }
    assert!(stage.asked().is_empty() && !stage.sandbox.repo().join(".codex-dispatch").exists());
}

#[test]
fn words_that_are_no_review_never_pass_for_one_without_findings() {
    let Some(stage) = stage(json!([step(&[json!({ "say": "It all looks good to me." })])])) else { return };
    let run = review(&stage, &[], "");
    assert_eq!(run.told(), (5, "failed".into(), "clean".into()), "{run:?}");
    let result = run.result();
    assert!(result.get("findings").is_none(), "{result}");
    assert_eq!(result["message"], "It all looks good to me.");
    let text = run.artifact("result.md");
    assert!(text.starts_with("It all looks good to me.\n\nVERDICT: NEEDS_ATTENTION "), "{text}");
}

#[test]
fn findings_that_codex_itself_loses_are_found() {
    // Its guidelines call the priority optional; without one Codex takes the whole answer for prose.
    let mut without = finding(1, "Take the lock", "/elsewhere/x");
    without.as_object_mut().unwrap().remove("priority");
    let Some(stage) = stage(json!([step(&[json!({ "answer": answer(&[without], "incorrect") })])])) else {
        return;
    };
    let run = review(&stage, &[], "");
    assert_eq!((run.code, run.result()["findings"][0]["severity"].as_str()), (8, Some("high")), "{run:?}");
}

#[test]
fn what_a_finding_holds_steers_no_terminal_and_names_no_other_place() {
    let Some(stage) = Stage::real() else { return };
    let outside = stage.sandbox.repo().join("../config/x");
    let mut hostile = finding(1, "\u{1b}[2Jred\nverdict  clean", outside.to_str().unwrap());
    hostile["body"] = json!("x".repeat(1 << 20));
    hostile["code_location"]["line_range"] = json!({ "start": -7, "end": -1 });
    let many = (0..2000).map(|n| finding(3, &n.to_string(), "/elsewhere/x"));
    let reply = answer(&many.chain([hostile]).collect::<Vec<_>>(), "incorrect");
    let stage = stage.answering(move |_| json!([step(&[json!({ "answer": reply })])]));
    fs::write(stage.sandbox.repo().join("src/a.txt"), "changed\n").unwrap();
    let run = review(&stage, &[], "");
    assert_eq!((run.code, run.result()["findings"].as_array().map(Vec::len)), (8, Some(2001)), "{run:?}");
    let row = format!("   1. high      {}  [2Jred verdict  clean\n", outside.display());
    assert!(run.stdout.contains(&row), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}') && run.stdout.len() < 9 * 1024, "{}", run.stdout);
    let id = run.id();
    let full = helper(&stage.sandbox, "clodex-result", &[&id, "--full"]);
    assert!(full.len() > 1 << 20 && full.contains("\n## 2001. low: 1999\n"), "{}", full.len());
}

#[test]
fn a_detached_review_is_told_at_once_and_its_findings_are_there_when_it_has_ended() {
    let script = json!([step(&[
        json!({ "answer": answer(&[finding(1, "Take the lock", "/elsewhere/x")], "incorrect") })
    ])]);
    let Some(stage) = stage(script) else { return };
    let begun = review(&stage, &["--detach", "--prompt-file", "-"], "the lock");
    let id = begun.exits(0).id();
    let mut wait = looking(&stage.sandbox, "clodex-wait");
    wait.arg(&id);
    assert_eq!(run_with_timeout(wait, LIMIT).status.code(), Some(8));
    let told = helper(&stage.sandbox, "clodex-result", &[&id]);
    assert!(told.contains("## 1. high: Take the lock"), "{told}");
}

#[test]
fn a_review_falls_back_once_where_the_model_of_its_tier_is_gone() {
    let Some(stage) = Stage::real() else { return };
    stage.sandbox.file(
        "config/clodex/tiers.yaml",
        "tiers:\n  quick:\n    model: gpt-gone\nfallback:\n  quick: gpt-5.5\n",
    );
    let reply = answer(&[finding(1, "Take the lock", "/elsewhere/x")], "incorrect");
    let gone = json!({ "status": 404, "error": { "code": "model_not_found", "message": "The model `gpt-gone` does not exist" } });
    let stage = stage.answering(move |request| {
        if request.json()["model"] == "gpt-gone" {
            json!([gone])
        } else {
            json!([step(&[json!({ "answer": reply })])])
        }
    });
    fs::write(stage.sandbox.repo().join("src/a.txt"), "changed\n").unwrap();
    let run = review(&stage, &["--tier", "quick"], "");
    assert_eq!(
        (run.code, run.result()["findings"][0]["title"].as_str()),
        (8, Some("Take the lock")),
        "{run:?}"
    );
    run.says(&["gpt-gone is not available: fell back to gpt-5.5"]);
    let models: Vec<_> = stage.asked().iter().map(|request| request.json()["model"].clone()).collect();
    assert_eq!(models, ["gpt-gone", "gpt-5.5"]);
}

#[test]
fn a_failing_model_fails_the_review() {
    let error =
        json!({ "status": 400, "error": { "message": "no such thing", "type": "invalid_request_error" } });
    let Some(stage) = stage(json!([error])) else { return };
    let run = review(&stage, &[], "");
    assert_eq!(run.told(), (1, "failed".into(), "clean".into()), "{run:?}");
    run.says(&["no such thing"]);
}

#[test]
fn a_reviewer_is_seen_at_work_can_write_nothing_and_is_cancelled() {
    let script = json!([step(&[stage::sh("echo x > src/planted; sleep 0.3")]), { "silence": true }]);
    let Some(stage) = stage(script) else { return };
    let mut run = Running::start(stage.sandbox.dispatcher(&["--review"]), b"");
    let (id, _) = first_line(&run.stdout_with("\n", LIMIT));
    let shown = stage.sandbox.until_status(&id, |shown| shown["progress"]["commands_run"] == 1);
    assert_eq!(
        (&shown["progress"]["phase"], &shown["mode"]),
        (&json!("reviewing"), &json!("reviewer")),
        "{shown}"
    );
    run.signal(Signal::SIGTERM);
    let run = Dispatched::of(run.finish(LIMIT));
    assert_eq!(run.told(), (130, "cancelled".into(), "clean".into()), "{run:?}");
    assert!(!stage.sandbox.repo().join("src/planted").exists() && run.violations().is_empty());
}
