//! `UserPromptExpansion`: the commands that only show or end runs are answered by their helper, without the model.
//! Where that cannot be done nothing is said, and the command's own Markdown does it.

use std::time::Duration;

use crate::event::PromptExpansion;
use crate::run_helper::HelperCall;
use crate::split_arguments::split_arguments;
use crate::{Answer, HookContext};

const LOOK_PATIENCE: Duration = Duration::from_secs(10);
/// A cancelled run's verdict may take a minute.
const CANCEL_PATIENCE: Duration = Duration::from_secs(100);
/// Claude Code shows an answer indented.
const INDENTED: usize = 4;

/// Answers the event.
pub fn user_prompt_expansion(expanded: &PromptExpansion<'_>, around: &HookContext) -> Answer {
    let Some((helper, patience)) = answered_by(&expanded.command_name) else { return Answer::Nothing };
    let columns = around.claude_pid.and_then(clodex_os::terminal_columns_of);
    let columns = columns.map(|columns| columns.saturating_sub(INDENTED).max(1));
    let said = helper.output(&split_arguments(&expanded.command_args), patience, columns);
    said.map_or(Answer::Nothing, Answer::InsteadOfModel)
}

/// The helper that answers a command, by its whole or its bare name.
fn answered_by(command: &str) -> Option<(HelperCall, Duration)> {
    let look = |name| Some((HelperCall { program: "clodex-status", name }, LOOK_PATIENCE));
    match command.strip_prefix("clodex:").unwrap_or(command) {
        "clodex-status" => look("clodex-status"),
        "clodex-result" => look("clodex-result"),
        "clodex-debug" => look("clodex-debug"),
        "clodex-cancel" => {
            Some((HelperCall { program: "clodex-control", name: "clodex-cancel" }, CANCEL_PATIENCE))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_bare_names_are_answered_and_no_others() {
        for name in ["clodex-status", "clodex-result", "clodex-debug", "clodex-cancel"] {
            let (helper, _) = answered_by(name).unwrap();
            assert_eq!(helper.name, name);
            assert_eq!(answered_by(&format!("clodex:{name}")).unwrap().0, helper);
        }
        for name in
            ["", "clodex:", "clodex-apply", "other:clodex-status", "clodex:clodex:clodex-status", "status"]
        {
            assert_eq!(answered_by(name), None, "{name}");
        }
    }
}
