//! Many runs at once: packets side by side, and a flow of fifty steps.

use std::fmt::Write as _;
use std::fs;
use std::sync::{Condvar, Mutex};

use clodex_tests::{Dispatched, LIMIT, Packet, Running, Sandbox, eventually, sh};
use serde_json::json;

use super::{flow, ids, in_repo, pairs, prompts, report, run, stage, steps};
use crate::stage::{Stage, claim, step};

/// Writes a packet of its own for each scope; their paths come back.
fn packets(sandbox: &Sandbox, scopes: &[&str]) -> Vec<String> {
    let write = |(number, scope): (usize, &&str)| {
        let packet = Packet::worker(&[scope]).with(&format!("NAME: job {number}"));
        let path = sandbox.file(&format!("job-{number}.md"), packet.to_text(&sandbox.repo()));
        path.to_str().unwrap().to_owned()
    };
    scopes.iter().enumerate().map(write).collect()
}

fn parallel(sandbox: &Sandbox, packets: &[String], args: &[&str]) -> Dispatched {
    let packets: Vec<&str> = packets.iter().map(String::as_str).collect();
    flow(sandbox, &[&["run", "parallel"], &packets[..], args].concat())
}

/// Counts who has come, and lets nobody go on before so many have.
struct Meeting {
    here: Mutex<usize>,
    came: Condvar,
    wanted: usize,
}

impl Meeting {
    /// Whether all came before this one's patience was at its end.
    fn wait(&self) -> bool {
        let mut here = self.here.lock().unwrap();
        *here += 1;
        self.came.notify_all();
        let waits = |here: &mut usize| *here < self.wanted;
        *self.came.wait_timeout_while(here, LIMIT, waits).unwrap().0 >= self.wanted
    }
}

#[test]
fn packets_whose_names_have_no_letter_for_an_id_are_told_apart() {
    let sandbox = stage(&[]);
    let packets = ["日本", "中国"].map(|name| {
        let packet = Packet::worker(&[&format!("src/{name}.txt")]).with(&format!("NAME: {name}"));
        sandbox.file(&format!("{name}.md"), packet.to_text(&sandbox.repo())).to_str().unwrap().to_owned()
    });
    let told = parallel(&sandbox, &packets, &[]).exits(0);
    told.says(&["**packet-1**: passed", "**packet-2**: passed"]);
    let answers = sandbox.state().join("flows").join(super::only(&sandbox)).join("answers");
    assert!(answers.join("packet-1.md").exists() && answers.join("packet-2.md").exists());
}

#[test]
fn packets_of_their_own_places_run_side_by_side() {
    let Some(stage) = Stage::real() else { return };
    let meeting = Meeting { here: Mutex::new(0), came: Condvar::new(), wanted: 3 };
    let stage = stage.answering(move |_| {
        let result = if meeting.wait() { "done" } else { "blocked" };
        json!([step(&[claim(result, "CLEAN")])])
    });
    let packets = packets(&stage.sandbox, &["src/a.txt", "src/b.txt", "docs/"]);
    let told = parallel(&stage.sandbox, &packets, &[]).exits(0);
    told.says(&["# parallel", "**job-0**: passed", "**job-1**: passed", "**job-2**: passed"]);
    assert!(told.stdout.len() < 8 << 10 && !told.stdout.contains("not all at once"), "{told:?}");
}

