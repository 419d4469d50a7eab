//! The one JSON object of `--json`, on every path, as clodex-thread has it where the two have the same to tell.

use std::collections::BTreeMap;
use std::process::ExitCode as ProcessExit;

use clodex_core::ExitCode;
use serde::Serialize;

use super::tale::Tale;
use crate::approvals::Declined;
use crate::report::{Metrics, Status, Told, print_line, status};
use crate::story::Said;
use crate::trouble::{Kind, Trouble};

/// What came of it.
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
    messages: Vec<Said>,
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
        tale: &'a Tale,
        notifications: BTreeMap<String, u64>,
        declined: Vec<Declined>,
        trouble: Option<&Trouble>,
    ) -> Self {
        let is_gone = trouble.is_some_and(|trouble| trouble.kind == Kind::Unreachable);
        let status = match tale.session() {
            // It ended before it began a turn.
            None if is_gone => Status::NotStarted,
            None | Some(_) => status(trouble, &tale.story),
        };
        let code = trouble.map_or(ExitCode::Done, |trouble| trouble.kind.exit_code());
        let ended_well = status == Status::Completed;
        let metrics = WithCost {
            metrics: Metrics::of(&tale.story),
            cost_usd: tale.cost_usd(),
            session_cost_usd: tale.session_cost_usd(),
        };
        Self {
            version: 1,
            session_id: tale.session(),
            status,
            exit_code: code as u8,
            text: tale.story.last_message().filter(|_| ended_well),
            structured: tale.structured().filter(|_| ended_well),
            messages: tale.story.messages(),
            error: trouble.map(Told::of),
            declined,
            warnings: tale.complaints(),
            notifications,
            metrics,
            claude: tale.version(),
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
        print_line(self);
        self.exit_code()
    }
}
