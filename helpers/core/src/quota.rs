//! How much of an account's limits is used: what was told, how long that can be relied on, and whether a run may begin.
//! Pure: the time comes in as a number, in seconds since 1970 UTC.

use serde::{Deserialize, Serialize};

/// Percent of a window from which on no run begins when nobody says otherwise.
pub const DEFAULT_QUOTA_GATE: u8 = 85;
/// Percent from which on somebody should see a window before it is used up.
const PRESSING_FROM: u8 = 75;
/// Each percent that is left to the gate makes what is known good for so long: nobody uses a window up that fast.
const TRUSTED_PER_PERCENT_SEC: i64 = 60;
/// Codex tells windows of 299 minutes for what is called 5 hours.
const ROUNDING_MINUTES: u32 = 3;

/// The windows of a plan. Absent means not known, never zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RateLimits {
    /// The shorter window, hours.
    pub primary: Option<RateWindow>,
    /// The longer window, days.
    pub secondary: Option<RateWindow>,
    /// The plan's name.
    pub plan: Option<String>,
}

/// A span of time in which only so much may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateWindow {
    /// Percent, rounded by Codex.
    pub used_percent: u8,
    /// How long it is, where told.
    pub minutes: Option<u32>,
    /// When it begins anew, seconds since 1970 UTC, where told.
    pub resets_at: Option<i64>,
}

/// What was told, and when.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Quota {
    /// Seconds since 1970 UTC.
    pub told_at: i64,
    /// The windows; none at all for an account that has none.
    #[serde(flatten)]
    pub limits: RateLimits,
}

impl RateLimits {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.windows().next().is_none()
    }

    /// The windows that are known, the shorter one first.
    pub fn windows(&self) -> impl Iterator<Item = RateWindow> {
        [self.primary, self.secondary].into_iter().flatten()
    }

    /// Takes in what was told later: what it does not speak of still holds.
    pub fn update(&mut self, later: Self) {
        self.primary = later.primary.or(self.primary);
        self.secondary = later.secondary.or(self.secondary);
        self.plan = later.plan.or_else(|| self.plan.take());
    }

    /// The fullest of the windows that have not begun anew by now.
    pub fn fullest(&self, now: i64) -> Option<RateWindow> {
        self.current(now).into_iter().flatten().max_by_key(|window| window.used_percent)
    }

    /// Those that have not begun anew by now, the shorter one first.
    pub fn current(&self, now: i64) -> [Option<RateWindow>; 2] {
        [self.primary, self.secondary].map(|window| window.filter(|window| !window.is_over(now)))
    }
}

impl RateWindow {
    /// Whether it has begun anew since it was told: then nothing is known of it.
    pub fn is_over(&self, now: i64) -> bool {
        self.resets_at.is_some_and(|at| at <= now)
    }

    /// Whether it is nearly used up.
    pub const fn is_pressing(&self) -> bool {
        self.used_percent >= PRESSING_FROM
    }

    /// `5-hour`, `weekly`; `short` where its length was not told.
    pub fn name(&self) -> String {
        match self.span() {
            None => "short".to_owned(),
            Some((1, "h")) => "hourly".to_owned(),
            Some((1, "d")) => "daily".to_owned(),
            Some((7, "d")) => "weekly".to_owned(),
            Some((many, "d")) => format!("{many}-day"),
            Some((many, "h")) => format!("{many}-hour"),
            Some((many, _)) => format!("{many}-minute"),
        }
    }

    /// `5h 82%`, `week 91%`.
    pub fn short_text(&self) -> String {
        let name = match self.span() {
            None => "quota".to_owned(),
            Some((7, "d")) => "week".to_owned(),
            Some((many, unit)) => format!("{many}{unit}"),
        };
        format!("{name} {}%", self.used_percent)
    }

    /// `5-hour window 82% used, resets in 16 min`.
    pub fn text(&self, now: i64) -> String {
        let resets = self.resets_at.map(|at| format!(", resets in {}", span_text(at - now)));
        format!("{} window {}% used{}", self.name(), self.used_percent, resets.unwrap_or_default())
    }

    /// Whole days, hours or minutes.
    fn span(&self) -> Option<(u32, &'static str)> {
        let minutes = self.minutes?;
        let whole = |unit: u32| {
            let many = minutes.saturating_add(ROUNDING_MINUTES) / unit;
            (many > 0 && minutes.abs_diff(many * unit) <= ROUNDING_MINUTES).then_some(many)
        };
        let of_days = whole(24 * 60).map(|days| (days, "d"));
        Some(of_days.or_else(|| Some((whole(60)?, "h"))).unwrap_or((minutes, "min")))
    }
}

impl Quota {
    /// Takes in what was told later.
    pub fn update(&mut self, later: Self) {
        if later.told_at >= self.told_at {
            self.told_at = later.told_at;
            self.limits.update(later.limits);
        }
    }

    /// The window because of which no run begins, at this gate; 0 = there is none.
    pub fn shut_by(&self, gate: u8, now: i64) -> Option<RateWindow> {
        self.limits.fullest(now).filter(|window| gate > 0 && window.used_percent >= gate)
    }

    /// Whether a run may begin without Codex being asked: the less is left, the sooner it is asked. A window that has
    /// begun anew is not known any more, and a clock that was set back tells nothing.
    pub fn can_be_relied_on(&self, gate: u8, now: i64) -> bool {
        if self.limits.windows().any(|window| window.is_over(now)) {
            return false;
        }
        let used = self.limits.fullest(now).map_or(0, |window| window.used_percent);
        let left = i64::from(gate.saturating_sub(used));
        (0..left * TRUSTED_PER_PERCENT_SEC).contains(&(now - self.told_at))
    }

