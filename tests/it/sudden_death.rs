//! SIGKILL of the dispatcher, of its containment or of Codex at random moments: nothing lives on, every reader says so
//! at once, the next writer closes the run, and what was written can be read.
//!
//! `CLODEX_KILL_ROUNDS` says how often, `CLODEX_KILL_SEED` which moments; both are told on failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fmt, thread};

use clodex_sim::{CodexHome, ScriptedModel};
use clodex_tests::{
    Codex, LIMIT, Packet, RealCodex, Running, Sandbox, Underway, binaries, dispatched, eventually,
    first_line, leftovers, real_codex, run_with_timeout,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

const ROUNDS: u64 = 16;

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Dispatcher,
    /// The outermost process around Codex: the guardian, under best effort.
    Container,
    /// Pid 1 of the namespace; the guardian again, under best effort.
    Init,
    Codex,
}

const VICTIMS: [Victim; 4] = [Victim::Dispatcher, Victim::Container, Victim::Init, Victim::Codex];

/// Who closes a run whose dispatcher was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextWriter {
    Cancel,
    Dispatch,
}

/// One round, out of its number and the seed.
#[derive(Debug)]
struct Round {
    name: String,
    victim: Victim,
    containment: &'static str,
    backend: &'static str,
    next: NextWriter,
    wait: Duration,
}

impl Round {
    fn new(seed: u64, number: u64) -> Self {
        // SplitMix64: every number of round gives another moment, and the same seed the same ones.
        let mut mixed = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let pick = |choices: u64| usize::try_from(number / choices).unwrap_or_default();
        let victim = VICTIMS[pick(1) % VICTIMS.len()];
        let containment = ["kernel", "best-effort"][pick(4) % 2];
        // Each victim in each containment over either.
        let backend = ["app-server", "exec"][(pick(1) + pick(8)) % 2];
        let wait = Duration::from_micros(mixed % 2_200_000);
        let name = format!(
            "round {number} of seed {seed}: {victim:?} under {containment}, {backend}, after {wait:?}"
        );
        Self {
            name,
            victim,
            containment,
            backend,
            next: [NextWriter::Cancel, NextWriter::Dispatch][pick(8) % 2],
            wait,
        }
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// A worker whose Codex starts a server with an orphan of its own, and runs a command that gets away.
fn stage(codex: &RealCodex, model: &ScriptedModel) -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let marker = sandbox.marker();
    let server = format!(
        "[mcp_servers.sim]\ncommand = \"{}\"\nargs = [\"--orphan\", \"sleep 1000; : {marker}\"]\n\
         default_tools_approval_mode = \"approve\"",
        binaries().join("clodex-sim-mcp").display()
    );
    sandbox.codex_is(Codex::Real(codex.clone()));
    sandbox.codex_home_is(&CodexHome::new(model.port()).sections(&server));
    let tool = json!({ "tool": { "namespace": "mcp__sim", "name": "sh", "arguments": {
        "cmd": format!("setsid sh -c 'sleep 1000; : {marker}' >/dev/null 2>&1 & echo started") } } });
    let command = format!(
        "setsid sh -c 'sleep 1000; : {marker}' & env -i setsid sh -c 'trap \"\" TERM; sleep 1000; : {marker}' &
         echo begun > src/begun; sleep 1000; : {marker}"
    );
    let run = json!({ "run": { "cmd": command, "yield_time_ms": 30000 } });
    let packet =
        Packet::worker(&["src/"]).script(&json!([{ "do": [{ "say": "I begin" }, tool] }, { "do": [run] }]));
    let packet = sandbox.packet(&packet.with("MCP: sim").with("NAME: doomed"));
    (sandbox, packet)
}

/// The pid of the victim, once it is known.
fn pid_of(victim: Victim, status: &Value) -> Option<i32> {
    let key = match victim {
        Victim::Dispatcher => "dispatcher",
        Victim::Container => "container",
        Victim::Init if status["containment"] == "best-effort" => "container",
        Victim::Init => "init",
        Victim::Codex => "codex",
    };
    i32::try_from(status[key]["pid"].as_i64()?).ok()
}

/// Returns how far the run had come.
fn play(round: &Round, codex: &RealCodex, model: &ScriptedModel) -> String {
    let (sandbox, packet) = stage(codex, model);
    let dispatch = [
        ["--containment", round.containment],
        ["--backend", round.backend],
        ["--task", packet.to_str().unwrap()],
    ]
    .concat();
    let reached = if round.victim == Victim::Dispatcher {
        let mut running = Running::start(sandbox.dispatcher(&dispatch), b"");
        // The moment of death is the one thing here that is a time and no event.
        thread::sleep(round.wait);
        let reached = reached(&sandbox);
        kill(running.pid(), Signal::SIGKILL).unwrap();
        let killed = Instant::now();
        assert_nothing_lives(&sandbox, killed);
        let output = running.stdout_until_end(LIMIT);
        dispatcher_died(&sandbox, &output, round);
        reached
    } else {
        let run = Underway::start(sandbox.dispatcher(&dispatch));
        let status = sandbox.until_status(&run.id, |status| pid_of(round.victim, status).is_some());
        thread::sleep(round.wait);
        let reached = reached(&sandbox);
        kill(Pid::from_raw(pid_of(round.victim, &status).unwrap()), Signal::SIGKILL).unwrap();
        let killed = Instant::now();
        eventually(LIMIT, || {
            let mut left = leftovers(sandbox.marker());
            left.retain(|leftover| leftover.pid != run.pid());
            left.is_empty().then_some(())
        });
        gone(killed);
        told_by_the_dispatcher(&sandbox, run, round);
        reached
    };
    sandbox.assert_no_leftovers();
    reached
}

/// For people: how much there was to kill.
fn reached(sandbox: &Sandbox) -> String {
    let command =
        if sandbox.repo().join("src/begun").exists() { "its command runs" } else { "no command yet" };
    format!("{} processes, {command}", leftovers(sandbox.marker()).len())
}

/// Two seconds are promised; how long it takes beside everything else that the machine does, it tells.
fn gone(since: Instant) {
    println!("gone in {:?}", since.elapsed());
}

fn assert_nothing_lives(sandbox: &Sandbox, since: Instant) {
    eventually(LIMIT, || leftovers(sandbox.marker()).is_empty().then_some(()));
    gone(since);
}

/// Only Codex or its containment was killed: the dispatcher ends the run like any other.
fn told_by_the_dispatcher(sandbox: &Sandbox, run: Underway, round: &Round) {
    let id = run.id.clone();
    let run = run.finish();
    assert_eq!(run.code, 1, "{round}: {run:?}");
    let status = sandbox.status(&id);
    assert_eq!(
        (&status["state"], &status["outcome"], &status["verdict"]),
        (&json!("ended"), &json!("failed"), &json!("clean")),
        "{round}: {run:?}"
    );
    let artifacts = run.artifacts();
    for name in ["result.json", "policy.json", "seal.json", "result.md"] {
        assert!(artifacts.join(name).is_file(), "{round}: {name}");
    }
    assert_readable(&artifacts, round);
}

/// The dispatcher was killed: everybody sees it, and the next writer closes the run.
fn dispatcher_died(sandbox: &Sandbox, stdout: &str, round: &Round) {
    let live = fs::read_dir(sandbox.state().join("live")).into_iter().flatten().flatten();
    let names = live.filter_map(|entry| entry.file_name().into_string().ok());
    let records: Vec<String> =
        names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned())).collect();
    let ids: Vec<&String> = records.iter().filter(|id| !id.starts_with('.')).collect();
    if !stdout.is_empty() {
        assert_eq!(ids, [&first_line(stdout).0], "{round}: a run that was announced has a record");
    }
    for id in &ids {
        assert_eq!(sandbox.status(id)["state"], "dead", "{round}");
        assert!(sandbox.statusline().contains("died"), "{round}: {}", sandbox.statusline());
    }
    close(sandbox, ids.first().map(|id| id.as_str()), round);
    for id in ids {
        let status = sandbox.status(id);
        assert_eq!(
            (&status["state"], &status["outcome"]),
            (&json!("ended"), &json!("failed")),
            "{round}: {status}"
        );
        let artifacts = Path::new(status["artifact_dir"].as_str().unwrap());
        assert_readable(artifacts, round);
        assert_result_is_there(artifacts, &status, round);
    }
}

