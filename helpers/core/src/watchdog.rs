//! When a run has to be ended: its time is up, or it has not lived for too long. Two things, told apart. Pure: time
//! comes in as the duration since the run's start, on a clock that never goes back.

use std::time::Duration;

/// CPU time that the commands of a run must use within [`ACTIVITY_WINDOW`] to count as alive. An idle Codex uses under
/// a millisecond.
const CPU_THRESHOLD: Duration = Duration::from_millis(50);
/// Bytes that they must read or write within it.
const IO_THRESHOLD: u64 = 64 << 10;
/// The span over which activity is summed.
const ACTIVITY_WINDOW: Duration = Duration::from_secs(10);

/// Watches one run.
#[derive(Debug, Clone)]
pub struct Watchdog {
    timeout: Option<Duration>,
    heartbeat: Option<Duration>,
    last_life: Duration,
    window: Option<Window>,
}

/// The counters at the start of the current span.
#[derive(Debug, Clone, Copy)]
struct Window {
    since: Duration,
    cpu: Duration,
    io_bytes: u64,
}

/// What the watchdog says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It may go on; ask again then at the latest. No time when nothing is watched.
    Healthy {
        /// Since the run's start.
        next_deadline: Option<Duration>,
    },
    /// No sign of life for the heartbeat.
    Stalled {
        /// How long.
        silent_for: Duration,
    },
    /// The wall clock ran out.
    TimedOut,
}

impl Watchdog {
    /// A watchdog that ends a run after `timeout_sec` in all or `heartbeat_sec` without life; 0 = never.
    pub fn new(timeout_sec: u64, heartbeat_sec: u64) -> Self {
        let limit = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
        Self {
            timeout: limit(timeout_sec),
            heartbeat: limit(heartbeat_sec),
            last_life: Duration::ZERO,
            window: None,
        }
    }

    /// Notes a sign of life (see [`crate::Event::is_life`]).
    pub fn life(&mut self, now: Duration) {
        self.last_life = self.last_life.max(now);
    }

    /// Takes in the counters of the processes that Codex started (not of Codex itself): CPU time and bytes read and
    /// written, as sums over those that live. Enough of either within ten seconds is a sign of life. Returns whether it
    /// was one.
    pub fn activity(&mut self, cpu: Duration, io_bytes: u64, now: Duration) -> bool {
        let fresh = Window { since: now, cpu, io_bytes };
        let Some(window) = self.window else {
            self.window = Some(fresh);
            return false;
        };
        // A process that ended takes its share of the sums with it: what remains is counted anew.
        if cpu < window.cpu || io_bytes < window.io_bytes {
            self.window = Some(fresh);
            return false;
        }
        let lives =
            cpu.saturating_sub(window.cpu) >= CPU_THRESHOLD || io_bytes - window.io_bytes >= IO_THRESHOLD;
        if lives {
            self.life(now);
        }
        if lives || now.saturating_sub(window.since) >= ACTIVITY_WINDOW {
            self.window = Some(fresh);
        }
        lives
    }

    /// Judges the run. When time and patience end together, the wall clock is the reason.
    pub fn check(&self, now: Duration) -> Health {
        if self.timeout.is_some_and(|timeout| now >= timeout) {
            return Health::TimedOut;
        }
        let silent_for = now.saturating_sub(self.last_life);
        if self.heartbeat.is_some_and(|heartbeat| silent_for >= heartbeat) {
            return Health::Stalled { silent_for };
        }
        let stall = self.heartbeat.map(|heartbeat| self.last_life + heartbeat);
        let next_deadline = [self.timeout, stall].into_iter().flatten().min();
        Health::Healthy { next_deadline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_and_wall_clock_are_told_apart() {
        let mut dog = Watchdog::new(100, 30);
        assert_eq!(dog.check(secs(29)), Health::Healthy { next_deadline: Some(secs(30)) });
        assert_eq!(dog.check(secs(31)), Health::Stalled { silent_for: secs(31) });
        dog.life(secs(29));
        assert_eq!(dog.check(secs(31)), Health::Healthy { next_deadline: Some(secs(59)) });
        dog.life(secs(90));
        assert_eq!(dog.check(secs(99)), Health::Healthy { next_deadline: Some(secs(100)) });
        assert_eq!(dog.check(secs(100)), Health::TimedOut);
    }

    #[test]
    fn zero_switches_each_of_them_off() {
        assert_eq!(Watchdog::new(0, 0).check(secs(1 << 40)), Health::Healthy { next_deadline: None });
        assert_eq!(Watchdog::new(0, 5).check(secs(5)), Health::Stalled { silent_for: secs(5) });
        assert_eq!(Watchdog::new(5, 0).check(secs(5)), Health::TimedOut);
    }

    #[test]
    fn a_command_that_computes_or_writes_lives() {
        let mut dog = Watchdog::new(0, 30);
        assert!(!dog.activity(secs(7), 0, secs(20)), "the first look is where counting begins");
        assert!(dog.activity(secs(8), 0, secs(25)));
        assert!(dog.activity(secs(8), 1 << 20, secs(29)));
        assert_eq!(dog.check(secs(58)), Health::Healthy { next_deadline: Some(secs(59)) });
    }

    #[test]
    fn ticking_on_is_not_living() {
        let mut dog = Watchdog::new(0, 30);
        for second in 0..30 {
            let cpu = Duration::from_micros(80 * second);
            assert!(!dog.activity(cpu, 2 * second, secs(second)), "{second}");
        }
        assert_eq!(dog.check(secs(30)), Health::Stalled { silent_for: secs(30) });
    }

    #[test]
    fn slow_work_within_ten_seconds_adds_up() {
        let mut dog = Watchdog::new(0, 30);
        let lived = (0..8).any(|second| dog.activity(Duration::from_millis(8 * second), 0, secs(second)));
        assert!(lived);
    }

    #[test]
    fn the_end_of_a_process_is_no_negative_work() {
        let mut dog = Watchdog::new(0, 30);
        dog.activity(secs(100), 1 << 30, secs(1));
        assert!(!dog.activity(secs(1), 0, secs(2)));
        assert!(dog.activity(secs(2), 0, secs(3)));
    }
}
