//! Which Codex it is and what it can do. Asking costs a process start, so the answer is kept by the binary's path,
//! mtime and size.

use std::fmt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::app_server::OLDEST_SERVER;

/// The oldest Codex whose stream is understood.
pub const OLDEST: Version = Version { major: 0, minor: 101, patch: 0 };

/// A released version; what comes after a `-` is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Always 0 so far.
    pub major: u32,
    /// Counts releases.
    pub minor: u32,
    /// Counts repairs.
    pub patch: u32,
}

/// What `codex --version` told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodexVersion {
    /// A version that is understood, with its own text (`0.170.0-alpha.3`).
    Known(Version, String),
    /// Text that is no version, or a development build (`0.0.0`): the run goes on, degraded.
    Unreadable(String),
    /// Older than [`OLDEST`].
    TooOld(Version),
}

impl CodexVersion {
    /// Reads the output of `codex --version`: `codex-cli 0.169.0`.
    pub fn from_output(output: &str) -> Self {
        let line = output.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let text = line.split_whitespace().next_back().unwrap_or_default();
        match Version::from_text(text) {
            None | Some(Version { major: 0, minor: 0, .. }) => {
                Self::Unreadable(line.chars().take(200).collect())
            }
            Some(version) if version < OLDEST => Self::TooOld(version),
            Some(version) => Self::Known(version, text.to_owned()),
        }
    }

    /// The version as Codex tells it, when it could be read.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Known(_, text) => Some(text.clone()),
            Self::Unreadable(_) => None,
            Self::TooOld(version) => Some(version.to_string()),
        }
    }

    /// Whether `codex exec -` does nothing before its stdin ends, so that it may be started before the baseline is
    /// complete. A build that does not tell its version has to wait for the baseline.
    pub fn waits_for_prompt(&self) -> bool {
        self.is_at_least(101)
    }

    /// Whether writes can be narrowed to a part of the work directory (0.124 refuses, 0.150 does it).
    pub fn permission_profiles(&self) -> bool {
        self.is_at_least(150)
    }

    /// Whether its app-server is known to do all that `codex exec` does for a run: 0.150 and 0.169 were tried. One that
    /// does not tell its version is not known.
    pub fn drives_well_over_the_app_server(&self) -> bool {
        self.is_at_least(150)
    }

    /// Whether its app-server is known not to be understood.
    pub fn speaks_another_app_server_protocol(&self) -> bool {
        !matches!(self, Self::Unreadable(_)) && !self.is_at_least(OLDEST_SERVER.minor)
    }

    /// Whether a review's findings are kept where they can be read as data (0.124 renders them only, 0.150 keeps them).
    /// A build that does not tell its version may.
    pub fn keeps_review_findings(&self) -> bool {
        matches!(self, Self::Unreadable(_)) || self.is_at_least(150)
    }

    /// Whether `features.hooks` is still called `features.codex_hooks` (0.124 calls it so, 0.150 warns of the old name).
    pub(crate) fn calls_hooks_codex_hooks(&self) -> bool {
        matches!(self, Self::Known(version, _) if *version < Version { major: 0, minor: 150, patch: 0 })
    }

    fn is_at_least(&self, minor: u32) -> bool {
        match self {
            Self::Known(version, _) => *version >= Version { major: 0, minor, patch: 0 },
            Self::Unreadable(_) | Self::TooOld(_) => false,
        }
    }
}

impl Version {
    fn from_text(text: &str) -> Option<Self> {
        let release = text.split(['-', '+']).next()?;
        let mut numbers = release.trim_start_matches('v').split('.').map(str::parse);
        let mut next = || numbers.next()?.ok();
        let version = Self { major: next()?, minor: next()?, patch: next()? };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// One answer of `codex --version`, as kept in `codex-version.json` of the state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionCache {
    /// Format version; 1.
    version: u32,
    #[serde(flatten)]
    build: BinaryIdentity,
    output: String,
}

impl VersionCache {
    /// Name of the file in the state directory.
    pub const FILE: &str = "codex-version.json";

    const FORMAT: u32 = 1;

