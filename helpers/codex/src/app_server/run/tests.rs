//! A run against lines that a server says; the real one is played back from its recording.

use std::time::Duration;

use super::outgoing::ANSWER;
use super::*;
use crate::app_server::call::ApprovalPolicy;

mod said_in_turn;
mod sub_agents;

fn run() -> (AppServerRun, Instant) {
    run_held_by(Some("clodex"))
}

fn run_held_by(profile: Option<&str>) -> (AppServerRun, Instant) {
    let now = Instant::now();
    let request = RunRequest {
        cwd: "/p".to_owned(),
        permissions: profile.map(str::to_owned),
        approval: Some(ApprovalPolicy::OnRequest),
        prompt: "do it".to_owned(),
        ..RunRequest::default()
    };
    (AppServerRun::begin(request, ClientInfo { name: "clodex", version: "0" }, now), now)
}

fn effects(run: &mut AppServerRun) -> Vec<String> {
    run.effects()
        .map(|effect| match effect {
            Effect::Say(line) => line,
            Effect::Event(event) => format!("{event:?}"),
            Effect::Greeted(version) => format!("greeted {}", version.text().unwrap_or_default()),
            Effect::Open(open) => format!("open {}", open.thread.id),
            other => format!("{other:?}"),
        })
        .collect()
}

fn hear(run: &mut AppServerRun, line: &str) -> Vec<String> {
    run.hear(line.as_bytes(), Instant::now());
    effects(run)
}

