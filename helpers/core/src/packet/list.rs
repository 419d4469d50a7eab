//! Fields that are lists: bullets, or commas on the header line; entries bare or in backticks.

use super::{Field, PacketItem, PacketProblem};
use crate::scope_rules::{ScopeEntry, ScopeEntryError};
use crate::sections::{Line, Place, Section, without_bullet};
use crate::styled_line::escaped;

/// What a list field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum List {
    /// The word `none`, alone.
    None,
    Items(Vec<PacketItem>),
}

/// Reads a list field; entries that cannot be understood are told and left out.
pub(super) fn list(field: Field, section: &Section<'_>, problems: &mut Vec<PacketProblem>) -> List {
    let mut items = Vec::new();
    let mut none = None;
    for (line, raw) in section.lines.iter().flat_map(entries) {
        match unquoted(raw) {
            Ok(text) if text == raw && (is_several(&section.lines, line, raw) || are_paths(raw)) => {
                problems.push(several(field, line, raw));
            }
            Ok(text) if raw.eq_ignore_ascii_case("none") && text == raw => none = Some(line),
            Ok(text) => items.push(PacketItem { text: text.to_owned(), line }),
            Err((what, hint)) => problems.push(PacketProblem::at(line, format!("{field}: {what}"), hint)),
        }
    }
    match none {
        Some(_) if items.is_empty() => List::None,
        Some(line) => {
            let what = format!("{field} says `none` and names `{}` too", items[0].text);
            let hint = "take one of them away; a file called `none` is written `./none`";
            problems.push(PacketProblem::at(line, what, hint));
            List::Items(items)
        }
        None => List::Items(items),
    }
}

/// Words on the header line without a comma may be one path or several.
fn is_several(lines: &[Line<'_>], number: usize, entry: &str) -> bool {
    let is_all = |line: &Line<'_>| line.place == Place::Header && line.text.trim() == entry;
    entry.contains(char::is_whitespace) && lines.iter().any(|line| line.number == number && is_all(line))
}

/// Whether a bullet holds several words each of which is a whole path: `src/ lib/`, and not `docs/My File.md`.
fn are_paths(entry: &str) -> bool {
    let is_path = |word: &str| {
        let last = word.rsplit('/').next().unwrap_or_default();
        last.is_empty() || last.contains(['.', '*'])
    };
    entry.contains(char::is_whitespace) && entry.split_whitespace().all(is_path)
}

fn several(field: Field, line: usize, entry: &str) -> PacketProblem {
    let listed = entry.split_whitespace().collect::<Vec<_>>().join(", ");
    let hint = format!(
        "write `{field}: {listed}`, or a bullet for each, if they are several; put the one in backticks"
    );
    PacketProblem::at(line, format!("{field}: `{entry}` may be one entry or several"), hint)
}

fn entries<'a>(line: &Line<'a>) -> Vec<(usize, &'a str)> {
    let text = line.text.trim();
    match line.place {
        Place::Fence => vec![],
        Place::Header | Place::Body | Place::Fenced if text.is_empty() => vec![],
        Place::Header => split_at_commas(text).into_iter().map(|part| (line.number, part)).collect(),
        Place::Body | Place::Fenced => vec![(line.number, without_bullet(text))],
    }
}

