//! The command line of `codex exec --json`. The prompt is never on it: it comes through stdin (`-`).
//!
//! All of it was tried with Codex 0.101, 0.124, 0.150 and 0.169: `-c` tables are merged into the user's configuration
//! key by key, arrays are replaced, features that a version does not know are ignored. Options may stand before
//! `resume`, some (`-s`, `-C`) must.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clodex_core::Sandbox;

use crate::added_mcp::{AddedMcp, Readiness};
use crate::command_environment::CommandEnvironment;
use crate::config::{CodexConfig, McpTransport};
use crate::profile::Profile;
use crate::thread::is_thread_uuid;
use crate::toml_text::quoted;
use crate::version::CodexVersion;

/// The feature that tries for ever to reach the model. A version that does not know it ignores it.
const ENDLESS_RETRIES: &str = "unbounded_connection_retries";
/// Features that start programs outside the sandbox, and endless retries.
pub(crate) const FEATURES_OFF: [&str; 5] =
    ["hooks", "plugins", "apps", "skill_mcp_dependency_install", ENDLESS_RETRIES];

/// The arguments of any Codex that lets it give up a model that it cannot reach.
pub fn bounded_retries() -> [String; 2] {
    ["-c".to_owned(), format!("features.{ENDLESS_RETRIES}=false")]
}

/// What is wanted of one `codex exec`.
#[derive(Debug, Clone)]
pub struct ExecRequest<'a> {
    /// What holds its commands' writes back.
    pub held: Held<'a>,
    /// Where it works; absolute.
    pub workdir: &'a Path,
    /// Model, when not the user's default.
    pub model: Option<&'a str>,
    /// Reasoning effort, when not the user's default.
    pub effort: Option<&'a str>,
    /// Images for the prompt; absolute.
    pub images: &'a [PathBuf],
    /// What the prompt is said to.
    pub conversation: Conversation<'a>,
    /// Whether the thread is kept.
    pub keep: Keep,
    /// MCP servers of the user's configuration that stay on.
    pub allowed_mcp: &'a [String],
    /// MCP servers that it gets besides.
    pub added_mcp: &'a [AddedMcp],
    /// What its commands find in their environment.
    pub environment: CommandEnvironment<'a>,
}

/// What a prompt is said to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversation<'a> {
    /// A new thread.
    New {
        /// JSON schema that the final message has to follow.
        schema: &'a Path,
    },
    /// A thread that is there.
    Resume {
        /// Its id.
        thread: &'a str,
        /// JSON schema that the final message has to follow.
        schema: &'a Path,
    },
    /// A copy of a thread that is there.
    Fork {
        /// The thread's id.
        thread: &'a str,
        /// JSON schema that the final message has to follow.
        schema: &'a Path,
    },
    /// Codex's own reviewer, a thread below a new one. No schema reaches it.
    Review,
}

/// What holds the writes of a run's commands back. Codex is told one of them: beside `-s` it would ignore a profile.
#[derive(Debug, Clone, Copy)]
pub enum Held<'a> {
    /// A permission profile.
    Profile(&'a Profile),
    /// One of its sandbox modes.
    Sandbox(Sandbox, SlashTmp),
}

/// Whether Codex keeps the thread on disk, to be resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It does.
    Thread,
    /// It does not.
    Nothing,
}

/// What `/tmp` is for the run. TMPDIR is writable in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlashTmp {
    /// A directory of the run's own: may be written.
    Private,
    /// Everybody's: may not be written.
    Shared,
}

/// A request that Codex's command line cannot express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgvError {
    /// Codex splits image arguments at commas.
    #[error("cannot pass image `{}` to codex: its path has a comma\nhint: copy or link it to a path without one", .0.display())]
    CommaInImage(PathBuf),
    /// Would be taken for an option.
    #[error(
        "cannot resume `{0}`: that is neither a run nor a thread id\nhint: `clodex-status --all` lists the runs"
    )]
    NotAThreadId(String),
}

/// Whether Codex's command line can express these images and this thread: asked before anything starts.
pub fn check_expressible(images: &[PathBuf], resume: Option<&str>) -> Result<(), ArgvError> {
    images.iter().try_for_each(|image| without_comma(image))?;
    resume.map_or(Ok(()), |thread| thread_id(thread).map(|_| ()))
}