/// A run whose turn `u` has begun in thread `t`.
fn working() -> AppServerRun {
    let (mut run, now) = run();
    run.let_go(now);
    effects(&mut run);
    hear(&mut run, r#"{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}"#);
    hear(&mut run, r#"{"id":2,"result":{"thread":{"id":"t"},"activePermissionProfile":{"id":"clodex"}}}"#);
    run.request.images.push("/p/seen.png".to_owned());
    run.begin_turn(&[], now);
    assert!(effects(&mut run).concat().contains("/p/seen.png"));
    hear(&mut run, r#"{"id":3,"result":{"turn":{"id":"u"}}}"#);
    hear(&mut run, r#"{"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}}}"#);
    run
}

#[test]
fn no_thread_is_opened_before_the_run_is_let_go() {
    let (mut run, now) = run();
    let hello = r#"{"id":1,"method":"initialize","params":{"clientInfo":{"name":"clodex","version":"0"},"capabilities":{"experimentalApi":true,"optOutNotificationMethods":["item/agentMessage/delta","#;
    let said = effects(&mut run);
    assert!(said.len() == 1 && said[0].starts_with(hello), "{said:?}");
    let greeted = hear(&mut run, r#"{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}"#);
    assert_eq!(greeted, [r#"{"method":"initialized","params":{}}"#, "greeted 0.169.0"]);
    run.let_go(now);
    let open = r#"{"id":2,"method":"thread/start","params":{"cwd":"/p","approvalPolicy":"on-request","permissions":"clodex","ephemeral":false}}"#;
    assert_eq!(effects(&mut run), [open]);
    let opened = hear(
        &mut run,
        r#"{"id":2,"result":{"thread":{"id":"t"},"activePermissionProfile":{"id":"clodex"}}}"#,
    );
    assert_eq!(opened, [r#"ThreadStarted { thread_id: "t" }"#, "open t"]);
    run.begin_turn(&["and well".to_owned()], now);
    let turn = r#"{"id":3,"method":"turn/start","params":{"threadId":"t","input":[{"type":"text","text":"do it"},{"type":"text","text":"and well"}],"clientUserMessageId":"clodex-turn"}}"#;
    assert_eq!(effects(&mut run), [turn]);
}

#[test]
fn a_recorded_run_comes_to_its_events_and_its_end() {
    let path = format!("{}/../../tests/fixtures/codex/app-server-0.169.jsonl", env!("CARGO_MANIFEST_DIR"));
    let recorded = std::fs::read_to_string(path).unwrap();
    let (mut run, now) = run_held_by(None);
    run.let_go(now);
    let mut all = effects(&mut run);
    // Up to the end of the first turn; after it the recording asks for another one.
    for line in recorded.lines() {
        let mut heard = hear(&mut run, line);
        if heard.iter().any(|effect| effect.starts_with("open ")) {
            run.begin_turn(&[], now);
            heard.extend(effects(&mut run));
        }
        let is_over = heard.iter().any(|effect| effect == "Over");
        all.extend(heard);
        if is_over {
            break;
        }
    }
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_patch_is_asked_about_with_its_files_and_a_command_with_its_words() {
    let mut run = working();
    hear(
        &mut run,
        r#"{"method":"item/started","params":{"threadId":"t","turnId":"u","item":{"type":"fileChange","id":"i","changes":[{"path":"/p/a","kind":{"type":"add"}}]}}}"#,
    );
    let asked = hear(
        &mut run,
        r#"{"id":0,"method":"item/fileChange/requestApproval","params":{"threadId":"t","turnId":"u","itemId":"i","reason":null}}"#,
    );
    assert_eq!(asked, [r#"Asked(1, Patch { paths: ["/p/a"], reason: "" })"#]);
    let asked = hear(
        &mut run,
        r#"{"id":1,"method":"item/commandExecution/requestApproval","params":{"threadId":"t","turnId":"u","itemId":"j","command":"/bin/sh -c 'make x'","reason":"needs the net"}}"#,
    );
    assert_eq!(
        asked,
        [r#"Asked(2, Command { command: "make x", workdir: "", wanted: None, reason: "needs the net" })"#]
    );
    assert_eq!(run.reply(1, &Reply::Text("?".to_owned()), 0), Err(NoAnswer::WantsDecision));
    run.reply(1, &Reply::Accept, 0).unwrap();
    assert_eq!(effects(&mut run), [r#"{"id":0,"result":{"decision":"accept"}}"#]);
    // Somebody else answers the other one.
    assert_eq!(
        hear(&mut run, r#"{"method":"serverRequest/resolved","params":{"threadId":"t","requestId":1}}"#),
        ["Resolved(2)", r#"Unknown { kind: "serverRequest/resolved" }"#]
    );
    assert!(run.reply(2, &Reply::Accept, 0).is_err());
}

#[test]
fn an_interrupt_ends_the_turn_and_then_what_it_has_left_running() {
    let mut run = working();
    let now = Instant::now();
    run.interrupt(now);
    assert_eq!(
        effects(&mut run),
        [r#"{"id":4,"method":"turn/interrupt","params":{"threadId":"t","turnId":"u"}}"#]
    );
    let clean = r#"{"id":5,"method":"thread/backgroundTerminals/clean","params":{"threadId":"t"}}"#;
    assert_eq!(hear(&mut run, r#"{"id":4,"result":{}}"#), [clean]);
    let ended =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"interrupted"}}}"#;
    assert_eq!(hear(&mut run, ended), [r#"Unknown { kind: "turn/completed" }"#]);
    assert_eq!(hear(&mut run, r#"{"id":5,"result":{}}"#), ["Interrupted"]);
    run.go_on(&["and now?".to_owned()], now);
    let turn = r#"{"id":6,"method":"turn/start","params":{"threadId":"t","input":[{"type":"text","text":"and now?"}],"clientUserMessageId":"clodex-turn"}}"#;
    assert_eq!(effects(&mut run), [turn]);
}

#[test]
fn an_interrupt_waits_for_the_turn_to_begin() {
    let asked = || {
        let (mut run, now) = run();
        run.let_go(now);
        effects(&mut run);
        hear(&mut run, r#"{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}"#);
        hear(
            &mut run,
            r#"{"id":2,"result":{"thread":{"id":"t"},"activePermissionProfile":{"id":"clodex"}}}"#,
        );
        run.begin_turn(&[], now);
        effects(&mut run);
        run.interrupt(now);
        run
    };
    let mut run = asked();
    assert_eq!(effects(&mut run), Vec::<String>::new());
    assert_eq!(hear(&mut run, r#"{"id":3,"result":{"turn":{"id":"u"}}}"#), Vec::<String>::new());
    assert_eq!(
        hear(&mut run, r#"{"method":"turn/started","params":{"threadId":"t","turn":{"id":"u"}}}"#),
        [
            "Began",
            r#"{"id":4,"method":"turn/interrupt","params":{"threadId":"t","turnId":"u"}}"#,
            "TurnStarted"
        ]
    );
    // Codex may refuse the turn, or end it before anybody hears of its beginning.
    let mut run = asked();
    hear(&mut run, r#"{"id":3,"error":{"code":-32600,"message":"no"}}"#);
    assert!(!run.is_working());
    let mut run = asked();
    hear(&mut run, r#"{"id":3,"result":{"turn":{"id":"u"}}}"#);
    let failed =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"completed"}}}"#;
    let told = hear(&mut run, failed);
    assert_eq!(told[0], r#"NotInterrupted("its turn ended by itself")"#);
    assert!(told.contains(&"Over".to_owned()) && !run.is_working(), "{told:?}");
}

#[test]
fn a_turn_that_codex_has_not_ended_yet_is_not_told_as_interrupted() {
    let mut run = working();
    run.interrupt(Instant::now());
    run.interrupt(Instant::now());
    assert_eq!(effects(&mut run).len(), 1, "it is asked once");
    hear(&mut run, r#"{"id":4,"result":{}}"#);
    assert_eq!(hear(&mut run, r#"{"id":5,"result":{}}"#), Vec::<String>::new());
    let ended =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"interrupted"}}}"#;
    assert_eq!(hear(&mut run, ended), [r#"Unknown { kind: "turn/completed" }"#, "Interrupted"]);
    run.interrupt(Instant::now());
    assert_eq!(effects(&mut run), [r#"NotInterrupted("no turn is running")"#]);
}

#[test]
fn a_turn_that_an_answer_ends_leaves_nothing_running_either() {
    let mut run = working();
    let ended =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"interrupted"}}}"#;
    let clean = r#"{"id":4,"method":"thread/backgroundTerminals/clean","params":{"threadId":"t"}}"#;
    assert_eq!(hear(&mut run, ended), [r#"Unknown { kind: "turn/completed" }"#, clean]);
    let refused = hear(&mut run, r#"{"id":4,"error":{"code":-32600,"message":"no"}}"#);
    assert_eq!(
        refused,
        [
            r#"Failed(Turn, "what the interrupted turn ran could not be ended: codex refused `thread/backgroundTerminals/clean`: no (-32600)")"#
        ]
    );
}

#[test]
fn what_is_said_is_told_heard_or_not() {
    let (mut fresh, now) = run();
    effects(&mut fresh);
    fresh.steer(1, "too early", now);
    assert_eq!(effects(&mut fresh), [r#"NotSteered(1, Refused("no turn is running"))"#]);
    let mut run = working();
    run.steer(2, "keep it", now);
    let steer = r#"{"id":4,"method":"turn/steer","params":{"threadId":"t","expectedTurnId":"u","input":[{"type":"text","text":"keep it"}],"clientUserMessageId":"clodex-steer-2"}}"#;
    assert_eq!(effects(&mut run), [steer]);
    assert_eq!(hear(&mut run, r#"{"id":4,"result":{"turnId":"u"}}"#), ["Steered(2)"]);
    run.steer(3, "late", now);
    effects(&mut run);
    let refused = hear(&mut run, r#"{"id":5,"error":{"code":-32600,"message":"no active turn to steer"}}"#);
    assert_eq!(
        refused,
        [r#"NotSteered(3, Refused("codex refused `turn/steer`: no active turn to steer (-32600)"))"#]
    );
}

#[test]
fn the_events_of_other_threads_and_other_turns_are_not_ours() {
    let mut run = working();
    let other = r#"{"method":"item/completed","params":{"threadId":"x","turnId":"y","item":{"type":"agentMessage","text":"not ours"}}}"#;
    assert_eq!(hear(&mut run, other), [r#"Unknown { kind: "another thread" }"#]);
    let ended = r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"before","status":"completed"}}}"#;
    assert_eq!(hear(&mut run, ended), Vec::<String>::new());
    assert_eq!(hear(&mut run, r#"{"id":99,"result":{}}"#), Vec::<String>::new());
    assert_eq!(hear(&mut run, "half a li"), ["Garbage"]);
}

#[test]
fn a_server_that_is_too_old_or_silent_is_a_failure_with_its_stage() {
    let (mut old, _) = run();
    effects(&mut old);
    let failed = hear(&mut old, r#"{"id":1,"result":{"userAgent":"clodex/0.101.0 (x)"}}"#);
    assert_eq!(
        failed,
        [
            r#"Failed(Greeting, "codex 0.101.0 is too old for its app-server to be used; 0.124.0 is the oldest")"#
        ]
    );
    let (mut silent, now) = run();
    effects(&mut silent);
    assert_eq!(silent.deadline(), Some(now + ANSWER));
    silent.tick(now + ANSWER);
    assert_eq!(effects(&mut silent), [r#"Failed(Greeting, "codex did not answer `initialize` in 60s")"#]);
    let request = RunRequest { greet_within: Some(Duration::from_secs(15)), ..RunRequest::default() };
    let mut silent = AppServerRun::begin(request, ClientInfo { name: "clodex", version: "0" }, now);
    effects(&mut silent);
    silent.tick(silent.deadline().unwrap());
    assert_eq!(effects(&mut silent), [r#"Failed(Greeting, "codex did not answer `initialize` in 15s")"#]);
}

#[test]
fn limits_are_told_where_something_is_known_of_them() {
    let mut run = working();
    let told = |limits: &str| {
        format!(r#"{{"method":"account/rateLimits/updated","params":{{"rateLimits":{{{limits}}}}}}}"#)
    };
    let nothing = hear(&mut run, &told(r#""limitId":"codex","primary":null"#));
    assert_eq!(nothing, [r#"Unknown { kind: "account/rateLimits/updated" }"#]);
    let heard = hear(&mut run, &told(r#""limitId":"codex","primary":{"usedPercent":91}"#));
    assert!(heard[0].starts_with("RateLimits(") && heard[0].contains("used_percent: 91"), "{heard:?}");
}

#[test]
fn a_thread_with_another_profile_never_gets_a_turn() {
    for (echoed, why) in [
        ("null", "without profile `clodex`"),
        (r#"{"id":":workspace"}"#, "with profile `:workspace` in place of `clodex`"),
    ] {
        let (mut run, now) = run();
        run.let_go(now);
        effects(&mut run);
        hear(&mut run, r#"{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}"#);
        let opened =
            format!(r#"{{"id":2,"result":{{"thread":{{"id":"t"}},"activePermissionProfile":{echoed}}}}}"#);
        assert_eq!(hear(&mut run, &opened), [format!("Failed(Opened, \"codex opened the thread {why}\")")]);
    }
}

#[test]
fn an_overloaded_server_is_asked_again_a_little_later() {
    let mut run = working();
    let now = Instant::now();
    run.steer(1, "gently", now);
    effects(&mut run);
    let busy = r#"{"id":4,"error":{"code":-32001,"message":"Server overloaded; retry later."}}"#;
    assert_eq!(hear(&mut run, busy), Vec::<String>::new());
    let again = run.deadline().unwrap();
    assert!(again < now + ANSWER);
    run.tick(again);
    let steer = effects(&mut run);
    assert!(steer[0].starts_with(r#"{"id":5,"method":"turn/steer""#), "{steer:?}");
    assert_eq!(hear(&mut run, r#"{"id":5,"result":{"turnId":"u"}}"#), ["Steered(1)"]);
}

#[test]
fn a_message_that_comes_after_its_turn_is_not_the_answer() {
    let mut run = working();
    let end =
        r#"{"method":"turn/completed","params":{"threadId":"t","turn":{"id":"u","status":"completed"}}}"#;
    assert_eq!(hear(&mut run, end).last().unwrap(), "Over");
    let late = r#"{"method":"item/completed","params":{"threadId":"t","turnId":"u","item":{"type":"agentMessage","id":"m","text":"late"}}}"#;
    assert_eq!(hear(&mut run, late), [r#"Unknown { kind: "told again or too late" }"#]);
}

/// The recorded session's lines, and how a line may be spoilt.
fn spoilt(line: &[u8], how: u8, at: usize) -> Vec<u8> {
    let at = at % line.len().max(1);
    match how {
        0 => line[..at].to_vec(),
        1 => [&line[..at], b"\xff\x00", &line[at..]].concat(),
        2 => line.iter().map(|byte| if byte.is_ascii_digit() { b'9' } else { *byte }).collect(),
        _ => line.to_vec(),
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn whatever_is_heard_in_whatever_order_a_run_ends_once_and_does_not_panic(
        order in proptest::collection::vec((0_usize..400, 0_u8..8, proptest::num::usize::ANY), 0..200),
        noise in proptest::collection::vec(proptest::num::u8::ANY, 0..60),
    ) {
        let path = format!("{}/../../tests/fixtures/codex/app-server-0.169.jsonl", env!("CARGO_MANIFEST_DIR"));
        let recorded = std::fs::read(path).unwrap();
        let lines: Vec<&[u8]> = recorded.split(|&byte| byte == b'\n').collect();
        let (mut run, now) = run();
        run.let_go(now);
        run.hear(&noise, now);
        for (number, how, at) in order {
            run.hear(&spoilt(lines[number % lines.len()], how, at), now);
        }
        let late = now + 2 * ANSWER;
        run.tick(late);
        let (mut ended, mut over) = (0, 0);
        for effect in run.effects() {
            match effect {
                Effect::Event(Event::TurnCompleted { .. } | Event::TurnFailed { .. }) => ended += 1,
                Effect::Over => over += 1,
                _ => {}
            }
        }
        // The recording holds two turns; each ends no more than once.
        proptest::prop_assert!(ended <= 2 && over <= 2, "{ended} {over}");
    }
}

#[test]
fn a_turn_waits_for_the_servers_that_it_needs() {
    let opened = |listed: &str| {
        let now = Instant::now();
        let request =
            RunRequest { prompt: "do it".to_owned(), mcp: vec!["m".to_owned()], ..RunRequest::default() };
        let mut run = AppServerRun::begin(request, ClientInfo { name: "clodex", version: "0" }, now);
        run.let_go(now);
        effects(&mut run);
        hear(&mut run, r#"{"id":1,"result":{"userAgent":"clodex/0.169.0 (x)"}}"#);
        let asked = hear(&mut run, r#"{"id":2,"result":{"thread":{"id":"t"}}}"#);
        assert_eq!(asked[1], r#"{"id":3,"method":"mcpServerStatus/list","params":{"threadId":"t"}}"#);
        hear(&mut run, &format!(r#"{{"id":3,"result":{{"data":[{listed}]}}}}"#))
    };
    assert_eq!(opened(r#"{"name":"m","tools":{}}"#), ["open t"]);
    assert_eq!(
        opened(r#"{"name":"m","toolsError":"it died"}"#),
        [
            r#"Failed(Opened, "MCP server `m` is not ready: it died; run its command by hand to see what is wrong")"#
        ]
    );
    assert_eq!(opened(r#"{"name":"n"}"#), [r#"Failed(Opened, "codex does not know MCP server `m`")"#]);
}
