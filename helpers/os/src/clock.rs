//! What time it is, and on which machine since which boot. Deadlines use `Instant`, which no clock setting moves.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// One moment of wall-clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// Now.
    pub fn now() -> Self {
        Self(Utc::now())
    }

    /// Reads an RFC 3339 time, such as [`rfc3339`](Self::rfc3339) writes.
    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text).ok().map(|time| Self(time.to_utc()))
    }

    /// `2026-01-01T01:02:03.456Z`.
    pub fn rfc3339(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// `20260101T010203Z`, as it begins run ids.
    pub fn compact(self) -> String {
        self.0.format("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Milliseconds since 1970.
    pub fn unix_ms(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// The moment that lies `later` ahead of it; the last one there is, if there is none.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        let later = chrono::TimeDelta::from_std(later).unwrap_or(chrono::TimeDelta::MAX);
        Self(self.0.checked_add_signed(later).unwrap_or(DateTime::<Utc>::MAX_UTC))
    }

    /// The moment that lies `earlier` behind it; the first one there is, if there is none.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        let earlier = chrono::TimeDelta::from_std(earlier).unwrap_or(chrono::TimeDelta::MAX);
        Self(self.0.checked_sub_signed(earlier).unwrap_or(DateTime::<Utc>::MIN_UTC))
    }

    /// How long ago it was at `now`; zero if it lies ahead (somebody set the clock).
    pub fn until(self, now: Self) -> Duration {
        (now.0 - self.0).to_std().unwrap_or_default()
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.into())
    }
}

/// A machine, from one boot to the next: pids and locks mean nothing beyond it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAndBoot {
    /// The host's name.
    pub host: String,
    /// What tells this boot from others; empty where the system does not say.
    pub boot: String,
}

impl HostAndBoot {
    /// This machine, now.
    pub fn here() -> Self {
        Self { host: Self::host(), boot: boot_id() }
    }

    /// This machine's name alone, which is cheaper.
    pub fn host() -> String {
        nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned()
    }
}

#[cfg(target_os = "linux")]
fn boot_id() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.trim_end().to_owned()
}

#[cfg(not(target_os = "linux"))]
#[expect(unsafe_code, reason = "sysctl has no safe wrapper")]
fn boot_id() -> String {
    let mut uuid = [0_u8; 64];
    let mut length = uuid.len();
    // SAFETY: the name ends with NUL, the buffer is as long as said, nothing is set.
    let asked = unsafe {
        let name = c"kern.bootsessionuuid".as_ptr();
        libc::sysctlbyname(name, uuid.as_mut_ptr().cast(), &raw mut length, std::ptr::null_mut(), 0)
    };
    if asked != 0 {
        return String::new();
    }
    String::from_utf8_lossy(&uuid[..length]).trim_end_matches('\0').to_owned()
}

pub(crate) fn subsecond_noise() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_milliseconds_of_utc_and_read_back() {
        let time = Timestamp::parse("2026-01-01T02:02:03.4567+01:00").unwrap();
        assert_eq!(time.rfc3339(), "2026-01-01T01:02:03.456Z");
        assert_eq!(time.compact(), "20260101T010203Z");
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn a_time_ahead_is_no_time_ago() {
        let early = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let late = Timestamp::parse("2026-01-01T00:01:30Z").unwrap();
        assert_eq!(early.until(late), Duration::from_secs(90));
        assert_eq!(late.until(early), Duration::ZERO);
    }

    #[test]
    fn a_boot_has_one_name() {
        assert_eq!(HostAndBoot::here(), HostAndBoot::here());
        assert!(!HostAndBoot::here().boot.is_empty());
    }
}