/// The arguments after `codex`.
pub fn exec_argv(
    request: &ExecRequest<'_>,
    config: &CodexConfig,
    version: &CodexVersion,
) -> Result<Vec<OsString>, ArgvError> {
    let mut argv = Argv::default();
    argv.words(["exec"]);
    for image in request.images {
        argv.image(image)?;
    }
    argv.words(["--json", "-C"]);
    argv.path(request.workdir);
    if let Held::Sandbox(sandbox, _) = request.held {
        argv.words(["-s", sandbox.as_str()]);
    }
    argv.held(request.held);
    if let Some(model) = request.model {
        argv.words(["-m", model]);
        if request.conversation == Conversation::Review {
            // The user's configuration may name another one for reviews, which would win over `-m`.
            argv.config("review_model", &quoted(model));
        }
    }
    if let Some(effort) = request.effort {
        argv.config("model_reasoning_effort", &quoted(effort));
    }
    match request.conversation {
        Conversation::New { schema }
        | Conversation::Resume { schema, .. }
        | Conversation::Fork { schema, .. } => {
            argv.words(["--output-schema"]);
            argv.path(schema);
        }
        Conversation::Review => {}
    }
    if request.keep == Keep::Nothing {
        argv.words(["--ephemeral"]);
    }
    argv.extras_off(config, request.allowed_mcp, version);
    argv.added(request.added_mcp, Readiness::Required);
    for (key, toml) in request.environment.settings(config) {
        argv.config(&key, &toml);
    }
    match request.conversation {
        Conversation::New { .. } => {}
        Conversation::Resume { thread, .. } => argv.words(["resume", thread_id(thread)?]),
        Conversation::Fork { thread, .. } => argv.words(["fork", thread_id(thread)?]),
        Conversation::Review => argv.words(["review"]),
    }
    argv.words(["-"]);
    Ok(argv.0)
}

/// Arguments of Codex, whatever the subcommand.
#[derive(Default)]
pub(crate) struct Argv(pub(crate) Vec<OsString>);

impl Argv {
    pub(crate) fn words<const N: usize>(&mut self, words: [&str; N]) {
        self.0.extend(words.map(OsString::from));
    }

    fn path(&mut self, path: &Path) {
        self.0.push(path.into());
    }

    pub(crate) fn config(&mut self, key: &str, toml: &str) {
        self.0.push("-c".into());
        self.0.push(format!("{key}={toml}").into());
    }

    /// `--image=FILE`, and never just before the prompt: the option takes any number of values.
    fn image(&mut self, image: &Path) -> Result<(), ArgvError> {
        without_comma(image)?;
        let mut word = OsString::from("--image=");
        word.push(image);
        self.0.push(word);
        Ok(())
    }

    /// What holds writes back, as far as configuration says it.
    pub(crate) fn held(&mut self, held: Held<'_>) {
        match held {
            Held::Profile(profile) => self.0.extend(profile.config_args()),
            Held::Sandbox(sandbox, slash_tmp) => self.sandbox_stays_narrow(sandbox, slash_tmp),
        }
    }

    /// The user's configuration may have widened `workspace-write`; a packet does not get that by accident.
    fn sandbox_stays_narrow(&mut self, sandbox: Sandbox, slash_tmp: SlashTmp) {
        match sandbox {
            Sandbox::ReadOnly | Sandbox::DangerFullAccess => {}
            Sandbox::WorkspaceWrite => {
                self.config("sandbox_workspace_write.writable_roots", "[]");
                self.config("sandbox_workspace_write.network_access", "false");
                self.config("sandbox_workspace_write.exclude_tmpdir_env_var", "false");
                let excluded = if slash_tmp == SlashTmp::Shared { "true" } else { "false" };
                self.config("sandbox_workspace_write.exclude_slash_tmp", excluded);
            }
        }
    }

    /// What Codex would start outside its sandbox, and retries without end.
    pub(crate) fn extras_off(&mut self, config: &CodexConfig, allowed: &[String], version: &CodexVersion) {
        self.config("notify", "[]");
        for feature in FEATURES_OFF {
            self.config(&format!("features.{feature}"), "false");
        }
        if version.calls_hooks_codex_hooks() {
            self.config("features.codex_hooks", "false");
        }
        let off = config.mcp_servers.iter().filter(|(name, _)| !allowed.contains(name));
        let off: Vec<String> = off.map(|(name, transport)| switched_off(name, transport)).collect();
        if !off.is_empty() {
            self.config("mcp_servers", &format!("{{{}}}", off.join(",")));
        }
    }
}

