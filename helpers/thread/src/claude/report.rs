//! The one JSON object of `--json`, on every path, as clodex-thread has it where the two have the same to tell.

use std::collections::BTreeMap;
use std::process::ExitCode as ProcessExit;

use clodex_core::ExitCode;
use serde::Serialize;

use super::session_summary::SessionSummary;
use crate::approvals::Declined;
use crate::report::{Metrics, Status, Told, print_line, status};
use crate::trouble::{Kind, Trouble};
use crate::turn_summary::Message;

/// The object that `clodex-claude --json` prints.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    version: u32,
    session_id: Option<&'a str>,
    status: Status,
    exit_code: u8,
    /// The final answer; absent where the turn did not end well.
    text: Option<&'a str>,
    /// The same where it follows a schema.
    structured: Option<&'a serde_json::Value>,
    messages: Vec<Message>,
    error: Option<Told>,
    declined: Vec<Declined>,
    warnings: &'a [String],
    notifications: BTreeMap<String, u64>,
    metrics: WithCost,
    claude: Option<&'a str>,
}

/// Absent = not told, never zero.
#[derive(Debug, Serialize)]
struct WithCost {
    #[serde(flatten)]
    metrics: Metrics,
    cost_usd: Option<f64>,
    session_cost_usd: Option<f64>,
}

impl<'a> Report<'a> {
    /// Whatever is known.
    pub fn new(
        session_summary: &'a SessionSummary,
        notifications: BTreeMap<String, u64>,
        declined: Vec<Declined>,
        trouble: Option<&Trouble>,
    ) -> Self {
        let is_gone = trouble.is_some_and(|trouble| trouble.kind == Kind::Unreachable);
        let status = match session_summary.session() {
            // It ended before it began a turn.
            None if is_gone => Status::NotStarted,
            None | Some(_) => status(trouble, &session_summary.turn_summary),
        };
        let code = trouble.map_or(ExitCode::Done, |trouble| trouble.kind.exit_code());
        let ended_well = status == Status::Completed;
        let metrics = WithCost {
            metrics: Metrics::of(&session_summary.turn_summary),
            cost_usd: session_summary.cost_usd(),
            session_cost_usd: session_summary.session_cost_usd(),
        };
        Self {
            version: 1,
            session_id: session_summary.session(),
            status,
            exit_code: code as u8,
            text: session_summary.turn_summary.last_message().filter(|_| ended_well),
            structured: session_summary.structured().filter(|_| ended_well),
            messages: session_summary.turn_summary.messages(),
            error: trouble.map(Told::of),
            declined,
            warnings: session_summary.complaints(),
            notifications,
            metrics,
            claude: session_summary.version(),
        }
    }

    /// Its row in the common table.
    pub fn exit_code(&self) -> ProcessExit {
        ProcessExit::from(self.exit_code)
    }

    /// The same for people, on one line.
    pub fn summary(&self) -> String {
        let cost = self.metrics.cost_usd.map(|cost| format!("${cost:.4}"));
        let session = self.session_id.map(|id| format!("session {id}"));
        let parts = self.metrics.metrics.parts();
        let all = [self.status.as_str().to_owned()].into_iter().chain(parts).chain(cost).chain(session);
        all.collect::<Vec<_>>().join(" · ")
    }

    /// Prints it, alone on its line.
    pub fn print(&self) -> ProcessExit {
        print_line(self, self.exit_code)
    }
}
