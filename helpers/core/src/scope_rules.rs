//! Which paths a worker may change. Owns the meaning of WRITE SCOPE entries; knows no file system: what lies at a
//! path before the run is asked of the caller once, when the rules are made.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Deserialize, Serialize};

use crate::path_text;

/// Why a WRITE SCOPE or BY-PRODUCTS entry is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeEntryError {
    /// Nothing is left of the entry.
    #[error("the entry is empty")]
    Empty,
    /// A NUL cannot be part of a path.
    #[error("`{0}` holds a NUL byte")]
    Nul(String),
    /// `..` is never resolved: what it means depends on symlinks.
    #[error("`{0}` holds `..`")]
    ParentDirectory(String),
    /// The file system root, or another absolute path that is not in the repository.
    #[error("`{0}` is outside the repository")]
    Outside(String),
    /// git's own files, or the dispatcher's.
    #[error("`{entry}` is in `{name}`, which is never in scope")]
    Reserved {
        /// The entry as written.
        entry: String,
        /// The directory that is reserved.
        name: &'static str,
    },
    /// A sandbox would grant what the link leads to, and a write through it leaves no trace at its name.
    #[error("`{entry}` {}, which leads to `{target}`", below(link.as_ref()))]
    Symlink {
        /// The entry as written.
        entry: String,
        /// The link's path in the repository, when the entry lies below it.
        link: Option<String>,
        /// Where it leads, as it says itself.
        target: String,
    },
    /// The glob does not parse.
    #[error("`{entry}` is not a valid glob: {reason}")]
    Glob {
        /// The entry as written.
        entry: String,
        /// What the parser said.
        reason: String,
    },
    /// A place that tools, editors or agents run code or read secrets from.
    #[error("`{0}` can never be a by-product")]
    NeverByProduct(String),
}

fn below(link: Option<&String>) -> String {
    link.map_or_else(|| "is a symlink".to_owned(), |link| format!("is below the symlink `{link}`"))
}

/// What lies at a path before the run. A symlink is a `File`: the link itself is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    /// A real directory.
    Directory,
    /// Anything else that exists.
    File,
    /// Nothing.
    Missing,
}

/// One WRITE SCOPE entry, normalised relative to the repository root; nothing is known yet of what lies there.
#[derive(Debug, Clone)]
pub struct ScopeEntry {
    path: Vec<u8>,
    glob: Option<Glob>,
    /// Written with a slash at its end: a directory, also when nothing lies there yet.
    is_directory: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "GlobText", try_from = "GlobText")]
struct Glob {
    base: Vec<u8>,
    matcher: GlobMatcher,
}

/// A glob as it is written down.
#[derive(Serialize, Deserialize)]
struct GlobText {
    base: Vec<u8>,
    pattern: String,
}

impl From<Glob> for GlobText {
    fn from(glob: Glob) -> Self {
        Self { pattern: glob.matcher.glob().glob().to_owned(), base: glob.base }
    }
}

impl TryFrom<GlobText> for Glob {
    type Error = globset::Error;

    fn try_from(text: GlobText) -> Result<Self, globset::Error> {
        Ok(Self { matcher: matcher(&text.pattern)?, base: text.base })
    }
}

fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).empty_alternates(true).build()?;
    Ok(glob.compile_matcher())
}

impl Glob {
    /// `base` is literal: a work directory may hold what looks like a glob, or be no UTF-8.
    fn new(path: &[u8], base: &[u8], entry: &str) -> Result<Self, ScopeEntryError> {
        let refused = |reason: String| ScopeEntryError::Glob { entry: entry.to_owned(), reason };
        let pattern = if base.is_empty() { path } else { &path[base.len() + 1..] };
        let mut pattern = str::from_utf8(pattern).map_err(|error| refused(error.to_string()))?.to_owned();
        if entry.ends_with('/') {
            pattern.push_str("{,/**}");
        }
        let matcher = matcher(&pattern).map_err(|error| refused(error.kind().to_string()))?;
        Ok(Self { base: base.to_vec(), matcher })
    }

    fn allows(&self, path: &[u8]) -> bool {
        let relative = if self.base.is_empty() {
            Some(path)
        } else {
            path.strip_prefix(self.base.as_slice()).and_then(|rest| rest.strip_prefix(b"/"))
        };
        relative.is_some_and(|relative| self.matcher.is_match(OsStr::from_bytes(relative)))
    }

