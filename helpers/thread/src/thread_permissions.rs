//! What Codex may do on the thread: a sandbox mode, a permission profile of a scope, or what it is configured to.
//! Looks at the work tree; asks nobody.

use std::fs;
use std::path::{Path, PathBuf};

use clodex_codex::app_server::call::{
    ApprovalPolicy, Configured, OpenThread, PermissionProfile, ThreadSettings,
};
use clodex_codex::{CodexConfig, Profile, ProfileRequest, SlashTmp, check_profiles, codex_home, locate};
use clodex_core::{Access, Network, Sandbox};
use clodex_os::record_store::StateDir;
use clodex_os::{atomic_file, run_suffix};
use clodex_scope::{Reach, Tree, Wishes};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::cli::Cli;
use crate::sandbox_leftovers::SandboxLeftovers;
use crate::trouble::{Kind, Trouble};

/// Sandbox, profile and trust that a thread is opened with.
#[derive(Debug, Default)]
pub struct ThreadPermissions {
    sandbox: Option<Sandbox>,
    profile: Option<String>,
    /// What the profile is made of.
    of_profile: Map<String, Value>,
    /// That, and what is said of trust.
    config: Option<Box<RawValue>>,
    trust: Trust,
    /// Whether it is configured when Codex asks before it acts.
    has_approvals: bool,
    /// Whether new threads work where the server was started.
    is_at_home: bool,
    workdir: PathBuf,
    /// What the user should know.
    pub notes: Vec<String>,
    /// What sandboxes may leave in the tree.
    pub leftovers: SandboxLeftovers,
}

/// What is said of the work directory. Codex writes into the user's configuration that a directory is trusted where a
/// new thread may write and nobody has decided; what is decided for the thread alone keeps it from that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Trust {
    /// Nothing: it is decided, or no thread may write.
    #[default]
    AsItIs,
    /// That it is not trusted.
    Untrusted,
    /// The same, for new threads only: one that exists is as it was.
    UntrustedWhenNew,
}

/// How a thread that exists is gone on with.
#[derive(Debug, Clone, Copy)]
pub struct ResumeSettings<'a> {
    /// What is said of it.
    pub settings: ThreadSettings<'a>,
    /// What has to hold on it.
    pub permissions: &'a ThreadPermissions,
}

impl ThreadPermissions {
    /// What the arguments ask for.
    pub fn decide(cli: &Cli, workdir: &Path) -> Result<Self, Trouble> {
        let is_own_server = cli.uri.is_none() || cli.start;
        let home = codex_home();
        let codex = home.map(|home| CodexConfig::read(&home, workdir)).unwrap_or_default();
        let (sandbox, workdir) = (cli.sandbox, workdir.to_owned());
        let mut permissions = Self { sandbox, is_at_home: is_own_server, workdir, ..Self::default() };
        if !cli.scope.is_empty() {
            let profile;
            (profile, permissions.notes, permissions.leftovers) =
                scope_profile(&cli.scope, &permissions.workdir, &codex)?;
            if is_own_server {
                try_profiles(cli)?;
            }
            permissions.of_profile = profile.thread_config();
            permissions.profile = Some(profile.name().to_owned());
        } else if sandbox == Some(Sandbox::WorkspaceWrite) {
            permissions.leftovers = SandboxLeftovers::of_workspace(&permissions.workdir);
        }
        permissions.has_approvals = is_own_server && codex.decides_approvals;
        let is_decided = is_own_server && codex.decides_trust_in(&permissions.workdir);
        permissions.say(if permissions.is_to_write() && !is_decided {
            Trust::Untrusted
        } else {
            Trust::AsItIs
        });
        Ok(permissions)
    }

    /// Somebody else's server tells how it is configured: for the next thread that is opened there, and no other.
    pub fn apply_server_config(&mut self, configured: &Configured) {
        self.has_approvals = configured.decides_approvals();
        let writes_by_itself = self.sandbox.is_none() && configured.may_write();
        self.say(match (configured.decides_trust_in(&self.workdir), self.is_to_write()) {
            (false, true) => Trust::Untrusted,
            // Said where a thread may not write, it would be let to.
            (false, false) if writes_by_itself => Trust::UntrustedWhenNew,
            (false, false) | (true, _) => Trust::AsItIs,
        });
    }

    fn is_to_write(&self) -> bool {
        self.profile.is_some() || self.sandbox.is_some_and(|sandbox| sandbox != Sandbox::ReadOnly)
    }

    fn say(&mut self, trust: Trust) {
        self.trust = trust;
        let mut config = self.of_profile.clone();
        if trust != Trust::AsItIs {
            let no = json!({ self.workdir.to_string_lossy(): { "trust_level": "untrusted" } });
            config.insert("projects".to_owned(), no);
        }
        let config = (!config.is_empty()).then_some(config);
        self.config = config.map(|config| to_raw_value(&config).expect("JSON can be written as JSON"));
    }

    /// As the settings of any thread.
    pub fn settings(&self) -> ThreadSettings<'_> {
        let settings = ThreadSettings {
            sandbox: self.sandbox.map(Sandbox::as_str),
            permissions: self.profile.as_deref(),
            ..ThreadSettings::default()
        };
        if self.trust == Trust::UntrustedWhenNew { settings } else { self.with_trust(settings) }
    }

    /// As those of a new one. Where it works is said as far as that has to be: a server of ours has been started there,
    /// and Codex writes into the user's configuration only where a directory is named.
    pub fn settings_of_new<'s>(&'s self, settings: ThreadSettings<'s>) -> ThreadSettings<'s> {
        let cwd = self.workdir.to_str().filter(|_| !self.is_at_home);
        self.with_trust(ThreadSettings { cwd, ..settings })
    }

    fn with_trust<'s>(&'s self, settings: ThreadSettings<'s>) -> ThreadSettings<'s> {
        // In a directory that is not trusted Codex would ask before nearly every command.
        let asks = self.trust != Trust::AsItIs && !self.has_approvals;
        let approval_policy = asks.then_some(ApprovalPolicy::OnRequest);
        ThreadSettings { config: self.config.as_deref(), approval_policy, ..settings }
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

fn scope_profile(
    scope: &[String],
    workdir: &Path,
    codex: &CodexConfig,
) -> Result<(Profile, Vec<String>, SandboxLeftovers), Trouble> {
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
    let request = ProfileRequest {
        id: &format!("thread-{}", run_suffix()),
        grants: &grants,
        deny: &[],
        network: &Network::Off,
        slash_tmp: SlashTmp::Shared,
        workdir: tree.root(),
    };
    let profile = Profile::new(&request, codex).map_err(|error| wrong(&error))?;
    notes.extend(profile.notes().iter().cloned());
    let writable = grants.iter().filter(|(_, access)| *access == Access::Write).map(|(path, _)| path);
    let leftovers = SandboxLeftovers::expect(tree.root(), writable);
    Ok((profile, notes, leftovers))
}

/// A build of Codex that has not shown yet that it enforces profiles is tried.
fn try_profiles(cli: &Cli) -> Result<(), Trouble> {
    let unheld = |why: &dyn std::fmt::Display| {
        Trouble::new(Kind::Unreachable, format!("cannot hold the scope: {why}"))
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let binary = locate(cli.codex.as_deref(), &path).map_err(|error| unheld(&error))?;
    let state = StateDir::required().map_err(|failure| unheld(&failure.message()))?;
    atomic_file::private_dir(state.path()).map_err(|error| unheld(&error))?;
    check_profiles(&binary, state.path()).map_err(|why| unheld(&why))
}
