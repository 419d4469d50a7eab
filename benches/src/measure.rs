//! Runs programs and says what they cost. Cases are interleaved (A B C, A B C, …), so that what disturbs the machine
//! disturbs all of them.

use std::fs;
use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// What one execution cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// From start to end.
    pub wall: Duration,
    /// CPU of the program itself, its threads included.
    pub own_cpu: Duration,
    /// CPU of the program and of everything that it started and waited for.
    pub all_cpu: Duration,
    /// The most memory that it held; zero where nobody asked.
    pub peak_bytes: u64,
}

/// Executes a program to its end. A program that fails has measured nothing.
pub fn execute(command: &mut Command) -> io::Result<Cost> {
    let before = cpu(UsageWho::RUSAGE_CHILDREN)?;
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let (wall, own_cpu) = ended(&child, begun)?;
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("{command:?} ended with {status}")));
    }
    let all_cpu = cpu(UsageWho::RUSAGE_CHILDREN)?.saturating_sub(before);
    Ok(Cost { wall, own_cpu, all_cpu, peak_bytes: 0 })
}

/// Waits without reaping: as long as a process is a zombie, its clock can be asked.
fn ended(child: &Child, begun: Instant) -> io::Result<(Duration, Duration)> {
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)?;
    let wall = begun.elapsed();
    Ok((wall, clock_gettime(clock_getcpuclockid(pid)?)?.into()))
}

/// The most memory that a process that lives has had, so far.
pub fn peak_bytes(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let high =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    high.map_or(f64::NAN, |kilobytes: f64| kilobytes * 1024.0)
}

/// CPU that this process has used.
pub fn own_cpu() -> io::Result<Duration> {
    cpu(UsageWho::RUSAGE_SELF)
}

fn cpu(who: UsageWho) -> io::Result<Duration> {
    let used: Usage = getrusage(who)?;
    let micros = used.user_time().num_microseconds() + used.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

/// Something that can be measured again and again.
pub struct Case<'a> {
    run: Box<dyn FnMut() -> io::Result<Cost> + 'a>,
    costs: Vec<Cost>,
}

impl<'a> Case<'a> {
    /// A case that a function performs.
    pub fn new(run: impl FnMut() -> io::Result<Cost> + 'a) -> Self {
        Self { run: Box::new(run), costs: Vec::new() }
    }

    /// A case that is a program.
    pub fn program(mut command: impl FnMut() -> io::Result<Command> + 'a) -> Self {
        Self::new(move || execute(&mut command()?))
    }

    /// The measured durations of one kind, in the order of the rounds.
    pub fn each(&self, of: impl Fn(&Cost) -> Duration) -> Vec<f64> {
        self.costs.iter().map(|cost| of(cost).as_secs_f64()).collect()
    }

    /// The measured peaks, in the order of the rounds.
    pub fn peaks(&self) -> Vec<f64> {
        self.costs.iter().map(|cost| cost.peak_bytes as f64).collect()
    }
}

/// Measures all cases in turn; the first round warms up and does not count.
pub fn interleave(rounds: usize, cases: &mut [Case<'_>]) -> io::Result<()> {
    for round in 0..=rounds {
        for case in &mut *cases {
            let cost = (case.run)()?;
            if round > 0 {
                case.costs.push(cost);
            }
        }
    }
    Ok(())
}

/// The value that this share of the values does not exceed.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of a small list")]
    let at = (share * (sorted.len().saturating_sub(1)) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}