    /// The deepest directory that holds everything the glob can match; `path` is the whole entry.
    fn top(&self, path: &[u8]) -> Vec<u8> {
        let literal = |part: &&&[u8]| !part.iter().any(|byte| b"*?[{\\".contains(byte));
        let base = components(&self.base);
        let pattern = components(path);
        let more = pattern[base.len()..].iter().take_while(literal);
        base.iter().chain(more).copied().collect::<Vec<_>>().join(&b'/')
    }

    /// Whether the glob could match something below the directory, now or later. May say yes too often.
    fn reaches_below(&self, directory: &[u8], path: &[u8]) -> bool {
        let top = self.top(path);
        let any_depth = path.windows(2).any(|two| two == b"**") || path.contains(&b'{');
        is_at_or_below(&top, directory)
            || is_at_or_below(directory, &top)
                && (any_depth || components(directory).len() < components(path).len())
    }
}

impl ScopeEntry {
    /// Reads an entry that is relative to the work directory, which lies at `workdir_in_repo` below `repo_root`.
    pub fn parse(entry: &str, workdir_in_repo: &[u8], repo_root: &[u8]) -> Result<Self, ScopeEntryError> {
        let text = entry.trim();
        let (path, base) = normalise(text, workdir_in_repo, repo_root)?;
        let glob = is_glob(text).then(|| Glob::new(&path, base, text)).transpose()?;
        Ok(Self { path, glob, is_directory: text.ends_with('/') })
    }

    /// Relative to the repository root; of a glob, what it spells.
    pub fn path(&self) -> &[u8] {
        &self.path
    }
}

/// Takes off what is above the repository, drops `.` and doubled slashes, refuses what can never be granted.
/// Returns the path relative to the repository root, and how much of it stands for the work directory.
pub(crate) fn normalise<'a>(
    text: &'a str,
    workdir: &'a [u8],
    root: &[u8],
) -> Result<(Vec<u8>, &'a [u8]), ScopeEntryError> {
    if text.is_empty() {
        return Err(ScopeEntryError::Empty);
    }
    if text.contains('\0') {
        return Err(ScopeEntryError::Nul(text.replace('\0', "\\0")));
    }
    let parts = components(text.as_bytes());
    if parts.contains(&&b".."[..]) {
        return Err(ScopeEntryError::ParentDirectory(text.to_owned()));
    }
    let (base, path) = if text.starts_with('/') {
        let inside = parts.strip_prefix(components(root).as_slice());
        let inside = inside.filter(|_| !parts.is_empty());
        (&b""[..], inside.ok_or_else(|| ScopeEntryError::Outside(text.to_owned()))?.join(&b'/'))
    } else {
        let mut path = components(workdir);
        path.extend(parts);
        (workdir, path.join(&b'/'))
    };
    match reserved(&path) {
        Some(name) => Err(ScopeEntryError::Reserved { entry: text.to_owned(), name }),
        None => Ok((path, base)),
    }
}

fn components(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect()
}

