//! A run without a packet file: where its words, its documents, its images and its settings come from.
//! The stand-in shows what Codex is given; the real Codex shows what reaches the model.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::process::Command;

use clodex_sim::responses::embed;
use clodex_tests::{Codex, Dispatched, LIMIT, Running, Sandbox, ended_turn, text};
use serde_json::{Value, json};

use crate::stage::{ONE_PIXEL, Stage, clean, dispatch, dispatch_with, step};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.codex_is(Codex::StandIn(json!({ "exec": ended_turn("looked\nVERDICT: CLEAN") })));
    sandbox
}

/// What Codex was sent, the last time.
fn sent(sandbox: &Sandbox) -> String {
    let stdin = sandbox.recorded().into_iter().filter_map(|start| start.stdin).next_back();
    String::from_utf8(stdin.unwrap()).unwrap()
}

fn started(sandbox: &Sandbox) -> bool {
    sandbox.recorded().iter().any(|start| start.argv.iter().any(|word| word == "exec"))
}

#[track_caller]
fn refused(sandbox: &Sandbox, args: &[&str], words: &[&str]) -> Dispatched {
    let run = dispatch(sandbox, args).exits(2);
    run.complains(words);
    assert!(run.stderr.contains("hint: "), "{}", run.stderr);
    assert!(!started(sandbox));
    assert_eq!(run.stdout, "", "a run is promised");
    run
}

#[test]
fn a_prompt_without_a_scope_is_a_review_and_with_one_it_is_work() {
    let sandbox = sandbox();
    let review = dispatch(&sandbox, &["look at src"]).exits(0);
    assert_eq!(review.result()["mode"], "reviewer");
    assert_eq!(review.policy()["write_scope"], json!([]));
    assert!(sent(&sandbox).contains("look at src\n"));
    let work = dispatch(&sandbox, &["--scope", "src", "fix it", "--scope", "docs/d.txt", "--name", "fixer"])
        .exits(0);
    assert_eq!(work.result()["mode"], "worker");
    assert_eq!(work.policy()["write_scope"], json!(["src/", "docs/d.txt"]));
    assert!(work.id().contains("-worker-fixer-"), "{}", work.id());
    assert!(sent(&sandbox).contains("  - `src`\n  - `docs/d.txt`\n"));
    let verify = dispatch(&sandbox, &["--mode", "verifier", "check it"]).exits(0);
    assert_eq!(verify.result()["mode"], "verifier");
}

#[test]
fn contradictions_are_refused() {
    let sandbox = sandbox();
    refused(&sandbox, &["--mode", "worker", "x"], &["a worker needs a scope", "--scope PATH"]);
    refused(&sandbox, &["--mode", "reviewer", "--scope", "src", "x"], &["a reviewer writes nothing"]);
    refused(&sandbox, &["--scope", "../out", "x"], &["--scope", "../out"]);
    refused(&sandbox, &["--scope", ".git/hooks", "x"], &["--scope"]);
    refused(&sandbox, &["-C", "nowhere", "x"], &["work directory `nowhere`"]);
    refused(&sandbox, &["--prompt-file", "nowhere.md"], &["nowhere.md"]);
    refused(&sandbox, &["  "], &["empty"]);
    refused(&sandbox, &["-i", "nowhere.png", "x"], &["image `nowhere.png`"]);
    let with_comma = sandbox.file("a,b.png", "png");
    refused(&sandbox, &["-i", with_comma.to_str().unwrap(), "x"], &["its path has a comma"]);
    // Codex would begin a new thread of that name.
    for nobodys in ["no thread", "typo", "20261121T235113Z-worker-x-XXXX"] {
        for backend in ["exec", "app-server"] {
            let told = format!("cannot resume `{nobodys}`: that is neither a run nor a thread id");
            refused(&sandbox, &["--backend", backend, "--resume", nobodys, "x"], &[&told]);
        }
    }
    let long = sandbox.file("long.md", "x".repeat(1 << 20));
    refused(&sandbox, &["--prompt-file", long.to_str().unwrap()], &["Codex takes 1048576 at most"]);
    let latin = sandbox.file("latin.txt", b"caf\xe9");
    refused(&sandbox, &["--prompt-file", latin.to_str().unwrap()], &["byte 3 is not UTF-8"]);
    refused(&sandbox, &["-C", "/", "x"], &["repository"]);
    let prompt = sandbox.file("prompt.md", "look");
    let prompt = prompt.to_str().unwrap();
    refused(&sandbox, &["--prompt-file", prompt, "-o", prompt], &["prompt.md`: the run reads it"]);
    assert_eq!(text(prompt), "look");
}

#[test]
fn a_work_directory_below_the_root_is_where_codex_works() {
    let sandbox = sandbox();
    let run = dispatch(&sandbox, &["-C", "src", "--scope", "a.txt", "fix it"]).exits(0);
    let start = sandbox.recorded().pop().unwrap();
    assert_eq!(start.cwd, sandbox.repo().join("src"));
    assert_eq!(run.policy()["write_scope"], json!(["src/a.txt"]));
    assert!(run.artifacts().starts_with(sandbox.repo().join("src/.codex-dispatch/runs")));
}

