//! `--verify`: clodex runs the packet's checks itself once nothing of the worker lives, and holds the tree against the
//! state that the worker left. Decides what is run and what an end means; what follows from it is for `judge`.

mod output;
mod run_check;
mod sandbox;

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clodex_core::{Check, CheckStatus, RunRecord, Verdict, Violation};
use clodex_os::process::Survivor;
use clodex_os::{ExitKind, Programs, run_suffix};
use clodex_scope::{Baseline, Comparison, Meanwhile, compare};

use crate::channel::Channel;
use crate::plan::Plan;
use crate::run_publisher::RunPublisher;
use run_check::{End, Ran, run_check};

pub use sandbox::CheckSandbox;

/// Says that the sandbox stands, then makes one stream of both: `$0` is what it says, `$1` the shell, `$2` the command.
const SCRIPT: &str = "printf '%s\\n' \"$0\"; exec 2>&1; exec \"$1\" -c \"$2\"";

/// What the checks of a run are run with.
pub struct Verifier<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// Limit for one check in seconds; 0 = none.
    pub limit_sec: u64,
    /// When the run was accepted: its wall clock goes on.
    pub begun: Instant,
    /// Where a cancel is heard.
    pub channel: &'a Channel,
    /// Makes the sandbox, or tells why there is none.
    pub sandbox: &'a dyn Fn() -> Result<CheckSandbox<'a>, String>,
    /// What other runs do at the same time.
    pub meanwhile: &'a dyn Fn(&RunRecord) -> Meanwhile,
}

/// What the checks came to.
#[derive(Debug, Default)]
pub struct Verified {
    /// One for each line of VERIFICATION; none where there was nothing to verify for.
    pub checks: Vec<Check>,
    /// Names and contents of artifacts.
    pub outputs: Vec<(String, Vec<u8>)>,
    /// Whether somebody ended the run meanwhile.
    pub cancelled: bool,
    /// What checks changed that they may not change.
    pub violations: Vec<Violation>,
    /// Build outputs that they changed.
    pub by_products: Vec<String>,
    /// What others changed meanwhile.
    pub foreign: Vec<String>,
    /// What could not be killed.
    pub survivors: Vec<Survivor>,
    /// Why the tree could not be compared; then there is no verdict over it.
    pub unknown: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Verified {
    /// No check was run, each for the same reason.
    pub fn none(lines: &[String], why: &str) -> Self {
        Self { checks: lines.iter().map(|_| not_run(why)).collect(), ..Self::default() }
    }
}

impl Verifier<'_> {
    /// Runs the checks. `after` is the state that the worker left; nothing of the run may live.
    pub fn verify(&self, after: &Comparison, publisher: &mut RunPublisher) -> Verified {
        let begun = Instant::now();
        let mut verified = Verified::default();
        let programs = Programs::seen_from(&self.plan.workdir);
        let verification = &self.plan.verification;
        let commands = verification.commands(|word| programs.has(word));
        if commands.iter().all(Option::is_none) {
            verified.checks.extend(commands.iter().map(|_| for_reading()));
            return verified;
        }
        let sandbox = (self.sandbox)();
        let mut state = match &sandbox {
            Ok(sandbox) => {
                after.as_baseline(Some(sandbox.reach().clone())).map_err(|error| error.to_string())
            }
            Err(why) => Err(why.clone()),
        };
        for command in commands {
            let check = match (command, &sandbox, &state) {
                (None, _, _) => for_reading(),
                (Some(_), _, _) if verified.cancelled => not_run("the run was cancelled"),
                (Some(command), Ok(sandbox), Ok(before)) => {
                    let before = before.clone();
                    let check = self.check(command, &programs, sandbox, publisher, &mut verified);
                    state = self.compare(&before, sandbox, command, publisher, &mut verified);
                    check
                }
                (Some(_), Err(why), _) | (Some(_), _, Err(why)) => could_not_run(why),
            };
            verified.checks.push(check);
        }
        verified.took = begun.elapsed();
        verified
    }

