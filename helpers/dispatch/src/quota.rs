//! The gate before a run that would meet the limits of the account: by what is known where that is good enough, else by
//! what Codex says, which is asked while the baseline is taken. Keeps what runs are told for those that follow.

use std::io::{self, PipeWriter};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, UNIX_EPOCH};

use clodex_codex::{
    CodexConfig, QuotaError, ask_rate_limits, exec_has_key_in_environment, find_rollout, rollout_quota,
};
use clodex_core::{Quota, RateLimits, RateWindow, span_text};
use clodex_os::clock::Timestamp;
use clodex_os::record_store::StateDir;

use crate::backend::Driver;
use crate::codex_start::Codex;
use crate::plan::Plan;

/// Up to which use a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaWish {
    /// Percent of a window; 0 = whatever is used.
    pub gate: u8,
    /// Whether it begins all the same.
    pub is_forced: bool,
}

/// The gate of one run.
#[derive(Debug)]
pub struct QuotaGate {
    wish: QuotaWish,
    known: Option<Quota>,
    asked: Option<JoinHandle<Result<Quota, QuotaError>>>,
    patience: Patience,
}

/// Whoever drops it does not wait for Codex's answer any more.
#[derive(Debug, Default)]
pub struct Patience {
    _end: Option<PipeWriter>,
}

/// What the gate says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// What is known now.
    pub quota: Option<Quota>,
    /// Why the run does not begin: in one line.
    pub refused: Option<String>,
    /// What should be told of it.
    pub remark: Option<String>,
}

/// Where what is known is kept: of one home of Codex, where its account is what limits runs.
#[derive(Debug, Clone)]
pub struct QuotaMemory {
    state: StateDir,
    codex_home: PathBuf,
}

impl QuotaMemory {
    /// None where the model is not OpenAI's, or is paid for by a key: then nothing that is known of the account concerns
    /// the run.
    pub fn of(
        state: &StateDir,
        codex_home: Option<&Path>,
        config: &CodexConfig,
        driver: Driver,
    ) -> Option<Self> {
        let by_key = driver == Driver::Exec && exec_has_key_in_environment();
        let codex_home = codex_home.filter(|_| config.needs_login() && !by_key)?;
        Some(Self { state: state.clone(), codex_home: codex_home.to_owned() })
    }

    /// Keeps what a run was told. A next one can live without.
    pub fn keep(&self, quota: &Quota) {
        let _ = self.state.keep_quota(&self.codex_home, quota);
    }
}

impl QuotaGate {
    /// Begins to ask where what is known is not good enough.
    pub fn begin(plan: &Plan, codex: &Codex, memory: Option<&QuotaMemory>) -> Self {
        let known = memory.and_then(|memory| memory.state.known_quota(&memory.codex_home));
        let wish = plan.quota;
        let is_known = known.as_ref().is_some_and(|known| known.can_be_relied_on(wish.gate, now()));
        let mut gate = Self { wish, known, asked: None, patience: Patience::default() };
        if let Some(memory) = memory.filter(|_| wish.gate > 0 && !wish.is_forced && !is_known) {
            let (codex, memory) = (codex.binary.clone(), memory.clone());
            // Without a pipe one waits as long as it takes.
            let (wanted, end) = io::pipe().ok().unzip();
            gate.patience = Patience { _end: end };
            gate.asked = Some(thread::spawn(move || {
                let quota = told_now(ask_rate_limits(&codex, &memory.codex_home, wanted)?);
                memory.keep(&quota);
                Ok(quota)
            }));
        }
        gate
    }

    /// What is known before anybody has answered.
    pub fn known(&self) -> Option<&Quota> {
        self.known.as_ref()
    }

    /// The patience with which [`Self::pass`] waits.
    pub fn patience(&mut self) -> Patience {
        std::mem::take(&mut self.patience)
    }

    /// Waits for Codex where it was asked. What earlier runs were told still holds when it does not answer: use only
    /// grows until a window begins anew.
    pub fn pass(self) -> Passage {
        let answer = self.asked.map(|asked| asked.join().expect("asking does not panic"));
        let (quota, silence) = match answer {
            Some(Ok(quota)) => (Some(quota), None),
            Some(Err(error)) if error.is_given_up() => {
                return Passage { quota: self.known, ..Passage::default() };
            }
            Some(Err(error)) => (self.known, Some(error.to_string())),
            None => (self.known, None),
        };
        judge(self.wish, quota, silence, now())
    }
}