#[test]
fn a_template_is_filled_once_from_the_prompts_sections() {
    let sandbox = sandbox();
    let sections = "CHANGE: the last commit\nINTENT:\n- faster\n- smaller\nFOCUS: locks\n";
    dispatch(&sandbox, &["--template", "review", sections]).exits(0);
    let prompt = sent(&sandbox);
    assert!(prompt.contains("## What it is meant to do\n- faster\n- smaller\n"), "{prompt}");
    assert!(!prompt.contains("{{"), "{prompt}");

    let own = sandbox.file("config/clodex/mine/greet.md", "Greet {{WHO}} twice: {{WHO}}.\n");
    let own = own.to_str().unwrap();
    dispatch(&sandbox, &["--template", own, "WHO: Ada"]).exits(0);
    assert!(sent(&sandbox).contains("Greet Ada twice: Ada.\n"));
    sandbox.file("config/clodex/config.yaml", "templates: mine\n");
    dispatch(&sandbox, &["--template", "greet", "WHO: Bob"]).exits(0);
    assert!(sent(&sandbox).contains("Greet Bob twice: Bob.\n"));
}

#[test]
fn a_template_that_does_not_fit_its_sections_is_refused_by_name() {
    let sandbox = sandbox();
    let greet = sandbox.file("greet.md", "Greet {{WHO}} in {{LANGUAGE}}.\n");
    let greet = greet.to_str().unwrap();
    let template = |sections: &'static str| ["--template", greet, sections];
    refused(&sandbox, &template("WHO: Ada"), &["LANGUAGE has no value"]);
    refused(&sandbox, &template("WHO: a\nLANGUAGE: b\nTONE: c"), &["line 3", "no key TONE"]);
    refused(&sandbox, &template("WHO: {{LANGUAGE}}\nLANGUAGE: b"), &["WHO holds `{{LANGUAGE}}`"]);
    refused(&sandbox, &template("hello\nWHO: a\nLANGUAGE: b"), &["text before the first section"]);
    refused(&sandbox, &["--template", "reviw", "x"], &["no template `reviw`", "bugfix, refactor, review"]);
}

#[test]
fn documents_of_the_work_directory_are_injected_with_their_sizes() {
    let sandbox = sandbox();
    let (claude, agents) = ("Use tabs ✓\n", "Run `make`.");
    sandbox.file("repo/CLAUDE.md", claude);
    sandbox.file("repo/AGENTS.md", agents);
    dispatch(&sandbox, &["--inject-docs", "look"]).exits(0);
    let prompt = sent(&sandbox);
    for (name, text) in [("CLAUDE.md", claude), ("AGENTS.md", agents)] {
        let title = format!("# Project document: {name} ({} bytes)\n", text.len());
        assert!(prompt.contains(&title) && prompt.contains(text), "{prompt}");
    }
    dispatch(&sandbox, &["--inject-docs=agents", "look"]).exits(0);
    assert!(!sent(&sandbox).contains(claude));
    dispatch(&sandbox, &["look"]).exits(0);
    assert!(!sent(&sandbox).contains(agents));
}

#[test]
fn documents_that_are_missing_or_too_large_are_refused() {
    let sandbox = sandbox();
    refused(&sandbox, &["--inject-docs=claude", "look"], &["cannot inject CLAUDE.md"]);
    sandbox.file("repo/CLAUDE.md", "x".repeat(70_000));
    refused(&sandbox, &["--inject-docs", "look"], &["CLAUDE.md (70000 bytes)", "65536"]);
}

#[test]
fn an_image_reaches_the_model_and_does_not_swallow_the_prompt() {
    let Some(stage) = Stage::real() else { return };
    let one = stage.sandbox.file("one.png", ONE_PIXEL);
    let two = stage.sandbox.file("two pictures.png", ONE_PIXEL);
    let prompt = format!("what is this? {}", embed(&json!([step(&[clean()])])));
    let images = ["-i", one.to_str().unwrap(), "--image", two.to_str().unwrap()];
    stage.run(&[&images[..], &[&prompt]].concat()).exits(0);
    let request = stage.asked()[0].json();
    let parts = request["input"].as_array().unwrap().iter().filter_map(|item| item["content"].as_array());
    let images = parts.flatten().filter(|part| part["type"] == "input_image").count();
    assert_eq!(images, 2, "{request:#}");
    assert!(request.to_string().contains("what is this?"));
}

#[test]
fn the_output_file_is_never_left_stale() {
    let sandbox = sandbox();
    let output = sandbox.file("last.md", "VERDICT: CLEAN from the last run\n");
    let args = ["-o", output.to_str().unwrap(), "look"];
    let run = dispatch(&sandbox, &args).exits(0);
    assert_eq!(text(&output), "looked\nVERDICT: CLEAN\n");
    assert_eq!(text(&output), run.artifact("result.md"));

    sandbox.codex_is(Codex::StandIn(
        json!({ "exec": ["read_stdin", { "stderr": "Error: no luck\n" }, { "exit": 1 }] }),
    ));
    dispatch(&sandbox, &args).exits(3);
    assert!(!text(&output).contains("looked") && text(&output).contains("NEEDS_ATTENTION"));

    sandbox.codex_is(Codex::Missing);
    fs::write(&output, "old").unwrap();
    dispatch(&sandbox, &args).exits(3);
    assert!(!output.exists());

    fs::write(&output, "old").unwrap();
    dispatch(&sandbox, &["-o", output.to_str().unwrap(), "--mode", "worker", "x"]).exits(2);
    assert!(!output.exists());
}

