//! What must hold for every flow, whatever happens in it; and the cases worth a name.

use std::collections::BTreeSet;

use clodex_core::scope_overlap;
use proptest::prelude::*;

use super::*;

const TREE: &str = "/repo";
/// A submodule in it.
const INNER: &str = "/repo/lib";
const NOW: Duration = Duration::ZERO;

fn runs(needs: &[usize], scope: &[&str]) -> Task {
    let scope = scope.iter().map(|entry| (*entry).to_owned()).collect();
    Task { needs: needs.to_vec(), kind: Kind::Runs { tree: TREE.to_owned(), scope }, retries: 0 }
}

fn isolated(needs: &[usize]) -> Task {
    Task { needs: needs.to_vec(), kind: Kind::Isolated { lands_in: Some(TREE.to_owned()) }, retries: 0 }
}

fn asks(needs: &[usize]) -> Task {
    Task { needs: needs.to_vec(), ..Task::default() }
}

fn rules() -> Rules {
    Rules { runs: 4, tokens: None, deadline: None, on_failure: OnFailure::Stop }
}

fn schedule(tasks: &[Task], rules: Rules) -> Schedule {
    Schedule::new(tasks.to_vec(), rules)
}

use Action::{Begin, Cancel, Land};

#[test]
fn a_chain_goes_step_by_step_and_is_done() {
    let mut flow = schedule(&[runs(&[], &[]), runs(&[0], &["src/"]), asks(&[1])], rules());
    assert_eq!(flow.handle(Input::Tick, NOW), [Begin(0)]);
    assert_eq!(flow.handle(Input::Tick, NOW), []);
    assert_eq!(flow.handle(Input::Passed(0), NOW), [Begin(1)]);
    assert_eq!(flow.handle(Input::Passed(1), NOW), [Begin(2)]);
    assert_eq!(flow.handle(Input::Asked(2), NOW), [Action::End(EndReason::Waiting)]);
    assert_eq!(flow.handle(Input::Passed(2), NOW), [Action::End(EndReason::Done)]);
}

#[test]
fn a_skipped_step_lets_the_others_go_on() {
    let mut flow = schedule(&[runs(&[], &[]), runs(&[0], &[])], rules());
    flow.handle(Input::Tick, NOW);
    assert_eq!(flow.handle(Input::Skipped(0), NOW), [Begin(1)]);
}

#[test]
fn writers_of_one_place_wait_for_each_other_and_others_do_not() {
    let mut flow = schedule(
        &[runs(&[], &["src/"]), runs(&[], &["src/deep/"]), runs(&[], &["docs/"]), runs(&[], &[])],
        rules(),
    );
    assert_eq!(flow.handle(Input::Tick, NOW), [Begin(0), Begin(2), Begin(3)]);
    assert_eq!(flow.handle(Input::Passed(2), NOW), []);
    assert_eq!(flow.handle(Input::Passed(0), NOW), [Begin(1)]);
}

#[test]
fn writers_of_trees_that_contain_each_other_wait_for_each_other_where_their_places_meet() {
    let inside = |task: Task| match task.kind {
        Kind::Runs { scope, .. } => Task { kind: Kind::Runs { tree: INNER.to_owned(), scope }, ..task },
        Kind::Asks | Kind::Isolated { .. } => task,
    };
    let tasks = [runs(&[], &["lib/"]), inside(runs(&[], &["f.txt"])), runs(&[], &["docs/"])];
    let mut flow = schedule(&tasks, rules());
    assert_eq!(flow.handle(Input::Tick, NOW), [Begin(0), Begin(2)]);
    assert_eq!(flow.handle(Input::Passed(0), NOW), [Begin(1)]);
    let mut lands = schedule(&[isolated(&[]), inside(runs(&[], &["f.txt"]))], rules());
    lands.handle(Input::Tick, NOW);
    assert_eq!(lands.handle(Input::Passed(0), NOW), [], "nothing lands around a run");
    assert_eq!(lands.handle(Input::Passed(1), NOW), [Land(0)]);
}

#[test]
fn no_more_run_than_may() {
    let tasks = [runs(&[], &[]), runs(&[], &[]), runs(&[], &[])];
    let mut flow = schedule(&tasks, Rules { runs: 2, ..rules() });
    assert_eq!(flow.handle(Input::Tick, NOW), [Begin(0), Begin(1)]);
    assert_eq!(flow.handle(Input::Passed(1), NOW), [Begin(2)]);
}

