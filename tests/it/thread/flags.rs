//! Each flag has its effect: on what Codex is asked, on what it may do, on what is printed and kept.

use std::fs;

use clodex_tests::{Dispatched, LIMIT, Running, Sandbox};
use serde_json::{Value, json};

use super::{AppServer, asked, prompt, saying, scripted, talk, talking};
use crate::stage::{Stage, sh, step};

#[test]
fn what_is_asked_of_codex_reaches_its_model() {
    let Some(stage) = Stage::real() else { return };
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"],
        "additionalProperties": false });
    let schema = stage.sandbox.file("schema.json", schema.to_string());
    let object = asked(
        &stage.sandbox,
        &[
            "--model",
            "gpt-5.5",
            "--effort",
            "low",
            "--instructions",
            "answer like a pirate",
            "--personality",
            "none",
            "--output-schema",
            schema.to_str().unwrap(),
            &saying("{\"n\":1}"),
        ],
    );
    assert_eq!(object["status"], "completed", "{object}");
    let request = stage.asked().pop().unwrap().json();
    assert_eq!((&request["model"], &request["reasoning"]["effort"]), (&json!("gpt-5.5"), &json!("low")));
    assert!(request.to_string().contains("answer like a pirate"), "{request}");
    assert_eq!(request["text"]["format"]["schema"]["required"], json!(["n"]), "{request}");
}