/// Commas inside backticks, braces and brackets belong to the entry.
fn split_at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quoted) = (Vec::new(), 0, 0_usize, false);
    for (index, c) in text.char_indices() {
        match c {
            '`' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(text[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

type Refusal = (String, &'static str);

/// Takes off backticks. What looks like a path with a remark, or like two paths, is refused rather than guessed.
fn unquoted(entry: &str) -> Result<&str, Refusal> {
    if entry.is_empty() {
        return Err(("an entry is empty".to_owned(), "remove the lone bullet or comma"));
    }
    if entry.chars().any(char::is_control) {
        return Err((format!("`{}` holds a control character", entry.escape_debug()), "retype the entry"));
    }
    if !entry.starts_with('`') && entry.contains(is_unseen) {
        let what = format!("`{}` holds a character that cannot be seen", escaped(entry));
        return Err((what, "retype the entry, or put it in backticks"));
    }
    let ticks = entry.len() - entry.trim_start_matches('`').len();
    let tick = &entry[..ticks];
    if ticks > 0 {
        let inner = entry[ticks..].strip_suffix(tick).map(str::trim).filter(|inner| !inner.contains('`'));
        return inner.filter(|inner| !inner.is_empty()).ok_or_else(|| remark(entry));
    }
    let quotes = ['"', '\''].iter().any(|quote| entry.starts_with(*quote) && entry.ends_with(*quote));
    let remarks = REMARKS.iter().any(|mark| entry.contains(mark));
    let is_link = entry.starts_with('[') && entry.contains("](") && entry.ends_with(')');
    if entry.contains('`') || quotes || remarks || is_link || is_foreign_bullet(entry) {
        return Err(remark(entry));
    }
    Ok(entry)
}

/// Blanks without width, and what turns the order of letters: they come along when text is copied. Joiners and variation
/// selectors are part of names.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{3164}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What tells a path with a remark, or two paths, from a path that has spaces.
const REMARKS: [&str; 6] = [", ", " (", " # ", " - ", " – ", " — "];

/// Numbers, other bullets and check boxes: read as a part of the path they would grant nothing.
fn is_foreign_bullet(entry: &str) -> bool {
    let rest = entry.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = rest.len() < entry.len() && (rest.starts_with(". ") || rest.starts_with(") "));
    numbered || ["+ ", "• ", "– ", "[ ] ", "[x] "].iter().any(|bullet| entry.starts_with(bullet))
}

fn remark(entry: &str) -> Refusal {
    let hint =
        "one entry a bullet and nothing else on the line; put an odd name in backticks, remarks into CONTEXT";
    (format!("`{entry}` is not one entry"), hint)
}

/// A scope entry that looks like more than a path: what a shell would expand, or what would take something out.
pub fn scope_syntax_refusal(text: &str) -> Option<(String, &'static str)> {
    let variable = |rest: &str| rest.starts_with(|c: char| c.is_ascii_uppercase() || c == '{');
    if text.starts_with('~') || text.strip_prefix('$').is_some_and(variable) {
        let hint = "write the path itself, relative to WORKDIR";
        return Some((format!("`{text}` is shell syntax, which nothing expands here"), hint));
    }
    let takes_out = text.starts_with('!');
    takes_out.then(|| {
        let hint = "list what may be changed instead";
        (format!("`{text}` takes something out, which a list cannot"), hint)
    })
}

/// A scope entry that no repository could make right, by what is written alone.
pub(super) fn scope_refusal(text: &str) -> Option<Refusal> {
    if let Some(refusal) = scope_syntax_refusal(text) {
        return Some(refusal);
    }
    let refused = ScopeEntry::parse(text, b"", b"").err()?;
    let hint = match &refused {
        ScopeEntryError::Reserved { .. } if text.starts_with('/') => return None, // the repository may lie there
        ScopeEntryError::Reserved { .. } | ScopeEntryError::NeverByProduct(_) => "leave it out",
        ScopeEntryError::ParentDirectory(_) => "write it relative to WORKDIR or absolute, without `..`",
        ScopeEntryError::Outside(_) => "write `.` for the whole of WORKDIR",
        ScopeEntryError::Empty
        | ScopeEntryError::Nul(_)
        | ScopeEntryError::Symlink { .. }
        | ScopeEntryError::Glob { .. } => "correct the entry",
    };
    Some((refused.to_string(), hint))
}

/// A path or glob to deny that means nothing; any place of the file system may be meant.
pub(super) fn deny_refusal(text: &str) -> Option<Refusal> {
    let hint = "write a path or a glob such as `**/.env`, relative to WORKDIR or absolute";
    if text.starts_with(['~', '$', '!']) {
        return Some((format!("`{text}` is shell syntax, which nothing expands here"), hint));
    }
    if text.split('/').any(|part| part == "..") {
        return Some((format!("`{text}` holds `..`"), hint));
    }
    let everything = text.split('/').all(|part| matches!(part, "" | "." | "*" | "**"));
    everything.then(|| (format!("`{text}` leaves nothing to read"), hint))
}

/// A path to bring along that is none of the work directory's.
pub fn copy_refusal(text: &str) -> Option<(String, &'static str)> {
    let mut parts = text.trim_end_matches('/').split('/');
    let strange = |part: &str| matches!(part, "" | "." | ".." | "~") || part.eq_ignore_ascii_case(".git");
    if text.contains(['*', '?', '[']) || parts.any(strange) {
        let hint = "name a file or a directory below WORKDIR, such as `.env` or `node_modules`";
        return Some((format!("`{text}` is not a plain path below the work directory"), hint));
    }
    None
}