#[test]
fn a_failure_ends_the_others_or_lets_them_finish() {
    let tasks = [runs(&[], &["a"]), runs(&[], &["b"]), runs(&[0], &[]), runs(&[1], &[])];
    let failed = Input::Failed(0, Again::CannotHelp);
    let mut stop = schedule(&tasks, rules());
    stop.handle(Input::Tick, NOW);
    assert_eq!(stop.handle(failed, NOW), [Cancel(1)]);
    assert_eq!(stop.handle(Input::Cancelled(1), NOW), [Action::End(EndReason::Failed)]);
    let mut finish = schedule(&tasks, Rules { on_failure: OnFailure::Finish, ..rules() });
    finish.handle(Input::Tick, NOW);
    assert_eq!(finish.handle(failed, NOW), []);
    assert_eq!(finish.handle(Input::Passed(1), NOW), [Begin(3)]);
    assert_eq!(finish.handle(Input::Passed(3), NOW), [Action::End(EndReason::Failed)]);
}

#[test]
fn what_failed_under_an_earlier_process_stops_the_others_just_so() {
    let tasks = [runs(&[], &["a"]), runs(&[], &["b"]), runs(&[], &["c"])];
    let mut stop = schedule(&tasks, rules());
    stop.restore(0, Stand::Failed, 0);
    stop.restore(1, Stand::Running, 0);
    assert_eq!(stop.handle(Input::Tick, NOW), [Cancel(1)]);
    assert_eq!(stop.handle(Input::Cancelled(1), NOW), [Action::End(EndReason::Failed)]);
    let mut finish = schedule(&tasks, Rules { on_failure: OnFailure::Finish, ..rules() });
    finish.restore(0, Stand::Failed, 0);
    assert_eq!(finish.handle(Input::Tick, NOW), [Begin(1), Begin(2)]);
}

#[test]
fn a_step_is_tried_again_as_often_as_it_may_and_only_where_that_can_help() {
    let task = || Task { retries: 1, ..runs(&[], &[]) };
    let mut flow = schedule(&[task()], rules());
    flow.handle(Input::Tick, NOW);
    assert_eq!(flow.handle(Input::Failed(0, Again::MayHelp), NOW), [Begin(0)]);
    assert_eq!(flow.handle(Input::Failed(0, Again::MayHelp), NOW), [Action::End(EndReason::Failed)]);
    let mut flow = schedule(&[task()], rules());
    flow.handle(Input::Tick, NOW);
    assert_eq!(flow.handle(Input::Failed(0, Again::CannotHelp), NOW), [Action::End(EndReason::Failed)]);
    let mut flow = schedule(&[task()], rules());
    flow.restore(0, Stand::Waiting, 1);
    flow.handle(Input::Tick, NOW);
    assert_eq!(flow.handle(Input::Failed(0, Again::MayHelp), NOW), [Action::End(EndReason::Failed)]);
}

#[test]
fn who_is_in_the_way_of_an_own_run_waits_for_it_once() {
    let mut flow = schedule(&[runs(&[], &["a"]), runs(&[], &["b"])], rules());
    assert_eq!(flow.handle(Input::Tick, NOW), [Begin(0), Begin(1)]);
    assert_eq!(flow.handle(Input::InTheWay(1), NOW), []);
    assert_eq!(flow.handle(Input::Passed(0), NOW), [Begin(1)]);
    // Now it is somebody else's run.
    assert_eq!(flow.handle(Input::InTheWay(1), NOW), [Action::End(EndReason::Failed)]);
}

#[test]
fn what_was_isolated_lands_one_after_the_other_and_beside_nobody() {
    let mut flow = schedule(&[isolated(&[]), isolated(&[]), runs(&[], &[]), runs(&[0], &[])], rules());
    assert_eq!(flow.handle(Input::Tick, NOW), [Begin(0), Begin(1), Begin(2)]);
    assert_eq!(flow.handle(Input::Passed(0), NOW), []);
    assert_eq!(flow.handle(Input::Passed(1), NOW), []);
    assert_eq!(flow.handle(Input::Passed(2), NOW), [Land(0)]);
    // Its dependent waits for the other landing, too: it works in that tree.
    assert_eq!(flow.handle(Input::Landed(0), NOW), [Land(1)]);
    assert_eq!(flow.handle(Input::Landed(1), NOW), [Begin(3)]);
}

#[test]
fn a_conflict_is_a_failure_of_that_step_alone_where_others_may_finish() {
    let mut flow =
        schedule(&[isolated(&[]), isolated(&[])], Rules { on_failure: OnFailure::Finish, ..rules() });
    flow.handle(Input::Tick, NOW);
    assert_eq!(flow.handle(Input::Passed(1), NOW), [Land(1)]);
    assert_eq!(flow.handle(Input::Passed(0), NOW), []);
    assert_eq!(flow.handle(Input::NotLanded(1), NOW), [Land(0)]);
    assert_eq!(flow.handle(Input::Landed(0), NOW), [Action::End(EndReason::Failed)]);
}

