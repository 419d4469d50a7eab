//! Where a change of a file must show in its ctime, and where it may not: there everything is hashed. Owns the
//! question and its answer; what is done about it is for the survey and the comparison.

mod file_system;
mod probe;
#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use clodex_core::path_text;
use serde::{Deserialize, Serialize};

use crate::listing::{Kind, Listing, Stat};
use crate::survey::Survey;
use file_system::{FileSystem, file_system_of};
use probe::{Answer, Probe};

/// How it is found out whether the ctime of files tells of every change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CtimeTrust {
    /// By the type of each file system.
    #[default]
    ByType,
    /// By a scratch file in this directory for the file system that it lies on, by type for all others.
    Probed(PathBuf),
    /// It is trusted nowhere: everything is hashed.
    Nowhere,
}

/// The question, asked before the walk and answered after it: a clock that ticks only every few milliseconds has
/// moved on by then.
pub(crate) enum Question {
    EachFileSystem(Option<Probe>),
    Nowhere,
}

/// The file systems whose ctime may not tell of a change; none, as a rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Distrusted {
    places: Vec<Place>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    dev: u64,
    /// A file that lies there, as people write it.
    example: String,
    file_system: String,
}

impl Question {
    pub(crate) fn ask(trust: &CtimeTrust) -> Self {
        match trust {
            CtimeTrust::ByType => Self::EachFileSystem(None),
            CtimeTrust::Probed(dir) => Self::EachFileSystem(Probe::begin(dir).ok()),
            CtimeTrust::Nowhere => Self::Nowhere,
        }
    }

    /// The answer for every file system that files of the listings lie on; each listing comes with its top.
    pub(crate) fn answer<'a>(self, seen: impl IntoIterator<Item = (&'a Path, &'a Listing)>) -> Distrusted {
        let mut all: Vec<(u64, PathBuf)> = Vec::new();
        for (top, listing) in seen {
            for (dev, path) in listing.file_systems() {
                if all.iter().all(|(known, _)| *known != dev) {
                    all.push((dev, top.join(OsStr::from_bytes(&path))));
                }
            }
        }
        let (is_nowhere, probe) = match self {
            Self::Nowhere => (true, None),
            Self::EachFileSystem(probe) => {
                (false, probe.filter(|probe| all.iter().any(|(dev, _)| *dev == probe.dev())))
            }
        };
        let probed = probe.map(|probe| (probe.dev(), probe.finish()));
        let places = all.into_iter().filter_map(|(dev, example)| {
            let found = file_system_of(&example);
            let answer = probed.as_ref().filter(|(probed, _)| *probed == dev).map(|(_, answer)| *answer);
            let is_trusted = !is_nowhere && answer_or_type(answer, &found);
            (!is_trusted).then(|| Place {
                dev,
                example: path_text(example.as_os_str().as_bytes()),
                file_system: found.name,
            })
        });
        Distrusted { places: places.collect() }
    }
}

/// What was tried counts; where nothing could be tried, what is known of the type.
fn answer_or_type(probed: Option<Answer>, found: &FileSystem) -> bool {
    match probed {
        Some(Answer::Moves) => true,
        Some(Answer::Stays) => false,
        Some(Answer::Untold) | None => found.is_trusted,
    }
}

impl Distrusted {
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the content of the file may have changed though nothing of this did.
    pub(crate) fn covers(&self, stat: &Stat) -> bool {
        stat.kind == Kind::File && self.places.iter().any(|place| place.dev == stat.dev)
    }

    /// What should be known about it: where that is, and how many files there could not be hashed before the run.
    pub(crate) fn notes(&self, survey: &Survey) -> Vec<String> {
        let Some(first) = self.places.first() else { return Vec::new() };
        let more = self.places.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and on {more} more file systems") };
        let (example, file_system) = (&first.example, &first.file_system);
        let mut notes = vec![format!(
            "changes may leave no trace in ctime where `{example}` lies ({file_system}){more}: files there are hashed"
        )];
        let in_tree =
            survey.listing.paths().filter(|(path, seen)| self.covers(&seen.stat) && !survey.is_read(path));
        let in_areas = survey.areas.iter().map(|area| area.unmarked(|stat| self.covers(stat)));
        let unread = in_tree.count() + in_areas.sum::<usize>();
        if unread > 0 {
            notes.push(format!(
                "{unread} files there were not (packages, build outputs, too big, or too many): changes in them show by size and times alone"
            ));
        }
        notes
    }
}