    /// Asks the binary for its version, unless `cached` (the text of the cache file) knows this very binary. `ask` runs
    /// `codex --version` and returns its stdout. The second value is the new text of the cache file, when there is one
    /// to write.
    pub fn version_of<E>(
        binary: &Path,
        cached: Option<&str>,
        ask: impl FnOnce() -> Result<String, E>,
    ) -> Result<(CodexVersion, Option<String>), E> {
        let identity = BinaryIdentity::of(binary);
        if let (Some(identity), Some(text)) = (&identity, cached)
            && let Ok(cache) = serde_json::from_str::<Self>(text)
            && cache.version == Self::FORMAT
            && cache.build == *identity
        {
            return Ok((CodexVersion::from_output(&cache.output), None));
        }
        let output = ask()?;
        let version = CodexVersion::from_output(&output);
        let is_worth_keeping = matches!(version, CodexVersion::Known(..));
        let fresh =
            identity.filter(|_| is_worth_keeping).map(|build| Self { version: Self::FORMAT, build, output });
        Ok((version, fresh.and_then(|cache| serde_json::to_string(&cache).ok())))
    }
}

/// What tells one build of a binary from the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BinaryIdentity {
    binary: String,
    mtime_ns: u64,
    size: u64,
}

impl BinaryIdentity {
    /// None where the file cannot be looked at, or its name is no text.
    pub(crate) fn of(binary: &Path) -> Option<Self> {
        let meta = std::fs::metadata(binary).ok()?;
        let mtime = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            binary: binary.to_str()?.to_owned(),
            mtime_ns: u64::try_from(mtime.as_nanos()).ok()?,
            size: meta.len(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn known(minor: u32, text: &str) -> CodexVersion {
        CodexVersion::Known(Version { major: 0, minor, patch: 0 }, text.to_owned())
    }

    #[test]
    fn versions_are_told_apart() {
        assert_eq!(CodexVersion::from_output("codex-cli 0.169.0\n"), known(169, "0.169.0"));
        assert_eq!(CodexVersion::from_output("codex-cli 0.170.0-alpha.3"), known(170, "0.170.0-alpha.3"));
        assert_eq!(CodexVersion::from_output("WARNING: x\ncodex-cli 0.101.0\n"), known(101, "0.101.0"));
        assert_eq!(
            CodexVersion::from_output("codex-cli 0.100.9"),
            CodexVersion::TooOld(Version { major: 0, minor: 100, patch: 9 })
        );
        for text in
            ["codex-cli 0.0.0", "codex-cli 0.0.0-dev", "", "hello", "codex-cli 1.2", "codex-cli 0.1.2.3"]
        {
            assert_eq!(CodexVersion::from_output(text), CodexVersion::Unreadable(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_it_can_do_follows_from_its_version() {
        assert!(known(101, "").waits_for_prompt());
        assert!(!known(149, "").permission_profiles());
        assert!(known(150, "").permission_profiles());
        assert!(!known(149, "").drives_well_over_the_app_server());
        assert!(known(123, "").speaks_another_app_server_protocol());
        assert!(!known(124, "").speaks_another_app_server_protocol());
        assert!(!CodexVersion::Unreadable(String::new()).permission_profiles());
        assert!(!known(124, "").keeps_review_findings() && known(150, "").keeps_review_findings());
        assert!(CodexVersion::Unreadable(String::new()).keeps_review_findings());
    }

    #[test]
    fn the_same_binary_is_asked_once_and_a_changed_one_again() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("codex");
        std::fs::write(&binary, "one").unwrap();
        let ask = || Ok::<_, Infallible>("codex-cli 0.169.0".to_owned());
        let (version, cache) = VersionCache::version_of(&binary, Some("{broken"), ask).unwrap();
        assert_eq!(version, known(169, "0.169.0"));

        let again: Result<_, &str> =
            VersionCache::version_of(&binary, cache.as_deref(), || Err("asked again"));
        assert_eq!(again, Ok((known(169, "0.169.0"), None)));
        std::fs::write(&binary, "another").unwrap();
        let changed: Result<_, &str> =
            VersionCache::version_of(&binary, cache.as_deref(), || Err("asked again"));
        assert_eq!(changed, Err("asked again"));
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("codex");
        std::fs::write(&binary, "one").unwrap();
        let (_, cache) =
            VersionCache::version_of(&binary, None, || Ok::<_, Infallible>("hm".into())).unwrap();
        assert_eq!(cache, None);
    }
}