#[test]
fn time_tokens_and_people_end_what_runs_and_the_first_of_them_is_the_reason() {
    let tasks = [runs(&[], &[]), runs(&[0], &[])];
    let second = Duration::from_secs(1);
    for (rules, input, end) in [
        (Rules { deadline: Some(second), ..rules() }, Input::Tick, EndReason::OutOfTime),
        (Rules { tokens: Some(10), ..rules() }, Input::Tick, EndReason::OutOfTokens),
        (rules(), Input::Cancel, EndReason::Cancelled),
    ] {
        let mut flow = schedule(&tasks, rules);
        flow.handle(Input::Tick, NOW);
        flow.count_tokens(10);
        assert_eq!(flow.handle(Input::Tick, NOW), []);
        flow.count_tokens(11);
        assert_eq!(flow.handle(input, second), [Cancel(0)]);
        assert_eq!(flow.handle(Input::Cancel, second), []);
        assert_eq!(flow.handle(Input::Cancelled(0), second), [Action::End(end)]);
    }
    let mut spent = schedule(&tasks, Rules { tokens: Some(10), ..rules() });
    spent.handle(Input::Tick, NOW);
    spent.count_tokens(11);
    assert_eq!(
        spent.handle(Input::Passed(0), NOW),
        [Action::End(EndReason::OutOfTokens)],
        "nothing more begins"
    );
    let mut late = schedule(&tasks[..1], Rules { deadline: Some(second), ..rules() });
    late.handle(Input::Tick, NOW);
    assert_eq!(
        late.handle(Input::Passed(0), second),
        [Action::End(EndReason::Done)],
        "it was through in time"
    );
}

#[test]
fn a_run_that_somebody_cancels_is_a_failure_like_others() {
    let mut flow = schedule(&[runs(&[], &[]), runs(&[], &[])], rules());
    flow.handle(Input::Tick, NOW);
    assert_eq!(flow.handle(Input::Cancelled(1), NOW), [Cancel(0)]);
    assert_eq!(flow.handle(Input::Cancelled(0), NOW), [Action::End(EndReason::Cancelled)]);
    let mut finish =
        schedule(&[runs(&[], &[]), runs(&[], &[])], Rules { on_failure: OnFailure::Finish, ..rules() });
    finish.handle(Input::Tick, NOW);
    assert_eq!(finish.handle(Input::Cancelled(1), NOW), []);
    assert_eq!(finish.handle(Input::Passed(0), NOW), [Action::End(EndReason::Failed)]);
}

