//! How much of the account's limits is used, as Codex tells it.

use crate::wire::{Count, Text, last_key_wins};

/// The windows of a plan. Absent means not known, never zero.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateLimits {
    /// The shorter window, hours.
    pub primary: Option<Window>,
    /// The longer window, days.
    pub secondary: Option<Window>,
    /// The plan's name.
    pub plan: Option<String>,
}

/// A span of time in which only so much may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Percent, rounded by Codex.
    pub used_percent: u8,
    /// How long it is, where told.
    pub minutes: Option<u32>,
    /// When it begins anew, seconds since 1970 UTC, where told.
    pub resets_at: Option<i64>,
}

last_key_wins! {
    pub(super) struct RateLimitsWire<'a> {
        "primary" => primary: WindowWire<'a>,
        "secondary" => secondary: WindowWire<'a>,
        "planType" => plan: Text<'a>,
    }
}

last_key_wins! {
    struct WindowWire<'a> {
        "usedPercent" => used_percent: Count<'a>,
        "windowDurationMins" => minutes: Count<'a>,
        "resetsAt" => resets_at: Count<'a>,
    }
}

impl RateLimitsWire<'_> {
    pub(super) fn read(&self) -> RateLimits {
        let plan = Some(&*self.plan.0).filter(|plan| !plan.is_empty()).map(str::to_owned);
        RateLimits { primary: self.primary.read(), secondary: self.secondary.read(), plan }
    }
}

impl WindowWire<'_> {
    fn read(&self) -> Option<Window> {
        let used_percent = self.used_percent.0?.clamp(0, 100);
        Some(Window {
            used_percent: u8::try_from(used_percent).expect("it was clamped"),
            minutes: self.minutes.0.and_then(|minutes| u32::try_from(minutes).ok()),
            resets_at: self.resets_at.0,
        })
    }
}
