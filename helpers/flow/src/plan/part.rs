//! Who may work beside whom, and who sees what others changed: nobody writes where another one writes at the same time,
//! and a step finds what the steps that it needs have done.

use clodex_core::{Isolate, scopes_meet};

use super::{PlannedDeed, PlannedStep, Planner};
use crate::flow::Overlap;
use crate::graph::Graph;
use crate::problem::Problem;

impl Planner<'_> {
    /// Sees to it that nobody writes where another one writes at the same time, as far as the flow wants it so.
    pub(super) fn part(&mut self, steps: &mut [PlannedStep]) {
        let needs = steps.iter().map(|step| step.needs.clone()).collect();
        let Ok(graph) = Graph::new(needs) else { return };
        let beside: Vec<(usize, usize)> = graph.beside().collect();
        for (one, other) in beside {
            if !(writes_in_the_open(&steps[one]) && writes_in_the_open(&steps[other])) {
                continue;
            }
            match self.flow.overlap {
                Overlap::Serialise => {}
                Overlap::Isolate => {
                    isolate(&mut steps[one]);
                    isolate(&mut steps[other]);
                }
                Overlap::Refuse => {
                    if let Some((mine, theirs)) = shared(&steps[one], &steps[other]) {
                        let what = format!(
                            "`{}` and `{}` may run at the same time, and their scopes `{mine}` and `{theirs}` overlap",
                            steps[one].id, steps[other].id
                        );
                        let hint = "narrow a scope, or give `--overlap serialise` or `--overlap isolate`";
                        self.problems.push(Problem::given(what, hint));
                    }
                }
            }
        }
        see_what_they_need(steps, &graph);
    }
}

/// What the steps that a step needs have changed lies in the user's tree, uncommitted: at HEAD it would not be there.
fn see_what_they_need(steps: &mut [PlannedStep], graph: &Graph) {
    let leaves_something_in = |tree: &str, other: &PlannedStep| {
        other.run().is_some_and(|run| {
            run.mode.writes() && run.tree == tree && (run.wish.land || !run.isolate.is_on())
        })
    };
    for step in 0..steps.len() {
        let Some(run) = steps[step].run() else { continue };
        let needs_more = run.isolate == Isolate::Head
            && (0..steps.len())
                .any(|other| graph.is_before(other, step) && leaves_something_in(&run.tree, &steps[other]));
        if let PlannedDeed::Run(run) = &mut steps[step].deed {
            run.takes_over = needs_more;
        }
    }
}

fn writes_in_the_open(step: &PlannedStep) -> bool {
    // Who was isolated a moment ago, because of another neighbour, is to be looked at as one who may be again.
    step.run().is_some_and(|run| run.mode.writes() && !(run.isolate.is_on() && run.wish.isolate.is_some()))
}

fn isolate(step: &mut PlannedStep) {
    if let PlannedDeed::Run(run) = &mut step.deed
        && !run.isolate.is_on()
    {
        run.isolate = Isolate::Head;
    }
}

fn shared(one: &PlannedStep, other: &PlannedStep) -> Option<(String, String)> {
    let (one, other) = (one.run()?, other.run()?);
    if one.isolate.is_on() || other.isolate.is_on() {
        return None;
    }
    scopes_meet(one.may_change(), other.may_change())
}