/// What is drawn for a step: needs among those before it, scope, kind, retries.
type Drawn = (Vec<prop::sample::Index>, Vec<&'static str>, u8, u32);

/// A flow in which each step needs some of those before it.
fn any_flow() -> impl Strategy<Value = (Vec<Task>, Rules)> {
    let scopes = prop::sample::subsequence(vec!["src/", "src/a.rs", "docs/*.md", "docs/", "lib/x/"], 0..=2);
    let task = (prop::collection::vec(any::<prop::sample::Index>(), 0..3), scopes, 0..10_u8, 0..2_u32);
    let flow = prop::collection::vec(task, 1..12).prop_map(|drawn| {
        let task = |(at, (needs, scope, kind, retries)): (usize, Drawn)| {
            let needs: BTreeSet<usize> =
                needs.iter().filter(|_| at > 0).map(|need| need.index(at.max(1))).collect();
            let kind = match kind {
                0 => Kind::Asks,
                1..=3 => Kind::Isolated { lands_in: (kind > 1).then(|| TREE.to_owned()) },
                _ => Kind::Runs {
                    tree: if kind == 4 {
                        "/other"
                    } else if kind == 5 {
                        INNER
                    } else {
                        TREE
                    }
                    .to_owned(),
                    scope: scope.into_iter().map(str::to_owned).collect(),
                },
            };
            Task { needs: needs.into_iter().collect(), kind, retries }
        };
        drawn.into_iter().enumerate().map(task).collect()
    });
    let rules = (1..5_usize, any::<bool>()).prop_map(|(runs, finish)| Rules {
        runs,
        on_failure: if finish { OnFailure::Finish } else { OnFailure::Stop },
        tokens: None,
        deadline: None,
    });
    (flow, rules)
}

/// Scopes from the root of the file system on.
fn whole(tree: &str, scope: &[String]) -> Vec<String> {
    scope.iter().map(|entry| format!("{tree}/{entry}")).collect()
}

/// Plays a flow to its end; `luck` decides who is through next, and how.
struct Play {
    tasks: Vec<Task>,
    rules: Rules,
    schedule: Schedule,
    begun: Vec<u32>,
    interrupted: Vec<u32>,
    luck: Vec<u8>,
}

impl Play {
    fn lucky(&mut self) -> usize {
        usize::from(self.luck.pop().unwrap_or(0))
    }

    /// What is under way and how it may go on.
    fn next_input(&mut self) -> Option<Input> {
        let of = |stand: Stand| {
            let stands = self.schedule.stands().iter().enumerate();
            stands.filter(|(_, now)| **now == stand).map(|(step, _)| step).collect::<Vec<_>>()
        };
        let (running, landing, asking) = (of(Stand::Running), of(Stand::Landing), of(Stand::Asking));
        let mut possible: Vec<Input> = Vec::new();
        for step in running {
            if self.tasks[step].kind == Kind::Asks {
                return Some(Input::Asked(step));
            }
            possible.extend([
                Input::Passed(step),
                Input::Passed(step),
                Input::Failed(step, Again::MayHelp),
                Input::Skipped(step),
                Input::InTheWay(step),
                Input::Interrupted(step),
                Input::Cancelled(step),
            ]);
        }
        possible.extend(landing.into_iter().flat_map(|step| [Input::Landed(step), Input::NotLanded(step)]));
        possible.extend(asking.into_iter().map(Input::Passed));
        let luck = self.lucky();
        (!possible.is_empty()).then(|| possible[luck % possible.len()])
    }

    fn check(&mut self, actions: &[Action]) {
        let stands = self.schedule.stands().to_vec();
        for action in actions {
            if let Begin(step) = action {
                self.begun[*step] += 1;
                let through = |need: &usize| matches!(stands[*need], Stand::Passed | Stand::Skipped);
                assert!(self.tasks[*step].needs.iter().all(through), "{step} began before its needs");
            }
        }
        let under_way: Vec<usize> =
            (0..stands.len()).filter(|step| stands[*step] == Stand::Running).collect();
        let runs = || under_way.iter().filter(|step| self.tasks[**step].kind != Kind::Asks);
        assert!(runs().count() <= self.rules.runs, "too many at once");
        for (one, other) in runs().flat_map(|one| runs().map(move |other| (one, other))) {
            if let (Kind::Runs { tree: mine, scope }, Kind::Runs { tree: theirs, scope: other_scope }) =
                (&self.tasks[*one].kind, &self.tasks[*other].kind)
            {
                let apart =
                    one == other || scope_overlap(&whole(mine, scope), &whole(theirs, other_scope)).is_none();
                assert!(apart, "{one} and {other} write in one place");
            }
        }
        let landing: Vec<usize> = (0..stands.len()).filter(|step| stands[*step] == Stand::Landing).collect();
        assert!(landing.len() <= 1);
        let in_tree = |step: &&usize| matches!(&self.tasks[**step].kind, Kind::Runs { tree, .. } if tree == TREE || tree == INNER);
        assert!(landing.is_empty() || runs().find(in_tree).is_none(), "something lands beside a run");
    }

    fn play_to_the_end(mut self) -> (EndReason, Vec<Stand>, Vec<u32>, Vec<u32>) {
        let mut actions = self.schedule.handle(Input::Tick, NOW);
        for _ in 0..1000 {
            self.check(&actions);
            let ended = actions.iter().find_map(|action| match action {
                Action::End(end) => Some(*end),
                Begin(_) | Land(_) | Cancel(_) => None,
            });
            if let Some(end) = ended.filter(|end| *end != EndReason::Waiting) {
                return (end, self.schedule.stands().to_vec(), self.begun, self.interrupted);
            }
            let input = self.next_input().expect("what has not ended has something under way");
            if let Input::Interrupted(step) = input {
                self.interrupted[step] += 1;
            }
            actions = self.schedule.handle(input, NOW);
        }
        panic!("it never ends: {:?}", self.schedule);
    }
}

proptest! {
    #[test]
    fn every_flow_keeps_its_order_and_its_places_and_comes_to_an_end(
        (tasks, rules) in any_flow(),
        luck in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let count = tasks.len();
        let play = Play {
            schedule: Schedule::new(tasks.clone(), rules), tasks: tasks.clone(), rules, begun: vec![0; count], interrupted: vec![0; count], luck,
        };
        let (end, stands, begun, interrupted) = play.play_to_the_end();
        // Once, once for each retry, once more for who was in the way, and whenever it was interrupted.
        for (step, begun) in begun.iter().enumerate() {
            prop_assert!(*begun <= 2 + tasks[step].retries + interrupted[step]);
        }
        let through = stands.iter().all(|stand| matches!(stand, Stand::Passed | Stand::Skipped));
        prop_assert_eq!(through, end == EndReason::Done);
        for (step, task) in tasks.iter().enumerate() {
            let fed = task.needs.iter().all(|need| matches!(stands[*need], Stand::Passed | Stand::Skipped));
            // Whoever lets the others finish leaves nothing undone that could be done.
            let left = rules.on_failure == OnFailure::Finish && stands[step] == Stand::Waiting && fed;
            prop_assert!(!left, "{} was never begun", step);
        }
    }
}
