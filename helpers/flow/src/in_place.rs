//! What can be told of a flow's file only in a place: what its scopes mean there, and whether what verifies its steps
//! can be run. Asked by `lint`, in the words of the plan, which asks the same for each step where that works.

use std::path::Path;

use clodex_core::{ScopeEntry, ScopeEntryError};
use clodex_scope::Tree;

use crate::flow::{Deed, Flow, InputKind, Step, Verify};
use crate::gate::Gate;
use crate::line_numbers::LineNumbers;
use crate::lint::scope_problem;
use crate::plan::unverifiable;
use crate::problem::Problem;

/// What is wrong with a flow that works in this directory, wherever that is not said by a packet.
pub fn problems(flow: &Flow, lines: &LineNumbers<'_>, workdir: &Path) -> Vec<Problem> {
    let is_packet = |kind: &InputKind| matches!(kind, InputKind::Packet | InputKind::Packets);
    let is_elsewhere = flow.inputs.values().any(|input| is_packet(&input.kind));
    let here = if is_elsewhere { None } else { tree(workdir) };
    let mut problems = Vec::new();
    for step in &flow.steps {
        for entry in &step.written_scope() {
            let error = scope(entry, here.as_ref()).err();
            problems.extend(error.map(|error| scope_problem(&error, lines.text(step.place, entry))));
        }
        problems.extend(verified(step, lines, workdir));
    }
    problems
}

fn tree(workdir: &Path) -> Option<Tree> {
    Tree::discover(&workdir.canonicalize().ok()?).ok()
}

/// Whether an entry may be a scope here, or, where it is not known where that is, anywhere.
fn scope(entry: &str, here: Option<&Tree>) -> Result<(), ScopeEntryError> {
    // What can be a scope nowhere is told as that.
    if ScopeEntry::parse(entry, b"", b"/").is_err() {
        return Ok(());
    }
    let around;
    let tree = match here {
        Some(tree) => tree,
        None if !entry.trim().starts_with('/') => return Ok(()),
        None => {
            around = Path::new(entry.trim()).ancestors().find(|above| above.is_dir()).and_then(tree);
            around.as_ref().ok_or_else(|| ScopeEntryError::Outside(entry.trim().to_owned()))?
        }
    };
    tree.scope_entry(entry).map(|_| ())
}

/// A gate that asks for checks of which none can be run.
fn verified(step: &Step, lines: &LineNumbers<'_>, workdir: &Path) -> Option<Problem> {
    let Deed::Run(run) = &step.deed else { return None };
    let (Verify::Commands(checks), true) = (&run.verify, run.gates.contains(&Gate::Verified)) else {
        return None;
    };
    let checks: Vec<String> =
        checks.iter().map(|check| check.fill(|_| None)).collect::<Result<_, _>>().ok()?;
    let (what, hint) = unverifiable(&run.verify, &checks, workdir)?;
    let what = format!("step `{}`: {what}", step.id);
    Some(Problem::at(lines.key(step.place, "verify"), what, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::tests::flow_of;
    use crate::plan::tests::repository;

    fn told(text: &str, workdir: &Path) -> Vec<(Option<usize>, String)> {
        let flow = flow_of(text).unwrap();
        let all = problems(&flow, &LineNumbers::of(text), workdir);
        all.into_iter().map(|problem| (problem.line, problem.what)).collect()
    }

    #[test]
    fn a_scope_that_lies_in_no_repository_or_not_in_this_one_is_told_with_its_line() {
        let (here, other) = (repository(), repository());
        std::os::unix::fs::symlink("src", here.path().join("link")).unwrap();
        let text = |inputs: &str, entry: &Path| {
            format!(
                "name: x\n{inputs}steps:\n  - id: a\n    prompt: x\n    scope:\n      - {}\n",
                entry.display()
            )
        };
        let outside = |entry: &Path| format!("scope: `{}` is outside the repository", entry.display());
        let (own, theirs) = (here.path().join("src/deep"), other.path().join("src"));
        let (lost, packets) = (Path::new("/no-such-place/y"), "inputs:\n  all: {kind: packets}\n");
        for (inputs, entry, wanted) in [
            ("", own.as_path(), None),
            ("", theirs.as_path(), Some(6)),
            ("", lost, Some(6)),
            // Where a packet says the place, it may be another one.
            (packets, theirs.as_path(), None),
            (packets, lost, Some(8)),
        ] {
            let wanted: Vec<_> = wanted.map(|line| (Some(line), outside(entry))).into_iter().collect();
            assert_eq!(told(&text(inputs, entry), here.path()), wanted, "{inputs}{}", entry.display());
        }
        // Nobody said that it works here.
        assert_eq!(told(&text("", &theirs), Path::new("/")), []);
        let link = told(&text("", Path::new("link/x")), here.path());
        assert!(link[0].1.contains("is below the symlink `link`"), "{link:?}");
    }

    #[test]
    fn checks_of_which_none_can_be_run_are_told_in_the_words_of_the_plan() {
        let text = |check: &str| {
            format!("name: x\nsteps:\n  - id: a\n    prompt: x\n    verify: {check}\n    gate: verified\n")
        };
        let told = |check: &str| told(&text(check), Path::new("/"));
        assert_eq!(
            told("the tests pass"),
            [(
                Some(5),
                "step `a`: its gate is `verified`, and clodex can run none of its checks: \
                 `the tests pass` (there is no program `the` on PATH)"
                    .to_owned()
            )]
        );
        assert_eq!(told("sh -c true"), []);
    }
}
