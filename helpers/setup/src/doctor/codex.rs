//! Codex: whether it is there and new enough, logged in, and what holds a run here: enforcement and containment.

use std::env;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clodex_codex::{
    CodexConfig, CodexVersion, Login, OLDEST, QuotaError, ask_login, ask_rate_limits, codex_home, locate,
    probe_version, try_profiles_again,
};
use clodex_core::{Containment, RateLimits};
use clodex_os::{ContainedCommand, run_suffix, wrapper_beside_this_program};

use super::finding::Finding;

const UPDATE: &str = "`npm install -g @openai/codex@latest`";
/// It takes milliseconds.
const CONTAINED_LIMIT: Duration = Duration::from_secs(5);

/// Codex as it is installed.
#[derive(Debug, Clone)]
pub struct Codex {
    binary: PathBuf,
    version: CodexVersion,
}

impl Codex {
    /// Finds it and asks for its version; the error says why there is none.
    pub fn find(named: Option<&Path>, state: Option<&Path>) -> Result<Self, Finding> {
        let path = env::var_os("PATH").unwrap_or_default();
        let binary = locate(named, &path).map_err(|error| told(&error.to_string()))?;
        let state = state.filter(|dir| dir.is_dir());
        let version = probe_version(&binary, state).map_err(|error| {
            Finding::fail("codex", error.to_string(), format!("install it again: {UPDATE}"))
        })?;
        Ok(Self { binary, version })
    }

    /// Whether it can be worked with.
    pub fn judge(&self) -> Finding {
        let (check, at) = ("codex", self.binary.display());
        match &self.version {
            CodexVersion::Known(_, text) => Finding::ok(check, format!("{text} at {at}")),
            CodexVersion::TooOld(version) => {
                Finding::fail(check, format!("{version} at {at} is too old: at least {OLDEST}"), UPDATE)
            }
            CodexVersion::Unreadable(text) => {
                let what = format!("no released version (`{text}`) at {at}: nothing is taken for granted");
                Finding::warn(check, what, format!("for a released one: {UPDATE}"))
            }
        }
    }

    /// Asks it whether somebody is logged in.
    pub fn login(&self, project: &Path) -> Login {
        let config = codex_home().map(|home| CodexConfig::read(&home, project)).unwrap_or_default();
        ask_login(&self.binary, &config)
    }

    /// Asks it how much of the account's limits is used.
    pub fn rate_limits(&self, home: &Path) -> Result<RateLimits, QuotaError> {
        ask_rate_limits(&self.binary, home, None)
    }

    /// Tries whether it holds a command to what it is granted. None = it cannot be told of that.
    pub fn try_sandbox(&self, state: &Path) -> Option<Result<(), String>> {
        self.version.permission_profiles().then(|| try_profiles_again(&self.binary, state))
    }
}

fn told(error: &str) -> Finding {
    let (what, hint) = error.split_once("\nhint: ").unwrap_or((error, UPDATE));
    Finding::fail("codex", what, hint)
}

/// Whether Codex can talk to its model.
pub fn judge_login(login: Login) -> Finding {
    let check = "login";
    match login {
        Login::LoggedIn => Finding::ok(check, "logged in, as `codex login status` says"),
        Login::NotNeeded => Finding::ok(check, "the configured model provider wants none"),
        Login::NotLoggedIn => Finding::fail(check, "codex is not logged in", "`codex login`"),
        Login::Misconfigured(said) => {
            Finding::fail(check, format!("codex cannot read its configuration: {said}"), "correct that file")
        }
        Login::Unknown => Finding::warn(check, "the login state is unknown", "see `codex login status`"),
    }
}

/// What would hold a worker's writes back.
pub fn judge_sandbox(tried: Option<&Result<(), String>>) -> Finding {
    let check = "sandbox";
    match tried {
        Some(Ok(())) => {
            Finding::ok(check, "enforcement `profile`: tried, a command cannot write outside its grants")
        }
        Some(Err(why)) => {
            let what = format!("enforcement `sandbox` only, runs are not held to their scope: {why}");
            Finding::warn(check, what, "what clodex cannot prevent it finds; see `codex sandbox --help`")
        }
        None => {
            let what = "enforcement `sandbox` only: this codex knows no permission profiles, 0.150 does";
            Finding::warn(check, what, UPDATE)
        }
    }
}