fn judge(wish: QuotaWish, quota: Option<Quota>, silence: Option<String>, now: i64) -> Passage {
    let full = quota.as_ref().and_then(|quota| quota.shut_by(wish.gate, now));
    let (refused, remark) = match (full, silence) {
        (Some(window), _) if wish.is_forced => {
            (None, Some(format!("the quota gate is passed by (--force): {}", window.text(now))))
        }
        (Some(window), _) => (Some(refusal(window, wish.gate, now)), None),
        (None, Some(why)) => {
            (None, Some(format!("how much of the account's limits is used is not known: {}", one_line(&why))))
        }
        (None, None) => (None, None),
    };
    Passage { quota, refused, remark }
}

fn refusal(window: RateWindow, gate: u8, now: i64) -> String {
    let resets = window.resets_at.map(|at| {
        let since_1970 = Duration::from_secs(u64::try_from(at).unwrap_or_default());
        let moment = Timestamp::from(UNIX_EPOCH).after(since_1970).rfc3339();
        format!("; it resets in {} ({})", span_text(at - now), moment.replace(".000Z", "Z"))
    });
    format!(
        "the account's {} window is {}% used, and no run begins from {gate}% on{}",
        window.name(),
        window.used_percent,
        resets.unwrap_or_default()
    )
}

/// What is known when a run is over. With `exec` all that it was told of the limits stands in its thread's file.
pub fn known_after(known: Option<Quota>, codex_home: Option<&Path>, thread: Option<&str>) -> Option<Quota> {
    let in_file = || rollout_quota(&find_rollout(codex_home?, thread?)?).ok()?;
    match (known, in_file()) {
        (Some(mut known), Some(told)) => {
            known.update(told);
            Some(known)
        }
        (known, told) => known.or(told),
    }
}

/// Limits that are told now.
pub fn told_now(limits: RateLimits) -> Quota {
    Quota { told_at: now(), limits }
}

/// Seconds since 1970 UTC.
fn now() -> i64 {
    Timestamp::now().unix_ms() / 1000
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_300_000;
    const WISH: QuotaWish = QuotaWish { gate: 85, is_forced: false };
    const FORCED: QuotaWish = QuotaWish { is_forced: true, ..WISH };

    fn used(percent: u8) -> Quota {
        let primary =
            Some(RateWindow { used_percent: percent, minutes: Some(300), resets_at: Some(NOW + 960) });
        Quota { told_at: NOW - 9, limits: RateLimits { primary, ..RateLimits::default() } }
    }

    #[test]
    fn a_question_that_is_given_up_decides_nothing() {
        let given_up = || {
            let source = io::ErrorKind::Interrupted.into();
            Err(QuotaError::NoAnswer(clodex_os::Error::System { tried: "ask".to_owned(), source }))
        };
        let (asked, patience) = (Some(thread::spawn(given_up)), Patience::default());
        let gate = QuotaGate { wish: WISH, known: Some(used(91)), asked, patience };
        assert_eq!(gate.pass(), Passage { quota: Some(used(91)), ..Passage::default() });
    }

    #[test]
    fn a_full_window_refuses_and_says_which_how_full_and_until_when() {
        let passage = judge(WISH, Some(used(91)), None, NOW);
        assert_eq!(
            passage.refused.as_deref(),
            Some(
                "the account's 5-hour window is 91% used, and no run begins from 85% on; \
                 it resets in 16 min (2026-11-21T22:42:40Z)"
            )
        );
        assert_eq!((passage.quota, passage.remark), (Some(used(91)), None));
        // Also when nobody answers: it cannot have become less.
        assert!(judge(WISH, Some(used(91)), Some("gone".into()), NOW).refused.is_some());
        assert_eq!(judge(WISH, Some(used(91)), None, NOW + 960).refused, None);
    }

    #[test]
    fn force_goes_on_and_is_told() {
        let passage = judge(FORCED, Some(used(91)), None, NOW);
        let remark =
            "the quota gate is passed by (--force): 5-hour window 91% used, resets in 16 min".to_owned();
        assert_eq!(passage, Passage { quota: Some(used(91)), refused: None, remark: Some(remark) });
        assert_eq!(judge(FORCED, Some(used(20)), None, NOW).remark, None);
    }

    #[test]
    fn silence_is_told_and_no_reason_to_refuse() {
        let passage = judge(WISH, None, Some("it is\n  gone".into()), NOW);
        let remark = "how much of the account's limits is used is not known: it is; gone".to_owned();
        assert_eq!(passage, Passage { quota: None, refused: None, remark: Some(remark) });
        assert_eq!(
            judge(WISH, Some(used(20)), None, NOW),
            Passage { quota: Some(used(20)), ..Passage::default() }
        );
    }
}
