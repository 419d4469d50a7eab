//! What must not reach a Claude Code from a session around it, and what it has to be told.

/// Variables that Claude Code sets for what it starts: they name a session, its socket and its token. In 2.1.329 a
/// Claude Code that inherits them works (measured, one by one and together), but its session-env file would be its
/// parent's, and an older or newer one may take itself for a part of the session that it was started in.
pub const OF_A_SESSION: [&str; 15] = [
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_EFFORT",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_PLUGIN_ROOT",
    "CLAUDE_PROJECT_DIR",
];

/// Makes `@FILE` in a prompt text like any other. Claude Code puts such a file into the conversation and asks nobody,
/// wherever it lies (measured). Its notes about the plan mode are attachments, too; a project's `CLAUDE.md` and what
/// hooks add are not.
pub const NO_ATTACHMENTS: (&str, &str) = ("CLAUDE_CODE_DISABLE_ATTACHMENTS", "1");
