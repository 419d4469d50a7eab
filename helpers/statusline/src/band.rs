//! The band above Claude Code's prompt: a line for each live run of this session, as JSON that the plugin's mod draws
//! as it is. Asked for once a second while something lives, so it is as cheap as the statusline.

use clodex_core::{ProcessMark, StyledLine, Tone};
use clodex_os::ClaudeCode;
use clodex_os::record_store::StateDir;

use crate::seen_record::SeenRecord;
use crate::show::{live_records, liveness};

/// When it is looked at, and how much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    /// Milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// Columns of a line.
    pub columns: usize,
    /// Lines at most.
    pub rows: usize,
}

/// Lines of spans, each a tone and a text: `[[["busy","◐"],["dim"," codex "]]]`. The run that was started first is on
/// top, so that lines stay where they are; those for which there is no room are counted in the last line.
pub fn band(state: &StateDir, claude: &ClaudeCode, view: Band) -> String {
    let records = live_records(state);
    let own = |record: &SeenRecord<'_>| {
        let process = claude.process.map(ProcessMark::from);
        record.session_id.as_deref() == Some(&claude.session)
            || (process.is_some() && record.claude == process)
    };
    let seen = records.iter().filter_map(|(id, bytes)| SeenRecord::read(id, bytes)).filter(own);
    let mut runs: Vec<_> = seen.filter_map(|record| Some((liveness(state, &record)?, record))).collect();
    runs.sort_by(|(_, one), (_, other)| (one.started_ms(), &one.id).cmp(&(other.started_ms(), &other.id)));
    let shown = if runs.len() > view.rows { view.rows.saturating_sub(1) } else { runs.len() };
    let lines =
        runs[..shown].iter().map(|(liveness, record)| record.live_line(*liveness, view.now_ms).line());
    let lines: Vec<_> = lines.chain(more(runs.len() - shown)).map(|line| line.fit(view.columns)).collect();
    serde_json::to_string(&lines).unwrap_or_default() + "\n"
}

fn more(left_out: usize) -> Option<StyledLine> {
    let mut line = StyledLine::new();
    line.push(Tone::Dim, &format!("+{left_out} more"));
    (left_out > 0).then_some(line)
}