/// How a run's processes would be held.
#[derive(Debug)]
pub struct Held {
    containment: Containment,
    reason: Option<String>,
}

impl Held {
    /// Runs `true` as Codex would be run.
    pub fn try_it() -> Result<Self, String> {
        let wrapper = wrapper_beside_this_program().map_err(|error| error.to_string())?;
        let spawned = ContainedCommand::new(&wrapper, "true", format!("doctor-{}", run_suffix())).spawn();
        let mut spawned = spawned.map_err(|error| error.to_string())?;
        drop(spawned.stdin);
        let held = Self {
            containment: spawned.contained.containment(),
            reason: spawned.contained.reason().map(str::to_owned),
        };
        let left = spawned.contained.wait_all_dead(Instant::now() + CONTAINED_LIMIT);
        if left.is_empty() { Ok(held) } else { Err("`true` did not end".to_owned()) }
    }
}

/// Whether all of a run dies with it.
pub fn judge_containment(tried: &Result<Held, String>) -> Finding {
    let check = "containment";
    match tried {
        Ok(Held { containment: Containment::Kernel, .. }) => {
            Finding::ok(check, "`kernel`: nothing that a run starts can outlive it")
        }
        Ok(Held { containment: Containment::BestEffort, reason }) => {
            let why = reason.as_deref().unwrap_or("the kernel offers no more here");
            let hint = "allow unprivileged user namespaces, or run clodex outside of the container";
            Finding::warn(check, format!("`best-effort` only: {why}"), hint)
        }
        Err(why) => {
            let (what, hint) =
                why.split_once("\nhint: ").unwrap_or((why, "`clodex-setup` installs it again"));
            Finding::fail(check, format!("clodex-contain does not work: {what}"), hint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn codex(said: &str) -> Codex {
        Codex { binary: "/bin/codex".into(), version: CodexVersion::from_output(said) }
    }

    #[test]
    fn a_codex_is_judged_by_what_it_says_it_is() {
        for (said, level) in [
            ("codex-cli 0.169.0", Level::Ok),
            ("codex-cli 0.100.0", Level::Fail),
            ("codex-cli 0.0.0", Level::Warn),
        ] {
            assert_eq!(codex(said).judge().level, level, "{said}");
        }
        let missing = Codex::find(Some(Path::new("/no/such/codex")), None).unwrap_err();
        assert_eq!((missing.level, missing.hint.is_some()), (Level::Fail, true));
    }

    #[test]
    fn only_who_is_known_to_be_logged_out_fails() {
        let level = |login| judge_login(login).level;
        assert_eq!(level(Login::NotLoggedIn), Level::Fail);
        assert_eq!(level(Login::Misconfigured("no".into())), Level::Fail);
        assert_eq!(level(Login::Unknown), Level::Warn);
        assert_eq!([level(Login::LoggedIn), level(Login::NotNeeded)], [Level::Ok, Level::Ok]);
    }

    #[test]
    fn it_says_which_enforcement_a_run_would_get() {
        let refused = judge_sandbox(Some(&Err("bwrap is missing".into())));
        assert_eq!(refused.level, Level::Warn);
        assert!(refused.what.contains("`sandbox`") && refused.what.contains("bwrap is missing"));
        assert!(judge_sandbox(None).what.contains("0.150"));
        let passed = judge_sandbox(Some(&Ok(())));
        assert!(passed.level == Level::Ok && passed.what.contains("`profile`"));
        assert_eq!(codex("codex-cli 0.124.0").try_sandbox(Path::new("/")), None);
    }

    #[test]
    fn it_says_which_containment_a_run_would_get() {
        let held = |containment| Ok(Held { containment, reason: Some("no user namespaces".into()) });
        assert_eq!(judge_containment(&held(Containment::Kernel)).level, Level::Ok);
        let best = judge_containment(&held(Containment::BestEffort));
        assert!(best.level == Level::Warn && best.what.contains("no user namespaces"));
        let broken = judge_containment(&Err("cannot start\nhint: look".into()));
        assert_eq!((broken.level, broken.hint.as_deref()), (Level::Fail, Some("look")));
    }
}
