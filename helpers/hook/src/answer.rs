//! What a hook can say to Claude Code, and how it is written. What an answer means stands in the variant; which
//! fields of Claude Code's say so is known here only.

use serde::Serialize;

/// What is said to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing: stdout stays empty.
    Nothing,
    /// To `SessionStart`: what Claude reads with the session's beginning, and what the user reads.
    SessionBegun {
        /// For Claude.
        context: Option<String>,
        /// For the user.
        note: Option<String>,
    },
    /// To `UserPromptSubmit`: Claude reads this with the prompt.
    PromptContext(String),
    /// To `UserPromptExpansion`: the user reads this, and the model is not asked.
    InsteadOfModel(String),
    /// To `PreToolUse`: the tool is not used, and Claude reads why.
    ToolDenied(String),
    /// To `PreToolUse`: nothing is decided, and Claude reads this.
    ToolNoted(String),
    /// To `Stop`: Claude goes on, with this to do.
    StopBlocked(String),
    /// To any event: the user reads this, Claude does not.
    UserNote(String),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hook_specific_output: Option<OfEvent<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "hookEventName", rename_all_fields = "camelCase")]
enum OfEvent<'a> {
    SessionStart {
        additional_context: &'a str,
    },
    UserPromptSubmit {
        additional_context: &'a str,
    },
    UserPromptExpansion {
        suppress_original_prompt: bool,
    },
    PreToolUse {
        #[serde(skip_serializing_if = "Option::is_none")]
        permission_decision: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        permission_decision_reason: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        additional_context: Option<&'a str>,
    },
}

impl Answer {
    /// The JSON of it; none where nothing is said.
    pub fn encoded(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(&self.written()?).ok()
    }

    fn written(&self) -> Option<Written<'_>> {
        let nothing =
            Written { decision: None, reason: None, system_message: None, hook_specific_output: None };
        let of_event = |output| Written { hook_specific_output: Some(output), ..nothing };
        let blocked = |reason, output| Written {
            decision: Some("block"),
            reason: Some(reason),
            hook_specific_output: output,
            ..nothing
        };
        Some(match self {
            Self::Nothing | Self::SessionBegun { context: None, note: None } => return None,
            Self::SessionBegun { context, note } => Written {
                system_message: note.as_deref(),
                hook_specific_output: context
                    .as_deref()
                    .map(|additional_context| OfEvent::SessionStart { additional_context }),
                ..nothing
            },
            Self::PromptContext(text) => of_event(OfEvent::UserPromptSubmit { additional_context: text }),
            Self::InsteadOfModel(text) => {
                blocked(text, Some(OfEvent::UserPromptExpansion { suppress_original_prompt: true }))
            }
            Self::ToolDenied(reason) => of_event(OfEvent::PreToolUse {
                permission_decision: Some("deny"),
                permission_decision_reason: Some(reason),
                additional_context: None,
            }),
            Self::ToolNoted(text) => of_event(OfEvent::PreToolUse {
                permission_decision: None,
                permission_decision_reason: None,
                additional_context: Some(text),
            }),
            Self::StopBlocked(reason) => blocked(reason, None),
            Self::UserNote(text) => Written { system_message: Some(text), ..nothing },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_is_written_in_claude_codes_words() {
        let said = |answer: &Answer| answer.encoded().map(|bytes| String::from_utf8(bytes).unwrap());
        let text = || "a \"b\"\n\u{7}".to_owned();
        assert_eq!(said(&Answer::Nothing), None);
        assert_eq!(said(&Answer::SessionBegun { context: None, note: None }), None);
        for (answer, wanted) in [
            (
                Answer::SessionBegun { context: Some(text()), note: None },
                r#"{"hookSpecificOutput":{"hookEventName":"SessionStart","additionalContext":"a \"b\"\n\u0007"}}"#,
            ),
            (
                Answer::SessionBegun { context: Some("c".into()), note: Some("n".into()) },
                r#"{"systemMessage":"n","hookSpecificOutput":{"hookEventName":"SessionStart","additionalContext":"c"}}"#,
            ),
            (
                Answer::PromptContext(text()),
                r#"{"hookSpecificOutput":{"hookEventName":"UserPromptSubmit","additionalContext":"a \"b\"\n\u0007"}}"#,
            ),
            (
                Answer::InsteadOfModel(text()),
                r#"{"decision":"block","reason":"a \"b\"\n\u0007","hookSpecificOutput":{"hookEventName":"UserPromptExpansion","suppressOriginalPrompt":true}}"#,
            ),
            (
                Answer::ToolDenied(text()),
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"a \"b\"\n\u0007"}}"#,
            ),
            (
                Answer::ToolNoted(text()),
                r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":"a \"b\"\n\u0007"}}"#,
            ),
            (Answer::StopBlocked(text()), r#"{"decision":"block","reason":"a \"b\"\n\u0007"}"#),
            (Answer::UserNote(text()), r#"{"systemMessage":"a \"b\"\n\u0007"}"#),
        ] {
            assert_eq!(said(&answer).as_deref(), Some(wanted));
        }
    }
}