/// Nobody judged it, unless its dispatcher had come to that before it died.
fn assert_result_is_there(artifacts: &Path, status: &Value, round: &Round) {
    let result: Value = serde_json::from_slice(&fs::read(artifacts.join("result.json")).unwrap()).unwrap();
    let told = ["outcome", "verdict", "exit_code", "summary"].map(|key| result[key].clone());
    let unjudged = [json!("failed"), json!("unknown"), json!(6), status["summary"].clone()];
    let was_judged = artifacts.join("verification.json").exists();
    assert!(told == unjudged || was_judged, "{round}: {result}");
}

fn close(sandbox: &Sandbox, id: Option<&str>, round: &Round) {
    match (round.next, id) {
        (NextWriter::Cancel, Some(id)) => {
            let cancelled = run_with_timeout(sandbox.cancel(&[id]), LIMIT);
            let told = String::from_utf8_lossy(&cancelled.stdout).into_owned();
            assert_eq!(told, format!("doomed ({id}): closed, its dispatcher had died\n"), "{round}");
        }
        (NextWriter::Dispatch, _) | (NextWriter::Cancel, None) => {
            sandbox.codex_is(Codex::StandIn(json!({})));
            let next = dispatched(sandbox.dispatcher(&["next"]));
            assert!(next.code >= 0, "{round}: {next:?}");
        }
    }
}

/// Whatever is there is whole, but for the last line of a file that was growing.
fn assert_readable(artifacts: &Path, round: &Round) {
    // A dispatcher that is killed early has a record and no directory yet.
    let Ok(entries) = fs::read_dir(artifacts) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let content = fs::read(&path).unwrap();
        let is_json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).is_ok();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                let is_partial =
                    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
                assert!(is_partial || is_json(&content), "{round}: {}", path.display());
            }
            Some("jsonl") => {
                let whole = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
                let mut lines = content[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                assert!(lines.all(is_json), "{round}: {}", path.display());
            }
            Some(_) | None => {}
        }
    }
}

#[test]
fn sudden_death_leaves_nothing_and_is_told() {
    let Ok(codex) = real_codex() else { return };
    let model = ScriptedModel::start().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = number("CLODEX_KILL_SEED").unwrap_or(now);
    for number in 0..number("CLODEX_KILL_ROUNDS").unwrap_or(ROUNDS) {
        let round = Round::new(seed, number);
        let reached = play(&round, &codex, &model);
        println!("{round}: {reached}");
    }
}
