//! How much of the account's limits is used, as the app-server tells it.

use clodex_core::{RateLimits, RateWindow};

use crate::tolerant_json::{Count, Text, last_key_wins};

/// The limits that hold for all models. Those of single models are told under names of their own.
const ALL_MODELS: &str = "codex";

last_key_wins! {
    pub(super) struct RateLimitsWire<'a> {
        "primary" => primary: WindowWire<'a>,
        "secondary" => secondary: WindowWire<'a>,
        "planType" => plan: Text<'a>,
        "limitId" => limit: Text<'a>,
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
        if !matches!(&*self.limit.0, "" | ALL_MODELS) {
            return RateLimits::default();
        }
        let plan = Some(&*self.plan.0).filter(|plan| !plan.is_empty()).map(str::to_owned);
        RateLimits { primary: self.primary.read(), secondary: self.secondary.read(), plan }
    }
}

impl WindowWire<'_> {
    fn read(&self) -> Option<RateWindow> {
        let used_percent = self.used_percent.0?.clamp(0, 100);
        Some(RateWindow {
            used_percent: u8::try_from(used_percent).expect("it was clamped"),
            minutes: self.minutes.0.and_then(|minutes| u32::try_from(minutes).ok()),
            resets_at: self.resets_at.0,
        })
    }
}
