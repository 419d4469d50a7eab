//! How much of the account's limits is used, and whether a run would begin.

use std::path::Path;

use clodex_codex::{CodexConfig, codex_home};
use clodex_core::{Quota, RateLimits};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::StateDir;

use super::codex::Codex;
use super::finding::Finding;

/// What there is to know.
#[derive(Debug)]
pub enum Limits {
    /// The model is not OpenAI's, or there is no home of Codex.
    NoneConcern,
    /// Nobody asks, because the gate is off; the last that runs were told.
    Off(Option<Quota>),
    /// What Codex says, at this gate and moment (seconds since 1970 UTC).
    Said(Result<RateLimits, String>, u8, i64),
}

/// Asks Codex, unless nobody wants to know.
pub fn look(codex: &Codex, project: &Path, state: &StateDir) -> Limits {
    let Some(home) = codex_home().filter(|home| CodexConfig::read(home, project).needs_login()) else {
        return Limits::NoneConcern;
    };
    match super::settings(project).quota_gate.value {
        0 => Limits::Off(state.known_quota(&home)),
        gate => {
            let said = codex.rate_limits(&home).map_err(|error| error.to_string());
            Limits::Said(said, gate, now())
        }
    }
}

impl Limits {
    /// Whether runs begin.
    pub fn judge(self) -> Finding {
        let check = "quota";
        match self {
            Self::NoneConcern => {
                Finding::ok(check, "the configured model provider has no limits of an account")
            }
            Self::Off(known) => {
                let known = known.and_then(|quota| quota.text(now())).map(|text| format!("; {text}"));
                Finding::ok(check, format!("the gate is off{}", known.unwrap_or_default()))
            }
            Self::Said(Err(why), ..) => Finding::warn(
                check,
                format!("not known, runs begin all the same: {why}"),
                "`/status` in codex",
            ),
            Self::Said(Ok(limits), gate, now) => {
                let quota = Quota { told_at: now, limits };
                let told = quota.text(now).unwrap_or_else(|| "the account has no windows".to_owned());
                match quota.shut_by(gate, now) {
                    None => Finding::ok(check, told),
                    Some(_) => Finding::warn(
                        check,
                        format!("{told}: no run begins from {gate}% on"),
                        "wait until it resets, or start with --force",
                    ),
                }
            }
        }
    }
}

fn now() -> i64 {
    Timestamp::now().unix_ms() / 1000
}

#[cfg(test)]
mod tests {
    use clodex_core::RateWindow;

    use super::super::finding::Level;
    use super::*;

    fn said(used_percent: u8, gate: u8) -> Finding {
        let primary = Some(RateWindow { used_percent, minutes: Some(300), resets_at: Some(160) });
        Limits::Said(Ok(RateLimits { primary, ..RateLimits::default() }), gate, 100).judge()
    }

    #[test]
    fn a_window_is_told_and_a_shut_gate_warns() {
        let open = said(84, 85);
        assert_eq!((open.level, open.what.as_str()), (Level::Ok, "5-hour window 84% used, resets in 1 min"));
        let shut = said(85, 85);
        assert!(shut.level == Level::Warn && shut.what.ends_with(": no run begins from 85% on"), "{shut:?}");
        let none = Limits::Said(Ok(RateLimits::default()), 85, 100).judge();
        assert_eq!((none.level, none.what.as_str()), (Level::Ok, "the account has no windows"));
    }

    #[test]
    fn what_cannot_be_asked_stops_nothing() {
        let silent = Limits::Said(Err("it is gone".into()), 85, 100).judge();
        assert!(silent.level == Level::Warn && silent.what.contains("it is gone"), "{silent:?}");
        assert_eq!(
            [Limits::NoneConcern, Limits::Off(None)].map(|limits| limits.judge().level),
            [Level::Ok; 2]
        );
    }
}