    fn check(
        &self,
        command: &str,
        programs: &Programs,
        sandbox: &CheckSandbox<'_>,
        publisher: &mut RunPublisher,
        verified: &mut Verified,
    ) -> Check {
        let limit = match self.limit() {
            Some(limit) if limit.is_zero() => return could_not_run("the run's wall clock limit was reached"),
            limit => limit,
        };
        publisher.verifying(command, self.begun.elapsed());
        // Nobody can know it before: what comes before it is not the command's.
        let mark = run_suffix() + &run_suffix() + &run_suffix();
        let words: [OsString; 6] = [
            "sh".into(),
            "-c".into(),
            SCRIPT.into(),
            mark.clone().into(),
            programs.shell().into(),
            command.into(),
        ];
        let mut ran = run_check(sandbox.command(&words), limit, self.channel, publisher);
        verified.cancelled = ran.end == End::Cancelled;
        verified.survivors.append(&mut ran.survivors);
        let has_begun = ran.stdout.take_first_line(&mark);
        let mut check = judged(&ran, has_begun);
        if has_begun {
            let artifact = format!("verification-{}.txt", verified.checks.len() + 1);
            verified.outputs.push((artifact.clone(), ran.stdout.whole()));
            check.artifact = Some(artifact);
        }
        check
    }

    /// What one check may take: its own limit, or what is left to the run.
    fn limit(&self) -> Option<Duration> {
        let seconds = |limit: u64| (limit > 0).then(|| Duration::from_secs(limit));
        let left = seconds(self.plan.timeout_sec).map(|all| all.saturating_sub(self.begun.elapsed()));
        [seconds(self.limit_sec), left].into_iter().flatten().min()
    }

    /// Holds the tree against the state before the command; the next one is held against what it is now.
    fn compare(
        &self,
        before: &Baseline,
        sandbox: &CheckSandbox<'_>,
        command: &str,
        publisher: &RunPublisher,
        verified: &mut Verified,
    ) -> Result<Baseline, String> {
        let seen = compare(before, &(self.meanwhile)(&publisher.record)).map_err(|error| error.to_string());
        let seen = match seen {
            Ok(seen) => seen,
            Err(why) => {
                verified.unknown.push(why.clone());
                return Err(why);
            }
        };
        if seen.verdict == Verdict::Unknown {
            verified.unknown.extend(seen.notes.iter().cloned());
        }
        let changed = seen.violations.iter().map(|found| Violation {
            detail: format!("{}; by the verification `{command}`", found.detail),
            ..found.clone()
        });
        verified.violations.extend(changed);
        verified.by_products.extend(seen.by_products.iter().cloned());
        verified.foreign.extend(seen.foreign.iter().cloned());
        if seen.violations.is_empty() && seen.foreign.is_empty() {
            return Ok(before.clone());
        }
        seen.as_baseline(Some(sandbox.reach().clone())).map_err(|error| error.to_string())
    }
}

fn for_reading() -> Check {
    not_run("no command: for reading")
}

fn not_run(why: &str) -> Check {
    Check::without_result(CheckStatus::NotRun, why)
}

fn could_not_run(why: &str) -> Check {
    Check::without_result(CheckStatus::CouldNotRun, why)
}

fn judged(ran: &Ran, has_begun: bool) -> Check {
    let (status, exit_code, reason) = match &ran.end {
        End::NotStarted(why) => (CheckStatus::CouldNotRun, None, Some(why.clone())),
        End::Cancelled => (CheckStatus::NotRun, None, Some("the run was cancelled".to_owned())),
        End::OutOfTime => {
            let why = format!("killed after {} s", ran.took.as_secs());
            (CheckStatus::TimedOut, None, Some(why))
        }
        End::Exited(_) if !has_begun => {
            let why = ran.stderr.last_line().unwrap_or_default();
            (CheckStatus::CouldNotRun, None, Some(format!("Codex's sandbox did not start: {why}")))
        }
        End::Exited(ExitKind::Exit(code)) => {
            let status = CheckStatus::of_exit(*code);
            let why = (status == CheckStatus::CouldNotRun).then(|| ran.stdout.last_line()).flatten();
            (status, Some(*code), why)
        }
        End::Exited(ExitKind::Signal(signal)) => {
            (CheckStatus::Failed, None, Some(format!("killed by signal {signal}")))
        }
    };
    Check {
        status,
        exit_code,
        duration_ms: Some(u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX)),
        reason,
        output: if has_begun { ran.stdout.end() } else { ran.stderr.end() },
        artifact: None,
    }
}
