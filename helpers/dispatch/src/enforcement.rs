//! What holds a run's writes back: decided once the installed Codex is known, by what was wished for and what it can do.

use std::path::Path;

use clodex_codex::{
    CodexConfig, CodexVersion, Profile, ProfileRequest, SandboxHolds, SlashTmp, check_profiles, check_sandbox,
};
use clodex_core::{Access, Enforcement, ExitCode, Grants, Sandbox, path_text};

use crate::codex_start::Codex;
use crate::plan::Plan;
use crate::refusal::Refusal;

/// What holds in this run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// By which means.
    pub enforcement: Enforcement,
    /// What Codex's own sandbox was seen to hold, where that is the means.
    pub sandbox: Option<SandboxHolds>,
    /// Why it is less than what is had by default.
    pub degraded: Option<String>,
    /// What else its user should know.
    pub notes: Vec<String>,
}

impl Held {
    /// Decides. The narrowest means that this Codex was seen to enforce, unless another was named; tries it out once
    /// for each build of Codex, in `state_dir`.
    pub fn decide(
        plan: &Plan,
        codex: &Codex,
        config: &CodexConfig,
        state_dir: &Path,
    ) -> Result<Self, Refusal> {
        let is = |enforcement, sandbox| Self { enforcement, sandbox, degraded: None, notes: vec![] };
        let sandbox = || check_sandbox(&codex.binary, &codex.version, state_dir);
        let why_not = match plan.enforcement {
            Some(Enforcement::None) => return Ok(is(Enforcement::None, None)),
            Some(Enforcement::Sandbox) => return Ok(is(Enforcement::Sandbox, sandbox())),
            None | Some(Enforcement::Profile) => match can_narrow(plan, codex, config, state_dir) {
                Ok(profile) => {
                    let notes = profile.notes().to_vec();
                    return Ok(Self { notes, ..is(Enforcement::Profile, None) });
                }
                Err(why) => why,
            },
        };
        let hint = "update with `npm install -g @openai/codex@latest`, or try `--enforcement sandbox`";
        if plan.enforcement == Some(Enforcement::Profile) {
            let what =
                format!("codex at `{}` cannot be held by a profile: {why_not}", codex.binary.display());
            return Err(Refusal::unreachable(what, hint));
        }
        if !plan.deny.is_empty() {
            let what = format!("DENY READ cannot be held: {why_not}");
            return Err(Refusal::unreachable(what, "update codex, or leave DENY READ out"));
        }
        Ok(Self { degraded: Some(less(plan, &why_not)), ..is(Enforcement::Sandbox, sandbox()) })
    }

    /// All that the worker can write to, where that is certain: MCP servers would run outside of any sandbox.
    pub fn reach(&self, plan: &Plan, scratch: &Path) -> Option<Grants> {
        if !(plan.mcp.is_empty() && plan.added_mcp.is_empty()) {
            return None;
        }
        let mut grants = match self.enforcement {
            Enforcement::Profile => plan.reach.grants.at_most(),
            Enforcement::Sandbox => self.sandbox_reach(plan)?,
            Enforcement::None => return None,
        };
        grants.set(scratch, Access::Write);
        Some(grants)
    }

    /// What one of Codex's own sandbox modes lets it write, where it was seen to hold the rest.
    fn sandbox_reach(&self, plan: &Plan) -> Option<Grants> {
        let holds = self.sandbox?;
        let mut grants = Grants::default();
        match plan.sandbox {
            Sandbox::ReadOnly => {}
            Sandbox::WorkspaceWrite => {
                grants.set(&plan.workdir, Access::Write);
                let git_dir = plan.workdir.join(".git");
                // A file that leads to it elsewhere was not tried.
                if holds.git_dir && git_dir.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                    grants.set(git_dir, Access::Read);
                }
            }
            Sandbox::DangerFullAccess => return None,
        }
        Some(grants)
    }

    /// Whether some sandbox held the worker; one that was tried and let everything through is none.
    pub fn is_sandboxed(&self) -> bool {
        match self.enforcement {
            Enforcement::Profile => true,
            Enforcement::Sandbox => self.sandbox.is_some(),
            Enforcement::None => false,
        }
    }

    /// The profile that Codex is told of, where one holds.
    pub fn profile(
        &self,
        plan: &Plan,
        config: &CodexConfig,
        run_id: &str,
        slash_tmp: SlashTmp,
    ) -> Result<Option<Profile>, Refusal> {
        match self.enforcement {
            Enforcement::Sandbox | Enforcement::None => Ok(None),
            Enforcement::Profile => Profile::new(&request(plan, run_id, slash_tmp), config)
                .map(Some)
                .map_err(|error| Refusal::told(ExitCode::Usage, &error)),
        }
    }

    /// The same for `policy.json`.
    pub fn shown(&self, plan: &Plan) -> Option<clodex_core::Profile> {
        (self.enforcement == Enforcement::Profile).then(|| shown(plan))
    }
}

/// What a profile of this plan lets the worker do, for people.
pub fn shown(plan: &Plan) -> clodex_core::Profile {
    let text = |path: &Path| path_text(path.as_os_str().as_encoded_bytes());
    let granted = plan.reach.grants.iter().map(|(path, access)| (text(path), access));
    let denied = plan.deny.iter().map(|path| (text(path), Access::Deny));
    let scratch = [("$TMPDIR".to_owned(), Access::Write)];
    clodex_core::Profile {
        paths: granted.chain(denied).chain(scratch).collect(),
        network: plan.network.clone(),
    }
}

/// This plan's profile, where this Codex can be told of it and was seen to enforce profiles; else why not.
pub fn can_narrow(
    plan: &Plan,
    codex: &Codex,
    config: &CodexConfig,
    state_dir: &Path,
) -> Result<Profile, String> {
    if !codex.version.permission_profiles() {
        return Err(match &codex.version {
            CodexVersion::Known(..) | CodexVersion::TooOld(_) => {
                let version = codex.version.text().unwrap_or_default();
                format!("codex {version} knows no permission profiles, 0.150 does")
            }
            CodexVersion::Unreadable(_) => "the version of codex is not known".to_owned(),
        });
    }
    let profile =
        Profile::new(&request(plan, "tried", SlashTmp::Shared), config).map_err(|error| error.to_string())?;
    check_profiles(&codex.binary, state_dir)?;
    Ok(profile)
}

fn request<'a>(plan: &'a Plan, id: &'a str, slash_tmp: SlashTmp) -> ProfileRequest<'a> {
    ProfileRequest {
        id,
        grants: &plan.reach.grants,
        deny: &plan.deny,
        network: &plan.network,
        slash_tmp,
        workdir: plan.tree.root(),
    }
}

/// What is lost where only Codex's own sandbox modes hold.
fn less(plan: &Plan, why: &str) -> String {
    let mut lost = format!("writes are not held to the scope, only to Codex's own sandbox: {why}");
    if plan.network != clodex_core::Network::Off {
        lost.push_str("; the network stays off");
    }
    if plan.allow_commit {
        lost.push_str("; commits will be refused");
    }
    lost
}
