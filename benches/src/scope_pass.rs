//! One pass of the scope check, alone in a process of its own, as a dispatcher takes it: its time, CPU and memory are
//! not those of what else is measured. Owns both sides: what the process does, and how it is asked.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clodex_core::{PathKind, ScopeEntry, ScopeRules};
use clodex_scope::{Baseline, Comparison, Meanwhile, Request, Tree, baseline, compare};
use nix::sys::resource::{UsageWho, getrusage};

use crate::measure::{Cost, own_cpu};

/// The first argument of such a process.
const WORD: &str = "one-pass";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    Baseline,
    /// With the baseline in memory, whose taking is not measured.
    Comparison,
}

impl Pass {
    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Comparison => "comparison",
        }
    }

    /// Takes the pass over a repository in a process of its own.
    pub fn measure(self, repository: &Path) -> io::Result<Cost> {
        let mut command = Command::new(std::env::current_exe()?);
        let told = command.args([WORD, self.name()]).arg(repository).output()?;
        let numbers = String::from_utf8_lossy(&told.stdout);
        let numbers: Vec<u64> = numbers.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [wall, cpu, peak_bytes] = numbers[..] else {
            return Err(io::Error::other(format!(
                "a pass failed: {}",
                String::from_utf8_lossy(&told.stderr)
            )));
        };
        let (wall, cpu) = (Duration::from_nanos(wall), Duration::from_nanos(cpu));
        Ok(Cost { wall, own_cpu: cpu, all_cpu: cpu, peak_bytes })
    }
}

/// Takes a pass and prints its cost, when that is what this process was started for.
pub fn if_asked() -> Option<io::Result<()>> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [word, which, repository] = &args[..] else { return None };
    let pass = [Pass::Baseline, Pass::Comparison].into_iter().find(|pass| which == pass.name());
    (word == WORD).then(|| print(pass.ok_or(io::ErrorKind::InvalidInput)?, Path::new(repository)))
}

fn print(pass: Pass, repository: &Path) -> io::Result<()> {
    let cost = match pass {
        Pass::Baseline => cost_of(|| before(repository))?,
        Pass::Comparison => {
            let baseline = before(repository)?;
            cost_of(|| after(&baseline))?
        }
    };
    writeln!(io::stdout(), "{} {} {}", cost.wall.as_nanos(), cost.own_cpu.as_nanos(), cost.peak_bytes)
}

/// What both passes over a repository cost, in this process.
pub fn both(repository: &Path) -> io::Result<Cost> {
    cost_of(|| after(&before(repository)?))
}

fn before(repository: &Path) -> io::Result<Baseline> {
    let tree = Tree::discover(repository).map_err(io::Error::other)?;
    let root = repository.as_os_str().as_encoded_bytes();
    let entry = ScopeEntry::parse("src/", b"", root).map_err(io::Error::other)?;
    let rules = ScopeRules::new(vec![entry], |_| PathKind::Directory);
    baseline(&tree, Request { rules, ..Request::default() }).map_err(io::Error::other)
}

fn after(before: &Baseline) -> io::Result<Comparison> {
    compare(before, &Meanwhile::default()).map_err(io::Error::other)
}

fn cost_of<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<Cost> {
    let (begun, used) = (Instant::now(), own_cpu()?);
    let result = work()?;
    let (wall, cpu) = (begun.elapsed(), own_cpu()?.saturating_sub(used));
    drop(result);
    let peak_bytes = u64::try_from(getrusage(UsageWho::RUSAGE_SELF)?.max_rss()).unwrap_or_default() << 10;
    Ok(Cost { wall, own_cpu: cpu, all_cpu: cpu, peak_bytes })
}