#[test]
fn an_answer_follows_its_schema_or_is_none() {
    let Some(stage) = Stage::real() else { return };
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"],
        "additionalProperties": false });
    let schema = stage.sandbox.file("schema.json", schema.to_string());
    let out = stage.sandbox.root().join("answer");
    let flags = ["--output-schema", schema.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let ask = |text: &str| asked(&stage.sandbox, &[&flags[..], &[&saying(text)]].concat());
    let follows = ask(r#"{"n":1}"#);
    assert_eq!((&follows["exit_code"], &follows["text"]), (&json!(0), &json!(r#"{"n":1}"#)), "{follows}");
    for (text, why) in [(r#"{"n":"one"}"#, "breaks the schema at `/n`"), ("one", "is not JSON")] {
        let breaks = ask(text);
        assert_eq!(
            (&breaks["exit_code"], &breaks["error"]["kind"]),
            (&json!(5), &json!("schema")),
            "{breaks}"
        );
        assert_eq!((&breaks["status"], &breaks["text"]), (&json!("failed"), &Value::Null), "{breaks}");
        assert!(breaks["error"]["message"].as_str().unwrap().contains(why), "{breaks}");
        assert!(!out.exists(), "{breaks}");
    }
    let whole = talk(&stage.sandbox, &[&flags[..2], &["--no-stream", &saying("one")]].concat()).exits(5);
    assert_eq!(whole.stdout, "");
}

#[test]
fn writes_are_held_and_the_users_configuration_stays_as_it_was() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let before = fs::read(&config).unwrap();
    let repo = stage.sandbox.repo();
    let writes = |name: &str| sh(&format!("echo x > src/{name}; echo x > lib/{name}; sleep 0.3"));
    let run = |flags: &[&str], name: &str| {
        let said = prompt(&[step(&[writes(name)]), step(&[json!({ "say": "tried" })])]);
        let object = asked(&stage.sandbox, &[flags, &[&said]].concat());
        assert_eq!(object["text"], "tried", "{object}");
        ["src", "lib"].map(|dir| repo.join(dir).join(name).exists())
    };
    assert_eq!(run(&["--sandbox", "read-only"], "r"), [false, false]);
    assert_eq!(run(&["--sandbox", "workspace-write"], "w"), [true, true]);
    assert_eq!(run(&["--scope", "src/"], "s"), [true, false]);
    assert_eq!(run(&["-C", "lib", "--sandbox", "read-only"], "c"), [false, false]);
    assert_eq!(fs::read(&config).unwrap(), before);
}

#[test]
fn what_codex_may_write_by_its_configuration_makes_it_trust_nothing() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let without = fs::read_to_string(&config).unwrap();
    for mode in ["workspace-write", "danger-full-access"] {
        let with = format!("sandbox_mode = \"{mode}\"\n{without}");
        fs::write(&config, &with).unwrap();
        let writes = |name: &str| {
            prompt(&[step(&[sh(&format!("echo x > {name}; sleep 0.3"))]), step(&[json!({ "say": "tried" })])])
        };
        let first = asked(&stage.sandbox, &[&writes(mode)]);
        assert_eq!(first["text"], "tried", "{first}");
        assert!(stage.sandbox.repo().join(mode).exists(), "what it is configured to still holds: {first}");
        let thread = first["thread_id"].as_str().unwrap();
        let ways: [&[&str]; 5] = [
            &["--start"],
            &["--thread-id", thread],
            &["--fork", thread],
            &["-C", "src", "--fork", thread],
            &["-C", "lib", "--ephemeral"],
        ];
        for way in ways {
            let object = asked(&stage.sandbox, &[way, &[&saying("there")]].concat());
            assert_eq!(object["text"], "there", "{way:?} {object}");
        }
        let script = format!("/new\n{}\n", saying("again"));
        let repl = Running::start(talking(&stage.sandbox, &["--repl"]), script.as_bytes());
        Dispatched::of(repl.finish(LIMIT)).exits(0);
        assert_eq!(fs::read_to_string(&config).unwrap(), with);
    }
}

#[test]
fn a_server_of_somebody_elses_is_made_to_trust_nothing_and_to_write_no_more_than_it_is_configured_to() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let without = fs::read_to_string(&config).unwrap();
    let repo = stage.sandbox.repo();
    let modes = [
        "sandbox_mode = 'workspace-write'",
        "default_permissions = ':workspace'",
        "sandbox_mode = 'read-only'",
        "",
    ];
    for (number, mode) in modes.into_iter().enumerate() {
        let with = format!("{mode}\n{without}");
        fs::write(&config, &with).unwrap();
        let server = AppServer::at_a_port(&stage.sandbox, &[]);
        let writes = |name: &str| {
            prompt(&[step(&[sh(&format!("echo x > {name}; sleep 0.3"))]), step(&[json!({ "say": "tried" })])])
        };
        let there = ["--uri", server.uri.as_str()];
        let [one, more, lib] = ["one", "more", "lib"].map(|name| format!("{name}-{number}"));
        let first = asked(&stage.sandbox, &[&there[..], &[&writes(&one)]].concat());
        assert_eq!(first["text"], "tried", "{mode}: {first}");
        let elsewhere = asked(&stage.sandbox, &[&there[..], &["-C", "lib", &writes(&lib)]].concat());
        assert_eq!(elsewhere["text"], "tried", "{mode}: {elsewhere}");
        let script = format!("hello\n/new\n{}\n", writes(&more));
        let repl =
            Running::start(talking(&stage.sandbox, &[&["--repl"], &there[..]].concat()), script.as_bytes());
        Dispatched::of(repl.finish(LIMIT)).exits(0);
        let written = [one, more, format!("lib/{lib}")].map(|name| repo.join(name).exists());
        assert_eq!(written, [number < 2; 3], "{mode}");
        assert_eq!(fs::read_to_string(&config).unwrap(), with, "{mode}");
    }
}

#[test]
fn what_is_said_comes_from_a_file_or_standard_input_byte_for_byte() {
    let Some(stage) = Stage::real() else { return };
    let text = format!("  --json `$HOME` \"quoted\" \\ ü\n\n{}\n", saying("heard"));
    let file = stage.sandbox.file("prompt.md", &text);
    assert_eq!(asked(&stage.sandbox, &["--prompt-file", file.to_str().unwrap()])["text"], "heard");
    assert_eq!(stage.asked().pop().unwrap().prompt().unwrap(), text);
    let piped = Running::start(talking(&stage.sandbox, &["--json", "--prompt-file", "-"]), text.as_bytes());
    assert_eq!(super::object(piped.finish(LIMIT))["text"], "heard");
    assert_eq!(stage.asked().pop().unwrap().prompt().unwrap(), text);
}

#[test]
fn the_answer_is_kept_and_an_old_one_never_taken_for_it() {
    let Some(stage) = Stage::real() else { return };
    let out = stage.sandbox.file("answer.md", "of yesterday");
    let out_arg = out.to_str().unwrap();
    talk(&stage.sandbox, &["--out", out_arg, &saying("a\u{1b}b")]).exits(0);
    assert_eq!(fs::read_to_string(&out).unwrap(), "a\u{1b}b");
    let failing = prompt(&[json!({ "status": 400, "error": { "message": "no" } })]);
    talk(&stage.sandbox, &["--out", out_arg, &failing]).exits(1);
    assert_eq!(fs::read_to_string(&out).unwrap_or_default(), "");
}

#[test]
fn the_traffic_is_appended_without_secrets() {
    let Some(stage) = Stage::real() else { return };
    let file = stage.sandbox.root().join("traffic.ndjson");
    let secret = "ghp_abcdefghij0123456789";
    for _ in 0..2 {
        let words = json!({ "text": format!("use {secret}"), "deltas": 4 });
        let said = prompt(&[step(&[json!({ "say": words })])]);
        asked(&stage.sandbox, &["--ndjson-file", file.to_str().unwrap(), &said]);
    }
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(secret) && text.contains("use [redacted]"), "{text}");
    // Nor in the pieces in which the answer came.
    assert!(text.contains(r#""delta":"[4 bytes]""#) && !text.contains("ghp_"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |way: &str, method: &str| {
        lines.iter().filter(|line| line["way"] == way && line["message"]["method"] == method).count()
    };
    assert_eq!(
        (count("out", "initialize"), count("out", "turn/start"), count("in", "turn/completed")),
        (2, 2, 2)
    );
}

#[test]
fn stderr_tells_as_much_as_is_wanted() {
    let Some(stage) = Stage::real() else { return };
    let said = prompt(&[step(&[sh("sleep 0.3; echo seen")]), step(&[json!({ "say": "done" })])]);
    let quiet = talk(&stage.sandbox, &[&said]).exits(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("done\n", ""));
    let summary = talk(&stage.sandbox, &["--summary", &said]).exits(0);
    assert_eq!(summary.stderr.lines().count(), 1, "{summary:?}");
    summary.complains(&["completed · ", " tokens in (", "model gpt-5.5 · thread ", " · turn "]);
    let lifecycle = talk(&stage.sandbox, &["-v", &said]).exits(0);
    lifecycle.complains(&[
        "connected with codex ",
        " is open, model gpt-5.5",
        "$ sleep 0.3; echo seen",
        "turn ended: completed",
    ]);
    assert!(!lifecycle.stderr.contains("--> {"), "{lifecycle:?}");
    let frames = talk(&stage.sandbox, &["-vv", &said]).exits(0);
    frames.complains(&[
        "--> {\"id\":1,\"method\":\"initialize\"",
        "<-- {\"id\":1,\"result\":{",
        "\"turn/completed\"",
        // A member that nobody here knows.
        "\"emittedAtMs\":",
    ]);
}

#[test]
fn an_answer_that_cannot_be_printed_is_no_success() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([]));
    for flags in [&["--json"][..], &["--no-stream"], &[]] {
        let mut full = sandbox.command("sh");
        full.args(["-c", "exec \"$@\" >/dev/full", "sh"]).arg(talking(&sandbox, &[]).get_program());
        full.args(flags).args(["--uri", server.address(), "hi"]);
        Dispatched::of(Running::start(full, b"").finish(LIMIT)).exits(1).complains(&["standard output"]);
    }
}

