//! How Codex is started: which binary, which version, with which arguments, environment and temp directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clodex_codex::app_server::call::ApprovalPolicy;
use clodex_codex::app_server::{RunRequest, ThreadWish};
use clodex_codex::{
    AppServerRequest, CodexConfig, CodexVersion, CommandEnvironment, ExecRequest, Keep, Login, Profile,
    RUN_MARK, SlashTmp, app_server_argv, ask_login, exec_argv, probe_version,
};
use clodex_core::{ContainmentWish, ExitCode, RunId};
use clodex_os::ContainedCommand;
use serde_json::value::RawValue;

use crate::backend::Driver;
use crate::conversation::Conversation;
use crate::enforcement::Held;
use crate::plan::Plan;
use crate::refusal::Refusal;

/// How long an app-server may take to shake hands where `codex exec` can take its place: it takes a tenth of a second.
const GREETING: Duration = Duration::from_secs(15);

/// Variables that make git look elsewhere: a caller inside a git hook has them set.
const GIT_ELSEWHERE: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// A Codex that can be started.
#[derive(Debug)]
pub struct Codex {
    /// The native binary.
    pub binary: PathBuf,
    /// What it says it is.
    pub version: CodexVersion,
}

impl Codex {
    /// Finds the binary and its version; the version is asked once per binary and kept in the state directory.
    pub fn find(explicit: Option<&Path>, state_dir: &Path) -> Result<Self, Refusal> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let binary = clodex_codex::locate(explicit, &path)
            .map_err(|error| Refusal::told(ExitCode::Unreachable, &error))?;
        let version = probe_version(&binary, Some(state_dir)).map_err(|error| {
            Refusal::unreachable(
                format!("cannot ask `{}` for its version: {error}", binary.display()),
                "run `codex --version` by hand; reinstall with `npm install -g @openai/codex`",
            )
        })?;
        if let CodexVersion::TooOld(old) = version {
            return Err(Refusal::unreachable(
                format!(
                    "codex {old} at `{}` is too old: at least {} is needed",
                    binary.display(),
                    clodex_codex::OLDEST
                ),
                "`npm install -g @openai/codex@latest`",
            ));
        }
        Ok(Self { binary, version })
    }

    /// Whether somebody is logged in, as far as Codex says.
    pub fn login_state(&self, config: &CodexConfig) -> Login {
        ask_login(&self.binary, config)
    }

    /// What is to be noted under `degraded`.
    pub fn degraded(&self) -> Option<String> {
        match &self.version {
            CodexVersion::Known(..) | CodexVersion::TooOld(_) => None,
            CodexVersion::Unreadable(text) if text.trim().is_empty() => {
                Some("codex does not report its version: nothing is taken for granted".to_owned())
            }
            CodexVersion::Unreadable(text) => Some(format!(
                "codex reports no released version (`{}`): nothing is taken for granted",
                text.trim()
            )),
        }
    }
}

/// The places of one run that Codex is started with.
#[derive(Debug)]
pub struct Places {
    /// `clodex-contain`.
    pub wrapper: PathBuf,
    /// The run.
    pub run_id: RunId,
    /// The run's own temp directory.
    pub scratch: PathBuf,
    /// Where the schema of the answer lies.
    pub schema: PathBuf,
    /// Where Codex keeps its own things.
    pub codex_home: Option<PathBuf>,
    /// Where the artifacts lie.
    pub artifacts: PathBuf,
}

/// A start of Codex: the command in its containment, and how it is talked to. `model` may differ from the plan's after a
/// fallback.
pub fn start(
    plan: &Plan,
    held: &Held,
    codex: &Codex,
    driver: Driver,
    config: &CodexConfig,
    places: &Places,
    model: Option<&str>,
) -> Result<(ContainedCommand, Conversation), Refusal> {
    let slash_tmp = slash_tmp(plan, codex, places);
    let profile = held.profile(plan, config, places.run_id.as_str(), slash_tmp)?;
    let holds = match &profile {
        Some(profile) => clodex_codex::Held::Profile(profile),
        None => clodex_codex::Held::Sandbox(plan.sandbox, slash_tmp),
    };
    let environment = environment(places, &places.scratch);
    let (argv, conversation) = match driver {
        Driver::Exec => {
            let request = ExecRequest {
                held: holds,
                workdir: &plan.workdir,
                model,
                effort: plan.effort.as_deref(),
                images: &plan.images,
                conversation: exec_conversation(plan, &places.schema),
                keep: if plan.ephemeral { Keep::Nothing } else { Keep::Thread },
                allowed_mcp: &plan.mcp,
                added_mcp: &plan.added_mcp,
                environment,
            };
            let argv = exec_argv(&request, config, &codex.version)
                .map_err(|error| Refusal::told(ExitCode::Usage, &error))?;
            (argv, Conversation::exec(plan.prompt.clone().into_bytes()))
        }
        Driver::AppServer { replaceable } => {
            let around = plan.tree.common_dir().parent().unwrap_or(plan.tree.root());
            let request = AppServerRequest {
                held: holds,
                places: &[&plan.workdir, plan.tree.root(), around],
                allowed_mcp: &plan.mcp,
                added_mcp: &plan.added_mcp,
                environment,
            };
            let argv = app_server_argv(&request, config, &codex.version);
            let greet_within = replaceable.then_some(GREETING);
            let wanted = run_request(plan, profile.as_ref(), model, greet_within);
            (argv, Conversation::app_server(wanted))
        }
    };
    Ok((contained(plan, codex, places, &places.scratch).args(argv), conversation))
}

