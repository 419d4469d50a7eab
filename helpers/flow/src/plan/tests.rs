//! What flows come to with their inputs: steps, places, scopes.

use std::fs;

use super::*;
use crate::flow::tests::flow_of;
use crate::inputs::{Given, GivenValue};

/// A repository in which nothing but its being one matters.
pub(crate) fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for dir in [".git/objects", ".git/refs/heads", "src/deep", "docs"] {
        fs::create_dir_all(folder.path().join(dir)).unwrap();
    }
    fs::write(folder.path().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(folder.path().join(".git/config"), "[core]\n\trepositoryformatversion = 0\n").unwrap();
    folder
}

const PARALLEL: &str = "name: p\ninputs:\n  all: {kind: packets}\nsteps:\n  - id: one\n    each: all\n  \
    - id: last\n    needs: [one]\n    ask: ok?\n";

fn packets(workdir: &Path, scopes: &[&str]) -> Given {
    let text = |scope: &&str| {
        format!(
            "MODE: worker\nWORKDIR: {}\nOBJECTIVE: do it\nWRITE SCOPE:\n- {scope}\nNON-GOALS:\n- no\n\
             VERIFICATION:\n- true\nDELIVERABLE:\n- x\n",
            workdir.display()
        )
    };
    Given::from([("all".to_owned(), GivenValue::Texts(scopes.iter().map(text).collect()))])
}

fn around(workdir: &Path, isolate: fn(&Path) -> Result<Isolate, String>) -> Surroundings {
    Surroundings { workdir: workdir.to_owned(), is_named: false, isolate, decided: Decided::new() }
}

fn plan(overlap: &str, scopes: &[&str]) -> Result<Plan, Vec<Problem>> {
    let folder = repository();
    let flow = flow_of(&format!("overlap: {overlap}\n{PARALLEL}")).unwrap();
    let inputs = Inputs::of(&flow, &packets(folder.path(), scopes)).unwrap();
    let around = around(folder.path(), |_| Ok(Isolate::Off));
    Plan::of(&flow, inputs, &around)
}

#[test]
fn each_packet_becomes_a_step_and_who_needs_them_needs_all() {
    let plan = plan("refuse", &["src/", "docs"]).unwrap();
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!((ids, &plan.steps[2].needs), (vec!["do-it", "do-it-2", "last"], &vec![0, 1]));
    assert_eq!(plan.steps[1].run().unwrap().understood, ["docs/"]);
}