#[test]
fn what_the_user_trusts_stays_trusted() {
    let Some(stage) = Stage::real() else { return };
    let repo = stage.sandbox.repo();
    let config = stage.sandbox.codex_home().join("config.toml");
    let projects = format!("\n[projects.\"{}\"]\ntrust_level = \"trusted\"\n", repo.display());
    let trusting = fs::read_to_string(&config).unwrap() + &projects;
    fs::write(&config, &trusting).unwrap();
    fs::create_dir(repo.join(".codex")).unwrap();
    fs::write(repo.join(".codex/config.toml"), "model_reasoning_effort = \"low\"\n").unwrap();
    let server = AppServer::at_a_socket(&stage.sandbox);
    for (place, flags) in [
        (&[][..], ["--sandbox", "workspace-write"]),
        (&["-C", "src"], ["--sandbox", "workspace-write"]),
        (&[], ["--scope", "src/"]),
        (&["--uri", &server.uri], ["--sandbox", "workspace-write"]),
        (&["-C", "src", "--uri", &server.uri], ["--sandbox", "workspace-write"]),
    ] {
        asked(&stage.sandbox, &[place, &flags[..], &[&saying("ok")]].concat());
        assert_eq!(stage.asked().pop().unwrap().json()["reasoning"]["effort"], "low", "{place:?} {flags:?}");
    }
    assert_eq!(fs::read_to_string(&config).unwrap(), trusting);
}

