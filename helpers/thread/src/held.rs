//! What Codex may do on the thread: a sandbox mode, a permission profile of a scope, or what it is configured to.
//! Looks at the work tree; asks nobody.

use std::fs;
use std::path::Path;

use clodex_codex::app_server::call::{ApprovalPolicy, OpenThread, PermissionProfile, ThreadSettings};
use clodex_codex::{CodexConfig, Profile, ProfileRequest, SlashTmp, check_profiles, codex_home, locate};
use clodex_core::{Network, Sandbox};
use clodex_os::record_store::StateDir;
use clodex_os::{atomic_file, run_suffix};
use clodex_scope::{Reach, Tree, Wishes};
use serde_json::json;
use serde_json::value::RawValue;

use crate::cli::Cli;
use crate::trouble::{Kind, Trouble};

/// What holds.
#[derive(Debug, Default)]
pub struct Held {
    sandbox: Option<Sandbox>,
    profile: Option<String>,
    config: Option<Box<RawValue>>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Held {
    /// What the arguments ask for.
    pub fn decide(cli: &Cli, workdir: &Path) -> Result<Self, Trouble> {
        if cli.scope.is_empty() {
            let writes = cli.sandbox.is_some_and(|sandbox| sandbox != Sandbox::ReadOnly);
            let config = writes.then(|| raw(serde_json::Map::new(), workdir));
            return Ok(Self { sandbox: cli.sandbox, config, ..Self::default() });
        }
        let (profile, notes) = scope_profile(&cli.scope, workdir)?;
        if cli.uri.is_none() || cli.start {
            try_profiles(cli)?;
        }
        let config = raw(profile.thread_config(), workdir);
        Ok(Self { sandbox: None, profile: Some(profile.name().to_owned()), config: Some(config), notes })
    }

    /// As the settings of a thread.
    pub fn settings(&self) -> ThreadSettings<'_> {
        ThreadSettings {
            sandbox: self.sandbox.map(Sandbox::as_str),
            permissions: self.profile.as_deref(),
            config: self.config.as_deref(),
            // In a directory that is not trusted Codex would ask before nearly every command.
            approval_policy: self.config.is_some().then_some(ApprovalPolicy::OnRequest),
            ..ThreadSettings::default()
        }
    }

    /// Whether it really holds on this thread.
    pub fn check(&self, open: &OpenThread) -> Result<(), Trouble> {
        let Some(wanted) = &self.profile else { return Ok(()) };
        let real = open.active_permission_profile.as_ref().map(|PermissionProfile { id }| id.as_str());
        if real == Some(wanted) {
            return Ok(());
        }
        let real = real.unwrap_or("none");
        let message = format!(
            "codex does not hold the scope: its permission profile is `{real}`, not `{wanted}`\n\
             hint: Codex 0.150 and later can; leave --scope out to work without"
        );
        Err(Trouble::new(Kind::Refused, message))
    }
}

/// With the directory's trust: without it Codex would write into the user's configuration that a directory is trusted
/// which a thread may write in. Not trusted is what nobody has decided otherwise; then nothing of the project's own
/// configuration runs.
fn raw(mut config: serde_json::Map<String, serde_json::Value>, workdir: &Path) -> Box<RawValue> {
    let trust = json!({ workdir.to_string_lossy(): { "trust_level": "untrusted" } });
    config.insert("projects".to_owned(), trust);
    serde_json::value::to_raw_value(&config).expect("JSON can be written as JSON")
}

fn scope_profile(scope: &[String], workdir: &Path) -> Result<(Profile, Vec<String>), Trouble> {
    let wrong = |error: &dyn std::fmt::Display| Trouble::usage(format!("cannot hold the scope: {error}"));
    let tree = Tree::discover(workdir).map_err(|error| wrong(&error))?;
    let entries = scope.iter().map(|entry| tree.scope_entry(entry)).collect::<Result<Vec<_>, _>>();
    let rules = tree.scope_rules(entries.map_err(|error| wrong(&error))?);
    let by_products = tree.by_products(&[]).map_err(|error| wrong(&error))?;
    let Reach { grants, create, mut notes } =
        clodex_scope::grants(&tree, &rules, &by_products, &Wishes::default());
    for directory in create {
        fs::create_dir_all(&directory)
            .map_err(|error| wrong(&format!("cannot make `{}`: {error}", directory.display())))?;
    }
    let home = codex_home(std::env::var_os("CODEX_HOME").as_deref(), std::env::var_os("HOME").as_deref());
    let config = home.map(|home| CodexConfig::read(&home, workdir)).unwrap_or_default();
    let request = ProfileRequest {
        id: &format!("thread-{}", run_suffix()),
        grants: &grants,
        deny: &[],
        network: &Network::Off,
        slash_tmp: SlashTmp::Shared,
        workdir: tree.root(),
    };
    let profile = Profile::new(&request, &config).map_err(|error| wrong(&error))?;
    notes.extend(profile.notes().iter().cloned());
    Ok((profile, notes))
}

/// A build of Codex that has not shown yet that it enforces profiles is tried.
fn try_profiles(cli: &Cli) -> Result<(), Trouble> {
    let unheld = |why: &dyn std::fmt::Display| {
        Trouble::new(Kind::Unreachable, format!("cannot hold the scope: {why}"))
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let binary = locate(cli.codex.as_deref(), &path).map_err(|error| unheld(&error))?;
    let state = StateDir::from_env().ok_or_else(|| unheld(&"neither CLODEX_STATE_DIR nor HOME is set"))?;
    atomic_file::private_dir(state.path()).map_err(|error| unheld(&error))?;
    check_profiles(&binary, state.path()).map_err(|why| unheld(&why))
}