    /// What is known now, in one line: `5-hour window 21% used, resets in 4 h 10 min · weekly window 40% used, …`.
    pub fn text(&self, now: i64) -> Option<String> {
        let windows: Vec<String> =
            self.limits.current(now).into_iter().flatten().map(|window| window.text(now)).collect();
        (!windows.is_empty()).then(|| windows.join(" · "))
    }
}

/// `less than a minute`, `16 min`, `4 h 10 min`, `3 days 2 h`.
pub fn span_text(seconds: i64) -> String {
    let minutes = seconds / 60;
    match (minutes / 60, minutes % 60) {
        (0, 0) => "less than a minute".to_owned(),
        (0, minutes) => format!("{minutes} min"),
        (hours @ 1..48, 0) => format!("{hours} h"),
        (hours @ 1..48, minutes) => format!("{hours} h {minutes} min"),
        (hours, _) if hours % 24 == 0 => format!("{} days", hours / 24),
        (hours, _) => format!("{} days {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_300_000;

    fn window(used_percent: u8, minutes: u32, resets_in: i64) -> RateWindow {
        RateWindow { used_percent, minutes: Some(minutes), resets_at: Some(NOW + resets_in) }
    }

    fn quota(age: i64, primary: RateWindow, secondary: impl Into<Option<RateWindow>>) -> Quota {
        let limits = RateLimits { primary: Some(primary), secondary: secondary.into(), plan: None };
        Quota { told_at: NOW - age, limits }
    }

    #[test]
    fn either_window_shuts_the_gate_until_it_begins_anew() {
        let long = quota(0, window(10, 300, 60), window(90, 10_080, 60));
        assert_eq!(long.shut_by(85, NOW), long.limits.secondary);
        assert_eq!((long.shut_by(91, NOW), long.shut_by(0, NOW)), (None, None));
        assert_eq!(long.shut_by(90, NOW).map(|window| window.used_percent), Some(90));
        assert_eq!(long.shut_by(85, NOW + 60), None);
        let both = quota(0, window(86, 300, 60), window(99, 10_080, 60));
        assert_eq!(both.shut_by(85, NOW), both.limits.secondary);
        assert_eq!(Quota::default().shut_by(1, NOW), None);
        assert_eq!(both.limits.current(NOW), [both.limits.primary, both.limits.secondary]);
        assert_eq!(quota(0, window(74, 300, 60), None).limits.current(NOW + 60), [None, None]);
        assert!(window(75, 300, 60).is_pressing() && !window(74, 300, 60).is_pressing());
    }

    #[test]
    fn the_less_is_left_the_sooner_codex_is_asked() {
        let relied = |age: i64, used: u8| {
            quota(age, window(used, 300, 9_999), window(3, 10_080, 99_999)).can_be_relied_on(85, NOW)
        };
        assert!(relied(0, 84) && relied(59, 84) && !relied(60, 84));
        assert!(relied(3_899, 20) && !relied(3_900, 20));
        assert!(!relied(0, 85) && !relied(-1, 20));
        // An account without windows is asked again, too, in case another one logs in.
        let without = |age: i64| Quota { told_at: NOW - age, limits: RateLimits::default() };
        assert!(without(60).can_be_relied_on(85, NOW) && !without(85 * 60).can_be_relied_on(85, NOW));
        assert!(!quota(1, window(1, 300, 0), window(1, 10_080, 99)).can_be_relied_on(85, NOW));
    }

    #[test]
    fn what_is_told_later_clears_nothing_that_it_does_not_speak_of() {
        let mut known = quota(0, window(10, 300, 60), window(20, 10_080, 60)).limits;
        known.update(RateLimits {
            primary: Some(window(11, 300, 60)),
            secondary: None,
            plan: Some("plus".into()),
        });
        known.update(RateLimits::default());
        let wanted = RateLimits {
            primary: Some(window(11, 300, 60)),
            secondary: Some(window(20, 10_080, 60)),
            plan: Some("plus".into()),
        };
        assert_eq!(known, wanted);
    }

    #[test]
    fn windows_are_told_in_words() {
        let quota = quota(0, window(82, 299, 16 * 60), window(40, 10_080, 74 * 3600));
        assert_eq!(
            quota.text(NOW).unwrap(),
            "5-hour window 82% used, resets in 16 min · weekly window 40% used, resets in 3 days 2 h"
        );
        assert_eq!(quota.text(NOW + 16 * 60).unwrap(), "weekly window 40% used, resets in 3 days 1 h");
        assert_eq!(quota.text(NOW + 74 * 3600), None);
        let short = |minutes| RateWindow { used_percent: 7, minutes, resets_at: None }.short_text();
        assert_eq!(
            [Some(300), Some(10_079), Some(43_200), Some(90), None].map(short),
            ["5h 7%", "week 7%", "30d 7%", "90min 7%", "quota 7%"]
        );
        assert_eq!(
            [59, 60, 7_200, 7_260, 48 * 3600].map(span_text),
            ["less than a minute", "1 min", "2 h", "2 h 1 min", "2 days"]
        );
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let quota = quota(0, window(82, 300, 60), None);
        let text = serde_json::to_string(&quota).unwrap();
        let wanted = r#"{"told_at":1795300000,"primary":{"used_percent":82,"minutes":300,"resets_at":1795300060},"secondary":null,"plan":null}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<Quota>(&text).unwrap(), quota);
    }
}
