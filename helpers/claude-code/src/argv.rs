//! The arguments of `claude -p` for a conversation over its standard streams. Knows no defaults of ours.

use std::path::PathBuf;

use crate::tool::EDITING;

/// Which conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Session {
    /// A new one.
    #[default]
    New,
    /// This one goes on.
    Resume(String),
    /// A copy of this one.
    Fork(String),
}

/// What Claude Code is started for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asking {
    /// Which conversation.
    pub session: Session,
    /// Whether nothing of it is kept on disk.
    pub ephemeral: bool,
    /// A model's name or alias.
    pub model: Option<String>,
    /// `low` … `max`; what it does not know Claude Code ignores, with a warning.
    pub effort: Option<String>,
    /// More words for its system prompt.
    pub instructions: Option<String>,
    /// The JSON Schema of the answer, as JSON.
    pub schema: Option<String>,
    /// The permission mode.
    pub permission_mode: String,
    /// The tools that it has; others do not exist for it.
    pub tools: Vec<String>,
    /// What it may use without asking, as rules of its own.
    pub allowed: Vec<String>,
    /// Whether it asks for every change of a file, whatever the user's settings allow.
    pub asks_for_edits: bool,
    /// Directories besides the working one that it may look at.
    pub more_directories: Vec<PathBuf>,
    /// Whether an answer comes in pieces.
    pub in_pieces: bool,
}

impl Asking {
    /// Its arguments. The user's MCP servers are not started and their skills not offered: neither is asked for.
    pub fn argv(&self) -> Vec<std::ffi::OsString> {
        let mut argv: Vec<std::ffi::OsString> = [
            "-p",
            "--input-format=stream-json",
            "--output-format=stream-json",
            "--verbose",
            "--permission-prompt-tool=stdio",
            "--strict-mcp-config",
            "--disable-slash-commands",
        ]
        .map(Into::into)
        .into();
        // In one word each: values may begin with a dash, and lists would swallow what follows.
        let mut option = |name: &str, value: &std::ffi::OsStr| {
            let mut word = std::ffi::OsString::from(format!("--{name}="));
            word.push(value);
            argv.push(word);
        };
        option("permission-mode", self.permission_mode.as_ref());
        option("tools", self.tools.join(",").as_ref());
        for (name, value) in [
            ("model", &self.model),
            ("effort", &self.effort),
            ("append-system-prompt", &self.instructions),
            ("json-schema", &self.schema),
        ] {
            if let Some(value) = value {
                option(name, value.as_ref());
            }
        }
        for rule in &self.allowed {
            option("allowed-tools", rule.as_ref());
        }
        for directory in &self.more_directories {
            option("add-dir", directory.as_ref());
        }
        if self.asks_for_edits {
            let ask = format!(r#"{{"permissions":{{"ask":["{}"]}}}}"#, EDITING.join(r#"",""#));
            option("settings", ask.as_ref());
        }
        if let Session::Resume(id) | Session::Fork(id) = &self.session {
            option("resume", id.as_ref());
        }
        let switches = [
            ("--fork-session", matches!(self.session, Session::Fork(_))),
            ("--no-session-persistence", self.ephemeral),
            ("--include-partial-messages", self.in_pieces),
        ];
        argv.extend(switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.into()));
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(asking: &Asking) -> String {
        let fixed = 7;
        let argv = asking.argv().split_off(fixed);
        argv.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_not_asked_for_is_not_said() {
        let asking =
            Asking { permission_mode: "manual".into(), tools: vec!["Read".into()], ..Asking::default() };
        assert_eq!(words(&asking), "--permission-mode=manual --tools=Read");
    }

    #[test]
    fn each_wish_has_its_word() {
        let asking = Asking {
            session: Session::Fork("s1".into()),
            ephemeral: true,
            model: Some("sonnet".into()),
            effort: Some("low".into()),
            instructions: Some("-x".into()),
            schema: Some("{}".into()),
            permission_mode: "plan".into(),
            tools: vec!["Read".into(), "Bash".into()],
            allowed: vec!["Bash(git log:*)".into(), "Bash(ls)".into()],
            asks_for_edits: true,
            more_directories: vec!["/a b".into()],
            in_pieces: true,
        };
        let wanted = "--permission-mode=plan --tools=Read,Bash --model=sonnet --effort=low \
                      --append-system-prompt=-x --json-schema={} --allowed-tools=Bash(git log:*) \
                      --allowed-tools=Bash(ls) --add-dir=/a b \
                      --settings={\"permissions\":{\"ask\":[\"Edit\",\"Write\",\"NotebookEdit\"]}} \
                      --resume=s1 --fork-session --no-session-persistence --include-partial-messages";
        assert_eq!(words(&asking), wanted);
        let resumed = Asking { session: Session::Resume("s1".into()), ..Asking::default() };
        assert_eq!(words(&resumed), "--permission-mode= --tools= --resume=s1");
    }
}
