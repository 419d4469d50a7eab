//! What Codex is told: a short contract for its role, the task to the byte, and the form of the answer.
//! Knows nothing of how the prompt gets there.

use std::fmt::Write as _;

use crate::{Mode, Network};

/// Injected documents larger than this together are refused.
pub const DOCS_MAX_BYTES: usize = 64 * 1024;

/// Everything a prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// What Codex is in this run.
    pub mode: Mode,
    /// What it shall do.
    pub task: Task<'a>,
    /// The paths a worker may change, as the user wrote them; read-only modes have none.
    pub write_scope: &'a [&'a str],
    /// What its commands may reach.
    pub network: &'a Network,
    /// Whether a worker may commit.
    pub allow_commit: bool,
    /// Documents of the project to read first.
    pub docs: &'a [ProjectDoc<'a>],
    /// What the final message must be.
    pub answer: AnswerForm,
}

/// The task, in the words of whoever set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task<'a> {
    /// A whole packet.
    Packet(&'a str),
    /// Free text.
    Free(&'a str),
}

/// What the final message must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// JSON that follows [`crate::Claim::SCHEMA`].
    Claim,
    /// JSON that follows a schema of the user's own.
    OwnSchema,
}

/// A document of the project (CLAUDE.md, AGENTS.md) that is put into the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProjectDoc<'a> {
    /// File name as shown.
    pub name: &'a str,
    /// Its whole text.
    pub text: &'a str,
}

/// Why documents cannot be injected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocsError {
    /// Not a text.
    #[error(
        "cannot inject `{name}`: byte at offset {offset} is not UTF-8\n  hint: save it as UTF-8, or leave out --inject-docs"
    )]
    NotUtf8 {
        /// File name.
        name: String,
        /// Of the first bad byte.
        offset: usize,
    },
    /// Too much.
    #[error(
        "cannot inject documents: {sizes} are {total} bytes together, more than {DOCS_MAX_BYTES}\n  hint: inject one of them (--inject-docs=claude or =agents), or name them in the task and let Codex read them"
    )]
    TooLarge {
        /// Each name and its bytes.
        sizes: String,
        /// All bytes.
        total: usize,
    },
}

impl<'a> ProjectDoc<'a> {
    /// Takes files as they were read, `(name, bytes)`; all must be text, and together below [`DOCS_MAX_BYTES`].
    pub fn checked(files: &[(&'a str, &'a [u8])]) -> Result<Vec<Self>, DocsError> {
        let total = files.iter().map(|(_, bytes)| bytes.len()).sum();
        if total > DOCS_MAX_BYTES {
            let sizes = files.iter().map(|(name, bytes)| format!("{name} ({} bytes)", bytes.len()));
            return Err(DocsError::TooLarge { sizes: sizes.collect::<Vec<_>>().join(", "), total });
        }
        let doc = |(name, bytes): &(&'a str, &'a [u8])| match str::from_utf8(bytes) {
            Ok(text) => Ok(Self { name, text }),
            Err(error) => Err(DocsError::NotUtf8 { name: (*name).to_owned(), offset: error.valid_up_to() }),
        };
        files.iter().map(doc).collect()
    }
}

impl Prompt<'_> {
    /// The prompt as Codex gets it. The task and the documents are in it to the byte.
    pub fn render(&self) -> String {
        let mut prompt = String::new();
        push_section(&mut prompt, &format!("Your role: {}", self.mode), &self.role());
        push_section(&mut prompt, "Your answer", self.answer_contract());
        for doc in self.docs {
            let title = format!("Project document: {} ({} bytes)", doc.name, doc.text.len());
            push_section(&mut prompt, &title, &fenced(doc.text));
        }
        let (title, text) = match self.task {
            Task::Packet(text) => ("The task packet, verbatim", text),
            Task::Free(text) => ("The task, verbatim", text),
        };
        push_section(&mut prompt, title, &fenced(text));
        prompt
    }

    fn role(&self) -> String {
        let mut role = format!("{ROLE}\n");
        match self.mode {
            Mode::Worker => {
                role.push_str(WORKER_SCOPE);
                for path in self.write_scope {
                    let _ = writeln!(role, "  - {}", code(path));
                }
                role.push_str(WORKER_RULES);
                role.push_str(if self.allow_commit { MAY_COMMIT } else { MAY_NOT_COMMIT });
            }
            Mode::Verifier => role.extend([VERIFIER, READ_ONLY_RULES]),
            Mode::Reviewer => role.extend([REVIEWER, READ_ONLY_RULES]),
            Mode::Synthesizer => role.extend([SYNTHESIZER, READ_ONLY_RULES]),
        }
        role.push_str(SANDBOX_RULES);
        role.push_str(&self.network_rule());
        role
    }

    fn network_rule(&self) -> String {
        match self.network {
            Network::Off => NETWORK_OFF.to_owned(),
            Network::On => format!("{NETWORK_ON}{PAST_THE_PROXY}"),
            Network::Domains(domains) => {
                let domains: Vec<String> = domains.iter().map(|domain| code(domain)).collect();
                format!("{NETWORK_DOMAINS}{}.\n{PAST_THE_PROXY}", domains.join(", "))
            }
        }
    }

    fn answer_contract(&self) -> &'static str {
        match self.answer {
            AnswerForm::Claim => CLAIM,
            AnswerForm::OwnSchema => OWN_SCHEMA,
        }
    }
}