#[test]
fn an_output_that_is_no_file_is_written_to_and_stays() {
    let sandbox = sandbox();
    let looked = "looked\nVERDICT: CLEAN\n";
    let fifo = sandbox.root().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    // Open for both, it is there before the writer comes.
    let mut reader = fs::File::options().read(true).write(true).open(&fifo).unwrap();
    dispatch(&sandbox, &["-o", fifo.to_str().unwrap(), "look"]).exits(0);
    let mut read = vec![0; looked.len()];
    reader.read_exact(&mut read).unwrap();
    assert_eq!(read, looked.as_bytes());
    drop(reader);
    assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo());

    // Nobody reads it: the verdict does not wait for that.
    dispatch(&sandbox, &["-o", fifo.to_str().unwrap(), "look"]).exits(0).says(&["fifo`: nobody reads it"]);
    assert!(fifo.symlink_metadata().unwrap().file_type().is_fifo());

    let printed = dispatch(&sandbox, &["-q", "-o", "/dev/stdout", "look"]).exits(0).stdout;
    assert_eq!(printed.matches(looked).count(), 1, "{printed}");
    let detached = dispatch(&sandbox, &["--detach", "-o", "/dev/stdout", "look"]).exits(2);
    detached.complains(&["message to `/dev/stdout` when detached", "hint: "]);

    let link = sandbox.root().join("link");
    symlink(sandbox.file("of-before", "old"), &link).unwrap();
    dispatch(&sandbox, &["-o", link.to_str().unwrap(), "look"]).exits(0);
    assert!(link.is_symlink());
    assert_eq!(text(&link), looked);
}

#[test]
fn json_stands_alone_on_stdout() {
    let sandbox = sandbox();
    let run = dispatch(&sandbox, &["--json", "look"]).exits(0);
    let printed: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(printed, run.result());
    assert_eq!(run.stderr.lines().count(), 1);
    assert!(run.stderr.starts_with(&format!("run {} · artifacts ", printed["run_id"].as_str().unwrap())));

    let refused = dispatch(&sandbox, &["--json", "--mode", "worker", "x"]).exits(2);
    let printed: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((&printed["outcome"], &printed["exit_code"]), (&json!("refused"), &json!(2)));
    assert_eq!(printed["error"], "a worker needs a scope");
    assert_eq!(printed["hint"], "name what it may change with --scope PATH");
    let refused = dispatch(&sandbox, &["--json", "--tier", "quik", "x"]).exits(2);
    let printed: Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(printed["hint"], "the tiers are deep, fast, standard");
}

#[test]
fn quiet_says_nothing_on_stderr() {
    let sandbox = sandbox();
    let run = dispatch(&sandbox, &["--quiet", "--json", "look"]).exits(0);
    assert_eq!(run.stderr, "");
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()["outcome"], "done");
    let run = dispatch(&sandbox, &["-q", "look"]).exits(0);
    assert!(run.stdout.starts_with("run "));
}

/// Runs inside a terminal of its own, and returns everything that it shows.
#[cfg(target_os = "linux")]
fn on_a_terminal(sandbox: &Sandbox, args: &str) -> String {
    let dispatch = clodex_tests::binaries().join("clodex-dispatch");
    let mut script: Command = sandbox.command("script");
    script.args(["-qec", &format!("{} {args} >stdout.txt", dispatch.display()), "/dev/null"]);
    script.env("NO_COLOR", "1");
    String::from_utf8(Running::start(script, b"").finish(LIMIT).stdout).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_terminal_gets_a_live_line_that_is_gone_at_the_end() {
    let sandbox = sandbox();
    sandbox.file("repo/.gitignore", "stdout.txt\n");
    let shown = on_a_terminal(&sandbox, "--name liner look");
    assert!(shown.contains("codex liner"), "{shown:?}");
    assert!(shown.ends_with("\r\u{1b}[2K"), "{shown:?}");
    assert!(text(sandbox.repo().join("stdout.txt")).contains("outcome  done (exit 0)"));
    assert_eq!(on_a_terminal(&sandbox, "--quiet look"), "");
}

#[test]
fn the_prompt_may_come_from_a_pipe_or_file_only_once() {
    let sandbox = sandbox();
    dispatch_with(&sandbox, &["--prompt-file", "-"], b"from a pipe", &[]).exits(0);
    assert!(sent(&sandbox).contains("from a pipe\n"));
    dispatch(&sandbox, &["--prompt-file", "-", "and an argument"]).exits(2);
    dispatch(&sandbox, &[]).exits(2);
    dispatch_with(&sandbox, &["--prompt-file", "-"], b"", &[])
        .exits(2)
        .complains(&["standard input is empty"]);
}
