//! The record of a run as the statusline reads it: borrowed, only what is shown, and tolerant of words that a
//! newer clodex may write.

use std::borrow::Cow;

use clodex_core::{
    Enforcement, FilesTouched, LiveLine, Liveness, Outcome, Phase, ProcessMark, RateLimits, RateWindow,
    Verdict, elapsed_ms, left_ms, utc_ms,
};
use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error;

/// What is shown of a run's record.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SeenRecord<'a> {
    /// The run's id.
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// Its project.
    #[serde(borrow)]
    pub git_common_dir: Cow<'a, str>,
    /// The Claude Code session that started it.
    pub session_id: Option<Cow<'a, str>>,
    /// The Claude Code process in which that was.
    pub claude: Option<ProcessMark>,
    /// The machine that runs it.
    #[serde(borrow)]
    pub host: Cow<'a, str>,
    #[serde(borrow)]
    enforcement: Cow<'a, str>,
    #[serde(borrow)]
    started: Cow<'a, str>,
    ended: Option<Cow<'a, str>>,
    heartbeat_sec: u64,
    #[serde(borrow)]
    progress: SeenProgress<'a>,
    flow: Option<SeenFlow<'a>>,
    outcome: Option<Cow<'a, str>>,
    verdict: Option<Cow<'a, str>>,
    /// Without the plan's name it is numbers only.
    quota: Option<SeenQuota>,
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    open_requests: Vec<SeenRequest<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenRequest<'a> {
    #[serde(borrow)]
    deadline: Cow<'a, str>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct SeenQuota {
    primary: Option<RateWindow>,
    secondary: Option<RateWindow>,
}

/// The flow that the run is a step of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenFlow<'a> {
    #[serde(borrow)]
    label: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SeenProgress<'a> {
    #[serde(borrow)]
    phase: Cow<'a, str>,
    #[serde(borrow)]
    activity: Cow<'a, str>,
    files: FilesTouched,
    tokens: Option<u64>,
    last_life_ms: u64,
}

impl<'a> SeenRecord<'a> {
    /// Reads the record of the run `id`; none for anything else.
    pub fn read(id: &str, bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(bytes).ok().filter(|record| record.id == id)
    }

    /// Whether it says how it ended.
    pub fn has_ended(&self) -> bool {
        self.outcome.is_some()
    }

    /// When it ended, in milliseconds since 1970.
    pub fn ended_ms(&self) -> Option<i64> {
        utc_ms(self.ended.as_deref()?)
    }

    /// When it started, in milliseconds since 1970.
    pub fn started_ms(&self) -> i64 {
        utc_ms(&self.started).unwrap_or_default()
    }

    /// What a live line shows of it.
    pub fn live_line(&self, liveness: Liveness, now_ms: i64) -> LiveLine<'_> {
        let elapsed_ms = elapsed_ms(&self.started, self.ended.as_deref(), now_ms);
        LiveLine {
            name: match &self.flow {
                Some(flow) if !flow.label.is_empty() => &flow.label,
                Some(_) | None => &self.name,
            },
            liveness,
            phase: word(&self.progress.phase).unwrap_or(Phase::Running),
            activity: &self.progress.activity,
            files: self.progress.files,
            tokens: self.progress.tokens,
            elapsed_ms,
            quiet_ms: elapsed_ms.saturating_sub(self.progress.last_life_ms),
            heartbeat_sec: self.heartbeat_sec,
            // An enforcement that is not known here is not called missing: `none` is the word for that.
            enforcement: word(&self.enforcement).unwrap_or(Enforcement::Sandbox),
            windows: self.quota.map(|quota| quota.limits().current(now_ms / 1000)).unwrap_or_default(),
            outcome: self.outcome.as_deref().and_then(word::<Outcome>),
            verdict: self.verdict.as_deref().and_then(word::<Verdict>),
            summary: self.summary.as_deref().unwrap_or_default(),
            answer_left_ms: self.open_requests.first().and_then(|open| left_ms(&open.deadline, now_ms)),
        }
    }
}

impl SeenQuota {
    fn limits(self) -> RateLimits {
        RateLimits { primary: self.primary, secondary: self.secondary, plan: None }
    }
}

/// The variant that a word of ours stands for.
fn word<'de, T: Deserialize<'de>>(text: &'de str) -> Option<T> {
    let word: serde::de::value::StrDeserializer<'de, Error> = text.into_deserializer();
    T::deserialize(word).ok()
}