fn exec_conversation<'a>(plan: &'a Plan, schema: &'a Path) -> clodex_codex::Conversation<'a> {
    match (plan.schema.is_review(), &plan.resume, &plan.fork) {
        (true, _, _) => clodex_codex::Conversation::Review,
        (false, Some(thread), _) => clodex_codex::Conversation::Resume { thread, schema },
        (false, None, Some(thread)) => clodex_codex::Conversation::Fork { thread, schema },
        (false, None, None) => clodex_codex::Conversation::New { schema },
    }
}

/// What is asked of the app-server: the same as of `codex exec`, but for approvals, which that never asks for.
fn run_request(
    plan: &Plan,
    profile: Option<&Profile>,
    model: Option<&str>,
    greet_within: Option<Duration>,
) -> RunRequest {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    RunRequest {
        thread: match (&plan.resume, &plan.fork) {
            (Some(thread), _) => ThreadWish::Resume(thread.clone()),
            (None, Some(thread)) => ThreadWish::Fork(thread.clone()),
            (None, None) => ThreadWish::Fresh { ephemeral: plan.ephemeral },
        },
        mcp: plan.added_mcp.iter().map(|server| server.name.clone()).collect(),
        cwd: text(&plan.workdir),
        model: model.map(str::to_owned),
        effort: plan.effort.clone(),
        permissions: profile.map(|profile| profile.name().to_owned()),
        sandbox: profile.is_none().then(|| plan.sandbox.as_str().to_owned()),
        // Whoever can be asked decides; where nobody is to be, it is the same as with `codex exec`.
        approval: Some(if plan.answer_timeout_sec == 0 {
            ApprovalPolicy::Never
        } else {
            ApprovalPolicy::OnRequest
        }),
        prompt: plan.prompt.clone(),
        images: plan.images.iter().map(|image| text(image)).collect(),
        output_schema: RawValue::from_string(plan.schema.text().to_owned()).ok(),
        greet_within,
    }
}

/// Codex in its containment, still without arguments; `tmp` is its TMPDIR.
pub fn contained(plan: &Plan, codex: &Codex, places: &Places, tmp: &Path) -> ContainedCommand {
    let mut command = ContainedCommand::new(&places.wrapper, &codex.binary, places.run_id.as_str())
        .current_dir(&plan.workdir)
        .containment(plan.containment)
        .env(RUN_MARK, places.run_id.as_str())
        .env("TMPDIR", tmp);
    if slash_tmp(plan, codex, places) == SlashTmp::Private {
        command = command.private_tmp(tmp);
    }
    GIT_ELSEWHERE.iter().fold(command, ContainedCommand::env_remove)
}

/// The environment of commands whose TMPDIR is `tmp`.
pub fn environment<'a>(places: &'a Places, tmp: &'a Path) -> CommandEnvironment<'a> {
    let pytest_addopts = std::env::var("PYTEST_ADDOPTS").ok();
    CommandEnvironment { run_id: places.run_id.as_str(), tmp, pytest_addopts }
}

/// Whether the run gets a `/tmp` of its own: not when something that it needs lies in the real one, nor where there is
/// no kernel containment to mount it in.
pub fn slash_tmp(plan: &Plan, codex: &Codex, places: &Places) -> SlashTmp {
    let needed =
        [Some(&plan.workdir), Some(&codex.binary), places.codex_home.as_ref(), Some(&places.artifacts)];
    let private = plan.containment != ContainmentWish::BestEffort
        && !needed.into_iter().flatten().chain(&plan.images).any(|path| path.starts_with("/tmp"))
        && !path_has_tmp(std::env::var_os("PATH").as_deref());
    if private { SlashTmp::Private } else { SlashTmp::Shared }
}

fn path_has_tmp(path: Option<&OsStr>) -> bool {
    path.is_some_and(|path| std::env::split_paths(path).any(|dir| dir.starts_with("/tmp")))
}
