//! One change of `settings.json`: decided on what is there, shown as a diff or written, decided anew when somebody else
//! was faster.

use std::path::Path;

use clodex_os::{Failure, sha256_hex};
use similar::TextDiff;

use crate::places::Places;
use crate::record::{self, Record};
use crate::settings_file::{NotWritten, SettingsFile};
use crate::{permissions, status_line};

/// How often somebody else may be faster.
const TRIES: usize = 5;

/// Result of a registration.
#[derive(Debug, PartialEq, Eq)]
pub enum Changed {
    /// Nothing was to be done.
    Nothing,
    /// It would look like this.
    Shown(String),
    /// It was written.
    Written,
}

/// How serious it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Really {
    /// Write.
    Write,
    /// Show only.
    Show,
}

/// Registers the status line and, when asked, the permissions; with what else is to be told.
pub fn register(
    places: &Places,
    with_permissions: bool,
    really: Really,
) -> Result<(Changed, Vec<String>), Failure> {
    for _ in 0..TRIES {
        let file = SettingsFile::read(&places.settings())?;
        let mut json = file.json()?;
        let mut notes = Vec::new();
        let known = Record::read(&places.data);
        let is_first = known.is_none();
        let mut record = known.unwrap_or_else(|| Record::new(file.exists()));
        let line = status_line::found(&json);
        match &line {
            status_line::Found::Unknown => notes.push(
                "the statusLine in settings.json is of a kind that is not known: it was left as it is"
                    .to_owned(),
            ),
            status_line::Found::None | status_line::Found::Foreign(_) => {
                record.status_line = Some(status_line::before(&json));
                status_line::register(&mut json, &places.bin().join("clodex-statusline"));
            }
            status_line::Found::Ours { .. } => {
                if is_first && status_line::is_by_hand(&json) {
                    record.status_line = Some(status_line::before(&json));
                }
                status_line::register(&mut json, &places.bin().join("clodex-statusline"));
            }
        }
        if with_permissions {
            match permissions::add(&mut json) {
                Some(added) => record.permissions.merge(added),
                None => notes.push("`permissions.allow` is not a list: it was left as it is".to_owned()),
            }
        }
        let (old, new) = (file.bytes(), json.text().as_bytes());
        if old == new {
            if is_first && really == Really::Write {
                record.write(&places.data)?;
            }
            return Ok((Changed::Nothing, notes));
        }
        if really == Really::Show {
            return Ok((Changed::Shown(diff(file.target(), old, new)), notes));
        }
        if is_first {
            record::keep_backup(&places.data, old)?;
        }
        // Of a call that was killed before it wrote, the backup is still what is there.
        let is_backup = || record::read_backup(&places.data).is_some_and(|backup| backup == old);
        let is_ours = is_first && !has_ours(&line)
            || record.after.as_deref() == Some(sha256_hex(old).as_str())
            || !is_first && !has_ours(&line) && is_backup();
        record.after = is_ours.then(|| sha256_hex(new));
        record.write(&places.data)?;
        match file.replace(new) {
            Ok(()) => return Ok((Changed::Written, notes)),
            Err(NotWritten::Changed) if is_first => forget(&places.data),
            Err(NotWritten::Changed) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure),
        }
    }
    Err(busy(places))
}

/// Takes our part back: byte for byte where nobody has written since, else our part only.
pub fn take_back(places: &Places, really: Really) -> Result<Changed, Failure> {
    for _ in 0..TRIES {
        let file = SettingsFile::read(&places.settings())?;
        if !file.exists() {
            return Ok(Changed::Nothing);
        }
        let record = Record::read(&places.data);
        if really == Really::Write {
            remove_rests(&file, record.as_ref(), &places.data);
        }
        let existed = record.as_ref().is_none_or(|record| record.existed);
        let untouched =
            record.as_ref().and_then(|record| record.after.clone()) == Some(sha256_hex(file.bytes()));
        let backup = record::read_backup(&places.data).filter(|_| untouched);
        let new = if let Some(bytes) = backup { bytes } else { without_ours(&file, record.as_ref())? };
        if new == file.bytes() {
            return Ok(Changed::Nothing);
        }
        if really == Really::Show {
            return Ok(Changed::Shown(diff(file.target(), file.bytes(), &new)));
        }
        let done = if new.is_empty() && !existed { file.remove() } else { file.replace(&new) };
        match done {
            Ok(()) => return Ok(Changed::Written),
            Err(NotWritten::Changed) => {}
            Err(NotWritten::Failed(failure)) => return Err(failure),
        }
    }
    Err(busy(places))
}

/// Removes copies that a killed call has left: of what is there, of what was there before us, of what we wrote.
fn remove_rests(file: &SettingsFile, record: Option<&Record>, data: &Path) {
    let backup = record::read_backup(data).unwrap_or_default();
    let after = record.and_then(|record| record.after.as_deref());
    file.remove_rests(|bytes| {
        file.bytes().starts_with(bytes)
            || backup.starts_with(bytes)
            || after == Some(sha256_hex(bytes).as_str())
    });
}

/// What is there without our part; nothing where all of it is ours.
fn without_ours(file: &SettingsFile, record: Option<&Record>) -> Result<Vec<u8>, Failure> {
    let mut json = file.json()?;
    status_line::take_back(&mut json, record.and_then(|record| record.status_line.as_ref()));
    if let Some(record) = record {
        permissions::take_back(&mut json, &record.permissions);
    }
    let is_rest = json.is_empty() && record.is_some_and(|record| !record.existed);
    Ok(if is_rest { Vec::new() } else { json.text().as_bytes().to_vec() })
}

fn has_ours(line: &status_line::Found) -> bool {
    matches!(line, status_line::Found::Ours { .. })
}

/// What was kept of a try that came too late.
fn forget(data: &Path) {
    let _ = std::fs::remove_file(record::backup(data));
    let _ = std::fs::remove_file(record::file(data));
}

fn busy(places: &Places) -> Failure {
    let path = places.settings();
    Failure::usage(format!(
        "cannot change `{}`: another program keeps changing it\nhint: try again",
        path.display()
    ))
}

fn diff(path: &Path, old: &[u8], new: &[u8]) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let name = path.display().to_string();
    TextDiff::from_lines(&*old, &*new).unified_diff().header(&name, &name).to_string()
}