#[test]
fn packets_that_nothing_holds_apart_run_one_after_the_other_and_that_is_told() {
    // The stand-in has no permission profiles.
    let sandbox = Sandbox::new();
    let go_on = sandbox.codex_waits();
    let packets = packets(&sandbox, &["src/a.txt", "src/b.txt"]);
    let mut command = sandbox.command("clodex-flow");
    command.args(["run", "parallel", &packets[0], &packets[1]]);
    let running = Running::start(command, b"");
    eventually(LIMIT, || {
        let id = ids(&sandbox).pop()?;
        let journal =
            fs::read_to_string(sandbox.state().join("flows").join(id).join("journal.jsonl")).ok()?;
        journal.contains(r#""then":"later""#).then_some(())
    });
    fs::write(go_on, "").unwrap();
    let told = Dispatched::of(running.finish(LIMIT)).exits(0);
    told.says(&[
        ": waits for its turn · ",
        "\nnot all at once: run ",
        "only workers whose sandbox is narrowed to their scope may share one\n",
        "**job-0**: passed",
        "**job-1**: passed",
    ]);
}

#[test]
fn packets_of_one_place_are_refused_or_put_in_order() {
    let acts = [sh("n=$(ls src | wc -l); echo x > src/new-$n")];
    let sandbox = stage(&acts);
    let packets = packets(&sandbox, &["src/", "src/*.md", "src/"]);
    let told = parallel(&sandbox, &packets[..2], &[]).exits(2);
    told.complains(&[
        "`job-0` and `job-1` may run at the same time, and their scopes `src/` and `src/*.md` overlap",
    ]);
    assert_eq!(sandbox.recorded().len(), 0);

    let two = [packets[0].clone(), packets[2].clone()];
    let told = report(&parallel(&sandbox, &two, &["--overlap", "serialise", "--json"]).exits(0));
    assert!(told["one_by_one"].is_null(), "nobody had to be refused by the dispatcher: {told}");
    assert_eq!(
        (in_repo(&sandbox, "src/new-2"), in_repo(&sandbox, "src/new-3")),
        ("x\n".into(), "x\n".into())
    );
}

#[test]
fn a_conflict_is_told_file_by_file_and_nothing_is_half_landed() {
    let sandbox = stage(&[sh("echo $$ $(date +%N) > src/a.txt; echo new > src/also-$$")]);
    let told = parallel(&sandbox, &packets(&sandbox, &["src/", "src/"]), &["--overlap", "isolate", "--json"])
        .exits(7);
    let told = report(&told);
    let states: Vec<&str> =
        told["steps"].as_array().unwrap().iter().filter_map(|step| step["state"].as_str()).collect();
    assert!(states.contains(&"passed") && states.contains(&"failed"), "{told}");
    let failed = told["steps"].as_array().unwrap().iter().find(|step| step["state"] == "failed").unwrap();
    let in_the_way = failed["in_the_way"][0].as_str().unwrap();
    assert!(in_the_way.starts_with("src/a.txt: "), "{in_the_way}");
    let landed = sandbox.git(&["status", "--porcelain", "-uall"]);
    assert_eq!(landed.lines().count(), 2, "of the one all landed, of the other nothing:\n{landed}");

    // What is in the way is taken away, and what waits is landed without being done again.
    let (runs, first) = (sandbox.recorded().len(), in_repo(&sandbox, "src/a.txt"));
    sandbox.git(&["stash", "--quiet", "--include-untracked"]);
    flow(&sandbox, &["continue", &super::only(&sandbox), "--again"]).exits(0).says(&["landed src/a.txt"]);
    assert_eq!(sandbox.recorded().len(), runs);
    assert_ne!(in_repo(&sandbox, "src/a.txt"), first);
}

#[test]
fn fifty_steps_run_each_once_and_in_order() {
    let sandbox = stage(&[]);
    let mut text = "name: fifty\nlimits: {runs: 4}\nsteps:\n".to_owned();
    for step in 0..50 {
        let needs = match step {
            0 => String::new(),
            1..=24 => "needs: [s0], ".to_owned(),
            25..=48 => format!("needs: [s{}], ", step - 24),
            _ => format!(
                "needs: [{}], ",
                (25..=48).map(|need| format!("s{need}")).collect::<Vec<_>>().join(", ")
            ),
        };
        let _ = writeln!(text, "  - {{id: s{step}, {needs}prompt: 'step number {step}.'}}");
    }
    let told = report(&run(&sandbox, &text, &["--json"]).exits(0));
    let steps = steps(&told);
    assert_eq!(steps.len(), 50);
    let place = |id: &str| steps.iter().position(|(step, _)| step == id).unwrap();
    for step in 25..=48 {
        assert!(place("s0") < place(&format!("s{}", step - 24)));
        assert!(place(&format!("s{}", step - 24)) < place(&format!("s{step}")));
    }
    assert_eq!(steps[49], pairs(&[("s49", "passed")])[0]);
    let prompts = prompts(&sandbox);
    let asked = |step: usize| {
        prompts.iter().filter(|prompt| prompt.contains(&format!("step number {step}."))).count()
    };
    assert!((0..50).all(|step| asked(step) == 1));
    let report =
        fs::read_to_string(sandbox.state().join("flows").join(super::only(&sandbox)).join("report.md"));
    assert!(report.unwrap().len() <= 8 << 10);
}
