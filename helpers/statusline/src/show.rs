//! Which runs are shown, and in which order: this project's and this session's, this session's first. Where none is,
//! the project's toggle.

use clodex_core::{Colour, LiveLine, Liveness, StyledLine, Toggle, Tone, live_lines_summed, path_text};
use clodex_os::clock::HostAndBoot;
use clodex_os::record_store::StateDir;
use clodex_os::{git_places, read_toggle};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use crate::seen_record::SeenRecord;
use crate::session::Session;

/// How long a run that ended stays visible.
const ENDED_SHOWN_MS: i64 = 60_000;

/// How and when it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Milliseconds since 1970, UTC.
    pub now_ms: i64,
    /// Columns of the terminal.
    pub columns: usize,
    /// Whether colours may be used.
    pub colour: Colour,
    /// The session's id, where stdin does not tell it.
    pub session_id: Option<String>,
}

struct Found<'a> {
    record: SeenRecord<'a>,
    liveness: Liveness,
    own_session: bool,
}

/// What the statusline prints: a line for what runs, a line for what ended just now; where there is neither, the toggle
/// unless it is off.
pub fn show(input: &[u8], state: &StateDir, view: &View) -> String {
    let session = Session::read(input);
    let session_id = match session.id.as_ref() {
        "" => view.session_id.as_deref(),
        told => Some(told),
    };
    let places = session.directories().find_map(git_places);
    let project = places.as_ref().map(|places| path_text(places.common_dir.as_os_str().as_bytes()));
    let mut lines = vec![live_line(state, project.as_deref(), session_id, view)];
    if let Some(project) = &project {
        lines.push(ended_line(state, project, view));
    }
    lines.retain(|line| !line.is_empty());
    if lines.is_empty() {
        let directory =
            places.as_ref().map(|places| places.work_tree.as_path()).or_else(|| session.directories().last());
        lines.extend(directory.and_then(toggle_line));
    }
    lines.iter().map(|line| line.render(view.columns, view.colour) + "\n").collect()
}

/// Whether Claude may write: shown where nothing else is.
fn toggle_line(project: &Path) -> Option<StyledLine> {
    let toggle = read_toggle(project).toggle();
    let mut line = StyledLine::new();
    line.push(Tone::Dim, "clodex: ").push(Tone::Dim, toggle.as_str());
    (toggle != Toggle::Off).then_some(line)
}

fn live_line(state: &StateDir, project: Option<&str>, session_id: Option<&str>, view: &View) -> StyledLine {
    let records = live_records(state);
    let mut found: Vec<Found<'_>> = records
        .iter()
        .filter_map(|(id, bytes)| {
            let record = SeenRecord::read(id, bytes)?;
            let own_session = session_id.is_some() && record.session_id.as_deref() == session_id;
            let own_project = project.is_some_and(|project| is_project(&record, project));
            if !own_session && !own_project {
                return None;
            }
            Some(Found { liveness: liveness(state, &record)?, record, own_session })
        })
        .collect();
    found.sort_by_key(|run| std::cmp::Reverse((run.own_session, run.record.started_ms())));
    let lines: Vec<LiveLine<'_>> =
        found.iter().map(|run| run.record.live_line(run.liveness, view.now_ms)).collect();
    live_lines_summed(&lines)
}

/// The live records as they are, by id.
pub(crate) fn live_records(state: &StateDir) -> Vec<(String, Vec<u8>)> {
    state.live_ids().into_iter().filter_map(|id| state.read_live(&id).map(|bytes| (id, bytes))).collect()
}

/// None for a run that has ended, be it while it was looked at.
pub(crate) fn liveness(state: &StateDir, record: &SeenRecord<'_>) -> Option<Liveness> {
    if record.has_ended() {
        return None;
    }
    if state.is_held(&record.id) {
        return Some(Liveness::Live);
    }
    if record.host != HostAndBoot::host() {
        return Some(Liveness::OtherHost);
    }
    state.is_among_live(&record.id).then_some(Liveness::Dead)
}

fn ended_line(state: &StateDir, project: &str, view: &View) -> StyledLine {
    let Some(bytes) = state.read_last(project) else { return StyledLine::new() };
    let Ok(record) = serde_json::from_slice::<SeenRecord<'_>>(&bytes) else { return StyledLine::new() };
    let age_ms = record.ended_ms().map(|ended| view.now_ms.saturating_sub(ended));
    // A little ahead is a clock that was set; far ahead would never go away.
    if !is_project(&record, project)
        || !age_ms.is_some_and(|age| (-ENDED_SHOWN_MS..=ENDED_SHOWN_MS).contains(&age))
    {
        return StyledLine::new();
    }
    record.live_line(Liveness::Ended, view.now_ms).line()
}

fn is_project(record: &SeenRecord<'_>, project: &str) -> bool {
    record.git_common_dir.trim_end_matches('/') == project
}
