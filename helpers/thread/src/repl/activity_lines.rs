//! How what happens in a turn looks: one line each, but for what Codex says, which is shown whole elsewhere. Pure.

use clodex_core::{CommandStatus, Event, FileChange, PatchStatus, StyledLine, Tone, Usage};

use crate::question_prompt::named;

/// The line for something that happened; none where a person needs not know.
pub fn shown(event: &Event<'_>, workdir: &str) -> Option<StyledLine> {
    Some(match event {
        Event::CommandStarted { command, .. } => activity(Tone::Dim, "$ ", command),
        Event::CommandEnded { command, exit_code, status, output, .. } => {
            return command_ended(command, *exit_code, *status, output);
        }
        Event::FilesChanged { changes, status, .. } => files(changes, *status, workdir),
        Event::ToolStarted { name, about, .. } if about.is_empty() => activity(Tone::Dim, "", name),
        Event::ToolStarted { name, about, .. } => activity(Tone::Dim, "", &format!("{name}: {about}")),
        Event::ToolEnded { name, ok: false, .. } => activity(Tone::Warn, "failed: ", name),
        Event::Plan { done, of } => activity(Tone::Dim, "", &format!("{done} of {of} steps done")),
        Event::Reasoning { text } => {
            let first = text.lines().find(|line| !line.trim().is_empty())?;
            activity(Tone::Dim, "", first.trim().trim_matches('*'))
        }
        Event::Warning { message } => activity(Tone::Warn, "warning: ", message),
        Event::Reconnecting { message } => activity(Tone::Warn, "", message),
        Event::ThreadStarted { .. }
        | Event::TurnStarted
        | Event::Message { .. }
        | Event::FilesChanging { .. }
        | Event::ToolEnded { ok: true, .. }
        | Event::TokensUsed { .. }
        | Event::TurnCompleted { .. }
        | Event::TurnFailed { .. }
        | Event::Error { .. }
        | Event::Unknown { .. }
        | Event::Garbage => return None,
    })
}

/// Set apart from what Codex says.
pub fn activity(tone: Tone, begin: &str, text: &str) -> StyledLine {
    let mut line = StyledLine::new();
    line.push(tone, "  ").push(tone, begin).push_elastic(tone, text);
    line
}

/// Of a command that went well its start was enough.
fn command_ended(
    command: &str,
    exit_code: Option<i32>,
    status: CommandStatus,
    output: &str,
) -> Option<StyledLine> {
    let begin = match (status, exit_code) {
        (CommandStatus::Completed, None | Some(0)) => return None,
        (CommandStatus::Declined, _) => return Some(activity(Tone::Warn, "declined: ", command)),
        (CommandStatus::Completed | CommandStatus::Failed, Some(code)) => format!("exit {code}: "),
        (CommandStatus::Failed, None) => "failed: ".to_owned(),
    };
    let last = output.lines().rev().find(|line| !line.trim().is_empty());
    Some(activity(Tone::Warn, &begin, last.unwrap_or(command)))
}

fn files(changes: &[FileChange<'_>], status: PatchStatus, workdir: &str) -> StyledLine {
    let named: Vec<String> = changes.iter().map(|change| named(change, workdir)).collect();
    let (tone, begin) = match status {
        PatchStatus::Completed => (Tone::Plain, ""),
        PatchStatus::Failed => (Tone::Warn, "not written: "),
    };
    activity(tone, begin, &named.join(", "))
}

/// What a turn took, as its last line says it.
pub fn took(seconds: f64, tokens: Usage) -> String {
    let all = tokens.input + tokens.output;
    if all == 0 { format!("{seconds:.1} s") } else { format!("{seconds:.1} s, {all} tokens") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clodex_core::{ChangeKind, Colour};

    fn line(event: &Event<'_>) -> Option<String> {
        shown(event, "/p").map(|line| line.render(60, Colour::Off))
    }

    fn ended(exit_code: Option<i32>, status: CommandStatus, output: &str) -> Option<String> {
        line(&Event::CommandEnded {
            item: "1".into(),
            command: "make".into(),
            exit_code,
            status,
            output: output.into(),
        })
    }

    #[test]
    fn a_command_is_told_at_its_start_and_at_its_end_only_if_it_failed() {
        let started = Event::CommandStarted { item: "1".into(), command: "make\n\x1b[2J-j2".into() };
        assert_eq!(line(&started).unwrap(), "  $ make [2J-j2");
        assert_eq!(ended(Some(0), CommandStatus::Completed, "fine"), None);
        assert_eq!(ended(Some(2), CommandStatus::Failed, "a\nno rule\n\n").unwrap(), "  exit 2: no rule");
        assert_eq!(ended(Some(2), CommandStatus::Completed, "").unwrap(), "  exit 2: make");
        assert_eq!(ended(None, CommandStatus::Declined, "").unwrap(), "  declined: make");
    }

    #[test]
    fn files_are_named_from_the_work_directory() {
        let change = |path: &'static str, kind| FileChange { path: path.into(), kind };
        let changes = vec![
            change("/p/a", ChangeKind::Add),
            change("/q", ChangeKind::Delete),
            change("/pq", ChangeKind::Update),
        ];
        let of = |status| Event::FilesChanged { item: "1".into(), changes: changes.clone(), status };
        assert_eq!(line(&of(PatchStatus::Completed)).unwrap(), "  new a, deleted /q, changed /pq");
        assert_eq!(line(&of(PatchStatus::Failed)).unwrap(), "  not written: new a, deleted /q, changed /pq");
    }

    #[test]
    fn thoughts_are_one_line_and_what_is_not_known_none() {
        let thought = Event::Reasoning { text: "\n**Reading the parser**\n\nFirst …".into() };
        assert_eq!(line(&thought).unwrap(), "  Reading the parser");
        assert_eq!(line(&Event::Unknown { kind: "plan".into() }), None);
        let long = Event::Warning { message: "x".repeat(100).into() };
        assert_eq!(clodex_core::text_width(&line(&long).unwrap()), 60);
    }

    #[test]
    fn what_a_turn_took_is_short() {
        let tokens = Usage { input: 1200, cached_input: 0, output: 1, reasoning: 0 };
        assert_eq!(took(2.04, tokens), "2.0 s, 1201 tokens");
        assert_eq!(took(2.04, Usage { input: 0, cached_input: 0, output: 0, reasoning: 0 }), "2.0 s");
    }
}
