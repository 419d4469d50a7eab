//! Codex's sandbox for checks: everything can be read, by-products and a temp directory of their own can be written,
//! nothing of the network can be reached but the sandbox's own loopback. Where this Codex cannot be narrowed so far,
//! there is none: a check is never run unsandboxed.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clodex_codex::{CodexConfig, MountPoints, Profile, ProfileRequest};
use clodex_core::{Access, Grants, Network};
use clodex_os::{ContainedCommand, run_suffix};
use clodex_scope::Wishes;

use crate::codex_start::{Codex, Places, contained, environment, slash_tmp};
use crate::enforcement::can_narrow;
use crate::plan::Plan;

/// A place where the checks of one run are run.
#[derive(Debug)]
pub struct CheckSandbox<'a> {
    plan: &'a Plan,
    codex: &'a Codex,
    config: &'a CodexConfig,
    places: &'a Places,
    profile: Profile,
    grants: Grants,
    tmp: PathBuf,
    made: Vec<PathBuf>,
}

impl<'a> CheckSandbox<'a> {
    /// Makes it: a new temp directory, because the worker could fill its own, and the directories that tools will want.
    pub fn make(
        plan: &'a Plan,
        codex: &'a Codex,
        config: &'a CodexConfig,
        places: &'a Places,
        state_dir: &Path,
    ) -> Result<Self, String> {
        can_narrow(plan, codex, config, state_dir)
            .map_err(|why| format!("this Codex cannot be narrowed: {why}"))?;
        let protect = places.artifacts.parent().map(Path::to_owned).into_iter().collect();
        let wishes = Wishes { by_products_only: true, protect, ..Wishes::default() };
        let mut reach = clodex_scope::grants(&plan.tree, &plan.rules, &plan.by_products, &wishes);
        let tmp = places.scratch.join(run_suffix() + &run_suffix());
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&tmp)
            .map_err(|error| format!("cannot make a temp directory for the checks: {error}"))?;
        let request = ProfileRequest {
            id: places.run_id.as_str(),
            grants: &reach.grants,
            deny: &plan.deny,
            network: &Network::Off,
            slash_tmp: slash_tmp(plan, codex, places),
            workdir: plan.tree.root(),
        };
        let profile = Profile::new(&request, config).map_err(|error| error.to_string())?;
        reach.create.retain(|missing| fs::create_dir(missing).is_ok());
        let mut grants = reach.grants.at_most();
        grants.set(&tmp, Access::Write);
        Ok(Self { plan, codex, config, places, profile, grants, tmp, made: reach.create })
    }

    /// All that a check can write to.
    pub fn reach(&self) -> &Grants {
        &self.grants
    }

    /// These words as a command in it.
    pub fn command(&self, words: &[OsString]) -> ContainedCommand {
        let environment = environment(self.places, &self.tmp);
        let argv = self.profile.sandbox_argv(&self.plan.workdir, Some((&environment, self.config)), words);
        contained(self.plan, self.codex, self.places, &self.tmp).args(argv)
    }
}

impl Drop for CheckSandbox<'_> {
    /// What was made and stayed empty goes, and what Codex mounted there and was kept from taking away.
    fn drop(&mut self) {
        for made in self.made.iter().rev() {
            MountPoints::of_made(made).remove();
            let _ = fs::remove_dir(made);
        }
    }
}