/// Codex wants to know the transport even of a server that is off.
fn switched_off(name: &str, transport: &McpTransport) -> String {
    let (key, value) = match transport {
        McpTransport::Command(command) => ("command", command),
        McpTransport::Url(url) => ("url", url),
    };
    format!("{}={{enabled=false,{key}={}}}", quoted(name), quoted(value))
}

fn without_comma(image: &Path) -> Result<(), ArgvError> {
    let has_comma = image.as_os_str().as_encoded_bytes().contains(&b',');
    if has_comma { Err(ArgvError::CommaInImage(image.to_owned())) } else { Ok(()) }
}

fn thread_id(text: &str) -> Result<&str, ArgvError> {
    if is_thread_uuid(text) { Ok(text) } else { Err(ArgvError::NotAThreadId(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(images: &'a [PathBuf], allowed_mcp: &'a [String]) -> ExecRequest<'a> {
        ExecRequest {
            held: Held::Sandbox(Sandbox::WorkspaceWrite, SlashTmp::Private),
            workdir: Path::new("/w"),
            model: Some("gpt-5.5"),
            effort: Some("high"),
            images,
            conversation: Conversation::New { schema: Path::new("/s.json") },
            keep: Keep::Thread,
            allowed_mcp,
            added_mcp: &[],
            environment: CommandEnvironment { run_id: "run-1", tmp: Path::new("/t"), pytest_addopts: None },
        }
    }

    fn config() -> CodexConfig {
        let server = |name: &str, command: &str| (name.to_owned(), McpTransport::Command(command.to_owned()));
        let url = ("web".to_owned(), McpTransport::Url("http://h/mcp".to_owned()));
        CodexConfig {
            mcp_servers: [server("m", "python3"), server("a.b", "x \"y\""), url].into(),
            provider_keys: vec!["MOCK_ID".into()],
            env_exclude: vec!["MINE_*".into()],
            ..CodexConfig::default()
        }
    }

    fn known() -> CodexVersion {
        CodexVersion::from_output("codex-cli 0.169.0")
    }

    fn argv(request: &ExecRequest<'_>, config: &CodexConfig) -> Vec<String> {
        let argv = exec_argv(request, config, &known()).unwrap();
        argv.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn a_whole_command_line_reads_as_tried() {
        let allowed = ["m".to_owned()];
        let images = [PathBuf::from("/i.png")];
        insta::assert_snapshot!(argv(&request(&images, &allowed), &config()).join("\n"));
    }

    #[test]
    fn the_prompt_comes_last_and_no_image_can_swallow_it() {
        let images = [PathBuf::from("/a.png"), PathBuf::from("/b.png")];
        let words = argv(&request(&images, &[]), &config());
        assert_eq!(words[..4], ["exec", "--image=/a.png", "--image=/b.png", "--json"]);
        assert_eq!(words.last().unwrap(), "-");
        let comma = [PathBuf::from("/a,b.png")];
        let refused = exec_argv(&request(&comma, &[]), &config(), &known());
        assert_eq!(refused, Err(ArgvError::CommaInImage("/a,b.png".into())));
    }

    #[test]
    fn resume_stands_after_all_options() {
        let mut request = request(&[], &[]);
        let schema = Path::new("/s.json");
        request.conversation =
            Conversation::Resume { thread: "01a1fbc7-bb57-7293-99d2-e4e427410296", schema };
        let words = argv(&request, &config());
        assert_eq!(words[words.len() - 3..], ["resume", "01a1fbc7-bb57-7293-99d2-e4e427410296", "-"]);
        for bad in ["--last", "", "a b", "../x", "typo"] {
            request.conversation = Conversation::Resume { thread: bad, schema };
            assert_eq!(exec_argv(&request, &config(), &known()), Err(ArgvError::NotAThreadId(bad.into())));
        }
    }

    #[test]
    fn a_review_takes_its_words_from_stdin_too_and_its_model_is_the_one_that_was_asked_for() {
        let mut request = request(&[], &[]);
        request.conversation = Conversation::Review;
        let words = argv(&request, &config());
        assert_eq!(words[words.len() - 2..], ["review", "-"]);
        assert!(words.contains(&"review_model=\"gpt-5.5\"".to_owned()), "{words:?}");
        assert!(!words.contains(&"--output-schema".to_owned()), "{words:?}");
    }
}