const ROLE: &str = "\
You do one bounded piece of work. A lead has planned it, wrote the task below and acts on your report; nobody can answer \
you while you work. What the task leaves open, decide as a careful senior engineer of this project would, and say so in \
the report. When it cannot be done as written, stop early and say what is in the way: an honest `blocked` is worth more \
than a guess.
";

const WORKER_SCOPE: &str = "\
- You may create, change and delete files here only (relative to the work directory):
";

const WORKER_RULES: &str = "\
- When you have ended, everything else is compared with what it was: files, index, history, refs, git configuration. One \
change outside fails the run, however good the work is. If the work needs one, leave it undone and report it. Outputs of \
builds and tests in their usual git-ignored directories are no change.
- What the task excludes (NON-GOALS) binds as much as its objective. Make the smallest change that is right.
- Others may work in this tree. Leave alone what you did not change: no restoring, stashing, reformatting, cleaning up.
- Run the verification that the task asks for, and report each command with its real result. What could not run is `could \
not run` with the reason, neither passed nor failed. Never weaken a check to make it pass.
- Whatever you start ends with you: leave no process behind.
";

const MAY_NOT_COMMIT: &str = "\
- Leave the changes uncommitted: `git add`, `git commit`, `git stash` and `git checkout` are refused.
";

const MAY_COMMIT: &str = "\
- You may `git add` and `git commit` what is in scope, on the current branch. Leave other branches, tags, stashes, earlier \
commits, hooks and git's configuration as they are.
";

const SANDBOX_RULES: &str = "\
- The sandbox refuses some things; do not try to get around it. `rm -f` and `rm -rf`: use `rm` and `rm -r`. `cargo clean`: \
not needed, and it cannot remove the directory itself. Scratch files go into `$TMPDIR`. `Read-only file system` means that \
the path is not yours to write.
";

const NETWORK_OFF: &str = "\
- There is no network but loopback: what needs more could not run.
";

const NETWORK_ON: &str = "\
- Public hosts can be reached through the proxy that the environment names; this machine's own services cannot.
";

const PAST_THE_PROXY: &str = "\
- The proxy refuses loopback: a command that talks HTTP to a server of its own needs `NO_PROXY=localhost,127.0.0.1,::1` and \
`no_proxy` before it.
";

const NETWORK_DOMAINS: &str = "\
- Through the proxy that the environment names these domains can be reached, and nothing else: \
";

const VERIFIER: &str = "\
- Find out whether the work holds. Run what the task names and what else could show it false; look at the results, not at \
what anybody says of them.
- Tell apart: passed, failed (with command, exit code and the lines that matter), could not run (with the reason).
";

const REVIEWER: &str = "\
- Read what the task names and the code around it, and look for what is wrong: mistakes first, then risks, then what is \
needlessly hard.
- Report what you have confirmed, worst first, each with file, line, what goes wrong and when. Keep suspicions apart. \
`No findings` is a good answer when it is true.
";

const SYNTHESIZER: &str = "\
- Read the results that the task names and make one answer of them. Where they disagree, say so, and side with the better \
evidence, not with the majority.
- Check what the answer rests on yourself where you can. Add nothing that none of them and no file supports.
";

const READ_ONLY_RULES: &str = "\
- Change nothing: no file, no index, no commit, no repair. Everything is compared with what it was when you have ended, and \
a change fails the run. A check that must write may be refused by the sandbox: report it as `could not run`.
- What the task excludes (NON-GOALS) binds as much as its objective. Whatever you start ends with you.
";

const CLAIM: &str = "\
Your final message is one JSON object that follows the schema you were given, and nothing else:
- `result`: `done` only when everything under DELIVERABLE (or asked for) is there and the verification passed; else \
`partial` or `blocked`. `findings-only` when you were asked for findings.
- `summary`: one or two sentences. `report`: what the lead reads, Markdown, short and complete.
- `changed_files`: each file you created, changed or deleted. `verification_run`: each check with its result.
- `evidence`: what supports it: commands and their output, file and line. `findings`: what you found. `risks`: what may \
still go wrong. `next`: what should happen next, or empty.
- `verdict`: `CLEAN` when the lead can take it as it is, else `NEEDS_ATTENTION: ` and the reason. Your word is a claim that \
is checked; do not call clean what you have not seen.
";

const OWN_SCHEMA: &str = "\
Your final message is one JSON value that follows the schema you were given, and nothing else.
";

fn push_section(prompt: &mut String, title: &str, text: &str) {
    let separator = if prompt.is_empty() { "" } else { "\n" };
    let _ = write!(prompt, "{separator}# {title}\n\n{text}");
}

/// The text to the byte, between fences that nothing in it can close.
pub fn fenced(text: &str) -> String {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}text\n{text}{end}{fence}\n")
}

/// The text as a code span that nothing in it can close.
fn code(text: &str) -> String {
    let ticks = "`".repeat(longest_run(text) + 1);
    let space = if ticks.len() > 1 { " " } else { "" };
    format!("{ticks}{space}{text}{space}{ticks}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
