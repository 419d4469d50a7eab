//! Runs rows side by side and tells all that failed as one table. Knows what each verdict has to look like from outside.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clodex_tests::{
    Codex, Dispatched, LIMIT, Packet, clean_turn, eventually, leftovers, run_with_timeout, sh,
};
use serde_json::{Value, json};

use super::picture::Picture;
use super::row::{Row, Want, row};
use super::stage::Place;

/// How many rows run at the same time.
const AT_ONCE: usize = 4;

/// Runs all rows of a group.
#[track_caller]
pub fn run_all(rows: &[Row]) {
    run_all_with(rows, &[]);
}

/// Runs all rows of a group with more arguments.
#[track_caller]
pub fn run_all_with(rows: &[Row], args: &[&str]) {
    run_each(rows, |row| run(row, args));
}

/// Does something with each row and tells all that failed.
#[track_caller]
pub fn run_each(rows: &[Row], run: impl Fn(&Row) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut failed = Vec::new();
        while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = catch_unwind(AssertUnwindSafe(|| run(row)))
                .unwrap_or_else(|_| Err("it panicked, see above".to_owned()));
            failed.extend(result.err().map(|why| format!("{:<60} {why}", row.title)));
        }
        failed
    };
    let failed: Vec<String> = thread::scope(|threads| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| threads.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{} of {} rows:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

fn run(row: &Row, args: &[&str]) -> Result<(), String> {
    let place = Place::prepare(row)?;
    let root = place.root().display();
    let acts = [
        sh(&format!(": > {root}/began")),
        json!({ "until": place.root().join("go") }),
        sh(&format!("bash {root}/action.sh; : > {root}/ended")),
        json!({ "until": place.root().join("end") }),
    ];
    place.sandbox.codex_is(Codex::StandIn(json!({ "exec": clean_turn(&acts) })));
    let before = place.picture();
    let (ended, seen) = thread::scope(|threads| {
        let dispatched = threads.spawn(|| dispatch(&place, row, args));
        let seen = look_on(&place, before, || dispatched.is_finished());
        (dispatched.join(), seen)
    });
    let ended = ended.map_err(|_| "the dispatcher did not end well, see above".to_owned())?;
    check(&place, row, &ended, &seen)
}

/// Pictures from before the run, from when the worker began, and from when it had done everything.
struct Seen {
    before: Picture,
    begun: Option<Picture>,
    ended: Option<Picture>,
}

/// Takes the pictures while the worker waits for them.
fn look_on(place: &Place, before: Picture, is_over: impl Fn() -> bool) -> Seen {
    let when = |there: &str, go: &str| {
        let is_there =
            eventually(LIMIT, || if place.has(there) { Some(true) } else { is_over().then_some(false) });
        let picture = is_there.then(|| place.picture());
        place.sandbox.file(go, "");
        picture
    };
    let begun = when("began", "go");
    Seen { before, begun, ended: when("ended", "end") }
}

/// Dispatches the row's packet to a scripted model.
pub fn dispatch_scripted(place: &Place, row: &Row, args: &[&str], script: &Value) -> Dispatched {
    dispatch_packet(place, row, args, packet(place, row).script(script))
}

fn dispatch(place: &Place, row: &Row, args: &[&str]) -> Dispatched {
    dispatch_packet(place, row, args, packet(place, row))
}

fn dispatch_packet(place: &Place, row: &Row, args: &[&str], packet: Packet) -> Dispatched {
    let text = (row.packet)(place.fill(&packet.with(row.fields).to_text(&place.workdir(row))));
    let packet = place.sandbox.file("task.md", text);
    let mut dispatch = place.sandbox.dispatcher(&["--task"]);
    dispatch.arg(packet).args(args).args(row.args);
    for (name, value) in row.env {
        let value = place.fill(value).replace("$PATH", &place.path());
        dispatch.env(name, value);
    }
    Dispatched::of(run_with_timeout(dispatch, LIMIT))
}

fn packet(place: &Place, row: &Row) -> Packet {
    let scope: Vec<String> = row.scope.iter().map(|entry| place.fill(entry)).collect();
    let scope: Vec<&str> = scope.iter().map(String::as_str).collect();
    if scope.is_empty() { Packet::read_only("verifier") } else { Packet::worker(&scope) }
}

fn check(place: &Place, row: &Row, ended: &Dispatched, seen: &Seen) -> Result<(), String> {
    if row.is_started() {
        require(seen.begun.is_some(), || format!("the worker was never started: {}", ended.stderr))?;
        require(place.has("done"), || format!("its action failed: {}", place.complaint()))?;
    } else {
        require(seen.begun.is_none(), || "the worker was started".to_owned())?;
    }
    let stays = |was: &Picture, is: &Picture, when: &str| {
        was.difference_to(is)
            .map_or(Ok(()), |difference| Err(format!("changed {when} the worker: {difference}")))
    };
    stays(&seen.before, seen.begun.as_ref().unwrap_or(&seen.before), "before")?;
    stays(seen.ended.as_ref().unwrap_or(&seen.before), &place.picture(), "after")?;
    require(!place.outside().join("escaped").exists(), || "planted code ran in the dispatcher".to_owned())?;
    has_harm(place, row)?;
    verdict(place, row, ended)?;
    if !row.fires.is_empty() {
        // Whatever it ends with: the code that it runs is the worker's.
        let _ = place.sh(row.fires);
        let fired = place.outside().join("escaped").exists();
        require(fired, || "the planted code was none: it does not run even when asked for".to_owned())?;
    }
    Ok(())
}

fn has_harm(place: &Place, row: &Row) -> Result<(), String> {
    if matches!(row.want, Want::Stopped) {
        let left = leftovers(place.sandbox.marker());
        require(left.is_empty(), || format!("it lives on: {left:?}"))?;
        let late = place.sh(row.harm).is_ok();
        return require(!late, || "what it had planned for later can still happen".to_owned());
    }
    let harm = if row.harm.is_empty() { Ok(String::new()) } else { place.sh(row.harm) };
    harm.map(drop).map_err(|error| format!("its harm was never done: {error}"))
}

fn verdict(place: &Place, row: &Row, ended: &Dispatched) -> Result<(), String> {
    let exits = |code: i32| {
        let told = || format!("exit {} for {code}: {}{}", ended.code, violations(ended), ended.stderr.trim());
        require(ended.code == code, told)
    };
    let policy = || ended.policy();
    match row.want {
        Want::Violation(paths) => {
            exits(6)?;
            let found = ended.violations();
            for path in paths.iter().map(|path| place.fill(path)) {
                let named = found.iter().any(|found| Path::new(found).starts_with(&path));
                require(named, || format!("`{path}` is not named in {found:?}"))?;
            }
            require(policy()["verdict"] == "violation", || format!("verdict {}", policy()["verdict"]))
        }
        Want::Clean => {
            exits(0)?;
            let told = json!([policy()["verdict"], policy()["violations"], policy()["by_products"]]);
            require(told == json!(["clean", [], []]), || told.to_string())
        }
        Want::Noted(by_products) => {
            exits(0)?;
            let told = json!([policy()["verdict"], policy()["by_products"]]);
            require(told == json!(["clean", by_products]), || told.to_string())
        }
        Want::Blocked(path) => {
            exits(7)?;
            let told = json!([policy()["verdict"], policy()["dirty_overlap"]]);
            require(told == json!(["refused", [path]]), || told.to_string())
        }
        Want::Refused(why) => {
            exits(2)?;
            let told = ended.stderr.contains(why) && ended.stderr.contains("hint:");
            require(told, || format!("not told why: {}", ended.stderr))
        }
        Want::Stopped => {
            let word = policy()["verdict"].clone();
            require(word == "clean" && ended.code == 0, || format!("verdict {word} {}", violations(ended)))
        }
    }
}

fn violations(ended: &Dispatched) -> String {
    if ended.stdout.is_empty() { String::new() } else { format!("{:?} ", ended.violations()) }
}

pub fn require(holds: bool, told: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(told()) }
}

#[test]
fn rows_that_lie_are_told() {
    let lies = [
        ("its harm was never done", row("no harm", "true").harm("test -e lib/evil").names(&["lib/evil"])),
        ("its action failed", row("no such program", "nonsense; echo x > lib/e").names(&["lib/e"])),
        ("its setup fails", row("no setup", "true").setup("false")),
        ("exit 0 for 6", row("quiet", "echo x >> src/a.txt").names(&["src/a.txt"])),
        ("exit 6 for 0", row("not quiet", "echo x > lib/e")),
        ("`lib/f` is not named", row("another name", "echo x > lib/e").names(&["lib/f"])),
        ("the worker was never started", row("blocked", "true").setup("echo u >> src/a.txt")),
        ("the worker was started", row("not blocked", "true").blocked("src/a.txt")),
        ("the planted code was none", row("a dud", "true").fires("git status")),
    ];
    let all: Vec<Row> = lies.iter().map(|(_, row)| *row).collect();
    run_each(&all, |row| {
        let why = lies.iter().find(|(_, lie)| lie.title == row.title).map(|(why, _)| *why).unwrap();
        let told = run(row, &[]).err().unwrap_or_default();
        require(told.starts_with(why), || format!("want `{why}`, told `{told}`"))
    });
}
