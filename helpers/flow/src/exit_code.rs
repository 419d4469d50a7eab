//! What the process of a flow exits with. Pure; the order in which codes count is the common table's.

use clodex_core::{ExitCode, Verdict};

use crate::end_reason::EndReason;
use crate::flow_state::{FlowState, StepState};
use crate::schedule::Stand;

/// What the process of a flow exits with: of its end and of the steps that failed, what counts in the common table. Steps
/// that it ended itself say nothing as long as one failed.
pub fn exit_code(end: EndReason, flow_state: &FlowState) -> ExitCode {
    let any = |wanted: Stand| flow_state.steps.values().any(|known| known.stand == wanted);
    let of_end = match end {
        EndReason::Done => ExitCode::Done,
        EndReason::Waiting => ExitCode::NotDelivered,
        EndReason::Cancelled => ExitCode::Cancelled,
        EndReason::OutOfTime | EndReason::OutOfTokens => ExitCode::Watchdog,
        EndReason::Failed if any(Stand::Failed) => ExitCode::Done,
        EndReason::Failed if any(Stand::Cancelled) => ExitCode::Cancelled,
        EndReason::Failed => ExitCode::TurnFailed,
    };
    let failed = flow_state.steps.values().filter(|known| known.stand == Stand::Failed).map(code_of_failed);
    ExitCode::that_counts(failed.chain([of_end]))
}

fn code_of_failed(known: &StepState) -> ExitCode {
    let Some(facts) = &known.facts else { return ExitCode::Usage };
    match (facts.verdict, ExitCode::of(facts.exit_code)) {
        (Some(Verdict::Violation | Verdict::Unknown), _) => ExitCode::Violation,
        (_, _) if known.not_landed.is_some() => ExitCode::Refused,
        // A run that ended well, and whose gate did not let it pass.
        (_, Some(ExitCode::Done)) => ExitCode::NotDelivered,
        (_, Some(code)) => code,
        (_, None) => ExitCode::TurnFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::facts::tests::well;
    use crate::flow_state::NotLanded;
    use crate::flow_state::tests::begun;

    #[test]
    fn the_exit_code_is_the_one_that_counts_of_the_end_and_of_what_failed() {
        use EndReason::{Cancelled, Done, Failed, OutOfTime, OutOfTokens, Waiting};
        let with = |code: i32, stand: Stand| StepState {
            stand,
            facts: Some(Facts { exit_code: code, ..well() }),
            ..StepState::default()
        };
        let failed = |code: i32| with(code, Stand::Failed);
        let not_landed = || StepState {
            not_landed: Some(NotLanded { why: String::new(), in_the_way: vec![] }),
            ..failed(0)
        };
        let violation = || StepState {
            facts: Some(Facts { verdict: Some(Verdict::Violation), exit_code: 130, ..well() }),
            ..failed(0)
        };
        let mut flow_state = FlowState::of(&[begun(&["a"])]).unwrap();
        for (end, steps, wanted) in [
            (Failed, vec![failed(0)], 8),
            (Failed, vec![failed(8), failed(1)], 1),
            (Failed, vec![failed(1), violation(), not_landed()], 6),
            (Failed, vec![failed(8), not_landed()], 7),
            (Failed, vec![StepState { facts: None, ..failed(0) }], 2),
            (Failed, vec![failed(137)], 1),
            // What the flow ended itself says nothing.
            (Failed, vec![failed(0), with(130, Stand::Cancelled)], 8),
            (Failed, vec![with(130, Stand::Cancelled)], 130),
            (OutOfTime, vec![violation()], 6),
            (OutOfTokens, vec![failed(8)], 4),
            (Cancelled, vec![violation()], 6),
            (Cancelled, vec![failed(8), with(130, Stand::Cancelled)], 130),
            (Waiting, vec![violation()], 6),
            (Waiting, vec![], 8),
            (Done, vec![with(0, Stand::Passed)], 0),
        ] {
            flow_state.steps =
                steps.into_iter().enumerate().map(|(at, step)| (at.to_string(), step)).collect();
            assert_eq!(i32::from(exit_code(end, &flow_state)), wanted, "{end:?} {:?}", flow_state.steps);
        }
    }
}