fn reserved(path: &[u8]) -> Option<&'static str> {
    path.split(|byte| *byte == b'/').find_map(|part| {
        [".git", ".codex-dispatch"].into_iter().find(|name| part.eq_ignore_ascii_case(name.as_bytes()))
    })
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[']) || text.contains('{') && text.contains(',')
}

/// Where an entry stands in the tree; paths are relative to the repository root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place<'a> {
    /// A directory that is there, or that was written as one.
    Directory(&'a [u8]),
    /// Nothing lies there yet, and what comes may be a file or a directory.
    Unborn(&'a [u8]),
    /// Something that is there and is no directory; it may be a symlink.
    File(&'a [u8]),
    /// A glob.
    Matching {
        /// The deepest directory that holds everything it can match.
        top: Vec<u8>,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Rule {
    /// Everything but what is reserved.
    Everything,
    /// A directory and all below it.
    Subtree(Vec<u8>),
    /// Nothing lies there yet: a file may come, or a directory with all below it.
    Unborn(Vec<u8>),
    /// A path alone.
    Exact(Vec<u8>),
    /// What the glob matches, or the very path it spells.
    Matching(Vec<u8>, Glob),
}

/// The write scope of a run. The default allows nothing, as read-only modes want it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ScopeRules {
    rules: Vec<Rule>,
}

impl ScopeRules {
    /// Fixes what the entries mean, given what lies at each path before the run.
    pub fn new(entries: Vec<ScopeEntry>, kind_of: impl Fn(&[u8]) -> PathKind) -> Self {
        Self { rules: entries.into_iter().map(|entry| rule(entry, &kind_of)).collect() }
    }

    /// The rules that [`entries`](Self::entries) tell of, for paths as [`path_text`] writes them: those of another run,
    /// known from its record alone.
    pub fn of_entries(entries: &[String]) -> Self {
        let rule = |text: &String| {
            let path = text.trim_end_matches('/').as_bytes().to_vec();
            match text.as_str() {
                "." => Rule::Everything,
                tree if tree.ends_with('/') => Rule::Subtree(path),
                glob if is_glob(glob) => match Glob::new(&path, b"", glob) {
                    Ok(glob) => Rule::Matching(path, glob),
                    // The name of a file that looks like a glob.
                    Err(_) => Rule::Exact(path),
                },
                _ => Rule::Exact(path),
            }
        };
        Self { rules: entries.iter().map(rule).collect() }
    }

    /// Whether the path, relative to the repository root, may be changed.
    pub fn allows(&self, path: &[u8]) -> bool {
        self.rule_for(path).is_some()
    }

    /// The entry that allows the path, as [`Self::entries`] writes it.
    pub fn entry_for(&self, path: &[u8]) -> Option<String> {
        self.rule_for(path).map(Rule::text)
    }

    fn rule_for(&self, path: &[u8]) -> Option<&Rule> {
        let allows = |rule: &&Rule| match rule {
            Rule::Everything => true,
            Rule::Subtree(top) | Rule::Unborn(top) => is_at_or_below(path, top),
            Rule::Exact(file) => path == file,
            Rule::Matching(literal, glob) => path == literal || glob.allows(path),
        };
        if reserved(path).is_some() { None } else { self.rules.iter().find(allows) }
    }

    /// Whether the path is a directory above an entry, which must exist before the entry can.
    pub fn leads_to_entry(&self, directory: &[u8]) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Everything => directory.is_empty(),
            Rule::Subtree(path) | Rule::Unborn(path) | Rule::Exact(path) | Rule::Matching(path, _) => {
                is_at_or_below(path, directory)
            }
        })
    }

    /// Where the entries stand in the tree, for whoever holds writes back.
    pub fn places(&self) -> impl Iterator<Item = Place<'_>> {
        self.rules.iter().map(|rule| match rule {
            Rule::Everything => Place::Directory(b""),
            Rule::Subtree(path) => Place::Directory(path),
            Rule::Unborn(path) => Place::Unborn(path),
            Rule::Exact(path) => Place::File(path),
            Rule::Matching(path, glob) => Place::Matching { top: glob.top(path) },
        })
    }

    /// Whether anything below the directory may be changed, now or when it is made. May say yes too often.
    pub fn reaches_below(&self, directory: &[u8]) -> bool {
        self.rules.iter().any(|rule| match rule {
            Rule::Everything => true,
            Rule::Subtree(top) | Rule::Unborn(top) => {
                is_at_or_below(directory, top) || is_at_or_below(top, directory)
            }
            Rule::Exact(file) => is_at_or_below(file, directory),
            Rule::Matching(path, glob) => {
                is_at_or_below(path, directory) || glob.reaches_below(directory, path)
            }
        })
    }

    /// How many files the entries name, when each of them is one file.
    pub fn names_files(&self) -> Option<usize> {
        let all = !self.rules.is_empty() && self.rules.iter().all(|rule| matches!(rule, Rule::Exact(_)));
        all.then_some(self.rules.len())
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The entries as understood: relative to the repository root, subtrees with a trailing slash.
    pub fn entries(&self) -> Vec<String> {
        self.rules.iter().map(Rule::text).collect()
    }
}

impl Rule {
    fn text(&self) -> String {
        match self {
            Self::Everything => ".".to_owned(),
            Self::Subtree(path) | Self::Unborn(path) => path_text(path) + "/",
            Self::Exact(path) | Self::Matching(path, _) => path_text(path),
        }
    }
}

fn rule(entry: ScopeEntry, kind_of: &impl Fn(&[u8]) -> PathKind) -> Rule {
    if entry.path.is_empty() {
        return Rule::Everything;
    }
    match (kind_of(&entry.path), entry.glob) {
        (PathKind::File, _) => Rule::Exact(entry.path),
        (PathKind::Missing, None) if !entry.is_directory => Rule::Unborn(entry.path),
        (PathKind::Directory, _) | (PathKind::Missing, None) => Rule::Subtree(entry.path),
        (PathKind::Missing, Some(glob)) => Rule::Matching(entry.path, glob),
    }
}

pub(crate) fn is_at_or_below(path: &[u8], top: &[u8]) -> bool {
    top.is_empty() || path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests;