#[test]
fn packets_whose_names_have_no_letter_for_an_id_are_told_apart_by_their_place() {
    let folder = repository();
    let flow = flow_of(PARALLEL).unwrap();
    let mut given = packets(folder.path(), &["src/", "docs", "lib/", "x"]);
    let Some(GivenValue::Texts(texts)) = given.get_mut("all") else { unreachable!() };
    for (text, name) in texts.iter_mut().zip(["日本", "中国", "版 2", "版 2"]) {
        *text = format!("NAME: {name}\n{text}");
    }
    let ids = || {
        let inputs = Inputs::of(&flow, &given).unwrap();
        let plan = Plan::of(&flow, inputs, &around(folder.path(), |_| Ok(Isolate::Off))).unwrap();
        plan.steps.iter().map(|step| step.id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(), ["one-1", "one-2", "2", "2-2", "last"]);
    assert_eq!(ids(), ids(), "whoever goes on finds them again");
}

#[test]
fn scopes_that_overlap_are_refused_or_left_in_order_or_isolated() {
    let told = plan("refuse", &["src/", "docs/", "src/deep/x"]).unwrap_err();
    assert_eq!(told.len(), 1);
    assert!(told[0].what.contains("`do-it` and `do-it-3`"), "{told:?}");
    assert!(told[0].what.contains("scopes `src/` and `src/deep/x/` overlap"), "{told:?}");
    let isolated = |overlap: &str| {
        let steps = plan(overlap, &["src/", "docs/", "src/deep/x"]).unwrap().steps;
        steps.iter().filter(|step| step.run().is_some_and(|run| run.isolate.is_on())).count()
    };
    assert_eq!((isolated("serialise"), isolated("isolate")), (0, 3));
}

#[test]
fn a_repository_in_another_ones_scope_is_the_same_place() {
    let folder = repository();
    let outer = folder.path().canonicalize().unwrap();
    let inner = outer.join("src/deep");
    for dir in [".git/objects", ".git/refs/heads"] {
        fs::create_dir_all(inner.join(dir)).unwrap();
    }
    for file in [".git/HEAD", ".git/config"] {
        fs::copy(folder.path().join(file), inner.join(file)).unwrap();
    }
    let flow = flow_of(PARALLEL).unwrap();
    let text = |at: &Path, scope: &str| match packets(at, &[scope]).remove("all") {
        Some(GivenValue::Texts(mut texts)) => texts.remove(0),
        Some(GivenValue::Text(_)) | None => String::new(),
    };
    let told = |scope: &str| {
        let both = vec![text(folder.path(), scope), text(&inner, "f.txt")];
        let given = Given::from([("all".to_owned(), GivenValue::Texts(both))]);
        let inputs = Inputs::of(&flow, &given).unwrap();
        Plan::of(&flow, inputs, &around(folder.path(), |_| Ok(Isolate::Off))).map(|_| ())
    };
    let refused = told("src/").unwrap_err();
    let (mine, theirs) = (outer.join("src/"), inner.join("f.txt/"));
    let pair = format!("scopes `{}` and `{}` overlap", mine.display(), theirs.display());
    assert!(refused[0].what.contains(&pair), "{refused:?}");
    assert_eq!(told("docs/"), Ok(()));
}

fn isolated_by_habit(text: &str) -> Vec<(Isolate, bool)> {
    let folder = repository();
    let flow = flow_of(text).unwrap();
    let around = around(folder.path(), |_| Ok(Isolate::Head));
    let plan = Plan::of(&flow, Inputs::default(), &around).unwrap();
    let runs = plan.steps.iter().filter_map(PlannedStep::run);
    runs.map(|run| (run.isolate, run.takes_over)).collect()
}

#[test]
fn who_only_looks_is_isolated_only_where_its_step_says_so() {
    let text = "name: x\nsteps: [{id: a, prompt: x}, {id: b, prompt: x, isolate: head}, {id: c, prompt: x, scope: src/}]";
    let isolated: Vec<Isolate> = isolated_by_habit(text).into_iter().map(|(isolate, _)| isolate).collect();
    assert_eq!(isolated, [Isolate::Off, Isolate::Head, Isolate::Head]);
}

#[test]
fn who_is_isolated_sees_what_the_steps_that_it_needs_have_changed() {
    use Isolate::{Head, Off};

    let text = "name: x\nsteps:\n  - {id: a, prompt: x, scope: src/}\n  - {id: b, needs: a, prompt: x}\n  \
        - {id: c, needs: b, prompt: x, scope: src/}\n  - {id: d, needs: b, prompt: x, isolate: head}\n";
    assert_eq!(isolated_by_habit(text), [(Head, false), (Off, false), (Head, true), (Head, true)]);
    let kept = text.replace("{id: a,", "{id: a, land: false,");
    assert_eq!(isolated_by_habit(&kept), [(Head, false), (Off, false), (Head, false), (Head, false)]);
}

#[test]
fn whether_a_step_is_isolated_is_decided_once() {
    let folder = repository();
    let text = "name: x\nsteps: [{id: a, prompt: x, scope: src/}, {id: b, needs: a, prompt: x}]";
    let flow = flow_of(text).unwrap();
    let before = around(folder.path(), |_| Ok(Isolate::Head));
    let decided = Plan::of(&flow, Inputs::default(), &before).unwrap().decided();
    let later = Surroundings { decided: decided.clone(), ..around(folder.path(), |_| Ok(Isolate::Off)) };
    let plan = Plan::of(&flow, Inputs::default(), &later).unwrap();
    assert_eq!((plan.decided(), plan.steps[0].run().unwrap().isolate), (decided, Isolate::Head));
}

#[test]
fn a_gate_that_could_never_be_passed_is_told() {
    let folder = repository();
    let text =
        |check: &str| format!("name: x\nsteps: [{{id: a, prompt: x, verify: '{check}', gate: verified}}]");
    let around = around(folder.path(), |_| Ok(Isolate::Off));
    let plan = |check: &str| Plan::of(&flow_of(&text(check)).unwrap(), Inputs::default(), &around);
    let told = plan("the tests pass").unwrap_err();
    assert_eq!(
        told[0].what,
        "step `a`: its gate is `verified`, and clodex can run none of its checks: \
         `the tests pass` (there is no program `the` on PATH)"
    );
    for check in [
        "`no-such-tool --x`",
        "sh -c true",
        "./not-there-yet.sh",
        "[ -e made ]",
        "(cd src && make)",
        "for name in a b; do ./check $name; done",
        "LC_ALL=C no-such-tool",
    ] {
        assert!(plan(check).is_ok(), "{check}");
    }
}

#[test]
fn a_place_that_is_no_repository_is_told() {
    let flow = flow_of("name: x\nsteps: [{id: a, prompt: x}, {id: b, prompt: x}]").unwrap();
    let around = around(Path::new("/nowhere"), |_| Ok(Isolate::Off));
    let told = Plan::of(&flow, Inputs::default(), &around).unwrap_err();
    assert!(told[0].what.starts_with("step `a`: /nowhere: No such file"), "{told:?}");
    assert_eq!(told[0].line, Some(2), "it is the flow that says so");
}

#[test]
fn a_prompt_works_where_the_packet_does_unless_somebody_named_a_place() {
    let (theirs, named) = (repository(), repository());
    let text = "name: x\ninputs:\n  all: {kind: packets}\nsteps: [{id: a, prompt: x}]\n";
    let flow = flow_of(text).unwrap();
    for (is_named, wanted) in [(false, &theirs), (true, &named)] {
        let inputs = Inputs::of(&flow, &packets(theirs.path(), &["src/"])).unwrap();
        let around = Surroundings { is_named, ..around(named.path(), |_| Ok(Isolate::Off)) };
        let plan = Plan::of(&flow, inputs, &around).unwrap();
        assert_eq!(plan.steps[0].run().unwrap().workdir, wanted.path());
    }
}