#[test]
fn when_codex_asks_stays_what_the_user_has_configured() {
    let Some(stage) = Stage::real() else { return };
    let config = stage.sandbox.codex_home().join("config.toml");
    let without = fs::read_to_string(&config).unwrap();
    let server = AppServer::at_a_socket(&stage.sandbox);
    let traffic = stage.sandbox.root().join("traffic");
    for (says, holds) in [("", "on-request"), ("approval_policy = 'never'\n", "never")] {
        fs::write(&config, format!("{says}{without}")).unwrap();
        for place in [&[][..], &["--uri", &server.uri]] {
            let keeps = ["--ndjson-file", traffic.to_str().unwrap(), "--sandbox", "workspace-write"];
            asked(&stage.sandbox, &[place, &keeps, &[&saying("ok")]].concat());
            let kept = fs::read_to_string(&traffic).unwrap();
            fs::remove_file(&traffic).unwrap();
            let messages = kept.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let policies: Vec<Value> = messages
                .filter_map(|mut line| line["message"]["result"].get_mut("approvalPolicy").map(Value::take))
                .collect();
            assert_eq!(policies, [json!(holds)], "{place:?} {says}");
        }
    }
}

#[test]
fn no_thread_is_opened_on_a_server_that_is_too_busy_to_tell_how_it_is_configured() {
    let sandbox = Sandbox::new();
    let server = scripted(json!([{ "config/read": [{ "refuse": [-32001, "overloaded"] }] }]));
    let flags = ["--timeout", "1", "--sandbox", "workspace-write", "--uri", server.address(), "hi"];
    let object = asked(&sandbox, &flags);
    assert_eq!(object["status"], "not-started", "{object}");
    let heard = server.heard();
    let count = |method: &str| heard.iter().filter(|(_, text)| text.contains(method)).count();
    assert!(count("config/read") > 0 && count("thread/start") == 0, "{heard:?}");
}

#[test]
fn bad_arguments_are_one_object_too() {
    let Some(stage) = Stage::real() else { return };
    let not_utf8 = stage.sandbox.file("not-utf8", [b'h', 0xff]);
    let empty = stage.sandbox.file("empty", " \n");
    let no_schema = stage.sandbox.file("no-schema.json", r#"{"type":3}"#);
    let bad: [&[&str]; 20] = [
        &["--start", "--uri", "ws://127.0.0.1:0", "hi"],
        &[],
        &["--bogus", "hi"],
        &["--ephemeral", "--thread-id", "t", "hi"],
        &["--uri", "http://localhost", "hi"],
        &["--timeout", "soon", "hi"],
        &["--prompt-file", "no-such-file"],
        &["--output-schema", "no-such-file", "hi"],
        &["--output-schema", no_schema.to_str().unwrap(), "hi"],
        &["-C", "no-such-directory", "hi"],
        &["--scope", "../outside", "hi"],
        &["--repl"],
        &["--prompt-file", "src"],
        &["--prompt-file", "/dev/zero"],
        &["--prompt-file", not_utf8.to_str().unwrap()],
        &["--prompt-file", empty.to_str().unwrap()],
        &["--out", "no-such-directory/answer", "hi"],
        &["--out", "src", "hi"],
        &["--ndjson-file", "no-such-directory/traffic", "hi"],
        &["--header-env", "Authorization", "hi"],
    ];
    for args in bad {
        let object = asked(&stage.sandbox, args);
        assert_eq!(
            (&object["exit_code"], &object["error"]["kind"]),
            (&json!(2), &json!("usage")),
            "{args:?}"
        );
        assert_eq!(object["status"], "not-started");
    }
    assert_eq!(stage.asked().len(), 0);
    assert_eq!(talk(&stage.sandbox, &["--ephemeral", "--thread-id", "t", "hi"]).exits(2).stdout, "");
    assert!(talk(&stage.sandbox, &["--help"]).exits(0).stdout.contains("--interactive-approvals"));
}
